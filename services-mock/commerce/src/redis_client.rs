//! A connection to Redis that opens when it is first needed and again after it broke.

use std::fmt;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};

/// Longest wait for one answer; Redis answers in far less than a millisecond.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Clones share one connection: no blocking commands on it.
#[derive(Clone)]
pub(crate) struct RedisClient(ConnectionManager);

impl RedisClient {
    /// Reads the address; does not connect yet. Needs a running tokio.
    pub(crate) fn open(url: &str) -> redis::RedisResult<RedisClient> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(LONGEST_WAIT))
            .set_response_timeout(Some(LONGEST_WAIT))
            .set_number_of_retries(1);
        let client = redis::Client::open(url)?;
        ConnectionManager::new_lazy_with_config(client, config).map(RedisClient)
    }

    /// The connection, for `redis::cmd(…).query_async(&mut connection)`.
    pub(crate) fn connection(&self) -> ConnectionManager {
        self.0.clone()
    }
}

impl fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisClient")
    }
}
