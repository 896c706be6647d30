//! Active checks of endpoints. What their results mean is decided in `lb_policy::readiness`.

use crate::config::{HealthCheck as Settings, Probe};
use pingora::{Error, ErrorType, protocols::l4::socket::SocketAddr as PeerAddress};
use pingora_load_balancing::{
    Backend,
    health_check::{HealthCheck, HttpHealthCheck, TcpHealthCheck},
};
use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Probes one endpoint at a time; thresholds are kept per endpoint in
/// [`lb_policy::readiness::HealthState`].
pub struct Checker {
    check: Box<dyn HealthCheck + Send + Sync>,
    timeout: Duration,
}

impl Checker {
    /// A checker as configured; `default_host` goes into the Host header where none is set.
    ///
    /// # Errors
    /// When path or host cannot be put into a request.
    pub fn new(settings: &Settings, default_host: &str) -> Result<Self, Box<Error>> {
        let check: Box<dyn HealthCheck + Send + Sync> = match &settings.probe {
            Probe::Http { path, host } => Box::new(http_check(
                path,
                host.as_deref().unwrap_or(default_host),
                settings.timeout,
            )?),
            Probe::Tcp => Box::new(tcp_check(settings.timeout)),
        };
        Ok(Self {
            check,
            timeout: settings.timeout,
        })
    }

    /// Time of one successful check.
    ///
    /// # Errors
    /// A short reason: refused, timed out, or a status other than 2xx.
    pub async fn check(&self, address: SocketAddr) -> Result<Duration, String> {
        let backend = Backend {
            addr: PeerAddress::Inet(address),
            weight: 1,
            ext: http::Extensions::new(),
        };
        let started = Instant::now();
        // The limit covers the whole check: an endless body must not hold a check for ever.
        match tokio::time::timeout(self.timeout, self.check.check(&backend)).await {
            Ok(Ok(())) => Ok(started.elapsed()),
            Ok(Err(error)) => Err(reason_of(&error)),
            Err(_) => Err(format!("no answer within {:?}", self.timeout)),
        }
    }
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checker")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

fn http_check(path: &str, host: &str, timeout: Duration) -> Result<HttpHealthCheck, Box<Error>> {
    let mut check = HttpHealthCheck::new(host, false);
    check.req.set_raw_path(path.as_bytes())?;
    check
        .req
        .insert_header("user-agent", "ai-loadbalancer/health-check")?;
    check.peer_template.options.connection_timeout = Some(timeout);
    check.peer_template.options.read_timeout = Some(timeout);
    check.validator = Some(Box::new(|response| {
        if response.status.is_success() {
            return Ok(());
        }
        Error::e_explain(
            ErrorType::CustomCode("status", response.status.as_u16()),
            "not a 2xx",
        )
    }));
    Ok(check)
}

fn tcp_check(timeout: Duration) -> TcpHealthCheck {
    let mut check = TcpHealthCheck::default();
    check.peer_template.options.connection_timeout = Some(timeout);
    check
}

fn reason_of(error: &Error) -> String {
    match error.etype() {
        ErrorType::CustomCode("status", code) => format!("status {code}"),
        other => other.as_str().to_owned(),
    }
}
