//! The policies that can be evaluated, by name, and how the proxy's configuration writes them.

use std::path::Path;
use std::str::FromStr;

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
    /// `type` in the proxy's configuration.
    kind: &'static str,
    /// `choices` of `least_request`.
    choices: Option<&'static str>,
}

const fn plain(name: &'static str) -> Entry {
    Entry {
        name,
        kind: name,
        choices: None,
    }
}

const ALL: [Entry; 8] = [
    Entry {
        name: "learned",
        kind: "onnx",
        choices: None,
    },
    plain("peak_ewma"),
    Entry {
        name: "least_request",
        kind: "least_request",
        choices: Some("2"),
    },
    Entry {
        name: "least_request_all",
        kind: "least_request",
        choices: Some("all"),
    },
    plain("c3"),
    plain("prequal"),
    plain("round_robin"),
    plain("random"),
];

impl Policy {
    /// Its name in options, reports and the proxy's routes.
    pub(crate) fn name(self) -> &'static str {
        ALL[self.0].name
    }

    /// The `policy` of a cluster; only the learned one has a model. Everything else is as shipped,
    /// guardrails and exploration included.
    pub(crate) fn settings(self, model: &Path) -> Value {
        let entry = &ALL[self.0];
        let mut settings = json!({ "type": entry.kind });
        if let Some(choices) = entry.choices {
            settings["choices"] = choices.into();
        }
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

/// The configuration replaces `${NAME}` in any text; `$$` is a dollar sign.
fn config_text(text: &str) -> String {
    text.replace('$', "$$")
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
