//! The state of one service in SQLite, PostgreSQL or memory, behind one dialect of SQL.
//!
//! Placeholders are `$1`, types are TEXT and BIGINT alone; sums need `CAST(SUM(x) AS BIGINT)`.

mod migrate;
mod open;

use sqlx::{Any, AnyPool, Transaction};

pub(crate) use migrate::Migration;
pub use open::OpenError;

/// A transaction; rolled back when dropped before `commit`.
pub(crate) type Tx = Transaction<'static, Any>;

/// The state of one service.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: AnyPool,
    begin: &'static str,
}

impl Store {
    /// For single statements that only read. Never while a transaction is open in the same
    /// request: the memory store has one connection, and that one is taken.
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Begins a transaction that may write. On SQLite it takes the write lock at once, since a
    /// reader that turns writer later fails instead of waiting.
    pub(crate) async fn begin(&self) -> sqlx::Result<Tx> {
        self.pool.begin_with(self.begin).await
    }

    /// Closes every connection; later statements fail.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// Takes the named duty for `for_ms`, or prolongs it; false while another owner has it.
    pub(crate) async fn lease(
        &self,
        duty: &str,
        owner: &str,
        now_ms: i64,
        for_ms: i64,
    ) -> sqlx::Result<bool> {
        let taken = sqlx::query(
            "INSERT INTO leases (name, owner, until_ms) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until_ms = excluded.until_ms
             WHERE leases.owner = excluded.owner OR leases.until_ms <= $4",
        )
        .bind(duty)
        .bind(owner)
        .bind(now_ms + for_ms)
        .bind(now_ms)
        .execute(&self.pool)
        .await?;
        Ok(taken.rows_affected() == 1)
    }
}

/// The next number of a kind, from 1. Holds that kind's row until the transaction ends, so that
/// numbers become visible in their order; take several kinds always in the same order.
pub(crate) async fn next_id(tx: &mut Tx, kind: &str) -> sqlx::Result<i64> {
    next_ids(tx, kind, 1).await
}

/// The first of `count` consecutive numbers of a kind.
pub(crate) async fn next_ids(tx: &mut Tx, kind: &str, count: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "INSERT INTO ids (name, next) VALUES ($1, 1 + $2)
         ON CONFLICT (name) DO UPDATE SET next = ids.next + $2
         RETURNING next - $2",
    )
    .bind(kind)
    .bind(count)
    .fetch_one(&mut **tx)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ServiceName;
    use crate::testing::on_each_store;

    #[tokio::test]
    async fn numbers_count_per_kind_and_roll_back_with_their_transaction() {
        on_each_store(ServiceName::User, async |shop| {
            let store = &shop.state().store;
            let mut tx = store.begin().await.unwrap();
            assert_eq!(next_id(&mut tx, "thing").await.unwrap(), 1);
            assert_eq!(next_ids(&mut tx, "thing", 3).await.unwrap(), 2);
            assert_eq!(next_id(&mut tx, "thing").await.unwrap(), 5);
            assert_eq!(next_id(&mut tx, "other").await.unwrap(), 1);
            tx.rollback().await.unwrap();
            let mut tx = store.begin().await.unwrap();
            assert_eq!(next_id(&mut tx, "thing").await.unwrap(), 1);
        })
        .await;
    }

    #[tokio::test]
    async fn a_duty_has_one_owner_until_its_lease_runs_out() {
        on_each_store(ServiceName::User, async |shop| {
            let store = &shop.state().store;
            assert!(store.lease("sweep", "a", 0, 10).await.unwrap());
            assert!(store.lease("sweep", "a", 5, 10).await.unwrap());
            assert!(!store.lease("sweep", "b", 14, 10).await.unwrap());
            assert!(store.lease("sweep", "b", 15, 10).await.unwrap());
            assert!(!store.lease("sweep", "a", 16, 10).await.unwrap());
        })
        .await;
    }

    /// A client that leaves drops its request, at whatever point that is.
    #[tokio::test]
    async fn requests_that_are_dropped_leave_the_tables_in_place() {
        on_each_store(ServiceName::User, async |shop| {
            let store = &shop.state().store;
            for polls in (1..30).cycle().take(300) {
                let mut work = Box::pin(async {
                    let mut tx = store.begin().await.unwrap();
                    next_id(&mut tx, "dropped").await.unwrap();
                    tx.commit().await.unwrap();
                });
                for _ in 0..polls {
                    tokio::select! {
                        biased;
                        () = &mut work => break,
                        () = std::future::ready(()) => {}
                    }
                    tokio::task::yield_now().await;
                }
                drop(work);
                let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM users");
                assert_eq!(count.fetch_one(store.pool()).await.unwrap(), 0);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn nulls_and_sums_read_alike_on_each_store() {
        on_each_store(ServiceName::User, async |shop| {
            let pool = shop.state().store.pool();
            let sum: Option<i64> =
                sqlx::query_scalar("SELECT CAST(SUM(next) AS BIGINT) FROM ids WHERE name = $1")
                    .bind("nothing")
                    .fetch_one(pool)
                    .await
                    .unwrap();
            assert_eq!(sum, None);
            let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM seen_events")
                .fetch_one(pool)
                .await
                .unwrap();
            assert_eq!(count, 0);
        })
        .await;
    }

    #[tokio::test]
    async fn concurrent_writers_of_several_instances_all_get_through() {
        on_each_store(ServiceName::User, async |shop| {
            let other = shop.another().await;
            let stores = [shop.state().store.clone(), other.state().store.clone()];
            let mut writers = tokio::task::JoinSet::new();
            for writer in 0..20 {
                let store = stores[writer % 2].clone();
                writers.spawn(async move {
                    let mut tx = store.begin().await.unwrap();
                    let id = next_id(&mut tx, "ticket").await.unwrap();
                    tx.commit().await.unwrap();
                    id
                });
            }
            let mut ids = writers.join_all().await;
            ids.sort_unstable();
            assert_eq!(ids, (1..=20).collect::<Vec<_>>());
        })
        .await;
    }
}
