//! The endpoints of `user-service`.

use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::rules::{Login, Registration, UserStatus, normal_email};
use super::store::{self, NewUser, User};
use crate::auth::{Caller, Role, USER_TOKEN_MS, hash_password, password_fits};
use crate::error::{ApiError, ErrorBody};
use crate::events::{self, NewEvent};
use crate::extract::{Json, Path, created};
use crate::openapi::{GuardedErrors, PublicErrors};
use crate::settings::Secret;
use crate::state::AppState;
use crate::trace::Trace;

/// An account as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Profile {
    id: i64,
    email: String,
    first_name: String,
    last_name: String,
    phone_number: Option<String>,
    status: UserStatus,
}

/// What a login brings.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Session {
    token: String,
    /// Always `Bearer`.
    #[serde(rename = "type")]
    kind: &'static str,
    user: Profile,
}

impl From<User> for Profile {
    fn from(user: User) -> Profile {
        Profile {
            id: user.id,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            phone_number: user.phone_number,
            status: user.status,
        }
    }
}

/// Makes an account
#[utoipa::path(post, path = "/api/users/register", tag = "users",
    request_body = Registration,
    responses(
        (status = 201, description = "The account", body = Profile),
        (status = 409, description = "The address has an account", body = ErrorBody),
        PublicErrors))]
pub(super) async fn register(
    State(state): State<AppState>,
    trace: Trace,
    Json(registration): Json<Registration>,
) -> Result<(StatusCode, Json<Profile>), ApiError> {
    registration.check()?;
    let taken = || ApiError::conflict(format!("email {:?} has an account", registration.email));
    let email = normal_email(&registration.email);
    // Asked before the hash, which costs a hundred times as much.
    if store::by_email(&state.store, &email).await?.is_some() {
        return Err(taken());
    }
    let password = registration.password.clone();
    let new = NewUser {
        email,
        password_hash: hash_password(password, state.settings.bcrypt_cost).await?,
        first_name: registration.first_name.clone(),
        last_name: registration.last_name.clone(),
        phone_number: registration.phone_number.clone(),
        role: Role::User,
    };
    let user = save(&state, &trace, new).await?.ok_or_else(taken)?;
    Ok(created(user.into()))
}

/// Account and event, or neither.
async fn save(state: &AppState, trace: &Trace, new: NewUser) -> Result<Option<User>, ApiError> {
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    let Some(user) = store::insert(&mut tx, new, now_ms).await? else {
        return Ok(None);
    };
    let event = NewEvent {
        topic: "user-created",
        kind: "USER_CREATED",
        subject: user.id.to_string(),
        payload: json!({"userId": user.id, "email": user.email, "firstName": user.first_name}),
    };
    events::append(&mut tx, now_ms, trace, event).await?;
    tx.commit().await?;
    state.wake.tasks();
    Ok(Some(user))
}

/// Gives a token for address and password
#[utoipa::path(post, path = "/api/users/login", tag = "users",
    request_body = Login,
    responses(
        (status = 200, description = "A token for 24 hours", body = Session),
        (status = 401, description = "Address and password do not fit", body = ErrorBody),
        PublicErrors))]
pub(super) async fn login(
    State(state): State<AppState>,
    Json(login): Json<Login>,
) -> Result<Json<Session>, ApiError> {
    let no_fit = || ApiError::unauthorized("email and password do not fit");
    let email = normal_email(&login.email);
    let Some(user) = store::by_email(&state.store, &email).await? else {
        // Takes as long as a wrong password, so that time does not tell who has an account.
        drop(hash_password(login.password, state.settings.bcrypt_cost).await);
        return Err(no_fit());
    };
    let fits = password_fits(login.password, user.password_hash.clone()).await?;
    if !fits {
        return Err(no_fit());
    }
    if user.status != UserStatus::Active {
        return Err(ApiError::unauthorized("the account is not active"));
    }
    let token = token_of(&state, &user)?;
    Ok(Json(Session {
        token: token.reveal().to_owned(),
        kind: "Bearer",
        user: user.into(),
    }))
}

/// An administrator may do all that a user may.
fn token_of(state: &AppState, user: &User) -> Result<Secret, ApiError> {
    let roles = match user.role {
        Role::Admin => vec![Role::User, Role::Admin],
        Role::User | Role::Service => vec![Role::User],
    };
    let caller = Caller {
        user_id: user.id,
        email: user.email.clone(),
        roles,
    };
    state.tokens.mint(&caller, USER_TOKEN_MS)
}

/// The caller's own account
#[utoipa::path(get, path = "/api/users/me", tag = "users", security(("bearer" = [])),
    responses(
        (status = 200, description = "The account", body = Profile),
        (status = 404, description = "The account is gone", body = ErrorBody),
        GuardedErrors))]
pub(super) async fn me(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Profile>, ApiError> {
    caller.require(&[Role::User])?;
    profile(&state, caller.user_id).await
}

/// An account, for its owner and for administrators
#[utoipa::path(get, path = "/api/users/{id}", tag = "users", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The account's number")),
    responses(
        (status = 200, description = "The account", body = Profile),
        (status = 404, description = "No such account", body = ErrorBody),
        GuardedErrors))]
