//! One service over a fresh store, asked without a socket.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use super::{FakeGateway, database_url};
use crate::auth::{Caller, Role, Tokens, USER_TOKEN_MS};
use crate::clock::Clock;
use crate::events::{self, Event};
use crate::ids::Ids;
use crate::service::{self, Assembled};
use crate::settings::{Secret, ServiceName, Settings, StoreAt};
use crate::state::AppState;

/// Where the clock of a test stands at first: 2026-01-01T00:00.
pub const START_MS: i64 = 1_767_225_600_000;
const SEED: u64 = 42;
/// bcrypt's lowest.
const COST: u32 = 4;
/// Background work that is not done after so many rounds never is.
const MOST_ROUNDS: u32 = 1000;

/// The kinds of store that every service must work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// In the process.
    Memory,
    /// SQLite in a temporary folder.
    Sqlite,
    /// A database of its own on a real server.
    Postgres,
}

/// One instance of a service; its background tasks run when the test says so.
#[derive(Debug)]
pub struct Shop {
    kind: StoreKind,
    assembled: Assembled,
    folder: Option<Arc<TempDir>>,
}

/// An answer, its body read as JSON; `null` when it has none.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Value,
}

/// Runs the test body on each kind of store, one after the other.
pub async fn on_each_store(service: ServiceName, body: impl AsyncFn(Shop)) {
    on_each_store_with(service, |_| {}, body).await;
}

/// The same with changed settings.
pub async fn on_each_store_with(
    service: ServiceName,
    change: impl Fn(&mut Settings),
    body: impl AsyncFn(Shop),
) {
    for kind in [StoreKind::Memory, StoreKind::Sqlite, StoreKind::Postgres] {
        // Captured and shown only when the test fails: tells on which store.
        eprintln!("on {kind:?}");
        body(Shop::start(kind, service, &change).await).await;
    }
}

/// A service over memory, without other services.
pub async fn on_memory(service: ServiceName) -> Shop {
    Shop::start(StoreKind::Memory, service, |_| {}).await
}

/// A service over memory whose calls of other services go to the fake.
pub async fn shop_behind(service: ServiceName, gateway: &FakeGateway) -> Shop {
    let url = gateway.url();
    Shop::start(StoreKind::Memory, service, |settings| {
        settings.gateway_url = Some(url);
    })
    .await
}

impl Shop {
    /// A first instance over a fresh store.
    pub async fn start(
        kind: StoreKind,
        service: ServiceName,
        change: impl FnOnce(&mut Settings),
    ) -> Shop {
        let mut settings = Settings::new(service, test_secret());
        settings.bcrypt_cost = COST;
        let mut folder = None;
        settings.store = match kind {
            StoreKind::Memory => StoreAt::Memory,
            StoreKind::Postgres => StoreAt::Postgres(database_url().await),
            StoreKind::Sqlite => {
                let fresh = Arc::new(tempfile::tempdir().expect("a folder"));
                let place = fresh.path().to_owned();
                folder = Some(fresh);
                StoreAt::Folder(place)
            }
        };
        change(&mut settings);
        let store = service::open(&settings).await.expect("the store opens");
        let (clock, ids) = (Clock::manual(START_MS), Ids::seeded(SEED));
        let assembled = service::assemble(settings, store, clock, ids).await;
        Shop {
            kind,
            assembled: assembled.expect("the service starts"),
            folder,
        }
    }

    /// Another instance with the same state and clock, as after a restart or beside this one.
    pub async fn another(&self) -> Shop {
        let state = self.state();
        let mut settings = Settings::clone(&state.settings);
        settings.instance.push_str("-more");
        let store = match self.kind {
            StoreKind::Memory => state.store.clone(),
            _ => service::open(&settings).await.expect("the store opens"),
        };
        let (clock, ids) = (state.clock.clone(), Ids::seeded(SEED + 1));
        let assembled = service::assemble(settings, store, clock, ids).await;
        Shop {
            kind: self.kind,
            assembled: assembled.expect("the service starts"),
            folder: self.folder.clone(),
        }
    }

