//! Models: loading, checking and scoring.
