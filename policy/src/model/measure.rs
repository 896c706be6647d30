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

/// Median time of one scoring of `d` candidates, with warm caches.
pub fn measure(
    scorer: &dyn Scorer,
    clock: fn() -> Timestamp,
    d: usize,
) -> Result<Duration, ScoreError> {
    let mut samples = samples(scorer, clock, d)?;
    samples.sort_unstable();
    Ok(samples[samples.len() / 2])
}

/// Fastest of many scorings of `d` candidates: what the model costs, without what else the
/// machine was doing.
pub(super) fn fastest(
    scorer: &dyn Scorer,
    clock: fn() -> Timestamp,
    d: usize,
) -> Result<Duration, ScoreError> {
    let samples = samples(scorer, clock, d)?;
    Ok(samples.into_iter().min().expect("at least MIN_SAMPLES"))
}

fn samples(
    scorer: &dyn Scorer,
    clock: fn() -> Timestamp,
    d: usize,
) -> Result<Vec<Duration>, ScoreError> {
    // Varied and non-zero: zeros or denormals would not be typical work.
    let rows: Vec<f32> = (0..d * FEATURES)
        .map(|i| (i % 13) as f32 * 0.25 - 1.5)
        .collect();
    let context = [0.5; CONTEXT];
    let (mut costs, mut workspace) = (vec![0.0; d], Workspace::default());
    scorer.score(&rows, &context, &mut costs, &mut workspace)?;

    let mut samples = Vec::with_capacity(SAMPLES);
    let begin = clock();
    while samples.len() < SAMPLES {
        let start = clock();
        for _ in 0..RUNS_PER_SAMPLE {
            let rows = std::hint::black_box(&rows);
            scorer.score(rows, &context, &mut costs, &mut workspace)?;
            std::hint::black_box(&costs);
        }
        let end = clock();
        samples.push(end.since(start) / RUNS_PER_SAMPLE);
        if samples.len() >= MIN_SAMPLES && end.since(begin) > TIME_LIMIT {
            break;
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

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

    #[test]
    fn tells_the_time_of_one_scoring() {
        assert_eq!(measure(&Steady, now, 8).unwrap(), Duration::from_micros(8));
        assert_eq!(
            fastest(&Steady, now, 32).unwrap(),
            Duration::from_micros(32)
        );
    }

    #[test]
    fn stops_early_when_scoring_is_slow() {
        let before = now();
        measure(&Steady, now, 100_000).unwrap();
        assert!(
            now().since(before) < Duration::from_secs(6),
            "five samples of 0.8 s and a warm-up"
        );
    }
}
