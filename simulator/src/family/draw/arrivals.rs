//! When requests come: a constant rate shaped by bursts, a wave, a ramp and steps, or a replay.

use crate::{
    family::{
        knobs::{self, Bursts, Knobs, Ramp, Replay, Wave},
        recording::{RecordedClass, Recording},
        stream::Stream,
    },
    scenario::{Arrivals, Rate},
};
use std::f64::consts::TAU;

/// Rates change at most this often.
const STEP_SECONDS: f64 = 0.25;

/// The load of a run.
pub(super) struct Load {
    /// Length of the run.
    pub(super) duration: f64,
    /// Mean requests per second.
    pub(super) rate: f64,
    pub(super) arrivals: Arrivals,
    /// Classes of a replay.
    pub(super) classes: Option<Vec<RecordedClass>>,
}

/// Draws the load.
pub(super) fn draw(knobs: &Knobs, recording: Option<&Recording>, stream: &Stream) -> Load {
    match (&knobs.arrivals.replay, recording) {
        (Some(replay), Some(recording)) => replayed(knobs, replay, recording),
        _ => shaped(knobs, stream),
    }
}

impl Load {
    /// Mean requests per second between two times.
    pub(super) fn rate_between(&self, from: f64, to: f64) -> f64 {
        match &self.arrivals {
            Arrivals::Rates(rates) => integral(rates, from, to) / (to - from),
            Arrivals::Replay(arrivals) => {
                let before = |time: f64| arrivals.partition_point(|arrival| arrival.at < time);
                (before(to) - before(from)) as f64 / (to - from)
            }
        }
    }
}

fn replayed(knobs: &Knobs, replay: &Replay, recording: &Recording) -> Load {
    let duration = knobs.load.duration(Some(recording.seconds(replay.speed)));
    let arrivals = recording.arrivals(replay.speed, duration);
    Load {
        duration,
        rate: arrivals.len() as f64 / duration,
        classes: Some(recording.classes(&arrivals)),
        arrivals: Arrivals::Replay(arrivals),
    }
}

fn shaped(knobs: &Knobs, stream: &Stream) -> Load {
    let duration = knobs.load.duration(None);
    let rate = knobs.load.rate();
    let steps = (duration / STEP_SECONDS).ceil() as usize;
    let times: Vec<f64> = (0..steps).map(|i| i as f64 * STEP_SECONDS).collect();
    let bursts = bursts(&knobs.arrivals.bursts, &times, &stream.at("bursts"));
    let waves = wave(&knobs.arrivals.wave, &times, duration, &stream.at("wave"));
    let trend = trend(&knobs.arrivals, &times, duration);
    let rates = times.iter().enumerate().map(|(i, &from)| Rate {
        from,
        per_second: rate * bursts[i] * waves[i] * trend[i],
    });
    Load {
        duration,
        rate,
        arrivals: Arrivals::Rates(without_repeats(rates)),
        classes: None,
    }
}

/// A process of two states, burst and lull, with exponential lengths and a mean of 1.
fn bursts(bursts: &Bursts, times: &[f64], stream: &Stream) -> Vec<f64> {
    const BURST_SHARE: f64 = 0.25;
    /// Even between the greatest bursts some requests come.
    const LULL_MIN: f64 = 0.2;
    if bursts.factor <= 1.0 {
        return vec![1.0; times.len()];
    }
    let lull = ((1.0 - BURST_SHARE * bursts.factor) / (1.0 - BURST_SHARE)).max(LULL_MIN);
    let mean = BURST_SHARE * bursts.factor + (1.0 - BURST_SHARE) * lull;
    let lull_seconds = bursts.seconds * (1.0 - BURST_SHARE) / BURST_SHARE;
    let mut stream = stream.clone();
    let mut in_burst = false;
    let mut until = 0.0;
    let level = |&time: &f64| {
        if time >= until {
            in_burst = !in_burst;
            let seconds = if in_burst {
                bursts.seconds
            } else {
                lull_seconds
            };
            until = time + stream.exponential(seconds);
        }
        if in_burst {
            bursts.factor / mean
        } else {
            lull / mean
        }
    };
    times.iter().map(level).collect()
}

