//! One real PostgreSQL per test program, started when the first test asks, with an empty database
//! for each test. It listens on a socket in its own folder alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AnyConnection, Connection, Executor};
use tokio::sync::OnceCell;

use super::server::{Server, User, prepare};

/// Nothing here outlives the test, so that nothing needs to reach a disk.
const OPTIONS: [&str; 6] = [
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "max_connections=300",
    "shared_buffers=64MB",
];
const TRIES: u32 = 500;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// Never dropped, as statics are; its guard sees the process end.
static RUNNING: OnceCell<Running> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

#[derive(Debug)]
struct Running {
    folder: PathBuf,
    _server: Server,
}

/// The address of a fresh, empty database.
pub async fn database_url() -> String {
    sqlx::any::install_default_drivers();
    let running = RUNNING.get_or_init(start).await;
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let mut connection = AnyConnection::connect(&url(&running.folder, "postgres"))
        .await
        .expect("PostgreSQL answers");
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    connection.execute(create).await.expect("a fresh database");
    connection.close().await.expect("closes");
    url(&running.folder, &name)
}

fn url(folder: &Path, database: &str) -> String {
    format!(
        "postgres:///{database}?host={}&user=postgres&sslmode=disable",
        folder.display()
    )
}

/// The newest installed `initdb` and `postgres`.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.flatten().map(|entry| entry.path().join("bin"));
    folders
        .filter(|folder| folder.join("initdb").exists())
        .max()
}

async fn start() -> Running {
    let programs = programs().expect("PostgreSQL is installed: apt-get install postgresql");
    let user = User::instead_of_root("postgres").expect("the user postgres");
    let folder = own_folder(user);
    init(&programs.join("initdb"), &folder, user);
    let postgres = programs.join("postgres").display().to_string();
    let place = folder.display().to_string();
    let data = format!("{place}/data");
    let mut program = vec![&*postgres, "-D", &*data, "-k", &*place];
    for option in OPTIONS {
        program.extend(["-c", option]);
    }
    let server = Server::start(&folder, user, &program).expect("PostgreSQL starts");
    await_answer(&folder).await;
    Running {
        folder,
        _server: server,
    }
}

fn own_folder(user: Option<User>) -> PathBuf {
    let folder = tempfile::Builder::new().prefix("pg-").tempdir_in("/tmp");
    let folder = folder.expect("a folder").keep();
    if let Some(user) = user {
        user.own(&folder).expect("root may give folders away");
    }
    folder
}

/// `initdb` refuses root, and so does `postgres`.
fn init(initdb: &Path, folder: &Path, user: Option<User>) {
    let mut command = Command::new(initdb);
    command.args(["--no-sync", "--auth=trust", "--username=postgres"]);
    command.args(["--no-locale", "--encoding=UTF8", "-D", "data"]);
    prepare(&mut command, folder, user);
    let output = command.stdin(Stdio::null()).output().expect("initdb runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "initdb failed: {said}");
}

async fn await_answer(folder: &Path) {
    for _ in 0..TRIES {
        if let Ok(connection) = AnyConnection::connect(&url(folder, "postgres")).await {
            connection.close().await.expect("closes");
            return;
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
    let log = fs::read_to_string(folder.join("server.log")).unwrap_or_default();
    panic!("PostgreSQL does not answer: {log}");
}
