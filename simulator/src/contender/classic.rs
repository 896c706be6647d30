//! Hand-written policies by the words of the proxy's configuration, with their parameters.

use super::{error::ContenderError, parameters::Parameters};
use lb_policy::policies::{Choices, LoadSource, Policy, PolicyConfig, build};

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
const WORDS: [(&str, Reader); 10] = [
    ("round_robin", |_| Ok(plain(PolicyConfig::RoundRobin))),
    ("random", |_| Ok(plain(PolicyConfig::Random))),
    ("least_request", least_request),
    ("peak_ewma", peak_ewma),
    ("prequal", prequal),
    ("prequal_probing", prequal_probing),
    ("c3", c3),
    ("client_side_weighted_round_robin", |_| {
        Ok(plain(PolicyConfig::ClientSideWeightedRoundRobin))
    }),
    ("shortest_expected_delay", |_| {
        Ok(plain(PolicyConfig::ShortestExpectedDelay))
    }),
    ("ring_hash", |_| Ok(plain(PolicyConfig::RingHash))),
];

/// Largest factor for errors that makes a difference.
const MOST_ERROR_FACTOR: f64 = 1e4;

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
            PolicyConfig::C3 { error_factor, .. } if self.counts_balancers => PolicyConfig::C3 {
                balancers: u32::try_from(balancers).unwrap_or(u32::MAX),
                error_factor,
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
    let choices = [("2", Choices::TWO), ("all", Choices::All)];
    let loads = [("own", LoadSource::Own), ("reported", LoadSource::Reported)];
    Ok(plain(PolicyConfig::LeastRequest {
        choices: parameters.word("choices", &choices)?,
        load: parameters.word("load", &loads)?,
        error_factor: error_factor(parameters, 0.0)?,
    }))
}

fn peak_ewma(parameters: &mut Parameters<'_>) -> Result<Classic, ContenderError> {
    let choices = [("all", Choices::All), ("2", Choices::TWO)];
    Ok(plain(PolicyConfig::PeakEwma {
        choices: parameters.word("choices", &choices)?,
        error_factor: error_factor(parameters, 20.0)?,
    }))
}

fn prequal(parameters: &mut Parameters<'_>) -> Result<Classic, ContenderError> {
    let quantile = parameters.number("quantile", 0.4, 0.0..=1.0)? as f32;
    Ok(plain(PolicyConfig::Prequal { quantile }))
}

fn prequal_probing(parameters: &mut Parameters<'_>) -> Result<Classic, ContenderError> {
    Ok(plain(PolicyConfig::PrequalProbing {
        probes_per_request: parameters.number("probes", 3.0, 0.0..=16.0)? as f32,
        quantile: parameters.number("quantile", 0.4, 0.0..=1.0)? as f32,
        max_reuse: parameters.count("max_reuse", 3, 1..=1000)?,
        pool: parameters.count("pool", 16, 2..=128)? as usize,
    }))
}

/// The proxy counts itself alone; `balancers=scenario` is C3 as published, which knows how many
/// clients there are.
fn c3(parameters: &mut Parameters<'_>) -> Result<Classic, ContenderError> {
    let balancers = [("own", false), ("scenario", true)];
    Ok(Classic {
        counts_balancers: parameters.word("balancers", &balancers)?,
        config: PolicyConfig::C3 {
            balancers: 1,
            error_factor: error_factor(parameters, 0.0)?,
        },
    })
}

fn error_factor(parameters: &mut Parameters<'_>, default: f64) -> Result<f32, ContenderError> {
    Ok(parameters.number("error_factor", default, 0.0..=MOST_ERROR_FACTOR)? as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_proxy() {
        for (word, config) in [
            ("least_request", PolicyConfig::LEAST_REQUEST),
            ("peak_ewma", PolicyConfig::PEAK_EWMA),
            ("prequal", PolicyConfig::PREQUAL),
            ("prequal_probing", PolicyConfig::PREQUAL_PROBING),
            ("c3", PolicyConfig::C3),
        ] {
            let mut parameters = Parameters::parse(word).unwrap();
            let found = read(&mut parameters).unwrap().unwrap();
            assert_eq!(found, plain(config));
            assert_eq!(parameters.finish().unwrap(), word);
        }
    }

    #[test]
    fn parameters_reach_the_policy() {
        let spec = "least_request:choices=all,load=reported,error_factor=20";
        let found = read(&mut Parameters::parse(spec).unwrap());
        let expected = PolicyConfig::LeastRequest {
            choices: Choices::All,
            load: LoadSource::Reported,
            error_factor: 20.0,
        };
        assert_eq!(found.unwrap().unwrap(), plain(expected));
    }
}