/// A sine around 1 that starts anywhere.
fn wave(wave: &Wave, times: &[f64], duration: f64, stream: &Stream) -> Vec<f64> {
    let phase = stream.clone().uniform(0.0, TAU);
    let level =
        |&time: &f64| 1.0 + wave.amplitude * (TAU * wave.cycles * time / duration + phase).sin();
    times.iter().map(level).collect()
}

/// Ramp and steps, scaled to a mean of 1 so that the utilization is that of the whole run.
fn trend(arrivals: &knobs::Arrivals, times: &[f64], duration: f64) -> Vec<f64> {
    let Ramp { from, to } = arrivals.ramp;
    let level = |&time: &f64| {
        let begun = arrivals.steps.iter().filter(|step| step.at_seconds <= time);
        let stepped: f64 = begun.map(|step| step.factor).product();
        (from + (to - from) * time / duration) * stepped
    };
    let levels: Vec<f64> = times.iter().map(level).collect();
    let mean = levels.iter().sum::<f64>() / levels.len().max(1) as f64;
    levels.iter().map(|level| level / mean).collect()
}

fn without_repeats(rates: impl Iterator<Item = Rate>) -> Vec<Rate> {
    let mut kept: Vec<Rate> = Vec::new();
    for rate in rates {
        let same = |last: &Rate| last.per_second.to_bits() == rate.per_second.to_bits();
        if !kept.last().is_some_and(same) {
            kept.push(rate);
        }
    }
    kept
}

fn integral(rates: &[Rate], from: f64, to: f64) -> f64 {
    let ends = rates.iter().skip(1).map(|rate| rate.from);
    let ends = ends.chain([f64::INFINITY]);
    rates
        .iter()
        .zip(ends)
        .map(|(rate, end)| rate.per_second * (end.min(to) - rate.from.max(from)).max(0.0))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(count: u32) -> Vec<f64> {
        (0..count).map(|i| f64::from(i) * STEP_SECONDS).collect()
    }

    fn mean(levels: &[f64]) -> f64 {
        levels.iter().sum::<f64>() / levels.len() as f64
    }

    #[test]
    fn bursts_have_two_levels_and_a_mean_of_one() {
        let shape = Bursts {
            factor: 1.8,
            seconds: 3.0,
        };
        let levels = bursts(&shape, &times(400_000), &Stream::new("family", 1));
        let high = levels.iter().filter(|level| **level > 1.0).count();

        assert!((mean(&levels) - 1.0).abs() < 0.03);
        assert!((high as f64 / 400_000.0 - 0.25).abs() < 0.03);
        assert!(levels.iter().all(|l| (l - 1.8).abs() < 1e-9 || *l < 1.0));
    }

    #[test]
    fn ramp_and_steps_multiply_and_keep_the_mean() {
        let shape = knobs::Arrivals {
            ramp: Ramp { from: 1.0, to: 3.0 },
            steps: vec![knobs::Step {
                at_seconds: 50.0,
                factor: 2.0,
            }],
            ..knobs::Arrivals::default()
        };
        let levels = trend(&shape, &times(400), 100.0);

        assert!((mean(&levels) - 1.0).abs() < 1e-9);
        assert!((levels[200] / levels[199] - 2.0).abs() < 0.02);
        assert!((levels[399] / levels[0] - 6.0).abs() < 0.05);
    }

    #[test]
    fn rates_between_two_times_are_means() {
        let load = Load {
            duration: 10.0,
            rate: 2.0,
            arrivals: Arrivals::Rates(vec![
                Rate {
                    from: 0.0,
                    per_second: 1.0,
                },
                Rate {
                    from: 5.0,
                    per_second: 3.0,
                },
            ]),
            classes: None,
        };

        assert!((load.rate_between(0.0, 10.0) - 2.0).abs() < 1e-9);
        assert!((load.rate_between(4.0, 6.0) - 2.0).abs() < 1e-9);
        assert!((load.rate_between(6.0, 12.0) - 3.0).abs() < 1e-9);
    }
}
