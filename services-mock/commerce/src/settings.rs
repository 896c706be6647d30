//! What one instance of one service is told when it starts.

use std::fmt;
use std::path::PathBuf;

/// One of the six services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceName {
    /// `user-service`
    User,
    /// `cart-service`
    Cart,
    /// `order-service`
    Order,
    /// `inventory-service`
    Inventory,
    /// `payment-service`
    Payment,
    /// `notification-service`
    Notification,
}

impl ServiceName {
    /// All six.
    pub const ALL: [ServiceName; 6] = [
        ServiceName::User,
        ServiceName::Cart,
        ServiceName::Order,
        ServiceName::Inventory,
        ServiceName::Payment,
        ServiceName::Notification,
    ];

    /// The name in registry, routes and events, such as `user-service`.
    pub fn name(self) -> &'static str {
        match self {
            ServiceName::User => "user-service",
            ServiceName::Cart => "cart-service",
            ServiceName::Order => "order-service",
            ServiceName::Inventory => "inventory-service",
            ServiceName::Payment => "payment-service",
            ServiceName::Notification => "notification-service",
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Where the services keep their state.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreAt {
    /// In this process, gone with it; for a single instance.
    Memory,
    /// One SQLite file per service in this folder, shared by all instances on the machine.
    Folder(PathBuf),
    /// One schema per service in this PostgreSQL database.
    Postgres(String),
}

/// Shows no PostgreSQL address, which may carry a password.
impl fmt::Debug for StoreAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreAt::Memory => f.write_str("Memory"),
            StoreAt::Folder(folder) => write!(f, "Folder({})", folder.display()),
            StoreAt::Postgres(_) => f.write_str("Postgres"),
        }
    }
}

/// The account that user-service makes when it is missing.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Its e-mail address.
    pub email: String,
    /// Its password when it is made; changing it here later changes nothing.
    pub password: Secret,
}

/// Settings of one instance.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which of the six it is.
    pub service: ServiceName,
    /// The instance's name: owner of leases, consumer of streams.
    pub instance: String,
    /// Where its state lives.
    pub store: StoreAt,
    /// Shared by all services; signs and checks tokens. At least 32 bytes.
    pub jwt_secret: Secret,
    /// 4 to 31; each step doubles the work of a login.
    pub bcrypt_cost: u32,
    /// Made by user-service at its first start.
    pub admin: Option<Admin>,
    /// `http://host:port` of the load balancer, the way to the other services.
    pub gateway_url: Option<String>,
    /// `redis://…` for event streams and carts; without it both are embedded.
    pub redis_url: Option<String>,
    /// `smtp://host:port` for e-mail; without it e-mail is recorded only.
    pub smtp_url: Option<String>,
    /// Signs webhooks of payments and notifications; without it none are sent.
    pub webhook_secret: Option<Secret>,
    /// Where payment webhooks go.
    pub webhook_url: Option<String>,
}

impl Settings {
    /// State in memory, no other service in reach, passwords hashed at bcrypt's default cost.
    pub fn new(service: ServiceName, jwt_secret: Secret) -> Settings {
        const DEFAULT_COST: u32 = 12;
        Settings {
            service,
            instance: format!("{service}-1"),
            store: StoreAt::Memory,
            jwt_secret,
            bcrypt_cost: DEFAULT_COST,
            admin: None,
            gateway_url: None,
            redis_url: None,
            smtp_url: None,
            webhook_secret: None,
            webhook_url: None,
        }
    }
}
