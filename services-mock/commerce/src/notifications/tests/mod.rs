//! Behaviour of the whole service over its endpoints, on each store.
