//! Processes that a program starts around itself, the proxy and mock services, and questions to
//! them. The proxy's demo starts its own with them too.
//!
//! A module uses only modules above its own line.

pub mod ask;
mod child;

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

pub use child::Child;

/// The program given by an option, else the one of that name beside this program.
///
/// # Errors
/// When there is no such file.
pub fn program(given: Option<PathBuf>, option: &str, name: &str) -> Result<PathBuf> {
    let program = match given {
        Some(given) => given,
        None => env::current_exe()
            .context("cannot tell where this program is")?
            .with_file_name(name),
    };
    if !program.is_file() {
        bail!(
            "{} is missing; build it with `cargo build --workspace --bins`, or say {option}",
            program.display()
        );
    }
    Ok(program)
}

/// The address in a log line of the proxy, `… listening kind=proxy address=127.0.0.1:8080`; `kind`
/// is `kind=proxy` or `kind=admin`.
fn proxy_address(line: &str, kind: &str) -> Option<SocketAddr> {
    let (_, told) = line.split_once("listening ")?;
    let address = told.strip_prefix(kind)?.trim().strip_prefix("address=")?;
    address.parse().ok()
}

/// Waits for both addresses of a proxy that starts, the one that it serves on and that of its
/// admin port; they are told in the other order.
///
/// # Errors
/// As [`Child::wait_for`].
pub async fn proxy_addresses(proxy: &mut Child) -> Result<(SocketAddr, SocketAddr)> {
    let admin = proxy.wait_for(|line| proxy_address(line, "kind=admin"));
    let admin = admin.await?;
    let serving = proxy.wait_for(|line| proxy_address(line, "kind=proxy"));
    Ok((serving.await?, admin))
}

/// The address in a line of `services-mock`, `listening inventory-service api-1 127.0.0.1:40000`.
pub fn mock_address(line: &str) -> Option<SocketAddr> {
    let told = line.strip_prefix("listening ")?;
    told.split_whitespace().nth(2)?.parse().ok()
}

/// The proxy's configuration replaces `${NAME}` in any text; `$$` is a dollar sign.
pub fn config_text(text: &str) -> String {
    text.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_what_the_children_say() {
        let line = "2026-11-23T10:00:00.000Z INFO  listening kind=proxy address=127.0.0.1:8080";
        assert_eq!(
            proxy_address(line, "kind=proxy"),
            "127.0.0.1:8080".parse().ok()
        );
        assert_eq!(proxy_address(line, "kind=admin"), None);
        let line = "listening inventory-service api-1 127.0.0.1:4";
        assert_eq!(mock_address(line), "127.0.0.1:4".parse().ok());
        assert_eq!(mock_address("listening"), None);
    }

    #[test]
    fn a_missing_program_is_named_with_its_option() {
        let missing = program(Some("/nowhere/proxy".into()), "--proxy", "ai-loadbalancer");
        let error = missing.unwrap_err().to_string();
        assert!(
            error.contains("/nowhere/proxy") && error.contains("--proxy"),
            "{error}"
        );
    }
}
