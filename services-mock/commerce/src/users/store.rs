//! SQL of `user-service`.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::rules::UserStatus;
use crate::auth::Role;
use crate::store::{Store, Tx, next_id};

/// An account.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) id: i64,
    pub(super) email: String,
    pub(super) password_hash: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) phone_number: Option<String>,
    pub(super) role: Role,
    pub(super) status: UserStatus,
}

/// An account that is to be made.
#[derive(Clone, Debug)]
pub(super) struct NewUser {
    pub(super) email: String,
    pub(super) password_hash: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) phone_number: Option<String>,
    pub(super) role: Role,
}

/// Makes the account; none when the address is taken.
pub(super) async fn insert(tx: &mut Tx, new: NewUser, now_ms: i64) -> sqlx::Result<Option<User>> {
    let id = next_id(tx, "user").await?;
    let row = sqlx::query(
        "INSERT INTO users (id, email, password_hash, first_name, last_name, phone_number,
                            role, status, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (email) DO NOTHING
         RETURNING *",
    )
    .bind(id)
    .bind(new.email)
    .bind(new.password_hash)
    .bind(new.first_name)
    .bind(new.last_name)
    .bind(new.phone_number)
    .bind(role_name(new.role))
    .bind(UserStatus::Active.name())
    .bind(now_ms)
    .fetch_optional(&mut **tx)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// The account of a normalised address.
pub(super) async fn by_email(store: &Store, email: &str) -> sqlx::Result<Option<User>> {
    let row = sqlx::query("SELECT * FROM users WHERE email = $1")
        .bind(email)
        .fetch_optional(store.pool())
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// The account of a number.
pub(super) async fn by_id(store: &Store, id: i64) -> sqlx::Result<Option<User>> {
    let row = sqlx::query("SELECT * FROM users WHERE id = $1")
        .bind(id)
        .fetch_optional(store.pool())
        .await?;
    row.as_ref().map(from_row).transpose()
}

fn from_row(row: &AnyRow) -> sqlx::Result<User> {
    let status: String = row.try_get("status")?;
    let role: String = row.try_get("role")?;
    Ok(User {
        id: row.try_get("id")?,
        email: row.try_get("email")?,
        password_hash: row.try_get("password_hash")?,
        first_name: row.try_get("first_name")?,
        last_name: row.try_get("last_name")?,
        phone_number: row.try_get("phone_number")?,
        role: if role == role_name(Role::Admin) {
            Role::Admin
        } else {
            Role::User
        },
        // A status that this program does not know opens nothing.
        status: UserStatus::from_name(&status).unwrap_or(UserStatus::Inactive),
    })
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Admin => "ADMIN",
        Role::User | Role::Service => "USER",
    }
}
