//! Decisions to fit to: features of the candidates, the cost that each should get, and how much
//! each counts.

use lb_policy::features::{CANDIDATE_FEATURES, CONTEXT, CONTEXT_FEATURES, FEATURES};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::Range};

/// Decisions one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Features of the candidates, row-major `[rows, FEATURES]`.
    rows: Vec<f32>,
    /// Cost that each row should get, a logarithm.
    targets: Vec<f32>,
    /// How much each row counts.
    weights: Vec<f32>,
    /// Features of the decisions, row-major `[decisions, CONTEXT]`.
    contexts: Vec<f32>,
    /// Row after the last one of each decision.
    ends: Vec<usize>,
}

/// One decision.
#[derive(Clone, Copy, Debug)]
pub struct DecisionRows<'a> {
    /// As in [`Dataset`].
    pub rows: &'a [f32],
    /// As in [`Dataset`].
    pub targets: &'a [f32],
    /// As in [`Dataset`].
    pub weights: &'a [f32],
    /// Features of the decision.
    pub context: &'a [f32],
}

/// Least and greatest value of each feature seen, candidates' first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranges(Vec<[f32; 2]>);

impl Dataset {
    /// Adds a decision.
    ///
    /// # Panics
    /// When the lengths do not fit each other.
    pub fn push(&mut self, decision: DecisionRows<'_>) {
        let candidates = decision.targets.len();
        assert_eq!(decision.rows.len(), candidates * FEATURES, "features");
        assert_eq!(decision.weights.len(), candidates, "weights");
        assert_eq!(decision.context.len(), CONTEXT, "context");
        self.rows.extend_from_slice(decision.rows);
        self.targets.extend_from_slice(decision.targets);
        self.weights.extend_from_slice(decision.weights);
        self.contexts.extend_from_slice(decision.context);
        self.ends.push(self.targets.len());
    }

    /// Number of decisions.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no decision.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The decision at `index`.
    ///
    /// # Panics
    /// When there is none.
    pub fn decision(&self, index: usize) -> DecisionRows<'_> {
        let Range { start, end } = self.range(index);
        DecisionRows {
            rows: &self.rows[start * FEATURES..end * FEATURES],
            targets: &self.targets[start..end],
            weights: &self.weights[start..end],
            context: &self.contexts[index * CONTEXT..(index + 1) * CONTEXT],
        }
    }

    /// Adds all decisions of `other`.
    pub fn append(&mut self, other: &Self) {
        let before = self.targets.len();
        self.rows.extend_from_slice(&other.rows);
        self.targets.extend_from_slice(&other.targets);
        self.weights.extend_from_slice(&other.weights);
        self.contexts.extend_from_slice(&other.contexts);
        self.ends.extend(other.ends.iter().map(|end| before + end));
    }

    /// Removes the first `count` decisions, or all when there are no more.
    pub fn remove_first(&mut self, count: usize) {
        let Some(last) = count.min(self.len()).checked_sub(1) else {
            return;
        };
        let rows = self.ends[last];
        self.rows.drain(..rows * FEATURES);
        self.targets.drain(..rows);
        self.weights.drain(..rows);
        self.contexts.drain(..(last + 1) * CONTEXT);
        self.ends.drain(..=last);
        for end in &mut self.ends {
            *end -= rows;
        }
    }

    fn range(&self, index: usize) -> Range<usize> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[index]
    }
}

impl Default for Ranges {
    fn default() -> Self {
        Self(vec![[f32::INFINITY, f32::NEG_INFINITY]; FEATURES + CONTEXT])
    }
}

impl Ranges {
    /// The ranges of `data`.
    pub fn of(data: &Dataset) -> Self {
        let mut ranges = Self::default();
        let (candidates, context) = ranges.0.split_at_mut(FEATURES);
        for row in data.rows.chunks_exact(FEATURES) {
            widen(candidates, row);
        }
        for row in data.contexts.chunks_exact(CONTEXT) {
            widen(context, row);
        }
        ranges
    }

    /// Takes in the ranges of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (range, [low, high]) in self.0.iter_mut().zip(&other.0) {
            *range = [range[0].min(*low), range[1].max(*high)];
        }
    }

    /// The ranges by the name of the feature; those of which nothing was seen are left out.
    pub fn by_name(&self) -> BTreeMap<String, [f32; 2]> {
        let features = CANDIDATE_FEATURES.iter().chain(&CONTEXT_FEATURES);
        features
            .zip(&self.0)
            .filter(|(_, [low, high])| low <= high)
            .map(|(feature, range)| (feature.name.to_owned(), *range))
            .collect()
    }
}

fn widen(ranges: &mut [[f32; 2]], row: &[f32]) {
    for (range, value) in ranges.iter_mut().zip(row) {
        *range = [range[0].min(*value), range[1].max(*value)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_sizes(sizes: &[usize]) -> Dataset {
        let mut data = Dataset::default();
        for (number, size) in sizes.iter().enumerate() {
            let value = number as f32;
            data.push(DecisionRows {
                rows: &vec![value; size * FEATURES],
                targets: &vec![value; *size],
                weights: &vec![1.0; *size],
                context: &[-value; CONTEXT],
            });
        }
        data
    }

    #[test]
    fn decisions_of_different_sizes_come_back_as_they_went_in() {
        let mut data = of_sizes(&[2, 5]);
        data.append(&of_sizes(&[1, 3]));
        assert_eq!(data.len(), 4);
        let sizes: Vec<_> = (0..4).map(|i| data.decision(i).targets.len()).collect();
        assert_eq!(sizes, [2, 5, 1, 3]);
        assert_eq!(data.decision(3).rows, vec![1.0; 3 * FEATURES]);
        assert_eq!(data.decision(3).context, [-1.0; CONTEXT]);
    }

    #[test]
    fn removing_the_first_decisions_leaves_the_others_as_they_were() {
        let mut data = of_sizes(&[2, 5, 3]);
        data.remove_first(0);
        assert_eq!(data, of_sizes(&[2, 5, 3]));
        data.remove_first(2);
        assert_eq!(data.len(), 1);
        assert_eq!(data.decision(0).rows, vec![2.0; 3 * FEATURES]);
        assert_eq!(data.decision(0).context, [-2.0; CONTEXT]);
        data.remove_first(9);
        assert_eq!(data, Dataset::default());
    }

    #[test]
    fn ranges_span_what_was_seen() {
        let mut ranges = Ranges::default();
        assert!(ranges.by_name().is_empty());
        ranges.merge(&Ranges::of(&of_sizes(&[1, 1, 1])));
        let named = ranges.by_name();
        assert_eq!(named.len(), FEATURES + CONTEXT);
        assert_eq!(named["in_flight"].to_vec(), [0.0, 2.0]);
        assert_eq!(named["candidates"].to_vec(), [-2.0, 0.0]);
    }
}
