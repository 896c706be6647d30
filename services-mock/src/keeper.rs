//! Lets the real service live and die with its instance: started, watched, gone while the instance
//! plays dead, stopped last.

use std::sync::Arc;
use std::time::Duration;

use commerce::Commerce;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::faults::Fault;
use crate::instance::Instance;
use crate::shop::Shop;

const BETWEEN_PROBES: Duration = Duration::from_secs(1);
const BETWEEN_STARTS: Duration = Duration::from_secs(1);

/// Keeps the running service until `closing` turns true, then stops it. A crash drops it with its
/// background tasks as a kill would, and what was in memory alone is lost; afterwards it is
/// started anew.
pub(crate) async fn keep(
    instance: Arc<Instance>,
    shop: Arc<Shop>,
    mut commerce: Commerce,
    mut closing: watch::Receiver<bool>,
) {
    let closed = async move {
        // An error means that the owner is gone, which is a stop as well.
        drop(closing.wait_for(|closing| *closing).await);
    };
    tokio::pin!(closed);
    loop {
        tokio::select! {
            () = &mut closed => return commerce.stop().await,
            () = instance.faults.wait_for(true, is_crash) => {}
            () = watch_store(&shop) => {}
        }
        shop.close();
        drop(commerce);
        tokio::select! {
            () = &mut closed => return,
            revived = revive(&instance, &shop) => commerce = revived,
        }
    }
}

fn is_crash(fault: Fault) -> bool {
    fault == Fault::Crash
}

/// Asks for ever.
async fn watch_store(shop: &Shop) {
    loop {
        sleep(BETWEEN_PROBES).await;
        shop.probe().await;
    }
}

async fn revive(instance: &Instance, shop: &Shop) -> Commerce {
    loop {
        instance.faults.wait_for(false, is_crash).await;
        match shop.open().await {
            Ok(commerce) => return commerce,
            Err(error) => log::warn!("{}: cannot start again: {error}", instance.name),
        }
        sleep(BETWEEN_STARTS).await;
    }
}
