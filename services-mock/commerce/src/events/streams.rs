//! Events in Redis Streams: one stream per topic, consumer groups that share the work.

use redis::RedisResult;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamReadReply};

use super::Event;
use crate::redis_client::RedisClient;

/// Bounds a stream that nobody reads; trimmed roughly, which is cheaper.
const LONGEST_STREAM: usize = 100_000;

/// Appends events to the streams of their topics, all or none.
pub(crate) async fn publish(redis: &RedisClient, events: &[Event]) -> RedisResult<()> {
    let mut pipeline = redis::pipe();
    pipeline.atomic();
    for event in events {
        let text = serde_json::to_string(event).unwrap_or_default();
        let command = pipeline.cmd("XADD").arg(stream_of(&event.topic));
        command.arg("MAXLEN").arg("~").arg(LONGEST_STREAM);
        command.arg("*").arg("event").arg(text).ignore();
    }
    pipeline.query_async(&mut redis.connection()).await
}

fn stream_of(topic: &str) -> String {
    format!("events:{topic}")
}

/// A received event, open until it is acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) event: Event,
    stream: String,
    id: String,
}

/// One consumer of a group; every event goes to one consumer of each group.
#[derive(Clone, Debug)]
pub(crate) struct Group<'a> {
    redis: &'a RedisClient,
    name: &'a str,
    consumer: &'a str,
    streams: Vec<String>,
}

impl<'a> Group<'a> {
    /// A group on the given topics.
    pub(crate) fn new(
        redis: &'a RedisClient,
        name: &'a str,
        consumer: &'a str,
        topics: &[&str],
    ) -> Group<'a> {
        Group {
            redis,
            name,
            consumer,
            streams: topics.iter().map(|topic| stream_of(topic)).collect(),
        }
    }

    /// Up to `count` events per topic that no consumer of the group had yet. Does not wait for any.
    pub(crate) async fn receive(&self, count: usize) -> RedisResult<Vec<Received>> {
        match self.read(count).await {
            Err(error) if error.code() == Some("NOGROUP") => {
                self.create().await?;
                self.read(count).await
            }
            outcome => outcome,
        }
    }

    /// Up to `count` events per topic that some consumer left open for so long: it has crashed.
    pub(crate) async fn take_over(
        &self,
        open_for_ms: u64,
        count: usize,
    ) -> RedisResult<Vec<Received>> {
        let mut taken = Vec::new();
        for stream in &self.streams {
            let reply: StreamAutoClaimReply = redis::cmd("XAUTOCLAIM")
                .arg(stream)
                .arg(self.name)
                .arg(self.consumer)
                .arg(open_for_ms)
                .arg("0")
                .arg("COUNT")
                .arg(count)
                .query_async(&mut self.redis.connection())
                .await?;
            taken.extend(reply.claimed.iter().filter_map(|entry| read(stream, entry)));
        }
        Ok(taken)
    }

    /// Closes an event, after the transaction that dealt with it was committed.
    pub(crate) async fn acknowledge(&self, received: &Received) -> RedisResult<()> {
        redis::cmd("XACK")
            .arg(&received.stream)
            .arg(self.name)
            .arg(&received.id)
            .query_async(&mut self.redis.connection())
            .await
    }

    async fn read(&self, count: usize) -> RedisResult<Vec<Received>> {
        let reply: StreamReadReply = redis::cmd("XREADGROUP")
            .arg("GROUP")
            .arg(self.name)
            .arg(self.consumer)
            .arg("COUNT")
            .arg(count)
            .arg("STREAMS")
            .arg(&self.streams)
            .arg(vec![">"; self.streams.len()])
            .query_async(&mut self.redis.connection())
            .await?;
        let entries = reply.keys.iter();
        let entries = entries.flat_map(|key| key.ids.iter().map(|entry| (&key.key, entry)));
        Ok(entries
            .filter_map(|(stream, entry)| read(stream, entry))
            .collect())
    }

    /// From the stream's beginning, so that what was told before the first consumer came counts.
    async fn create(&self) -> RedisResult<()> {
        for stream in &self.streams {
            let made: RedisResult<()> = redis::cmd("XGROUP")
                .arg("CREATE")
                .arg(stream)
                .arg(self.name)
                .arg("0")
                .arg("MKSTREAM")
                .query_async(&mut self.redis.connection())
                .await;
            match made {
                Err(error) if error.code() == Some("BUSYGROUP") => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }
}

/// An entry that is no event of ours is passed over.
fn read(stream: &str, entry: &StreamId) -> Option<Received> {
    let text: String = entry.get("event")?;
    let event = serde_json::from_str(&text)
        .inspect_err(|cause| log::warn!("not an event: stream={stream} cause={cause}"))
        .ok()?;
    Some(Received {
        event,
        stream: stream.to_owned(),
        id: entry.id.clone(),
    })
}
