//! How busy the whole machine is, from `/proc/stat`: a machine short of CPU measures itself and
//! not the policies.

use std::fs;

use anyhow::{Context, Result, anyhow};

const SOURCE: &str = "/proc/stat";

/// Ticks of all processors together since the machine's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticks {
    all: u64,
    idle: u64,
}

impl Ticks {
    /// The figures of now.
    ///
    /// # Errors
    /// When `/proc/stat` is missing or in another form.
    pub(crate) fn now() -> Result<Self> {
        let text = fs::read_to_string(SOURCE).with_context(|| format!("cannot read {SOURCE}"))?;
        Self::read(&text).ok_or_else(|| anyhow!("{SOURCE}: no line `cpu` of numbers"))
    }

    /// Share of the time since `earlier` in which processors were not idle, 0 to 1. Waiting for
    /// disks counts as idle, time stolen by other guests of the machine as busy.
    pub(crate) fn busy_since(self, earlier: Ticks) -> f64 {
        let all = self.all.saturating_sub(earlier.all);
        let idle = self.idle.saturating_sub(earlier.idle).min(all);
        (all - idle) as f64 / all.max(1) as f64
    }

    /// Reads `cpu  user nice system idle iowait irq softirq steal guest guest_nice`; the guests'
    /// time is part of `user` and `nice`.
    fn read(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks = line.split_whitespace().take(8).map(str::parse);
        let ticks: Vec<u64> = ticks.collect::<Result<_, _>>().ok()?;
        Some(Ticks {
            all: ticks.iter().sum(),
            idle: ticks.get(3)? + ticks.get(4)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busy_share_is_what_is_not_idle() {
        let before = Ticks::read("cpu  100 0 100 800 0 0 0 0 50 0\ncpu0 1 1 1 1 1 1 1 1").unwrap();
        let after = Ticks::read("cpu  130 0 120 840 5 0 0 5 80 0\n").unwrap();
        assert!((after.busy_since(before) - 0.55).abs() < 1e-9);
        assert!(after.busy_since(after).abs() < 1e-9);
    }

    #[test]
    fn another_form_is_refused() {
        for text in ["", "cpu0 1 2 3 4 5\n", "cpu  1 2 x 4 5\n", "cpu  1 2 3\n"] {
            assert_eq!(Ticks::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn this_machine_tells() {
        assert!(Ticks::now().unwrap().all > 0);
    }
}
