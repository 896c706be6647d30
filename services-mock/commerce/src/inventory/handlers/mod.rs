//! The endpoints of `inventory-service`.

pub(super) mod audit;
pub(super) mod items;
pub(super) mod products;
pub(super) mod reservations;

use crate::auth::Role;

/// Who may change stock and see what it is held for.
const STAFF: [Role; 2] = [Role::Service, Role::Admin];
