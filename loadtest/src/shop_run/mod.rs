//! A run of the whole shop: several instances of each of the six services behind the proxy, shoppers
//! through it, a cart instance that is degraded, instances that are killed, and at the end the
//! question whether books and stock agree to the cent and the piece.
//!
//! A module uses only modules above its own line.

mod setting;

mod config;
mod mailbox;

mod stage;

mod audit;
mod shares;

mod outcome;

mod run;

pub use audit::{Check, Trial};
pub use outcome::Outcome;
pub use run::run;
pub use setting::{CART_POLICIES, Programs, Setting, State};
pub use shares::Share;
