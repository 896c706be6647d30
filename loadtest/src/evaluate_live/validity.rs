//! Whether the machine was idle enough for figures to be about the policies.

use serde::Serialize;

use crate::block::Measured;
use crate::statistics::{median, quantile};

/// Above this the sender, and not a policy, decides the tail.
const LATENESS_LIMIT_MS: f64 = 10.0;

/// How busy the machine and how late the sender was, over all blocks.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Validity {
    /// Median busy share of the processors, 0 to 1.
    pub(crate) busy_median: f64,
    /// Of the busiest block.
    pub(crate) busy_max: f64,
    /// Above this median the run claims nothing.
    pub(crate) busy_limit: f64,
    /// Median over blocks of the 99 % quantile of how late requests were sent.
    pub(crate) lateness_p99_median_ms: f64,
    /// Of the worst block.
    pub(crate) lateness_p99_max_ms: f64,
    /// Above this median the run claims nothing.
    pub(crate) lateness_limit_ms: f64,
    /// Blocks above that limit: each a moment in which the machine stood still, whatever the policy.
    pub(crate) late_blocks: usize,
}

impl Validity {
    /// Judges measured blocks; `busy_limit` from 0 to 1.
    pub(crate) fn of(blocks: &[Measured], busy_limit: f64) -> Self {
        let busy: Vec<f64> = blocks.iter().map(|block| block.busy).collect();
        let lateness: Vec<f64> = blocks.iter().map(|block| block.lateness_p99_ms).collect();
        let max = |values: &[f64]| quantile(values, 1.0).unwrap_or_default();
        Validity {
            busy_median: median(&busy).unwrap_or_default(),
            busy_max: max(&busy),
            busy_limit,
            lateness_p99_median_ms: median(&lateness).unwrap_or_default(),
            lateness_p99_max_ms: max(&lateness),
            lateness_limit_ms: LATENESS_LIMIT_MS,
            late_blocks: lateness
                .iter()
                .filter(|late| **late > LATENESS_LIMIT_MS)
                .count(),
        }
    }

    /// Why nothing can be claimed from this run, if so.
    pub(crate) fn refusal(&self) -> Option<String> {
        if self.busy_median > self.busy_limit {
            return Some(format!(
                "the machine was {:.0} % busy in the median block, above {:.0} %",
                self.busy_median * 100.0,
                self.busy_limit * 100.0
            ));
        }
        if self.lateness_p99_median_ms > self.lateness_limit_ms {
            return Some(format!(
                "requests were sent {:.1} ms late (99 % quantile of the median block), above {:.0} ms",
                self.lateness_p99_median_ms, self.lateness_limit_ms
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::block;
    use crate::faults::Phase;

    fn judged(busy: [f64; 3], lateness_ms: f64) -> Option<String> {
        let blocks = busy.map(|busy| Measured {
            busy,
            lateness_p99_ms: lateness_ms,
            ..block(0, Phase::Healthy, "learned", 100.0)
        });
        Validity::of(&blocks, 0.7).refusal()
    }

    #[test]
    fn a_machine_busy_in_most_blocks_refutes_the_run() {
        let refusal = judged([0.2, 0.71, 0.9], 1.0).unwrap();
        assert!(
            refusal.contains("71 %") && refusal.contains("70 %"),
            "{refusal}"
        );
        assert_eq!(
            judged([0.2, 0.69, 1.0], 1.0),
            None,
            "one busy block does not"
        );
    }

    #[test]
    fn late_blocks_are_counted() {
        let blocks = [9.0, 11.0, 300.0].map(|lateness_p99_ms| Measured {
            lateness_p99_ms,
            ..block(0, Phase::Healthy, "learned", 100.0)
        });
        assert_eq!(Validity::of(&blocks, 0.7).late_blocks, 2);
    }

    #[test]
    fn a_late_sender_refutes_the_run() {
        let refusal = judged([0.1, 0.1, 0.1], 10.5).unwrap();
        assert!(refusal.contains("10.5 ms late"), "{refusal}");
    }
}
