//! The page that a browser gets: clusters and endpoints, refreshed each second.

/// Paths, told to whoever asks for another one.
pub(super) const PATHS: &str = "not found; there is / /live /ready /metrics /config_dump /clusters /policy /policy/decisions, \
                                and by POST /reload /reopen_logs\n";

/// Text content is set with `textContent` only: names from a registry are not to be trusted.
pub(super) const PAGE: &str = include_str!("page.html");
