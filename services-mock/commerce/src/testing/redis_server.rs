//! A real Redis on a socket in its own folder, gone when dropped.

use std::path::PathBuf;
use std::time::Duration;

use super::server::Server;

const TRIES: u32 = 500;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// A running Redis, empty at first.
#[derive(Debug)]
pub struct RedisServer {
    folder: PathBuf,
    _server: Server,
}

impl RedisServer {
    /// Starts one.
    ///
    /// # Panics
    /// Where Redis is not installed.
    pub async fn start() -> RedisServer {
        let folder = tempfile::Builder::new().prefix("redis-").tempdir_in("/tmp");
        let folder = folder.expect("a folder").keep();
        let socket = folder.join("s").display().to_string();
        let program = [
            "redis-server",
            "--port",
            "0",
            "--unixsocket",
            &socket,
            "--save",
            "",
        ];
        let server = Server::start(&folder, None, &program).expect("sh starts");
        let redis = RedisServer {
            folder,
            _server: server,
        };
        redis.await_answer().await;
        redis
    }

    /// Its address for `Settings::redis_url`.
    pub fn url(&self) -> String {
        format!("redis+unix://{}/s", self.folder.display())
    }

    async fn await_answer(&self) {
        let client = redis::Client::open(self.url()).expect("an address");
        for _ in 0..TRIES {
            if client.get_multiplexed_async_connection().await.is_ok() {
                return;
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
        panic!("Redis does not answer; if it is not installed: apt-get install redis-server");
    }
}
