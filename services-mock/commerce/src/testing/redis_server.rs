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
    /// Starts one; none where Redis is not installed.
    pub async fn start() -> Option<RedisServer> {
        if !std::path::Path::new("/usr/bin/redis-server").exists() {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("redis-").tempdir_in("/tmp");
        let folder = folder.expect("a folder").keep();
        let socket = folder.join("s").display().to_string();
        let program = [
            "/usr/bin/redis-server",
            "--port",
            "0",
            "--unixsocket",
            &socket,
            "--save",
            "",
        ];
        let server = Server::start(&folder, None, &program).expect("Redis starts");
        let redis = RedisServer {
            folder,
            _server: server,
        };
        redis.await_answer().await;
        Some(redis)
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
        panic!("Redis does not answer");
    }
}
