//! Opens a service's store: connections, their settings, and the tables.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, Connection, Executor};

use super::Store;
use super::migrate::{self, Migration};
use crate::settings::{ServiceName, StoreAt};

/// Connections of one instance. SQLite has one writer at a time anyway, and PostgreSQL's default
/// of 100 connections is shared by some twenty instances.
const CONNECTIONS: u32 = 4;
/// A request that gets no connection for so long is answered 503.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Any number will do, as long as every instance takes the same ("shop").
const SCHEMA_LOCK: i64 = 0x7368_6f70;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder or a file in it.
    #[error("data folder: {0}")]
    Folder(#[from] io::Error),
    /// The database does not answer or refuses.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The tables do not fit this program.
    #[error("tables: {0}")]
    Tables(#[from] sqlx::migrate::MigrateError),
}

impl Store {
    /// Opens the store and brings its tables up to date. Instances may do so at the same time.
    pub(crate) async fn open(
        at: &StoreAt,
        service: ServiceName,
        migrations: &[Migration],
    ) -> Result<Store, OpenError> {
        sqlx::any::install_default_drivers();
        match at {
            StoreAt::Memory => memory(migrations).await,
            StoreAt::Folder(folder) => file(folder, service, migrations).await,
            StoreAt::Postgres(url) => schema(url, service, migrations).await,
        }
    }
}

/// The database lives as long as its only connection, which is therefore never let go.
async fn memory(migrations: &[Migration]) -> Result<Store, OpenError> {
    let pool = AnyPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        // A request that is dropped while the pool tests the connection for it would take the
        // connection along, and the database with it.
        .test_before_acquire(false)
        .acquire_timeout(LONGEST_WAIT)
        .connect("sqlite::memory:")
        .await?;
    migrate::run(&pool, migrations).await?;
    Ok(Store {
        pool,
        begin: "BEGIN IMMEDIATE",
    })
}

async fn file(
    folder: &Path,
    service: ServiceName,
    migrations: &[Migration],
) -> Result<Store, OpenError> {
    let path = folder.join(format!("{service}.db"));
    let lock = lock_file(path.with_extension("lock")).await?;
    let pool = AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(LONGEST_WAIT)
        .after_connect(|connection, _| Box::pin(set_up_sqlite(connection)))
        .connect(&format!("sqlite://{}?mode=rwc", escaped(&path)))
        .await?;
    migrate::run(&pool, migrations).await?;
    drop(lock);
    Ok(Store {
        pool,
        begin: "BEGIN IMMEDIATE",
    })
}

/// SQLite takes no lock of its own around migrations, nor around the change to WAL.
async fn lock_file(path: std::path::PathBuf) -> io::Result<File> {
    let locking = tokio::task::spawn_blocking(move || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = File::create(path)?;
        file.lock()?;
        Ok(file)
    });
    locking.await.map_err(io::Error::other)?
}

/// A crash of the machine may lose the last commits with `NORMAL`, a crash of the process none.
async fn set_up_sqlite(connection: &mut AnyConnection) -> sqlx::Result<()> {
    for pragma in [
        "PRAGMA busy_timeout = 5000",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = NORMAL",
    ] {
        connection.execute(pragma).await?;
    }
    Ok(())
}

/// A path as it may stand in an address.
fn escaped(path: &Path) -> String {
    path.to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23")
        .replace(' ', "%20")
}

async fn schema(
    url: &str,
    service: ServiceName,
    migrations: &[Migration],
) -> Result<Store, OpenError> {
    let schema = service.name().replace('-', "_");
    create_schema(url, &schema).await?;
    let pool = connect_to_schema(url, &schema).await?;
    migrate::run(&pool, migrations).await?;
    Ok(Store {
        pool,
        begin: "BEGIN",
    })
}

/// `IF NOT EXISTS` alone fails when two do it at the same time.
async fn create_schema(url: &str, schema: &str) -> sqlx::Result<()> {
    let mut connection = AnyConnection::connect(url).await?;
    let mut tx = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(SCHEMA_LOCK)
        .execute(&mut *tx)
        .await?;
    let create = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
    // The name is one of six that are written in this program.
    tx.execute(sqlx::AssertSqlSafe(create)).await?;
    tx.commit().await?;
    connection.close().await
}

async fn connect_to_schema(url: &str, schema: &str) -> sqlx::Result<AnyPool> {
    let mark = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{mark}options[search_path]={schema}");
    AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(LONGEST_WAIT)
        .connect(&url)
        .await
}
