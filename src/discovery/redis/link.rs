//! The connection to Redis: made when it is needed, with attempts spaced out, and subscribed to
//! the event channel.

use super::super::{DiscoveryError, PASS_LIMIT, stats::RegistryStats};
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind,
    RedisError, aio::MultiplexedConnection,
};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{sync::Notify, time::Instant};

/// Any message here calls for a pass, whatever it says.
const EVENT_CHANNEL: &str = "service-events";
/// Leaves half of a pass to scan after a slow connect.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
const MIN_BACKOFF: Duration = Duration::from_millis(250);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// The connection to Redis, made when it is needed.
pub(super) struct Link {
    client: Client,
    settings: AsyncConnectionConfig,
    connection: Option<MultiplexedConnection>,
    backoff: Backoff,
}

impl Link {
    /// Counts messages on the event channel and tells `event` of them and of a lost connection.
    pub(super) fn new(
        url: &str,
        event: Arc<Notify>,
        stats: Arc<RegistryStats>,
    ) -> Result<Self, DiscoveryError> {
        let on_push = move |push: PushInfo| -> Result<(), Infallible> {
            match push.kind {
                PushKind::Message => stats.event(),
                PushKind::Disconnection => {}
                _ => return Ok(()),
            }
            event.notify_one();
            Ok(())
        };
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_response_timeout(Some(PASS_LIMIT))
            .set_push_sender(on_push);
        Ok(Self {
            client: client(url)?,
            settings,
            connection: None,
            backoff: Backoff::default(),
        })
    }

    /// Forgets the connection, so that the next use makes a new one.
    pub(super) fn close(&mut self) {
        self.connection = None;
    }

    pub(super) fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    pub(super) async fn connect(&mut self) -> Result<&mut MultiplexedConnection, DiscoveryError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn open(&mut self) -> Result<MultiplexedConnection, DiscoveryError> {
        if let Some(wait) = self.backoff.remaining(Instant::now()) {
            return Err(DiscoveryError::BackingOff(wait));
        }
        // Counted before the attempt, for the caller may give up in the middle of it.
        self.backoff.note_attempt(Instant::now());
        let open = self
            .client
            .get_multiplexed_async_connection_with_config(&self.settings);
        let mut connection = open
            .await
            .map_err(|error| DiscoveryError::Unreachable(printable(&error)))?;
        if let Err(error) = connection.subscribe(EVENT_CHANNEL).await {
            // Some servers allow reading but not this channel; polling finds everything anyway.
            log::warn!(
                "no registry events, polling only problem={}",
                printable(&error)
            );
        }
        self.backoff = Backoff::default();
        Ok(connection)
    }
}

/// Events need RESP3, which Redis speaks from version 6 on.
fn client(url: &str) -> Result<Client, DiscoveryError> {
    let settings = |error: RedisError| DiscoveryError::Settings(printable(&error));
    let info = url.into_connection_info().map_err(settings)?;
    let with_events = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP3);
    Client::open(info.set_redis_settings(with_events)).map_err(settings)
}

/// The error on one short line: it may quote what a stranger sent.
pub(super) fn printable(error: &RedisError) -> String {
    const MAX_CHARS: usize = 200;
    error.to_string().escape_debug().take(MAX_CHARS).collect()
}

/// Spaces out attempts to connect: 250 ms after the first failure, twice that after the next,
/// up to 5 s.
#[derive(Debug, Default)]
struct Backoff {
    attempts: u32,
    not_before: Option<Instant>,
}

impl Backoff {
    /// How long to wait yet; `None` when an attempt may be made.
    fn remaining(&self, now: Instant) -> Option<Duration> {
        let wait = self.not_before?.saturating_duration_since(now);
        (!wait.is_zero()).then_some(wait)
    }

    fn note_attempt(&mut self, now: Instant) {
        let factor = 1 << self.attempts.min(16);
        self.not_before = Some(now + (MIN_BACKOFF * factor).min(MAX_BACKOFF));
        self.attempts = self.attempts.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::ErrorKind;

    #[test]
    fn attempts_to_connect_are_spaced_out_to_five_seconds() {
        let mut backoff = Backoff::default();
        let now = Instant::now();
        assert_eq!(backoff.remaining(now), None);
        for expected_ms in [250, 500, 1000, 2000, 4000, 5000, 5000] {
            backoff.note_attempt(now);
            assert_eq!(
                backoff.remaining(now),
                Some(Duration::from_millis(expected_ms))
            );
        }
        assert_eq!(backoff.remaining(now + MAX_BACKOFF), None);
        backoff.attempts = u32::MAX;
        backoff.note_attempt(now);
        assert_eq!(backoff.remaining(now), Some(MAX_BACKOFF));
    }

    #[test]
    fn an_error_text_does_not_show_the_password_or_control_characters() {
        let Err(error) = client("redis://user:secret@host:notaport") else {
            panic!("a bad port should be refused")
        };
        assert!(!error.to_string().contains("secret"), "{error}");
        let hostile = RedisError::from((ErrorKind::Parse, "x", "\n\u{1b}[31m".repeat(100)));
        assert!(printable(&hostile).chars().all(|c| !c.is_control()));
        assert_eq!(printable(&hostile).chars().count(), 200);
    }
}
