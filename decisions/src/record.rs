//! One decision with its result.

use serde::{Deserialize, Serialize};

/// One decision of a balancer with what it knew and what came of it. An attempt that is tried
/// again elsewhere is a decision of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// When it was made, in microseconds since 1970; in a simulation since its start.
    pub time_us: i64,
    /// The request; the same for all attempts of one.
    pub request: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The cluster; in a simulation the scenario.
    pub cluster: String,
    /// Slot of the request's class (`lb_policy::request::Class::slot`).
    pub class: u32,
    /// The policy's name.
    pub policy: String,
    /// Name of the model, empty without one.
    pub model: String,
    /// Version of the model, 0 without one.
    pub model_version: u64,
    /// Feature schema of `features` and `context` (`lb_policy::features::schema_id`).
    pub schema: String,
    /// How the choice came about: `policy`, `explored`, `capped` or `fallback_<reason>`.
    pub kind: String,
    /// The endpoints compared, as `host:port`.
    pub candidates: Vec<String>,
    /// Their features, row-major [candidates, FEATURES].
    pub features: Vec<f32>,
    /// Features of the decision.
    pub context: Vec<f32>,
    /// The model's cost of each, a logarithm; empty where no model scored. Infinite where the
    /// cap on an endpoint's share kept the candidate out; JSON has no infinity and says `null`.
    #[serde(with = "infinite_as_null")]
    pub costs: Vec<f32>,
    /// What each would truly have cost, in seconds; only a simulation knows, else empty.
    #[serde(with = "infinite_as_null")]
    pub true_costs: Vec<f32>,
    /// Index into `candidates` of the chosen one.
    pub chosen: u32,
    /// Probability with which it was to be chosen.
    pub propensity: f32,
    /// Mean latency of the class as the balancer saw it, in seconds.
    pub class_mean_seconds: f32,
    /// How it ended: `success`, `server_error`, `connection_error`, `timeout` or `cancelled`.
    pub outcome: String,
    /// Status of the response, 0 without one.
    pub status: u32,
    /// Time to the response header or to the failure, in seconds.
    pub latency_seconds: f32,
}

/// A record that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Inconsistent {
    /// The field that is wrong.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl DecisionRecord {
    /// Whether every list is as long as the candidates ask for and every number makes sense.
    /// Both encodings refuse to write and to read what does not pass.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), Inconsistent> {
        let count = self.candidates.len();
        self.check_choice(count)?;
        check_lengths("costs", self.costs.len(), count)?;
        check_lengths("true_costs", self.true_costs.len(), count)?;
        if count > 0 && !self.features.len().is_multiple_of(count) {
            return Err(wrong(
                "features",
                format!("{} values for {count} candidates", self.features.len()),
            ));
        }
        check_finite("features", &self.features)?;
        check_finite("context", &self.context)?;
        check_not_nan("costs", &self.costs)?;
        check_not_nan("true_costs", &self.true_costs)?;
        check_seconds("class_mean_seconds", self.class_mean_seconds)?;
        check_seconds("latency_seconds", self.latency_seconds)
    }

    /// Number of features of one candidate.
    pub fn features_per_candidate(&self) -> usize {
        self.features
            .len()
            .checked_div(self.candidates.len())
            .unwrap_or(0)
    }

    fn check_choice(&self, count: usize) -> Result<(), Inconsistent> {
        let is_among = usize::try_from(self.chosen).is_ok_and(|chosen| chosen < count);
        if !is_among {
            let problem = format!("{} of {count} candidates", self.chosen);
            return Err(wrong("chosen", problem));
        }
        if !(self.propensity > 0.0 && self.propensity <= 1.0) {
            let problem = format!("{} is not above 0 and at most 1", self.propensity);
            return Err(wrong("propensity", problem));
        }
        Ok(())
    }
}

fn check_lengths(field: &'static str, length: usize, count: usize) -> Result<(), Inconsistent> {
    if length == 0 || length == count {
        return Ok(());
    }
    Err(wrong(
        field,
        format!("{length} values for {count} candidates"),
    ))
}

fn check_finite(field: &'static str, values: &[f32]) -> Result<(), Inconsistent> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(wrong(field, format!("{} at {at}", values[at]))),
        None => Ok(()),
    }
}

fn check_not_nan(field: &'static str, values: &[f32]) -> Result<(), Inconsistent> {
    let is_usable = |value: &f32| value.is_finite() || *value == f32::INFINITY;
    match values.iter().position(|value| !is_usable(value)) {
        Some(at) => Err(wrong(field, format!("{} at {at}", values[at]))),
        None => Ok(()),
    }
}

fn check_seconds(field: &'static str, seconds: f32) -> Result<(), Inconsistent> {
    if seconds.is_finite() && seconds >= 0.0 {
        return Ok(());
    }
    Err(wrong(field, format!("{seconds} is no time")))
}

fn wrong(field: &'static str, problem: String) -> Inconsistent {
    Inconsistent { field, problem }
}

/// JSON has no infinity: it is written as `null`.
mod infinite_as_null {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(values: &[f32], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(
            values
                .iter()
                .map(|value| value.is_finite().then_some(value)),
        )
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f32>, D::Error> {
        let values = Vec::<Option<f32>>::deserialize(from)?;
        let value = |value: Option<f32>| value.unwrap_or(f32::INFINITY);
        Ok(values.into_iter().map(value).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> DecisionRecord {
        DecisionRecord {
            candidates: vec!["a:1".into(), "b:1".into()],
            features: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            costs: vec![0.5, f32::INFINITY],
            chosen: 1,
            propensity: 0.5,
            ..DecisionRecord::default()
        }
    }

    fn refused(change: impl FnOnce(&mut DecisionRecord)) -> &'static str {
        let mut record = sound();
        change(&mut record);
        record.check().expect_err("refused").field
    }

    #[test]
    fn a_sound_record_passes_and_its_rows_have_a_width() {
        assert_eq!(sound().check(), Ok(()));
        assert_eq!(sound().features_per_candidate(), 3);
        assert_eq!(DecisionRecord::default().features_per_candidate(), 0);
    }

    #[test]
    fn what_contradicts_itself_is_refused_by_its_field() {
        assert_eq!(refused(|record| record.chosen = 2), "chosen");
        assert_eq!(refused(|record| record.propensity = 0.0), "propensity");
        assert_eq!(refused(|record| record.propensity = f32::NAN), "propensity");
        assert_eq!(refused(|record| record.features.truncate(5)), "features");
        assert_eq!(refused(|record| record.features[3] = f32::NAN), "features");
        assert_eq!(
            refused(|record| record.context = vec![f32::INFINITY]),
            "context"
        );
        assert_eq!(refused(|record| record.costs[1] = f32::NAN), "costs");
        assert_eq!(
            refused(|record| record.costs[1] = f32::NEG_INFINITY),
            "costs"
        );
        assert_eq!(
            refused(|record| record.true_costs = vec![1.0]),
            "true_costs"
        );
        assert_eq!(
            refused(|record| record.latency_seconds = -1.0),
            "latency_seconds"
        );
    }
}
