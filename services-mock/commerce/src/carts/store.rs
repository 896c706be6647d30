//! Where carts are kept: in Redis when the instance is given one, else in the service's database.
//! Either way a change is written on condition that nobody else changed the cart since it was
//! read, so that instances beside each other lose none.

use super::owner::Owner;
use super::rules::Cart;
use super::{in_redis, in_sql};
use crate::error::ApiError;
use crate::events::NewEvent;
use crate::redis_client::RedisClient;
use crate::state::AppState;
use crate::trace::Trace;

/// For so long a repeated conversion gets its first answer: far longer than any order is driven.
pub(super) const CONVERSION_LIFE_MS: i64 = 7 * 86_400_000;

/// The two ways to keep carts.
#[derive(Clone, Debug)]
pub(super) enum CartStore {
    /// One hash per cart.
    Redis(RedisClient),
    /// One row per cart.
    Sql,
}

/// What an owner's key holds at a time.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) owner: Owner,
    /// None as well when it has expired.
    pub(super) cart: Option<Cart>,
    /// Of what is kept, expired or not.
    stamp: Option<String>,
}

/// A kept cart as text.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) stamp: String,
    pub(super) content: String,
}

/// One key that is to change.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) key: String,
    /// What must still be there; none when nothing must be.
    pub(super) expected: Option<String>,
    /// What is there afterwards; none deletes.
    pub(super) new: Option<Kept>,
}

/// A note that is made once and never changed.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) key: String,
    pub(super) content: String,
}

/// Changes that happen together or not at all.
#[derive(Clone, Debug, Default)]
pub(super) struct Commit {
    pub(super) writes: Vec<Write>,
    pub(super) mark: Option<Mark>,
    pub(super) told: Vec<NewEvent<'static>>,
}

impl CartStore {
    /// The way of this instance.
    pub(super) fn of(state: &AppState) -> CartStore {
        match &state.redis {
            Some(redis) => CartStore::Redis(redis.clone()),
            None => CartStore::Sql,
        }
    }

    /// Reads the owner's cart.
    pub(super) async fn load(&self, state: &AppState, owner: &Owner) -> Result<Found, ApiError> {
        let key = owner.key();
        let kept = match self {
            CartStore::Redis(redis) => in_redis::load(redis, &key).await?,
            CartStore::Sql => in_sql::load(state, &key).await?,
        };
        let cart = kept.as_ref().map(|kept| read(&kept.content)).transpose()?;
        Ok(Found {
            owner: owner.clone(),
            cart: cart.filter(|cart| cart.expires_ms > state.now_ms()),
            stamp: kept.map(|kept| kept.stamp),
        })
    }

    /// The cart as it was answered when it became the order; none when it did not.
    pub(super) async fn conversion(
        &self,
        state: &AppState,
        key: &str,
    ) -> Result<Option<Cart>, ApiError> {
        let content = match self {
            CartStore::Redis(redis) => in_redis::mark(redis, key).await?,
            CartStore::Sql => in_sql::mark(state, key).await?,
        };
        content.as_deref().map(read).transpose()
    }

    /// Carries the changes out; false, and nothing is changed, when something is not as expected
    /// any more or the mark is there.
    ///
    /// The database takes the events in the same transaction. Redis cannot: they go into the
    /// outbox right after, so that a crash in between loses them, and no more than them.
    pub(super) async fn commit(
        &self,
        state: &AppState,
        trace: &Trace,
        commit: &Commit,
    ) -> Result<bool, ApiError> {
        match self {
            CartStore::Sql => in_sql::commit(state, trace, commit).await,
            CartStore::Redis(redis) => {
                let written = in_redis::commit(redis, commit).await?;
                if written {
                    tell_afterwards(state, trace, commit).await;
                }
                Ok(written)
            }
        }
    }
}

/// The cart has changed already, so that a failure here must not read as if it had not.
async fn tell_afterwards(state: &AppState, trace: &Trace, commit: &Commit) {
    let only_events = Commit {
        told: commit.told.clone(),
        ..Commit::default()
    };
    if let Err(error) = in_sql::commit(state, trace, &only_events).await {
        let count = commit.told.len();
        log::warn!("cart events lost: count={count} error={error}");
    }
}

impl Found {
    /// Puts the cart in the place of what was found.
    pub(super) fn replace(&self, cart: &Cart) -> Result<Write, ApiError> {
        let new = Kept {
            stamp: cart.stamp(),
            content: write(cart)?,
        };
        Ok(self.becomes(Some(new)))
    }

