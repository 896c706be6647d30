//! Hand-written policies by the words of the proxy's configuration, with their parameters.

use super::{error::ContenderError, parameters::Parameters};
use lb_policy::policies::{Choices, Policy, PolicyConfig, build};

/// A hand-written policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Classic {
    config: PolicyConfig,
    /// Whether C3 is told the number of balancers in the scenario.
    counts_balancers: bool,
}

/// Reads the parameters of one policy.
type Reader = fn(&mut Parameters<'_>) -> Result<Classic, ContenderError>;

/// Every hand-written policy by its word.
const WORDS: [(&str, Reader); 7] = [
    ("round_robin", |_| Ok(plain(PolicyConfig::RoundRobin))),
    ("random", |_| Ok(plain(PolicyConfig::Random))),
    ("least_request", least_request),
    ("peak_ewma", |_| Ok(plain(PolicyConfig::PeakEwma))),
    ("prequal", prequal),
    ("c3", c3),
    ("ring_hash", |_| Ok(plain(PolicyConfig::RingHash))),
];

/// The words.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(word, _)| *word)
}

/// Reads a policy, or `None` when its word is none of a hand-written one.
pub(super) fn read(parameters: &mut Parameters<'_>) -> Option<Result<Classic, ContenderError>> {
    let name = parameters.name();
    let (_, reader) = WORDS.iter().find(|(word, _)| *word == name)?;
    Some(reader(parameters))
}

impl Classic {
    /// The policy for one of so many balancers.
    pub(super) fn build(self, balancers: usize) -> Box<dyn Policy> {
        let config = match self.config {
            PolicyConfig::C3 { .. } if self.counts_balancers => PolicyConfig::C3 {
                balancers: u32::try_from(balancers).unwrap_or(u32::MAX),
            },
            other => other,
        };
        build(&config)
    }
}

fn plain(config: PolicyConfig) -> Classic {
    Classic {
        config,
        counts_balancers: false,
    }
}

fn least_request(parameters: &mut Parameters<'_>) -> Result<Classic, ContenderError> {
    let choices = parameters.word("choices", &CHOICES)?;
    Ok(plain(PolicyConfig::LeastRequest { choices }))
}

const CHOICES: [(&str, Choices); 2] = [("2", Choices::TWO), ("all", Choices::All)];

fn prequal(parameters: &mut Parameters<'_>) -> Result<Classic, ContenderError> {
    let quantile = parameters.number("quantile", 0.4, 0.0..=1.0)? as f32;
    Ok(plain(PolicyConfig::Prequal { quantile }))
}

/// The proxy counts itself alone; `balancers=scenario` is C3 as published, which knows how many
/// clients there are.
fn c3(parameters: &mut Parameters<'_>) -> Result<Classic, ContenderError> {
    let words = [("own", false), ("scenario", true)];
    let counts_balancers = parameters.word("balancers", &words)?;
    Ok(Classic {
        config: PolicyConfig::C3,
        counts_balancers,
    })
}
