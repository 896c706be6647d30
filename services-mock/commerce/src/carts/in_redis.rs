//! Carts in Redis: a hash of stamp and content per cart, a string per mark, gone by themselves.
//!
//! One server, or a cluster that keeps all keys in one slot: a merge changes two keys at once.

use redis::RedisError;

use super::rules::LIFE_MS;
use super::store::{CONVERSION_LIFE_MS, Commit, Kept};
use crate::error::ApiError;
use crate::redis_client::RedisClient;

/// KEYS: the carts, then the mark when there is one. ARGV: the number of carts, the lives of cart
/// and mark in ms, the mark's content, then for each cart the expected stamp, the new stamp and
/// the new content; empty for none. Redis runs a script alone, so that nothing comes between
/// looking and writing. 1 when written.
const COMMIT: &str = r"
local carts = tonumber(ARGV[1])
local mark = KEYS[carts + 1]
if mark and redis.call('EXISTS', mark) == 1 then return 0 end
for i = 1, carts do
  local stamp = redis.call('HGET', KEYS[i], 'stamp') or ''
  if stamp ~= ARGV[2 + 3 * i] then return 0 end
end
for i = 1, carts do
  local stamp, content = ARGV[3 + 3 * i], ARGV[4 + 3 * i]
  if stamp == '' then
    redis.call('DEL', KEYS[i])
  else
    redis.call('HSET', KEYS[i], 'stamp', stamp, 'content', content)
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
  end
end
if mark then redis.call('SET', mark, ARGV[4], 'PX', ARGV[3]) end
return 1
";

/// What is kept under the key.
pub(super) async fn load(redis: &RedisClient, key: &str) -> Result<Option<Kept>, ApiError> {
    let (stamp, content): (Option<String>, Option<String>) = redis::cmd("HMGET")
        .arg(key)
        .arg("stamp")
        .arg("content")
        .query_async(&mut redis.connection())
        .await
        .map_err(unavailable)?;
    let both = stamp.zip(content);
    Ok(both.map(|(stamp, content)| Kept { stamp, content }))
}

/// The content of a mark.
pub(super) async fn mark(redis: &RedisClient, key: &str) -> Result<Option<String>, ApiError> {
    redis::cmd("GET")
        .arg(key)
        .query_async(&mut redis.connection())
        .await
        .map_err(unavailable)
}

/// All changes, or none and false. The events are the caller's matter.
pub(super) async fn commit(redis: &RedisClient, commit: &Commit) -> Result<bool, ApiError> {
    let carts = commit.writes.len();
    let mut script = redis::cmd("EVAL");
    script.arg(COMMIT);
    script.arg(carts + usize::from(commit.mark.is_some()));
    for write in &commit.writes {
        script.arg(&write.key);
    }
    if let Some(mark) = &commit.mark {
        script.arg(&mark.key);
    }
    script.arg(carts).arg(LIFE_MS).arg(CONVERSION_LIFE_MS);
    let mark = commit.mark.as_ref().map(|mark| mark.content.as_str());
    script.arg(mark.unwrap_or_default());
    for write in &commit.writes {
        let new = write.new.as_ref();
        script.arg(write.expected.as_deref().unwrap_or_default());
        script.arg(new.map_or("", |kept| &kept.stamp));
        script.arg(new.map_or("", |kept| &kept.content));
    }
    let written: i64 = script
        .query_async(&mut redis.connection())
        .await
        .map_err(unavailable)?;
    Ok(written == 1)
}

fn unavailable(cause: RedisError) -> ApiError {
    ApiError::unavailable("cart store", cause)
}