    /// Deletes what was found.
    pub(super) fn delete(&self) -> Write {
        self.becomes(None)
    }

    fn becomes(&self, new: Option<Kept>) -> Write {
        Write {
            key: self.owner.key(),
            expected: self.stamp.clone(),
            new,
        }
    }
}

/// A mark that holds the cart.
pub(super) fn mark_of(key: String, cart: &Cart) -> Result<Mark, ApiError> {
    let content = write(cart)?;
    Ok(Mark { key, content })
}

fn write(cart: &Cart) -> Result<String, ApiError> {
    serde_json::to_string(cart).map_err(|cause| ApiError::unavailable("cart", cause))
}

/// A cart that cannot be read is one of a later version of this program: to be left alone.
fn read(content: &str) -> Result<Cart, ApiError> {
    serde_json::from_str(content).map_err(|cause| ApiError::unavailable("cart", cause))
}

#[cfg(test)]
mod tests {
    use super::super::testing::on_each_cart_store;
    use super::*;
    use crate::testing::Shop;

    fn user() -> Owner {
        Owner::User(7)
    }

    fn guest() -> Owner {
        Owner::Session("s".into())
    }

    async fn load(shop: &Shop, owner: &Owner) -> Found {
        let carts = CartStore::of(shop.state());
        carts.load(shop.state(), owner).await.unwrap()
    }

    async fn commit(shop: &Shop, writes: Vec<Write>, mark: Option<Mark>) -> bool {
        let trace = Trace::fresh(&shop.state().ids);
        let told = Vec::new();
        let commit = Commit { writes, mark, told };
        let carts = CartStore::of(shop.state());
        carts.commit(shop.state(), &trace, &commit).await.unwrap()
    }

    /// The next version of what was found, or a first one under this id.
    fn next(found: &Found, id: &str) -> Write {
        let new = Cart::new(id.into(), found.owner.clone(), crate::testing::START_MS);
        let mut cart = found.cart.clone().unwrap_or(new);
        cart.touch(crate::testing::START_MS);
        found.replace(&cart).unwrap()
    }

    #[tokio::test]
    async fn of_two_changes_of_the_same_reading_one_is_written() {
        on_each_cart_store(async |shop, _| {
            for round in 1..=2 {
                let (one, two) = (load(&shop, &user()).await, load(&shop, &user()).await);
                assert!(commit(&shop, vec![next(&one, "one")], None).await);
                assert!(!commit(&shop, vec![next(&two, "two")], None).await);
                if round == 2 {
                    assert!(!commit(&shop, vec![two.delete()], None).await);
                }
                let kept = load(&shop, &user()).await.cart.unwrap();
                assert_eq!((kept.cart_id.as_str(), kept.version), ("one", round));
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_change_of_two_carts_is_written_whole_or_not_at_all() {
        on_each_cart_store(async |shop, _| {
            let old = load(&shop, &guest()).await;
            assert!(commit(&shop, vec![next(&old, "guest")], None).await);
            let read = load(&shop, &guest()).await;
            assert!(commit(&shop, vec![next(&read, "guest")], None).await);
            let target = load(&shop, &user()).await;
            let writes = vec![next(&target, "user"), read.delete()];
            assert!(!commit(&shop, writes, None).await);
            assert!(load(&shop, &user()).await.cart.is_none());
            let read = load(&shop, &guest()).await;
            let writes = vec![next(&target, "user"), read.delete()];
            assert!(commit(&shop, writes, None).await);
            assert!(load(&shop, &guest()).await.cart.is_none());
            assert!(load(&shop, &user()).await.cart.is_some());
        })
        .await;
    }

    #[tokio::test]
    async fn a_mark_is_made_once_and_a_second_keeps_the_cart_from_changing() {
        on_each_cart_store(async |shop, _| {
            let cart = Cart::new("c".into(), user(), crate::testing::START_MS);
            let mark = || Some(mark_of(user().conversion_key("41"), &cart).unwrap());
            let found = load(&shop, &user()).await;
            assert!(commit(&shop, vec![next(&found, "c")], mark()).await);
            let found = load(&shop, &user()).await;
            assert!(!commit(&shop, vec![next(&found, "c")], mark()).await);
            assert_eq!(load(&shop, &user()).await.cart.unwrap().version, 1);
            let carts = CartStore::of(shop.state());
            let key = user().conversion_key("41");
            let kept = carts.conversion(shop.state(), &key).await.unwrap();
            assert_eq!(kept, Some(cart));
        })
        .await;
    }
}
