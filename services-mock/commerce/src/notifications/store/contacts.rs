//! Where users are reached, as user-service told.

use crate::store::{Store, Tx};

/// Remembers the user's address.
pub(crate) async fn remember(
    tx: &mut Tx,
    user_id: i64,
    email: &str,
    now_ms: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO contacts (user_id, email, updated_ms) VALUES ($1, $2, $3)
         ON CONFLICT (user_id) DO UPDATE SET email = excluded.email,
            updated_ms = excluded.updated_ms",
    )
    .bind(user_id)
    .bind(email)
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The user's address, if it was ever told.
pub(crate) async fn email_of(store: &Store, user_id: i64) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar("SELECT email FROM contacts WHERE user_id = $1")
        .bind(user_id)
        .fetch_optional(store.pool())
        .await
}
