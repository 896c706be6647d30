//! Who takes part: a list as written on a command line, or everyone.

use super::{Contender, error::ContenderError, models::Models, parameters::split_list};

/// Every hand-written policy in its tuned form, and in its plain form where that differs.
/// `ring_hash` is not among them: it gives up balance for affinity on purpose.
const HAND_WRITTEN: [&str; 18] = [
    "random",
    "round_robin",
    "client_side_weighted_round_robin",
    "least_request",
    "least_request:choices=all",
    "least_request:choices=all,load=reported",
    "least_request:choices=all,load=reported,error_factor=20",
    "peak_ewma:choices=2,error_factor=0",
    "peak_ewma:error_factor=0",
    "peak_ewma",
    "prequal",
    "prequal_probing",
    "prequal_probing:quantile=0.84,max_reuse=10",
    "c3",
    "c3:balancers=scenario",
    "c3:error_factor=100",
    "c3:balancers=scenario,error_factor=100",
    "shortest_expected_delay",
];

const ORACLES: [&str; 2] = ["oracle_counts", "oracle"];

/// Labels of the hand-written policies that `all` stands for.
pub fn hand_written() -> &'static [&'static str] {
    &HAND_WRITTEN
}

/// The contenders of `lists`, each once, in order. A list is written as for
/// [`Contender::parse`], separated by commas, semicolons or spaces; `all` stands for every
/// hand-written policy, the oracles and each model.
///
/// # Errors
/// When one cannot be read, or when there is none.
pub fn contenders(lists: &[String], models: &Models) -> Result<Vec<Contender>, ContenderError> {
    let mut contenders: Vec<Contender> = Vec::new();
    for spec in lists.iter().flat_map(|list| split_list(list)) {
        let specs = match spec.as_str() {
            "all" => everyone(models),
            _ => vec![spec],
        };
        for spec in specs {
            let contender = Contender::parse(&spec, models)?;
            if !contenders.iter().any(|c| c.label() == contender.label()) {
                contenders.push(contender);
            }
        }
    }
    if contenders.is_empty() {
        return Err(ContenderError::Unknown {
            name: lists.join(","),
            known: super::known_names(),
        });
    }
    Ok(contenders)
}

fn everyone(models: &Models) -> Vec<String> {
    let learned = models.names().map(|name| format!("onnx:model={name}"));
    let fixed = HAND_WRITTEN.iter().chain(&ORACLES).map(|s| (*s).to_owned());
    fixed.chain(learned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(lists: &[&str]) -> Vec<String> {
        let lists: Vec<_> = lists.iter().map(|list| (*list).to_owned()).collect();
        let contenders = contenders(&lists, &Models::default()).unwrap();
        contenders.iter().map(|c| c.label().to_owned()).collect()
    }

    #[test]
    fn all_is_every_hand_written_policy_and_the_oracles() {
        let everyone: Vec<_> = HAND_WRITTEN.iter().chain(&ORACLES).copied().collect();
        assert_eq!(labels(&["all"]), everyone, "labels are in their short form");
    }

    #[test]
    fn each_contender_takes_part_once() {
        let found = labels(&[
            "c3,least_request:choices=2",
            "least_request,c3:balancers=own",
        ]);
        assert_eq!(found, ["c3", "least_request"]);
    }

    #[test]
    fn an_empty_list_is_refused() {
        let error = contenders(&[" , ".to_owned()], &Models::default()).unwrap_err();
        assert!(error.to_string().contains("known are"), "{error}");
    }
}
