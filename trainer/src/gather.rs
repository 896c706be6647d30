//! Gathers labelled decisions: simulates scenarios in which policies decide, in the first round
//! those written by hand, later mostly the model itself, so that it learns about the states that
//! its own choices lead to (DAgger; Ross, Gordon and Bagnell, 2011).

use crate::{
    behavior::{Sampled, TakingTurns, learned},
    dataset::Dataset,
    recorder::{CostWeights, Recorder},
    seeds,
    settings::Settings,
    source::{Source, thinned},
    weights::Weights,
};
use indicatif::ProgressBar;
use lb_policy::{
    model::Scorer,
    policies::{Choices, LoadSource, OnnxSettings, Policy, PolicyConfig, build},
    time::Timestamp,
};
use lb_simulator::{
    scenario::Scenario,
    simulation::{Chooser, Oracle, run},
};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus, seq::IndexedRandom};
use rayon::prelude::*;
use std::{sync::Arc, time::Duration};

/// Policies written by hand that take part.
const HAND_WRITTEN: [PolicyConfig; 7] = [
    PolicyConfig::PEAK_EWMA,
    least_request(Choices::All, LoadSource::Own),
    least_request(Choices::TWO, LoadSource::Own),
    least_request(Choices::All, LoadSource::Reported),
    least_request(Choices::TWO, LoadSource::Reported),
    PolicyConfig::C3,
    PolicyConfig::ShortestExpectedDelay,
];
/// Policies of one mixture in the first round.
const MIXED: usize = 4;
/// Share of the scenarios of the first round in which an oracle decides.
const ORACLE: f32 = 0.125;
/// How many candidates the model scores when it decides alone; `None` is as many as in service.
const SCORED: [Option<usize>; 6] = [Some(2), Some(4), Some(8), None, None, None];
/// Part of the warm-up after which decisions are looked at.
const UNSEEN_WARM_UP: f64 = 0.3;
/// Sets the draw of the behaviour apart from that of the scenario.
const BEHAVIOR: u64 = 0x6265_6861;

const fn least_request(choices: Choices, load: LoadSource) -> PolicyConfig {
    PolicyConfig::LeastRequest {
        choices,
        load,
        error_factor: 0.0,
    }
}

/// Who decides at every balancer of a scenario.
#[derive(Clone, Debug, PartialEq)]
enum Behavior {
    Oracle,
    TakingTurns(Vec<Member>),
}

/// One of those who take turns.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Member {
    HandWritten(PolicyConfig),
    /// The model over so many candidates.
    Own(Option<usize>),
}

/// Simulates the scenarios of a round; `weights` is the model so far, `None` in the first round.
/// `progress` counts scenarios.
///
/// # Errors
/// When a scenario cannot be drawn, or the native runtime refuses the model.
pub fn gather(
    source: &dyn Source,
    settings: &Settings,
    round: usize,
    weights: Option<&Weights>,
    progress: &ProgressBar,
) -> anyhow::Result<Dataset> {
    let model = weights.map(Weights::scorer).transpose()?;
    let parts: Vec<Dataset> = (0..settings.gather.scenarios)
        .into_par_iter()
        .map(|number| {
            let seed = seeds::gathering(settings.seed, round, number);
            let data = simulate(source, settings, seed, model.as_ref());
            progress.inc(1);
            data
        })
        .collect::<anyhow::Result<_>>()?;
    let mut data = Dataset::default();
    for part in &parts {
        data.append(part);
    }
    Ok(data)
}

fn simulate(
    source: &dyn Source,
    settings: &Settings,
    seed: u64,
    model: Option<&Arc<dyn Scorer>>,
) -> anyhow::Result<Dataset> {
    let gather = &settings.gather;
    let scenario = thinned(source.draw(seed)?, gather.thinning);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ BEHAVIOR);
    let behavior = match model {
        None => first_behavior(&mut rng),
        Some(_) => later_behavior(&mut rng, gather.own),
    };
    let start = Duration::from_secs_f64(UNSEEN_WARM_UP * scenario.warm_up);
    let mut recorder = Recorder::new(
        rng.random(),
        Timestamp::ZERO + start,
        gather.sampled,
        CostWeights {
            inflicted: gather.inflicted,
            coming_pauses: gather.coming_pauses,
        },
    );
    let choosers = choosers(&behavior, &scenario, settings, model);
    run(&scenario, choosers, Some(&mut recorder));
    Ok(recorder.into_data())
}

