//! Classes of requests: their shares and the work of their requests.

use crate::{
    family::{
        knobs::{Classes, Work},
        recording::RecordedClass,
        stream::Stream,
    },
    scenario::{Class, Demand},
};

/// The classes, with `mean_work` over all requests. Recorded classes keep their shares and the
/// ratios of their work; drawn ones are the rarer the more work they make.
pub(super) fn draw(
    classes: &Classes,
    recorded: Option<&[RecordedClass]>,
    mean_work: f64,
    stream: &Stream,
) -> Vec<Class> {
    let relative = match recorded {
        Some(recorded) => recorded.to_vec(),
        None => (0..classes.count)
            .map(|i| relative(classes, i, &stream.item(i)))
            .collect(),
    };
    let shares: f64 = relative.iter().map(|class| class.share).sum();
    let work: f64 = relative.iter().map(|class| class.share * class.work).sum();
    relative
        .iter()
        .map(|class| Class {
            share: class.share / shares,
            demand: demand(classes, class.work * mean_work * shares / work),
        })
        .collect()
}

fn relative(classes: &Classes, index: usize, stream: &Stream) -> RecordedClass {
    let position = index as f64 / (classes.count - 1).max(1) as f64;
    let work = classes.spread.powf(position);
    RecordedClass {
        share: stream.clone().uniform(0.6, 1.6) / work.sqrt(),
        work,
    }
}

fn demand(classes: &Classes, mean: f64) -> Demand {
    match classes.work {
        Work::Fixed => Demand::Fixed(mean),
        Work::Exponential => Demand::Exponential { mean },
        Work::Lognormal => Demand::Lognormal {
            mean,
            sigma: classes.sigma,
        },
        Work::Pareto => Demand::Pareto {
            mean,
            alpha: classes.alpha,
        },
    }
}
