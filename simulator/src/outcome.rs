//! What came of one run.

/// Figures of one run over the requests that arrived after the warm-up. Times in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunResult {
    /// Requests counted.
    pub requests: u64,
    /// Requests that failed, time-outs included.
    pub errors: u64,
    /// Requests given up on.
    pub timeouts: u64,
    /// Successful responses per second.
    pub goodput: f64,
    /// Latency of successes and time-outs.
    pub latency: Latency,
    /// The same with each fast error counted as a whole time-out, so that a server that fails
    /// fast does not look fast.
    pub penalized: Latency,
    /// Share of the sampled decisions whose true cost (for the request's own work, delay
    /// inflicted on others left out) was within 10 % of the best candidate's.
    pub optimal_share: f64,
    /// Decisions made, retries included.
    pub decisions: u64,
    /// Of those, made by a learned policy's fallback.
    pub fallbacks: u64,
    /// Requests sent to each server, retries included.
    pub sent: Vec<u64>,
}

/// A latency distribution in short.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 99 % quantile.
    pub p99: f64,
    /// 99.9 % quantile.
    pub p999: f64,
    /// L1.5 norm, `(E x^1.5)^(1/1.5)`: a tail that is smooth in the policy's weights.
    pub norm: f64,
}

impl RunResult {
    /// Share of the requests that failed, 0 to 1.
    pub fn error_rate(&self) -> f64 {
        self.errors as f64 / self.requests.max(1) as f64
    }

    /// The objective J that policies are tuned by and ranked with, lower is better:
    /// `0.4 ln mean + 0.1 ln p50 + 0.3 ln p99 + 0.2 ln p99.9`, all penalised.
    pub fn objective(&self) -> f64 {
        let Latency {
            mean,
            p50,
            p99,
            p999,
            ..
        } = self.penalized;
        0.4 * mean.ln() + 0.1 * p50.ln() + 0.3 * p99.ln() + 0.2 * p999.ln()
    }

    /// The objective for search over weights, penalised: `0.3 ln mean + 0.3 ln norm + 0.4 ln p99`.
    /// The norm is smooth in the weights; without the quantile a search gives up the tail for the
    /// mean where a server pauses and is fast in between.
    pub fn search_objective(&self) -> f64 {
        let Latency {
            mean, p99, norm, ..
        } = self.penalized;
        0.3 * mean.ln() + 0.3 * norm.ln() + 0.4 * p99.ln()
    }
}
