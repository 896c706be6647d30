//! SQL of `payment-service`.
