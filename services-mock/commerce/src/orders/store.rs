//! SQL of `order-service`.
