//! What every handler and background task of one instance works with.

use std::sync::Arc;

use axum::extract::FromRef;
use tokio::sync::watch;

use crate::auth::Tokens;
use crate::clock::Clock;
use crate::gateway::Gateway;
use crate::ids::Ids;
use crate::redis_client::RedisClient;
use crate::settings::Settings;
use crate::store::Store;

/// One instance of one service; clones are the same instance.
#[derive(Clone, Debug)]
pub(crate) struct AppState {
    pub(crate) settings: Arc<Settings>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) tokens: Tokens,
    pub(crate) gateway: Gateway,
    pub(crate) redis: Option<RedisClient>,
    pub(crate) wake: Wake,
}

impl AppState {
    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}

/// Tells this instance's background tasks that a commit left them something to do, so that it is
/// done at once and not at their next round.
#[derive(Clone, Debug)]
pub(crate) struct Wake(Arc<watch::Sender<()>>);

impl Wake {
    pub(crate) fn new() -> Wake {
        Wake(Arc::new(watch::Sender::new(())))
    }

    /// To be called after the commit.
    pub(crate) fn tasks(&self) {
        self.0.send_replace(());
    }

    /// Changes at each call of [`Wake::tasks`].
    pub(crate) fn listen(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

impl FromRef<AppState> for Tokens {
    fn from_ref(state: &AppState) -> Tokens {
        state.tokens.clone()
    }
}

impl FromRef<AppState> for Clock {
    fn from_ref(state: &AppState) -> Clock {
        state.clock.clone()
    }
}

impl FromRef<AppState> for Ids {
    fn from_ref(state: &AppState) -> Ids {
        state.ids.clone()
    }
}
