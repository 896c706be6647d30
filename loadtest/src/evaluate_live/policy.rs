//! The policies that can be evaluated, by name, and how the proxy's configuration writes them.

use std::path::Path;
use std::str::FromStr;

use loadtest::processes::config_text;
use serde_json::{Value, json};

/// The policy on trial.
pub(crate) const LEARNED: Policy = Policy(0);
/// The hand-written policy that the gates name.
pub(crate) const PEAK_EWMA: Policy = Policy(1);

/// A policy, as a place in [`ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Policy(usize);

/// Why a list of policies was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum BadPolicies {
    #[error("unknown policy {name:?}; known: {known}")]
    Unknown { name: String, known: String },
    #[error("{0} is listed twice")]
    Twice(&'static str),
}

/// Policies to compare, each once.
#[derive(Clone, Debug)]
pub(crate) struct Policies(Vec<Policy>);

struct Entry {
    /// Name in options, reports and the proxy's routes.
    name: &'static str,
    /// Label in reports of the simulator.
    label: &'static str,
    /// What the proxy's configuration says beside the model.
    settings: fn() -> Value,
}

/// A policy that is called the same everywhere and has no settings of its own.
macro_rules! plain {
    ($name:literal) => {
        Entry {
            name: $name,
            label: $name,
            settings: || json!({ "type": $name }),
        }
    };
}

const ALL: [Entry; 11] = [
    Entry {
        name: "learned",
        label: "onnx",
        settings: || json!({ "type": "onnx" }),
    },
    plain!("peak_ewma"),
    plain!("least_request"),
    Entry {
        name: "least_request_all",
        label: "least_request:choices=all",
        settings: || json!({ "type": "least_request", "choices": "all" }),
    },
    plain!("shortest_expected_delay"),
    plain!("c3"),
    // As published C3 ignores errors, and falls for whoever fails fast.
    Entry {
        name: "c3_with_errors",
        label: "c3:error_factor=100",
        settings: || json!({ "type": "c3", "error_factor": 100 }),
    },
    plain!("prequal"),
    plain!("client_side_weighted_round_robin"),
    plain!("round_robin"),
    plain!("random"),
];

impl Policy {
    /// Its name in options, reports and the proxy's routes.
    pub(crate) fn name(self) -> &'static str {
        ALL[self.0].name
    }

    /// The `policy` of a cluster; only the learned one has a model. Everything else is as shipped,
    /// guardrails and exploration included.
    pub(crate) fn settings(self, model: &Path) -> Value {
        let mut settings = (ALL[self.0].settings)();
        if self == LEARNED {
            settings["model"] = config_text(&model.display().to_string()).into();
        }
        settings
    }
}

impl Policies {
    /// Every policy that there is.
    pub(crate) fn all() -> Self {
        Policies((0..ALL.len()).map(Policy).collect())
    }

    pub(crate) fn as_slice(&self) -> &[Policy] {
        &self.0
    }
}

impl FromStr for Policies {
    type Err = BadPolicies;

    fn from_str(text: &str) -> Result<Self, BadPolicies> {
        if text == "all" {
            return Ok(Policies::all());
        }
        let mut policies = Vec::new();
        for name in text.split(',').map(str::trim) {
            let policy = find(name)?;
            if policies.contains(&policy) {
                return Err(BadPolicies::Twice(policy.name()));
            }
            policies.push(policy);
        }
        Ok(Policies(policies))
    }
}

/// The policy of that name.
pub(crate) fn find(name: &str) -> Result<Policy, BadPolicies> {
    let place = ALL.iter().position(|entry| entry.name == name);
    place.map(Policy).ok_or_else(|| BadPolicies::Unknown {
        name: name.to_owned(),
        known: ALL.map(|entry| entry.name).join(", "),
    })
}

/// The policy with that label in reports of the simulator, where the learned one may be followed by
/// its model.
pub(crate) fn labelled(label: &str) -> Option<Policy> {
    let (kind, _model) = label.split_once(":model=").unwrap_or((label, ""));
    ALL.iter().position(|entry| entry.label == kind).map(Policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_policies_are_where_they_are_said_to_be() {
        assert_eq!(LEARNED.name(), "learned");
        assert_eq!(PEAK_EWMA.name(), "peak_ewma");
    }

    #[test]
    fn a_list_keeps_its_order_and_all_means_every_one() {
        let listed: Policies = "random, learned".parse().unwrap();
        let names: Vec<_> = listed.as_slice().iter().map(|p| p.name()).collect();
        assert_eq!(names, ["random", "learned"]);
        let all: Policies = "all".parse().unwrap();
        assert_eq!(all.as_slice().len(), ALL.len());
    }

    #[test]
    fn unknown_and_repeated_names_are_refused() {
        let error = "learned,best".parse::<Policies>().unwrap_err().to_string();
        assert!(
            error.contains("\"best\"") && error.contains("peak_ewma"),
            "{error}"
        );
        assert_eq!(
            "c3,c3".parse::<Policies>().unwrap_err(),
            BadPolicies::Twice("c3")
        );
        assert!("".parse::<Policies>().is_err());
    }

    #[test]
    fn labels_of_the_simulator_are_understood() {
        let name = |label| labelled(label).map(Policy::name);
        assert_eq!(name("onnx:model=default"), Some("learned"));
        assert_eq!(name("least_request:choices=all"), Some("least_request_all"));
        assert_eq!(name("c3:error_factor=100"), Some("c3_with_errors"));
        assert_eq!(name("oracle"), None);
    }

    #[test]
    fn settings_are_those_of_the_proxys_configuration() {
        let settings = |name| find(name).unwrap().settings(Path::new("models/a$b"));
        assert_eq!(settings("c3"), json!({ "type": "c3" }));
        assert_eq!(
            settings("least_request_all"),
            json!({ "type": "least_request", "choices": "all" })
        );
        assert_eq!(
            settings("learned"),
            json!({ "type": "onnx", "model": "models/a$$b" })
        );
    }
}
