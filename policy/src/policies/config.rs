//! The choice of a policy and its settings.

use super::{
    Policy, c3::C3, least_request::LeastRequest, peak_ewma::PeakEwma, prequal::Prequal,
    random::Random, ring_hash::RingHash, round_robin::RoundRobin,
};
use std::num::NonZeroUsize;

/// A policy that needs no model. The learned one is [`Onnx`](super::Onnx).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PolicyConfig {
    /// Smooth weighted round robin.
    RoundRobin,
    /// Weighted random.
    Random,
    /// Fewest own requests in flight for the weight.
    LeastRequest {
        /// How many candidates are compared.
        choices: Choices,
    },
    /// Peak-sensitive latency times queue times error factor.
    PeakEwma,
    /// Prequal's hot-cold rule over the load that comes with responses.
    Prequal {
        /// Quantile of the load, from 0 to 1, above which a candidate is hot.
        quantile: f32,
    },
    /// C3.
    C3 {
        /// How many balancers send to the same endpoints, this one included.
        balancers: u32,
    },
    /// Consistent hashing of the affinity key.
    RingHash,
}

/// How many candidates are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choices {
    /// That many, drawn at random.
    Of(NonZeroUsize),
    /// All of them.
    All,
}

impl Choices {
    /// Two choices, the default of `least_request`.
    pub const TWO: Self = Self::Of(NonZeroUsize::new(2).expect("2 is not 0"));
}

impl PolicyConfig {
    /// `least_request` with its default.
    pub const LEAST_REQUEST: Self = Self::LeastRequest {
        choices: Choices::TWO,
    };
    /// `prequal` with its default: the study's best for small clusters.
    pub const PREQUAL: Self = Self::Prequal { quantile: 0.4 };
    /// `c3` with its default.
    pub const C3: Self = Self::C3 { balancers: 1 };
}

/// Builds a policy.
pub fn build(config: &PolicyConfig) -> Box<dyn Policy> {
    match *config {
        PolicyConfig::RoundRobin => Box::new(RoundRobin::default()),
        PolicyConfig::Random => Box::new(Random),
        PolicyConfig::LeastRequest { choices } => Box::new(LeastRequest::new(choices)),
        PolicyConfig::PeakEwma => Box::new(PeakEwma),
        PolicyConfig::Prequal { quantile } => Box::new(Prequal::new(quantile)),
        PolicyConfig::C3 { balancers } => Box::new(C3::new(balancers)),
        PolicyConfig::RingHash => Box::new(RingHash),
    }
}
