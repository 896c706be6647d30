//! Who competes: the policies of the proxy with any parameters, learned ones over a model, and
//! oracles that see the true state of the servers.

mod error;
mod parameters;
mod classic;
mod models;
mod learned;
mod roster;

pub use error::ContenderError;
pub use models::{ModelInfo, Models};
pub use roster::{contenders, hand_written};

use crate::simulation::{Chooser, Oracle};
use classic::Classic;
use lb_policy::{model::Scorer, policies::OnnxSettings};
use learned::Learned;
use parameters::Parameters;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Someone who chooses servers.
#[derive(Clone, Debug)]
pub struct Contender {
    label: String,
    maker: Maker,
}

/// What a contender rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A policy that somebody wrote down.
    HandWritten,
    /// A model's choice, with the guardrails of the proxy.
    Learned,
    /// It sees what no balancer can.
    Oracle,
}

#[derive(Clone, Debug)]
enum Maker {
    Classic(Classic),
    Learned(Learned),
    Oracle(Oracle),
}

impl Contender {
    /// Reads a contender written `NAME` or `NAME:KEY=VALUE,…`: a policy by the word of the
    /// proxy's configuration, `onnx` over one of `models`, `oracle` (true remaining work, speeds
    /// and health of all servers, and the work of the request), or `oracle_counts` (the same
    /// without any work). Both oracles weigh the delay of others with 1.
    ///
    /// # Errors
    /// When the name, a parameter or its value is unknown, or a model is missing.
    pub fn parse(spec: &str, models: &Models) -> Result<Self, ContenderError> {
        let mut parameters = Parameters::parse(spec)?;
        let maker = match parameters.name() {
            "oracle" => oracle(true),
            "oracle_counts" => oracle(false),
            "onnx" => Maker::Learned(Learned::read(&mut parameters, models)?),
            name => match classic::read(&mut parameters) {
                Some(classic) => Maker::Classic(classic?),
                None => {
                    return Err(ContenderError::Unknown {
                        name: name.to_owned(),
                        known: known_names(),
                    });
                }
            },
        };
        Ok(Self {
            label: parameters.finish()?,
            maker,
        })
    }

    /// A learned contender over a model that is in no folder, such as one in training.
    pub fn learned(label: &str, scorer: Arc<dyn Scorer>, settings: OnnxSettings) -> Self {
        Self {
            label: label.to_owned(),
            maker: Maker::Learned(Learned::new(scorer, settings)),
        }
    }

    /// Its written form without defaults; [`Contender::parse`] reads it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it rests on.
    pub fn kind(&self) -> Kind {
        match self.maker {
            Maker::Classic(_) => Kind::HandWritten,
            Maker::Learned(_) => Kind::Learned,
            Maker::Oracle(_) => Kind::Oracle,
        }
    }

    /// The model from a folder that it runs.
    pub fn model(&self) -> Option<&ModelInfo> {
        match &self.maker {
            Maker::Learned(learned) => learned.model(),
            Maker::Classic(_) | Maker::Oracle(_) => None,
        }
    }

    /// One chooser for each of so many balancers.
    pub fn choosers(&self, balancers: usize) -> Vec<Chooser> {
        let chooser = || match &self.maker {
            Maker::Classic(classic) => Chooser::Policy(classic.build(balancers)),
            Maker::Learned(learned) => Chooser::Policy(learned.build()),
            Maker::Oracle(oracle) => Chooser::Oracle(*oracle),
        };
        (0..balancers).map(|_| chooser()).collect()
    }
}

fn oracle(knows_work: bool) -> Maker {
    Maker::Oracle(Oracle {
        knows_work,
        inflicted: 1.0,
    })
}

fn known_names() -> String {
    let words = classic::words().chain(["onnx", "oracle", "oracle_counts"]);
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contender_is_read_again_from_its_label() {
        for spec in [
            "random",
            "least_request:choices=all",
            "oracle",
            "oracle_counts",
        ] {
            let contender = Contender::parse(spec, &Models::default()).unwrap();
            assert_eq!(contender.label(), spec);
        }
    }

    #[test]
    fn there_is_a_chooser_for_every_balancer() {
        let models = Models::default();
        let oracle = Contender::parse("oracle_counts", &models).unwrap();
        assert_eq!(oracle.kind(), Kind::Oracle);
        let choosers = oracle.choosers(3);
        assert_eq!(choosers.len(), 3);
        assert!(
            choosers
                .iter()
                .all(|chooser| matches!(chooser, Chooser::Oracle(oracle) if !oracle.knows_work))
        );
        let random = Contender::parse("random", &models).unwrap();
        assert_eq!(random.kind(), Kind::HandWritten);
        assert!(matches!(random.choosers(1)[..], [Chooser::Policy(_)]));
    }

    #[test]
    fn what_is_unknown_is_refused_by_name() {
        for (spec, reason) in [
            (
                "best",
                "policy `best` is unknown; known are round_robin, random",
            ),
            (
                "random:x=1",
                "policy `random:x=1`: x: is unknown; this policy has no parameters",
            ),
            ("oracle:x=1", "this policy has no parameters"),
            (
                "least_request:choices=3",
                "choices: `3` is not one of 2, all",
            ),
            (
                "prequal:quantile=2",
                "quantile: `2` is not a number from 0 to 1",
            ),
            ("onnx", "policy `onnx`: no model is given"),
        ] {
            let error = Contender::parse(spec, &Models::default()).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
