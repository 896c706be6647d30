//! SQL of `cart-service`.
