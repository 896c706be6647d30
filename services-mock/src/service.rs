//! The six commerce services by name, with the ports the original system used.

use std::fmt;
use std::str::FromStr;

/// One of the six commerce services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `user-service`, port 8081.
    User,
    /// `cart-service`, port 8082.
    Cart,
    /// `order-service`, port 8083.
    Order,
    /// `inventory-service`, port 8084.
    Inventory,
    /// `payment-service`, port 8085.
    Payment,
    /// `notification-service`, port 8086.
    Notification,
}

/// A name that is none of the six services.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown service {0:?}; expected one of user, cart, order, inventory, payment, notification, each with or without -service"
)]
pub struct UnknownService(String);

impl Service {
    /// All services, in the order of their ports.
    pub const ALL: [Service; 6] = [
        Service::User,
        Service::Cart,
        Service::Order,
        Service::Inventory,
        Service::Payment,
        Service::Notification,
    ];

    /// The name used in the registry and in routes, such as `user-service`.
    pub fn name(self) -> &'static str {
        match self {
            Service::User => "user-service",
            Service::Cart => "cart-service",
            Service::Order => "order-service",
            Service::Inventory => "inventory-service",
            Service::Payment => "payment-service",
            Service::Notification => "notification-service",
        }
    }

    /// The port of the original system, 8081 to 8086.
    pub fn default_port(self) -> u16 {
        match self {
            Service::User => 8081,
            Service::Cart => 8082,
            Service::Order => 8083,
            Service::Inventory => 8084,
            Service::Payment => 8085,
            Service::Notification => 8086,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Service {
    type Err = UnknownService;

    fn from_str(text: &str) -> Result<Self, UnknownService> {
        let short = text.strip_suffix("-service").unwrap_or(text);
        Service::ALL
            .into_iter()
            .find(|service| service.name().strip_suffix("-service") == Some(short))
            .ok_or_else(|| UnknownService(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_found_by_its_long_and_short_name() {
        for service in Service::ALL {
            let long = service.name();
            let short = long.trim_end_matches("-service");
            assert_eq!(long.parse::<Service>().unwrap(), service);
            assert_eq!(short.parse::<Service>().unwrap(), service);
        }
    }

    #[test]
    fn an_unknown_name_is_refused_and_named() {
        let error = "users".parse::<Service>().unwrap_err().to_string();
        assert!(error.contains("\"users\""), "{error}");
    }
}
