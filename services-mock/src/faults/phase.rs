//! The steps in which a gradual degradation grows.

use std::time::Duration;

use super::{Active, Fault};

/// How far a gradual degradation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Phase {
    /// From 1.
    pub(crate) number: u32,
    pub(crate) of: u32,
    /// Time until the next one or the end.
    pub(crate) changes_in: Duration,
}

impl Active {
    /// The phase of a gradual degradation.
    pub(crate) fn phase(&self) -> Option<Phase> {
        let Fault::Gradual { total, phases } = self.fault else {
            return None;
        };
        let length = total / phases;
        let past = self.acts_for.as_nanos() / length.as_nanos().max(1);
        let number = u32::try_from(past).map_or(phases, |past| phases.min(past + 1));
        Some(Phase {
            number,
            of: phases,
            changes_in: (length * number).saturating_sub(self.acts_for),
        })
    }
}

impl Phase {
    /// Above 0 from the first phase on, 1 in the last.
    pub(crate) fn level(self) -> f64 {
        f64::from(self.number) / f64::from(self.of)
    }
}
