//! How long scoring takes, by a clock that the caller brings.

use super::scorer::{ScoreError, Scorer, Workspace};
use crate::{
    features::{CONTEXT, FEATURES},
    time::Timestamp,
};
use std::time::Duration;

/// Samples at most.
const SAMPLES: usize = 500;
/// Samples at least, however slow the model.
const MIN_SAMPLES: usize = 5;
/// Scorings in one sample, so that reading the clock does not count.
const RUNS_PER_SAMPLE: u32 = 8;
/// Measuring stops after this long.
const TIME_LIMIT: Duration = Duration::from_millis(100);
/// How long a scoring within the budget is waited for. A reload happens under load, and then
/// other threads take the processor away in the middle of most scorings.
const PATIENCE: Duration = Duration::from_secs(1);
/// And how many are tried: a clock that is set back must not make a reload hang.
const MAX_TRIES: usize = 20_000;

/// Median time of one scoring of `d` candidates, with warm caches.
///
/// # Errors
/// As the scorer's.
pub fn measure(
    scorer: &dyn Scorer,
    clock: fn() -> Timestamp,
    d: usize,
) -> Result<Duration, ScoreError> {
    let mut trial = Trial::new(scorer, clock, d)?;
    let mut samples = Vec::with_capacity(SAMPLES);
    let begin = clock();
    while samples.len() < SAMPLES {
        samples.push(trial.time(RUNS_PER_SAMPLE)?);
        if samples.len() >= MIN_SAMPLES && clock().since(begin) > TIME_LIMIT {
            break;
        }
    }
    samples.sort_unstable();
    Ok(samples[samples.len() / 2])
}

/// Time of the first scoring of `d` candidates that takes no longer than `budget`, or else of
/// the fastest: what the model costs, without what else the machine was doing.
pub(super) fn fastest(
    scorer: &dyn Scorer,
    clock: fn() -> Timestamp,
    d: usize,
    budget: Duration,
) -> Result<Duration, ScoreError> {
    let mut trial = Trial::new(scorer, clock, d)?;
    let begin = clock();
    let mut fastest = trial.time(1)?;
    for _ in 1..MAX_TRIES {
        if fastest <= budget || clock().since(begin) > PATIENCE {
            break;
        }
        fastest = fastest.min(trial.time(1)?);
    }
    Ok(fastest)
}

/// Scores the same candidates again and again.
struct Trial<'a> {
    scorer: &'a dyn Scorer,
    clock: fn() -> Timestamp,
    rows: Vec<f32>,
    costs: Vec<f32>,
    workspace: Workspace,
}

impl<'a> Trial<'a> {
    /// Scores once, for warm caches.
    fn new(scorer: &'a dyn Scorer, clock: fn() -> Timestamp, d: usize) -> Result<Self, ScoreError> {
        // Varied and non-zero: zeros or denormals would not be typical work.
        let rows = (0..d * FEATURES).map(|i| (i % 13) as f32 * 0.25 - 1.5);
        let mut trial = Self {
            scorer,
            clock,
            rows: rows.collect(),
            costs: vec![0.0; d],
            workspace: Workspace::default(),
        };
        trial.time(1)?;
        Ok(trial)
    }

    /// Mean time of `runs` scorings.
    fn time(&mut self, runs: u32) -> Result<Duration, ScoreError> {
        let start = (self.clock)();
        for _ in 0..runs {
            let rows = std::hint::black_box(&self.rows);
            self.scorer
                .score(rows, &[0.5; CONTEXT], &mut self.costs, &mut self.workspace)?;
            std::hint::black_box(&self.costs);
        }
        Ok((self.clock)().since(start) / runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        cell::Cell,
        sync::atomic::{AtomicU32, Ordering::Relaxed},
    };

    thread_local!(static NOW: Cell<Timestamp> = const { Cell::new(Timestamp::ZERO) });

    fn now() -> Timestamp {
        NOW.get()
    }

    /// Takes a microsecond per candidate by the clock of this test.
    #[derive(Debug)]
    struct Steady;

    impl Scorer for Steady {
        fn score(
            &self,
            _rows: &[f32],
            _context: &[f32; CONTEXT],
            costs: &mut [f32],
            _workspace: &mut Workspace,
        ) -> Result<(), ScoreError> {
            NOW.set(NOW.get() + Duration::from_micros(costs.len() as u64));
            Ok(())
        }
    }

    /// As [`Steady`], but only each hundredth scoring is left alone.
    #[derive(Debug, Default)]
    struct Disturbed(AtomicU32);

    impl Scorer for Disturbed {
        fn score(
            &self,
            rows: &[f32],
            context: &[f32; CONTEXT],
            costs: &mut [f32],
            workspace: &mut Workspace,
        ) -> Result<(), ScoreError> {
            if !self.0.fetch_add(1, Relaxed).is_multiple_of(100) {
                NOW.set(NOW.get() + Duration::from_millis(1));
            }
            Steady.score(rows, context, costs, workspace)
        }
    }

    #[test]
    fn tells_the_time_of_one_scoring() {
        assert_eq!(measure(&Steady, now, 8).unwrap(), Duration::from_micros(8));
        for budget in [Duration::ZERO, Duration::from_micros(50)] {
            assert_eq!(
                fastest(&Steady, now, 32, budget).unwrap(),
                Duration::from_micros(32)
            );
        }
    }

    #[test]
    fn a_budget_is_kept_on_a_busy_machine() {
        let budget = Duration::from_micros(50);
        let measured = fastest(&Disturbed::default(), now, 32, budget).unwrap();
        assert_eq!(measured, Duration::from_micros(32));
    }

    #[test]
    fn stops_though_the_clock_is_set_back_again_and_again() {
        let set_back = || NOW.replace(Timestamp::ZERO);
        let measured = fastest(&Steady, set_back, 32, Duration::ZERO).unwrap();
        assert_eq!(measured, Duration::from_micros(32));
    }

    #[test]
    fn stops_early_when_scoring_is_slow() {
        let before = now();
        measure(&Steady, now, 100_000).unwrap();
        assert!(
            now().since(before) < Duration::from_secs(6),
            "five samples of 0.8 s and a warm-up"
        );
        let before = now();
        fastest(&Steady, now, 600_000, Duration::ZERO).unwrap();
        assert!(
            now().since(before) < Duration::from_secs(2),
            "two scorings of 0.6 s and a warm-up"
        );
    }
}
