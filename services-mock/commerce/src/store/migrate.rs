//! The tables of a service: numbered SQL files, built into the program, run once each.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, MigrationType, Migrator};
use sqlx::{AnyPool, SqlSafeStr};

/// One numbered file of `migrations/<service>/`; never changed once released, since its checksum
/// is kept in the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Migration {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// Brings the tables up to date.
pub(super) async fn run(pool: &AnyPool, migrations: &[Migration]) -> Result<(), MigrateError> {
    let migrations = migrations.iter().map(|migration| {
        sqlx::migrate::Migration::new(
            migration.number,
            Cow::Borrowed(migration.name),
            MigrationType::Simple,
            migration.sql.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
        .run(pool)
        .await
}
