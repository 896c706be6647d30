//! SQL of `notification-service`.