    /// What handlers and tasks work with.
    pub(crate) fn state(&self) -> &AppState {
        &self.assembled.state
    }

    /// The service itself, to be mounted in a [`FakeGateway`].
    pub fn router(&self) -> Router {
        self.assembled.router.clone()
    }

    /// The clock, which stands still unless it is moved.
    pub fn clock(&self) -> &Clock {
        &self.state().clock
    }

    /// Runs all background tasks in turn until none has anything left to do; whether every round
    /// succeeded. A failing round is not repeated.
    pub async fn run_tasks(&self) -> bool {
        let mut all_well = true;
        for task in &self.assembled.tasks {
            let mut rounds = 0;
            loop {
                match task.round(self.state()).await {
                    Ok(true) if rounds < MOST_ROUNDS => rounds += 1,
                    Ok(true) => panic!("task {} never ends", task.name()),
                    Ok(false) => break,
                    Err(error) => {
                        eprintln!("task {} failed: {error}", task.name());
                        all_well = false;
                        break;
                    }
                }
            }
        }
        all_well
    }

    /// All events in the outbox, told or not, in their order.
    pub async fn events(&self) -> Vec<Event> {
        let rows = sqlx::query("SELECT * FROM outbox ORDER BY id")
            .fetch_all(self.state().store.pool())
            .await
            .expect("the outbox");
        let service = self.state().settings.service;
        let read = rows.iter().map(|row| events::from_row(row, service));
        read.map(|event| event.expect("an event").1).collect()
    }

    /// Asks with GET; an empty token sends none.
    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(Method::GET, path, token, None).await
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.send(Method::POST, path, token, Some(body)).await
    }

    /// Puts JSON.
    pub async fn put(&self, path: &str, token: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, token, Some(body)).await
    }

    /// Deletes.
    pub async fn delete(&self, path: &str, token: &str) -> Answer {
        self.send(Method::DELETE, path, token, None).await
    }

    /// Posts JSON with an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, token: &str, key: &str, body: Value) -> Answer {
        let mut request = request(Method::POST, path, token, Some(body));
        let key = key.parse().expect("a header value");
        request.headers_mut().insert("Idempotency-Key", key);
        self.ask(request).await
    }

    /// Any method, with or without a body.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Answer {
        self.ask(request(method, path, token, body)).await
    }

    /// Any request.
    pub async fn ask(&self, request: Request<Body>) -> Answer {
        let answer = self.router().oneshot(request).await;
        let (head, body) = answer.expect("a router always answers").into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: match body.is_empty() {
                true => Value::Null,
                false => serde_json::from_slice(&body).unwrap_or_else(|_| text()),
            },
        }
    }

    /// A token of the user with this number, `user<number>@example.com`.
    pub fn user_token(&self, user_id: i64) -> String {
        self.token(user_id, vec![Role::User])
    }

    /// A token of an administrator, number 1.
    pub fn admin_token(&self) -> String {
        self.token(1, vec![Role::User, Role::Admin])
    }

    /// A token of another service.
    pub fn service_token(&self) -> String {
        let token = self.tokens().mint_for_service("test-service");
        token.expect("a token").reveal().to_owned()
    }

    fn token(&self, user_id: i64, roles: Vec<Role>) -> String {
        let email = format!("user{user_id}@example.com");
        let caller = Caller {
            user_id,
            email,
            roles,
        };
        let token = self.tokens().mint(&caller, USER_TOKEN_MS);
        token.expect("a token").reveal().to_owned()
    }

    fn tokens(&self) -> &Tokens {
        &self.state().tokens
    }
}

/// The secret of all services in tests, so that they take each other's tokens.
fn test_secret() -> Secret {
    Secret::new("a secret for tests, known to everybody")
}

fn request(method: Method, path: &str, token: &str, body: Option<Value>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let body = match body {
        None => Body::empty(),
        Some(body) => {
            request = request.header(CONTENT_TYPE, "application/json");
            Body::from(body.to_string())
        }
    };
    request.body(body).expect("a request")
}
