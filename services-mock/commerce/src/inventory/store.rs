//! SQL of `inventory-service`.
