//! What users want to be told, how, when and how often: for each type and channel.

pub(crate) mod rules;

pub(crate) mod store;

pub(crate) mod requests;

pub(crate) mod handlers;