fn first_behavior(rng: &mut Xoshiro256PlusPlus) -> Behavior {
    if rng.random::<f32>() < ORACLE {
        return Behavior::Oracle;
    }
    Behavior::TakingTurns((0..MIXED).map(|_| hand_written(rng)).collect())
}

fn later_behavior(rng: &mut Xoshiro256PlusPlus, own: f32) -> Behavior {
    if rng.random::<f32>() < own {
        let scored = SCORED[rng.random_range(0..SCORED.len())];
        return Behavior::TakingTurns(vec![Member::Own(scored)]);
    }
    Behavior::TakingTurns(vec![Member::Own(None), hand_written(rng)])
}

fn hand_written(rng: &mut Xoshiro256PlusPlus) -> Member {
    let policy = HAND_WRITTEN.choose(rng);
    Member::HandWritten(*policy.expect("there are policies"))
}

fn choosers(
    behavior: &Behavior,
    scenario: &Scenario,
    settings: &Settings,
    model: Option<&Arc<dyn Scorer>>,
) -> Vec<Chooser> {
    let turn = Duration::from_secs_f64(settings.gather.switch_seconds);
    let chooser = || match behavior {
        Behavior::Oracle => Chooser::Oracle(Oracle {
            knows_work: true,
            inflicted: settings.gather.inflicted,
        }),
        Behavior::TakingTurns(members) => {
            let policies = members.iter().map(|member| member.policy(model)).collect();
            let mixture = TakingTurns::new(policies, turn, settings.gather.exploration);
            Chooser::Policy(Box::new(mixture))
        }
    };
    scenario.balancers.iter().map(|_| chooser()).collect()
}

impl Member {
    fn policy(self, model: Option<&Arc<dyn Scorer>>) -> Box<dyn Policy> {
        // Exploration comes from the mixture.
        let silent = OnnxSettings {
            exploration: 0.0,
            ..OnnxSettings::default()
        };
        match (self, model) {
            (Self::HandWritten(config), _) => build(&config),
            (Self::Own(None), Some(model)) => learned(model, silent),
            (Self::Own(Some(count)), Some(model)) => {
                Box::new(Sampled::new(Arc::clone(model), count))
            }
            (Self::Own(_), None) => build(&PolicyConfig::PEAK_EWMA),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws<T>(mut draw: impl FnMut(&mut Xoshiro256PlusPlus) -> T) -> Vec<T> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        (0..1000).map(|_| draw(&mut rng)).collect()
    }

    #[test]
    fn the_first_round_mixes_what_was_written_by_hand_and_lets_oracles_decide() {
        let found = draws(first_behavior);
        let oracles = found.iter().filter(|b| **b == Behavior::Oracle).count();
        assert!((90..160).contains(&oracles), "{oracles}");
        for policy in HAND_WRITTEN {
            let takes_part = |behavior: &Behavior| match behavior {
                Behavior::Oracle => false,
                Behavior::TakingTurns(members) => members.contains(&Member::HandWritten(policy)),
            };
            assert!(found.iter().any(takes_part), "{policy:?}");
        }
    }

    #[test]
    fn later_the_model_decides_mostly_alone_over_various_numbers_of_candidates() {
        let found = draws(|rng| later_behavior(rng, 0.8));
        let alone: Vec<_> = found
            .iter()
            .filter(|b| matches!(b, Behavior::TakingTurns(members) if members.len() == 1))
            .collect();
        assert!((760..840).contains(&alone.len()), "{}", alone.len());
        for scored in SCORED {
            assert!(alone.contains(&&Behavior::TakingTurns(vec![Member::Own(scored)])));
        }
    }
}
