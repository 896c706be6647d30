//! Commerce services with real queueing, faults on demand, load reports and registration in Redis;
//! what they answer is static, or in shop mode the work of the real service.
//!
//! A module uses only modules above its own line.

mod duration_text;
mod service;
mod timestamp;

mod service_time;

mod route_time;

mod faults;
mod gate;
mod load;
mod metrics;
mod shop;

mod guard;
mod settings;

mod instance;

mod keeper;
mod strain;

mod server;

mod registry;

mod mock;

pub use commerce::{Admin, Secret, StoreAt};
pub use duration_text::{BadDuration, parse_duration};
pub use faults::{Active, BadFault, Fault, Order};
pub use metrics::Counts;
pub use mock::{Mock, Running, StartError};
pub use route_time::{BadRouteTime, RouteTime};
pub use service::{Service, UnknownService};
pub use service_time::{BadServiceTime, ServiceTime};
pub use settings::{BadSetting, RegistrySettings, Settings};
pub use shop::ShopSettings;