pub(super) async fn by_id(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Profile>, ApiError> {
    caller.require_access(id)?;
    profile(&state, id).await
}

async fn profile(state: &AppState, id: i64) -> Result<Json<Profile>, ApiError> {
    let user = store::by_id(&state.store, id).await?;
    let missing = || ApiError::not_found(format!("no account with id {id}"));
    Ok(Json(user.ok_or_else(missing)?.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::settings::{Admin, Secret, ServiceName};
    use crate::testing::{Shop, on_each_store, on_each_store_with};

    fn ada() -> Value {
        json!({"email": "Ada@Example.com", "password": "correct horse",
               "firstName": "Ada", "lastName": "Lovelace", "phoneNumber": "+44 1"})
    }

    async fn register(shop: &Shop) -> i64 {
        let answer = shop.post("/api/users/register", "", ada()).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        answer.body["id"].as_i64().unwrap()
    }

    async fn log_in(shop: &Shop, email: &str, password: &str) -> String {
        let body = json!({"email": email, "password": password});
        let answer = shop.post("/api/users/login", "", body).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        assert_eq!(answer.body["type"], "Bearer");
        answer.body["token"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn who_registers_logs_in_and_sees_the_own_profile() {
        on_each_store(ServiceName::User, async |shop| {
            let id = register(&shop).await;
            let token = log_in(&shop, "ADA@example.com", "correct horse").await;
            let me = shop.get("/api/users/me", &token).await;
            let profile = json!({"id": id, "email": "ada@example.com", "firstName": "Ada",
                "lastName": "Lovelace", "phoneNumber": "+44 1", "status": "ACTIVE"});
            assert_eq!((me.status, &me.body), (200, &profile));
            let by_id = shop.get(&format!("/api/users/{id}"), &token).await;
            assert_eq!((by_id.status, &by_id.body), (200, &profile));
        })
        .await;
    }

    #[tokio::test]
    async fn registration_tells_an_event_and_a_refused_one_does_not() {
        on_each_store(ServiceName::User, async |shop| {
            let id = register(&shop).await;
            let again = shop.post("/api/users/register", "", ada()).await;
            assert_eq!(again.status, 409);
            let events = shop.events().await;
            assert_eq!(events.len(), 1);
            assert_eq!(events[0].topic, "user-created");
            assert_eq!(events[0].payload["userId"], id);
        })
        .await;
    }

    #[tokio::test]
    async fn of_two_registrations_at_once_one_wins() {
        on_each_store(ServiceName::User, async |shop| {
            let other = shop.another().await;
            let (one, two) = tokio::join!(
                shop.post("/api/users/register", "", ada()),
                other.post("/api/users/register", "", ada()),
            );
            let mut statuses = [one.status, two.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [201, 409]);
        })
        .await;
    }

    #[tokio::test]
    async fn a_wrong_password_and_an_unknown_address_read_alike() {
        on_each_store(ServiceName::User, async |shop| {
            register(&shop).await;
            for (email, password) in [
                ("ada@example.com", "wrong horse"),
                ("bob@x", "correct horse"),
            ] {
                let body = json!({"email": email, "password": password});
                let answer = shop.post("/api/users/login", "", body).await;
                assert_eq!(answer.status, 401);
                assert_eq!(answer.body["message"], "email and password do not fit");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn foreign_profiles_are_for_the_administrator() {
        let with_admin = |settings: &mut crate::Settings| {
            settings.admin = Some(Admin {
                email: "root@example.com".into(),
                password: Secret::new("top secret"),
            });
        };
        on_each_store_with(ServiceName::User, with_admin, async |shop| {
            let id = register(&shop).await;
            let path = format!("/api/users/{id}");
            assert_eq!(shop.get(&path, &shop.user_token(id + 1)).await.status, 403);
            assert_eq!(shop.get(&path, "").await.status, 401);
            let admin = log_in(&shop, "root@example.com", "top secret").await;
            assert_eq!(shop.get(&path, &admin).await.status, 200);
            assert_eq!(shop.get("/api/users/999", &admin).await.status, 404);
            assert_eq!(shop.get("/api/users/profile", &admin).await.status, 400);
            // A second start finds the administrator in place.
            let other = shop.another().await;
            log_in(&other, "root@example.com", "top secret").await;
        })
        .await;
    }

    #[tokio::test]
    async fn what_does_not_fit_is_a_400_with_the_common_body() {
        on_each_store(ServiceName::User, async |shop| {
            for body in [
                json!({}),
                json!([]),
                json!({"email": 1}),
                json!({"email": "\u{0}"}),
            ] {
                let answer = shop.post("/api/users/register", "", body).await;
                assert_eq!(answer.status, 400, "{:?}", answer.body);
                assert_eq!(answer.body["path"], "/api/users/register");
                assert_eq!(answer.body["error"], "Bad Request");
                assert!(answer.body["timestamp"].is_string());
            }
        })
        .await;
    }
}
