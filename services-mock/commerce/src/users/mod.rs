//! Accounts: registration, login, profiles.

mod handlers;
mod rules;
mod store;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Role, hash_password};
use crate::error::ApiError;
use crate::parts::{Parts, no_tasks};
use crate::state::AppState;
use crate::store::Migration;

/// What `user-service` consists of.
pub(crate) const PARTS: Parts = Parts {
    about: "Accounts: registration, login, profiles.",
    migrations: MIGRATIONS,
    routes,
    tasks: no_tasks,
    seed: |state| Box::pin(seed(state)),
};

const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "common",
        sql: include_str!("../../migrations/users/0001_common.sql"),
    },
    Migration {
        number: 2,
        name: "users",
        sql: include_str!("../../migrations/users/0002_users.sql"),
    },
];

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(handlers::register))
        .routes(routes!(handlers::login))
        .routes(routes!(handlers::me))
        .routes(routes!(handlers::by_id))
}

/// Makes the administrator's account unless it is there.
async fn seed(state: AppState) -> Result<(), ApiError> {
    let Some(admin) = state.settings.admin.clone() else {
        return Ok(());
    };
    let email = rules::normal_email(&admin.email);
    if store::by_email(&state.store, &email).await?.is_some() {
        return Ok(());
    }
    let password_hash = hash_password(admin.password, state.settings.bcrypt_cost).await?;
    let new = store::NewUser {
        email,
        password_hash,
        first_name: "Shop".into(),
        last_name: "Administrator".into(),
        phone_number: None,
        role: Role::Admin,
    };
    let mut tx = state.store.begin().await?;
    // Another instance may have been faster; then there is nothing to do.
    store::insert(&mut tx, new, state.now_ms()).await?;
    tx.commit().await?;
    Ok(())
}
