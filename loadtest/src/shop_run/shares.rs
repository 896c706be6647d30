//! What the degraded instance got from each policy.

use std::net::SocketAddr;

use serde::Serialize;

use crate::journeys::{HostReport, Report, Step};
use crate::processes::ask::sum_of;
use crate::shop_run::config::{cart_cluster, host};
use crate::shop_run::setting::CART_POLICIES;

/// The carts of the shoppers of one policy.
#[derive(Clone, Debug, Serialize)]
pub struct Share {
    /// The policy.
    pub policy: &'static str,
    /// Requests that the cart cluster answered, retries included.
    pub requests: u64,
    /// Those of them that the degraded instance got.
    pub to_degraded: u64,
    /// Of requests that put something into a cart, in ms.
    pub add_p50_ms: f64,
    /// Of requests that put something into a cart, in ms.
    pub add_p99_ms: f64,
    /// Orders of these shoppers.
    pub placed: u64,
}

impl Share {
    /// 0 to 1; 0 when there were no requests.
    pub fn degraded(&self) -> f64 {
        match self.requests {
            0 => 0.0,
            requests => self.to_degraded as f64 / requests as f64,
        }
    }
}

/// What changed from one look at the proxy's metrics to a later one, for each policy.
pub(crate) fn shares(
    before: &str,
    after: &str,
    degraded: SocketAddr,
    report: &Report,
) -> Vec<Share> {
    let of_policy = |&policy: &&'static str| {
        let cluster = format!("cluster=\"{}\"", cart_cluster(policy));
        let endpoint = format!("endpoint=\"{degraded}\"");
        let since = |labels: &[&str]| {
            let sum = |metrics| sum_of(metrics, "lb_upstream_requests_total", labels);
            (sum(after) - sum(before)).max(0.0) as u64
        };
        let host = host(policy);
        let of_host = report.hosts.iter().find(|seen| seen.host == host);
        let add = of_host.and_then(added);
        Share {
            policy,
            requests: since(&[&cluster]),
            to_degraded: since(&[&cluster, &endpoint]),
            add_p50_ms: add.map_or(0.0, |ms| ms.0),
            add_p99_ms: add.map_or(0.0, |ms| ms.1),
            placed: of_host.map_or(0, |host| host.placed),
        }
    };
    CART_POLICIES.iter().map(of_policy).collect()
}

/// p50 and p99 in ms of what shoppers put into their carts.
fn added(host: &HostReport) -> Option<(f64, f64)> {
    let step = host.steps.iter().find(|step| step.step == Step::Add)?;
    let ms = &step.requests.latency_ms;
    Some((ms.p50, ms.p99))
}
