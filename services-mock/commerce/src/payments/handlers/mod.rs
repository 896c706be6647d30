//! The endpoints of `payment-service`.

pub(super) mod audit;
pub(super) mod payments;
pub(super) mod subscriptions;

use crate::auth::Role;

/// Who gives money back and sees everybody's.
const STAFF: [Role; 2] = [Role::Service, Role::Admin];
