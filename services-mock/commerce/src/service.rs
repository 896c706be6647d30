//! Puts one instance of one service together: store, routes, background tasks.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use tokio::sync::watch;
use tokio::task::JoinSet;
use utoipa_axum::router::OpenApiRouter;

use crate::auth::Tokens;
use crate::clock::Clock;
use crate::error::{self, ApiError};
use crate::events::relay;
use crate::gateway::Gateway;
use crate::ids::Ids;
use crate::parts::Parts;
use crate::redis_client::RedisClient;
use crate::settings::{ServiceName, Settings};
use crate::state::{AppState, Wake};
use crate::store::{OpenError, Store};
use crate::tasks::{self, Task};
use crate::{carts, inventory, notifications, openapi, orders, payments, trace, users};

/// How long rounds in progress may take once the instance is told to stop.
const LONGEST_STOP: Duration = Duration::from_secs(5);

/// A running instance of one service.
#[derive(Debug)]
pub struct Commerce {
    router: Router,
    store: Store,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its state.
    #[error("store: {0}")]
    Store(#[from] OpenError),
    /// The address of Redis.
    #[error("redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// What must be in place.
    #[error("seed: {0}")]
    Seed(ApiError),
}

/// An instance that does nothing by itself yet.
#[derive(Clone, Debug)]
pub(crate) struct Assembled {
    pub(crate) router: Router,
    pub(crate) state: AppState,
    pub(crate) tasks: Vec<Task>,
}

impl Commerce {
    /// Opens the store, puts in place what must be there and starts the background tasks.
    pub async fn start(settings: Settings) -> Result<Commerce, StartError> {
        let store = open(&settings).await?;
        let assembled = assemble(settings, store, Clock::System, Ids::random()).await?;
        let (stop, stopped) = watch::channel(false);
        let tasks = tasks::spawn(assembled.tasks, &assembled.state, &stopped);
        Ok(Commerce {
            router: assembled.router,
            store: assembled.state.store,
            stop,
            tasks,
        })
    }

    /// Answers the service's paths, and any other with 404.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Lets background rounds finish, for 5 s at the longest, and closes the store.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let finishing = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LONGEST_STOP, finishing).await.is_err() {
            log::warn!("background rounds broken off after {LONGEST_STOP:?}");
        }
        self.store.close().await;
    }
}

/// Opens the store of the service.
pub(crate) async fn open(settings: &Settings) -> Result<Store, OpenError> {
    let parts = parts_of(settings.service);
    Store::open(&settings.store, settings.service, parts.migrations).await
}

/// Puts the instance together over an open store.
pub(crate) async fn assemble(
    settings: Settings,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> Result<Assembled, StartError> {
    let parts = parts_of(settings.service);
    let state = state_of(settings, store, clock, ids)?;
    (parts.seed)(state.clone())
        .await
        .map_err(StartError::Seed)?;
    let mut tasks = (parts.tasks)(&state);
    tasks.push(relay::task());
    Ok(Assembled {
        router: router_of(&parts, &state),
        state,
        tasks,
    })
}

fn parts_of(service: ServiceName) -> Parts {
    match service {
        ServiceName::User => users::PARTS,
        ServiceName::Cart => carts::PARTS,
        ServiceName::Order => orders::PARTS,
        ServiceName::Inventory => inventory::PARTS,
        ServiceName::Payment => payments::PARTS,
        ServiceName::Notification => notifications::PARTS,
    }
}

fn state_of(
    settings: Settings,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> Result<AppState, StartError> {
    let tokens = Tokens::new(&settings.jwt_secret, clock.clone());
    let gateway_url = settings.gateway_url.as_deref();
    let gateway = Gateway::new(gateway_url, settings.service, tokens.clone(), ids.clone());
    let redis = settings.redis_url.as_deref().map(RedisClient::open);
    Ok(AppState {
        redis: redis.transpose()?,
        settings: Arc::new(settings),
        store,
        clock,
        ids,
        tokens,
        gateway,
        wake: Wake::new(),
    })
}

fn router_of(parts: &Parts, state: &AppState) -> Router {
    let frame = openapi::frame(state.settings.service, parts.about);
    let documented = OpenApiRouter::with_openapi(frame).merge((parts.routes)());
    let (router, document) = documented.split_for_parts();
    let document = Bytes::from(document.to_json().unwrap_or_default());
    let show = move || {
        let document = document.clone();
        async move { ([(CONTENT_TYPE, "application/json")], document) }
    };
    router
        .route("/openapi.json", get(show))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(from_fn_with_state(state.clone(), error::write_errors))
        .layer(from_fn_with_state(state.clone(), trace::follow))
        .with_state(state.clone())
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::Value;

    use super::*;
    use crate::settings::Secret;
    use crate::testing::on_memory;

    #[tokio::test]
    async fn unknown_paths_and_methods_are_refused_in_the_common_form() {
        for service in ServiceName::ALL {
            let shop = on_memory(service).await;
            let missing = shop.get("/nothing/here", "").await;
            assert_eq!(
                (missing.status, &missing.body["path"]),
                (404, &"/nothing/here".into())
            );
            assert_eq!(missing.headers["x-trace-id"].len(), 32);
            let refused = shop.send(Method::PUT, "/openapi.json", "", None).await;
            assert_eq!(
                (refused.status, &refused.body["status"]),
                (405, &405.into())
            );
        }
    }

    #[tokio::test]
    async fn the_document_tells_every_status_of_an_endpoint() {
        let shop = on_memory(ServiceName::User).await;
        let document = shop.get("/openapi.json", "").await.body;
        assert!(
            document["openapi"]
                .as_str()
                .is_some_and(|version| version.starts_with("3.1"))
        );
        let responses = &document["paths"]["/api/users/{id}"]["get"]["responses"];
        let statuses: Vec<_> = responses.as_object().unwrap().keys().cloned().collect();
        assert_eq!(statuses, ["200", "400", "401", "403", "404", "503"]);
        assert!(document["components"]["schemas"]["ErrorBody"].is_object());
        assert_ne!(
            document["components"]["schemas"]["Registration"],
            Value::Null
        );
    }

    #[tokio::test]
    async fn an_instance_starts_serves_and_stops() {
        let settings = Settings::new(ServiceName::User, Secret::new("0123456789abcdef"));
        let commerce = Commerce::start(settings).await.unwrap();
        drop(commerce.router());
        commerce.stop().await;
    }
}
