//! A thing to reach, and what a report says of it.

use crate::evaluation::{Estimate, FamilyResults};

/// One thing to reach.
#[derive(Clone, Debug)]
pub struct Gate {
    /// What is measured.
    pub title: &'static str,
    /// Unit of the figures, empty for ratios.
    pub unit: &'static str,
    /// Whether a larger figure is the better.
    pub larger_is_better: bool,
    /// The limit that must be kept.
    pub gate: f64,
    /// The limit to aim at; `None` where there is no more to want.
    pub goal: Option<f64>,
}

/// What a report says of a gate.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The gate.
    pub gate: Gate,
    /// Each family's figure, or one figure without a name, worst first.
    pub measures: Vec<Measure>,
    /// What was to be measured and is not in the report.
    pub lacking: Vec<String>,
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Measure {
    /// The family, empty for a figure over all.
    pub name: String,
    /// The figure that is held against the gate.
    pub estimate: Estimate,
    /// The figure that is held against the goal, most often the same.
    pub for_goal: f64,
}

impl Verdict {
    /// What was measured, put in order.
    pub(super) fn new(gate: Gate, mut measures: Vec<Measure>, lacking: Vec<String>) -> Self {
        measures.sort_by(|a, b| b.estimate.value.total_cmp(&a.estimate.value));
        if gate.larger_is_better {
            measures.reverse();
        }
        Self {
            gate,
            measures,
            lacking,
        }
    }

    /// Whether everything was measured and keeps the gate.
    pub fn gate_met(&self) -> bool {
        self.is_whole() && self.failing().next().is_none()
    }

    /// Whether everything was measured and reaches the goal; `None` without one.
    pub fn goal_met(&self) -> Option<bool> {
        let goal = self.gate.goal?;
        let mut measures = self.measures.iter();
        Some(self.is_whole() && measures.all(|m| self.gate.keeps(m.for_goal, goal)))
    }

    /// The figures that do not keep the gate.
    pub fn failing(&self) -> impl Iterator<Item = &Measure> {
        let gate = &self.gate;
        let measures = self.measures.iter();
        measures.filter(|measure| !gate.keeps(measure.estimate.value, gate.gate))
    }

    fn is_whole(&self) -> bool {
        self.lacking.is_empty() && !self.measures.is_empty()
    }
}

impl Gate {
    fn keeps(&self, value: f64, limit: f64) -> bool {
        if self.larger_is_better {
            value >= limit
        } else {
            value <= limit
        }
    }

    /// A ratio that should be low.
    pub(super) const fn ratio(title: &'static str, gate: f64, goal: f64) -> Self {
        Self {
            title,
            unit: "",
            larger_is_better: false,
            gate,
            goal: Some(goal),
        }
    }
}

impl Measure {
    /// A family's figure that is held against gate and goal.
    pub(super) fn of(family: &FamilyResults, estimate: Estimate) -> Self {
        Self {
            name: family.family.name.clone(),
            estimate,
            for_goal: estimate.value,
        }
    }

    /// A figure over all.
    pub(super) fn over_all(estimate: Estimate) -> Self {
        Self {
            name: String::new(),
            estimate,
            for_goal: estimate.value,
        }
    }
}
