//! The real service behind an instance in shop mode: its settings, its router, whether its store
//! answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use commerce::{
    Admin, Caller, Clock, Commerce, Role, Secret, ServiceName, StartError, StoreAt, Tokens,
};
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use tower::ServiceExt;

use crate::service::Service;

/// How all services of a shop are run; what differs between instances is in [`crate::Settings`].
#[derive(Clone, Debug)]
pub struct ShopSettings {
    /// Where the state lives.
    pub store: StoreAt,
    /// Signs and checks tokens; the same for all services. At least 32 bytes.
    pub jwt_secret: Secret,
    /// Cost of password hashes, 4 to 31.
    pub bcrypt_cost: u32,
    /// The administrator that user-service makes when it is missing.
    pub admin: Option<Admin>,
    /// `http://host:port` of the load balancer, the way to the other services.
    pub gateway_url: Option<String>,
    /// Redis for carts and events; both are embedded without.
    pub redis_url: Option<String>,
    /// `smtp://host:port` for e-mail; without it e-mail is recorded only.
    pub smtp_url: Option<String>,
    /// Signs webhooks; without it none are sent.
    pub webhook_secret: Option<Secret>,
    /// Where payment webhooks go.
    pub webhook_url: Option<String>,
}

/// A text that could be guessed is worse than none.
pub(crate) const SHORTEST_SECRET: usize = 32;
/// A store that does not answer for so long counts as out of reach.
const PROBE_LIMIT: Duration = Duration::from_secs(3);
const PROBE_TOKEN_MS: i64 = 60_000;

impl ShopSettings {
    /// State in memory, no other service in reach, bcrypt's default cost.
    pub fn new(jwt_secret: Secret) -> Self {
        let defaults = commerce::Settings::new(ServiceName::User, jwt_secret);
        ShopSettings {
            store: defaults.store,
            jwt_secret: defaults.jwt_secret,
            bcrypt_cost: defaults.bcrypt_cost,
            admin: None,
            gateway_url: None,
            redis_url: None,
            smtp_url: None,
            webhook_secret: None,
            webhook_url: None,
        }
    }

    fn of_instance(&self, service: Service, name: &str) -> commerce::Settings {
        let shop = self.clone();
        commerce::Settings {
            service: name_of(service),
            instance: name.to_owned(),
            store: shop.store,
            jwt_secret: shop.jwt_secret,
            bcrypt_cost: shop.bcrypt_cost,
            admin: shop.admin,
            gateway_url: shop.gateway_url,
            redis_url: shop.redis_url,
            smtp_url: shop.smtp_url,
            webhook_secret: shop.webhook_secret,
            webhook_url: shop.webhook_url,
        }
    }
}

fn name_of(service: Service) -> ServiceName {
    match service {
        Service::User => ServiceName::User,
        Service::Cart => ServiceName::Cart,
        Service::Order => ServiceName::Order,
        Service::Inventory => ServiceName::Inventory,
        Service::Payment => ServiceName::Payment,
        Service::Notification => ServiceName::Notification,
    }
}

/// The service as the handlers of its instance see it; there is no router while it plays dead.
#[derive(Debug)]
pub(crate) struct Shop {
    settings: commerce::Settings,
    tokens: Tokens,
    router: RwLock<Option<Router>>,
    store_answers: AtomicBool,
}

impl Shop {
    /// Prepares a service that [`Shop::open`] then starts.
    pub(crate) fn new(settings: &ShopSettings, service: Service, name: &str) -> Self {
        Shop {
            settings: settings.of_instance(service, name),
            tokens: Tokens::new(&settings.jwt_secret, Clock::System),
            router: RwLock::new(None),
            store_answers: AtomicBool::new(false),
        }
    }

    /// Starts the service with its background tasks; they end with what is returned.
    ///
    /// # Errors
    /// The store, the seed or the address of Redis.
    pub(crate) async fn open(&self) -> Result<Commerce, StartError> {
        let commerce = Commerce::start(self.settings.clone()).await?;
        self.set_router(Some(commerce.router()));
        self.store_answers.store(true, Ordering::Relaxed);
        Ok(commerce)
    }

    /// Lets go of the router and with it of the store.
    pub(crate) fn close(&self) {
        self.set_router(None);
        self.store_answers.store(false, Ordering::Relaxed);
    }

    /// The service's router; none while the service is not there.
    pub(crate) fn router(&self) -> Option<Router> {
        self.router
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Who a token proves.
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Whether the store answered when it was last asked.
    pub(crate) fn store_answers(&self) -> bool {
        self.store_answers.load(Ordering::Relaxed)
    }

    /// Asks the store, by a request of the service's own that reads it.
    pub(crate) async fn probe(&self) {
        let answers = match self.router() {
            None => false,
            Some(router) => self.reads(router).await,
        };
        if self.store_answers.swap(answers, Ordering::Relaxed) != answers {
            let state = if answers {
                "answers"
            } else {
                "does not answer"
            };
            log::warn!("{}: store {state}", self.settings.instance);
        }
    }

    async fn reads(&self, router: Router) -> bool {
        let Some(request) = self.probing_request() else {
            return false;
        };
        match tokio::time::timeout(PROBE_LIMIT, router.oneshot(request)).await {
            Ok(Ok(answer)) => answer.status() != StatusCode::SERVICE_UNAVAILABLE,
            Ok(Err(never)) => match never {},
            Err(_) => false,
        }
    }

    fn probing_request(&self) -> Option<Request<Body>> {
        let caller = Caller {
            user_id: 0,
            email: "health".to_owned(),
            // Carts ask for the one, other people's data for the others.
            roles: vec![Role::User, Role::Admin, Role::Service],
        };
        let token = self.tokens.mint(&caller, PROBE_TOKEN_MS).ok()?;
        Request::get(probing_path(self.settings.service))
            .header(AUTHORIZATION, format!("Bearer {}", token.reveal()))
            .body(Body::empty())
            .ok()
    }

    fn set_router(&self, router: Option<Router>) {
        *self.router.write().unwrap_or_else(PoisonError::into_inner) = router;
    }
}

/// Something that does not exist, so that the answer is small, and that only the store can tell.
fn probing_path(service: ServiceName) -> &'static str {
    match service {
        ServiceName::User => "/api/users/0",
        ServiceName::Cart => "/api/cart/summary",
        ServiceName::Order => "/api/orders/0",
        ServiceName::Inventory => "/api/inventory/products/none",
        ServiceName::Payment => "/api/payments/PAY-none",
        ServiceName::Notification => "/api/notifications/0",
    }
}
