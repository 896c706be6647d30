//! The choice of a policy and its settings.

use super::{
    Policy,
    c3::C3,
    choices::Choices,
    client_side_weighted_round_robin::ClientSideWeightedRoundRobin,
    least_request::{LeastRequest, LoadSource},
    peak_ewma::{self, PeakEwma},
    prequal::Prequal,
    prequal_probing::PrequalProbing,
    random::Random,
    ring_hash::RingHash,
    round_robin::RoundRobin,
    shortest_expected_delay::ShortestExpectedDelay,
};

/// A policy that needs no model. The learned one is [`Onnx`](super::Onnx).
///
/// Where there is an `error_factor`, a cost is multiplied by `1 + error_factor * recent error
/// rate`; 0 leaves errors out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PolicyConfig {
    /// Smooth weighted round robin.
    RoundRobin,
    /// Weighted random.
    Random,
    /// Fewest requests in flight for the weight.
    LeastRequest {
        /// How many candidates are compared.
        choices: Choices,
        /// Whose requests in flight count.
        load: LoadSource,
        /// Factor for errors.
        error_factor: f32,
    },
    /// Peak-sensitive latency times queue times error factor.
    PeakEwma {
        /// How many candidates are compared.
        choices: Choices,
        /// Factor for errors.
        error_factor: f32,
    },
    /// Prequal's hot-cold rule over the load that comes with responses.
    Prequal {
        /// Quantile of the load, from 0 to 1, above which a candidate is hot.
        quantile: f32,
    },
    /// Prequal with probes, which somebody has to send ([`Policy::probing`]).
    PrequalProbing {
        /// Candidates asked for each request, from 0 to 16.
        probes_per_request: f32,
        /// Quantile of the load, from 0 to 1, above which a candidate is hot.
        quantile: f32,
        /// How often one answer may be used, at least 1.
        max_reuse: u32,
        /// Answers kept, from 2 to 128.
        pool: usize,
    },
    /// C3.
    C3 {
        /// How many balancers send to the same endpoints, this one included.
        balancers: u32,
        /// Factor for errors.
        error_factor: f32,
    },
    /// Weighted round robin by weights from load reports.
    ClientSideWeightedRoundRobin,
    /// Latency per request in flight times the queue, with factors for errors and silence.
    ShortestExpectedDelay,
    /// Consistent hashing of the affinity key.
    RingHash,
}

impl PolicyConfig {
    /// `least_request` with its default: own requests of two random candidates.
    pub const LEAST_REQUEST: Self = Self::LeastRequest {
        choices: Choices::TWO,
        load: LoadSource::Own,
        error_factor: 0.0,
    };
    /// `peak_ewma` with its default: all candidates, errors counted 20 fold.
    pub const PEAK_EWMA: Self = Self::PeakEwma {
        choices: Choices::All,
        error_factor: peak_ewma::ERROR_FACTOR,
    };
    /// `prequal` with its default: the study's best for small clusters.
    pub const PREQUAL: Self = Self::Prequal { quantile: 0.4 };
    /// Prequal with probes as the study tuned it for small clusters. The paper's own settings
    /// are a quantile of 0.84 and more reuse.
    pub const PREQUAL_PROBING: Self = Self::PrequalProbing {
        probes_per_request: 3.0,
        quantile: 0.4,
        max_reuse: 3,
        pool: 16,
    };
    /// `c3` with its default.
    pub const C3: Self = Self::C3 {
        balancers: 1,
        error_factor: 0.0,
    };
}

/// Builds a policy.
pub fn build(config: &PolicyConfig) -> Box<dyn Policy> {
    match *config {
        PolicyConfig::RoundRobin => Box::new(RoundRobin::default()),
        PolicyConfig::Random => Box::new(Random),
        PolicyConfig::LeastRequest {
            choices,
            load,
            error_factor,
        } => Box::new(LeastRequest::new(choices, load, error_factor)),
        PolicyConfig::PeakEwma {
            choices,
            error_factor,
        } => Box::new(PeakEwma::new(choices, error_factor)),
        PolicyConfig::Prequal { quantile } => Box::new(Prequal::new(quantile)),
        PolicyConfig::PrequalProbing {
            probes_per_request,
            quantile,
            max_reuse,
            pool,
        } => Box::new(PrequalProbing::new(
            probes_per_request,
            quantile,
            max_reuse,
            pool,
        )),
        PolicyConfig::C3 {
            balancers,
            error_factor,
        } => Box::new(C3::new(balancers, error_factor)),
        PolicyConfig::ClientSideWeightedRoundRobin => {
            Box::new(ClientSideWeightedRoundRobin::default())
        }
        PolicyConfig::ShortestExpectedDelay => Box::new(ShortestExpectedDelay),
        PolicyConfig::RingHash => Box::new(RingHash),
    }
}
