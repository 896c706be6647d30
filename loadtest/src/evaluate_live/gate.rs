//! What the learned policy must reach, and whether it did.

use serde::Serialize;

use crate::compare::{Comparison, Ratio};
use crate::faults::Phase;
use crate::policy::PEAK_EWMA;

/// A bound on a ratio, and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Gate {
    pub(crate) phase: Phase,
    /// Against whom: a name, or the best in hindsight.
    pub(crate) against: String,
    /// The median ratio must not be above this.
    pub(crate) limit: f64,
    /// And should not be above this, where there is more to wish for.
    pub(crate) goal: Option<f64>,
    pub(crate) ratio: Ratio,
    pub(crate) verdict: Verdict,
    pub(crate) goal_met: Option<bool>,
}

/// What became of a gate. The median decides; the interval tells how surely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// The whole interval lies within the limit.
    Met,
    /// The median does, the interval reaches beyond.
    MetUncertainly,
    /// The median does not, the interval reaches within.
    MissedUncertainly,
    /// The whole interval lies beyond the limit.
    Missed,
}

const PEAK_EWMA_LIMIT: f64 = 0.97;
const PEAK_EWMA_GOAL: f64 = 0.85;
const DEGRADED_BEST_LIMIT: f64 = 1.05;
const HEALTHY_BEST_LIMIT: f64 = 1.03;

impl Verdict {
    fn of(ratio: &Ratio, limit: f64) -> Self {
        let p99 = ratio.p99;
        match (p99.median <= limit, p99.low <= limit, p99.high <= limit) {
            (true, _, true) => Verdict::Met,
            (true, _, false) => Verdict::MetUncertainly,
            (false, true, _) => Verdict::MissedUncertainly,
            (false, false, _) => Verdict::Missed,
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::MetUncertainly => "met, interval beyond",
            Verdict::MissedUncertainly => "missed, interval within",
            Verdict::Missed => "missed",
        }
    }
}

/// Every gate for which the policies were measured.
pub(crate) fn judge(healthy: &Comparison, degraded: &Comparison) -> Vec<Gate> {
    let peak_ewma = degraded.against(PEAK_EWMA.name()).map(|ratio| {
        let against = PEAK_EWMA.name().to_owned();
        gate(
            Phase::Degraded,
            against,
            (PEAK_EWMA_LIMIT, Some(PEAK_EWMA_GOAL)),
            ratio,
        )
    });
    let best = |comparison: &Comparison, limit| {
        let ratio = comparison.against_hindsight_best()?;
        let against = format!("hindsight best ({})", ratio.against);
        Some(gate(comparison.phase, against, (limit, None), ratio))
    };
    let gates = [
        peak_ewma,
        best(degraded, DEGRADED_BEST_LIMIT),
        best(healthy, HEALTHY_BEST_LIMIT),
    ];
    gates.into_iter().flatten().collect()
}

fn gate(phase: Phase, against: String, bounds: (f64, Option<f64>), ratio: &Ratio) -> Gate {
    let (limit, goal) = bounds;
    Gate {
        phase,
        against,
        limit,
        goal,
        verdict: Verdict::of(ratio, limit),
        goal_met: goal.map(|goal| ratio.p99.median <= goal),
        ratio: ratio.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::blocks;
    use crate::statistics::Interval;

    fn ratio(median: f64, low: f64, high: f64) -> Ratio {
        Ratio {
            against: "c3",
            p99: Interval { median, low, high },
            rounds: 10,
            won: 5,
        }
    }

    #[test]
    fn the_median_decides_and_the_interval_tells_how_surely() {
        let verdict = |median, low, high| Verdict::of(&ratio(median, low, high), 1.0);
        assert_eq!(verdict(0.9, 0.8, 0.95), Verdict::Met);
        assert_eq!(verdict(0.9, 0.8, 1.1), Verdict::MetUncertainly);
        assert_eq!(verdict(1.1, 0.9, 1.2), Verdict::MissedUncertainly);
        assert_eq!(verdict(1.1, 1.05, 1.2), Verdict::Missed);
    }

    #[test]
    fn there_is_a_gate_for_each_claim_and_its_limit() {
        let rows: [(&str, &[f64]); 3] = [
            ("learned", &[96.0; 10]),
            ("peak_ewma", &[100.0; 10]),
            ("c3", &[90.0; 10]),
        ];
        let comparison = |phase| Comparison::of(&blocks(phase, &rows), phase);
        let gates = judge(&comparison(Phase::Healthy), &comparison(Phase::Degraded));
        let told: Vec<_> = gates
            .iter()
            .map(|gate| {
                (
                    gate.phase,
                    gate.against.as_str(),
                    gate.verdict,
                    gate.goal_met,
                )
            })
            .collect();
        let best = "hindsight best (c3)";
        let expected = [
            (Phase::Degraded, "peak_ewma", Verdict::Met, Some(false)),
            (Phase::Degraded, best, Verdict::Missed, None),
            (Phase::Healthy, best, Verdict::Missed, None),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn without_the_policies_there_is_no_gate() {
        let nothing = |phase| Comparison::of(&[], phase);
        assert!(judge(&nothing(Phase::Healthy), &nothing(Phase::Degraded)).is_empty());
    }
}
