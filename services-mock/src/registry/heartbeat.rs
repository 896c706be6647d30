//! Keeps a record alive in Redis while the instance lives; Redis may come and go.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::record::Identity;
use crate::instance::Instance;
use crate::server::Life;
use crate::settings::RegistrySettings;

/// The original system's lifetime of a record.
const RECORD_SECONDS: u64 = 30;
const CHANNEL: &str = "service-events";
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// The registration of one instance.
#[derive(Debug)]
pub(crate) struct Registration {
    client: Client,
    identity: Identity,
    beat: Duration,
    instance: Arc<Instance>,
}

/// What the record in Redis says, as far as this side knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Absent,
    Joined,
}

impl Registration {
    /// Prepares the registration; connects later, in [`Registration::keep`].
    ///
    /// # Errors
    /// The URL is none that the Redis client understands.
    pub(crate) fn new(
        settings: &RegistrySettings,
        instance: Arc<Instance>,
        bound: SocketAddr,
    ) -> RedisResult<Self> {
        let advertised = settings.advertise.clone();
        let identity = Identity {
            service: instance.service,
            instance: instance.name.clone(),
            url: advertised.unwrap_or_else(|| format!("http://{bound}")),
            weight: settings.weight,
        };
        Ok(Registration {
            client: Client::open(settings.url.as_str())?,
            identity,
            beat: settings.beat,
            instance,
        })
    }

    /// Registers and renews until `stop`, then takes the record away. Never fails: a lost Redis is
    /// logged and tried again with back-off.
    pub(crate) async fn keep(self, mut stop: watch::Receiver<Life>) {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let began = Instant::now();
            match self.session(&mut stop).await {
                Ok(()) => return,
                Err(error) => self.log_loss(&error),
            }
            if began.elapsed() > LONGEST_BACKOFF {
                backoff = FIRST_BACKOFF;
            }
            tokio::select! {
                () = sleep(backoff) => {}
                () = stopped(&mut stop) => return,
            }
            backoff = (backoff * 2).min(LONGEST_BACKOFF);
        }
    }

    /// One connection's time: ends well on a stop, with an error when Redis is lost.
    async fn session(&self, stop: &mut watch::Receiver<Life>) -> RedisResult<()> {
        let mut redis = tokio::select! {
            redis = self.connect() => redis?,
            () = stopped(stop) => return Ok(()),
        };
        let mut standing = Standing::Absent;
        loop {
            standing = self.beat(&mut redis, standing).await?;
            tokio::select! {
                () = sleep(self.beat) => {}
                () = stopped(stop) => return self.leave(&mut redis).await,
            }
        }
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let limits = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_response_timeout(Some(ANSWER_LIMIT));
        self.client
            .get_multiplexed_async_connection_with_config(&limits)
            .await
    }

    /// Renews the record, unless the instance plays dead: then the record is left to run out.
    async fn beat(
        &self,
        redis: &mut MultiplexedConnection,
        standing: Standing,
    ) -> RedisResult<Standing> {
        let now = Instant::now();
        if self.instance.crashed(now) {
            return Ok(Standing::Absent);
        }
        let healthy = self.instance.healthy(now);
        let record = self
            .identity
            .record(self.instance.load(now), healthy, SystemTime::now());
        redis::cmd("SET")
            .arg(self.identity.key())
            .arg(record.to_json())
            .arg("EX")
            .arg(RECORD_SECONDS)
            .exec_async(redis)
            .await?;
        if standing == Standing::Absent {
            log::info!("{}: registered", self.identity.key());
            self.publish(redis, "join").await?;
        }
        Ok(Standing::Joined)
    }

    async fn leave(&self, redis: &mut MultiplexedConnection) -> RedisResult<()> {
        redis::cmd("DEL")
            .arg(self.identity.key())
            .exec_async(redis)
            .await?;
        self.publish(redis, "leave").await
    }

    async fn publish(&self, redis: &mut MultiplexedConnection, event: &str) -> RedisResult<()> {
        let message = serde_json::json!({
            "event": event,
            "serviceName": self.identity.service,
            "instanceName": self.identity.instance,
        });
        redis::cmd("PUBLISH")
            .arg(CHANNEL)
            .arg(message.to_string())
            .exec_async(redis)
            .await
    }

    fn log_loss(&self, error: &redis::RedisError) {
        // The address alone: the URL may hold a password.
        let address = self.client.get_connection_info().addr();
        log::warn!("{}: redis at {address} lost: {error}", self.identity.key());
    }
}

/// Resolves when the instance is to end; its owner being gone counts as well.
async fn stopped(stop: &mut watch::Receiver<Life>) {
    drop(stop.wait_for(|life| *life != Life::Serve).await);
}
