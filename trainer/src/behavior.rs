//! Who decides while decisions are gathered: mixtures of policies with exploration, and the
//! model over fewer candidates than it would score in service.

use lb_policy::{
    features::{FeatureMatrix, Moment},
    model::{Scorer, Workspace},
    policies::{
        Candidates, Decision, Onnx, OnnxSettings, Pick, PickKind, Policy, PolicyConfig, Scratch,
        build,
    },
    telemetry::ClusterStats,
    time::Timestamp,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The model in service, with guardrails and fallback as shipped and the given settings.
pub fn learned(model: &Arc<dyn Scorer>, settings: OnnxSettings) -> Box<dyn Policy> {
    let fallback = build(&PolicyConfig::PEAK_EWMA);
    Box::new(Onnx::new(Arc::clone(model), settings, fallback))
}

/// Several policies that take turns, and now and then an endpoint drawn evenly.
#[derive(Debug)]
pub struct TakingTurns {
    policies: Vec<Box<dyn Policy>>,
    turn: Duration,
    exploration: f32,
}

impl TakingTurns {
    /// Each of `policies` decides for `turn`, then the next; a share `exploration` of the
    /// requests goes anywhere.
    ///
    /// # Panics
    /// Without policies.
    pub fn new(policies: Vec<Box<dyn Policy>>, turn: Duration, exploration: f32) -> Self {
        assert!(!policies.is_empty(), "somebody has to decide");
        Self {
            policies,
            turn,
            exploration,
        }
    }
}

impl Policy for TakingTurns {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let count = decision.candidates.endpoints().len();
        let explored = self.exploration / count.max(1) as f32;
        if count > 0 && decision.scratch.uniform() < self.exploration {
            return Some(Pick {
                index: draw(count, decision.scratch),
                propensity: explored,
                kind: PickKind::Explored,
            });
        }
        let turn_nanos = self.turn.as_nanos().max(1);
        let turns = u128::from(decision.now.as_nanos()) / turn_nanos;
        let policy = &self.policies[(turns % self.policies.len() as u128) as usize];
        let pick = policy.pick(decision)?;
        Some(Pick {
            propensity: explored + (1.0 - self.exploration) * pick.propensity,
            ..pick
        })
    }

    fn refresh_interval(&self) -> Option<Duration> {
        self.policies
            .iter()
            .filter_map(|policy| policy.refresh_interval())
            .min()
    }

    fn refresh(
        &self,
        candidates: &Candidates,
        cluster: &ClusterStats,
        now: Timestamp,
        scratch: &mut Scratch,
    ) {
        for policy in &self.policies {
            policy.refresh(candidates, cluster, now, scratch);
        }
    }
}

/// The lowest cost of a model among some candidates drawn evenly.
#[derive(Debug)]
pub struct Sampled {
    model: Arc<dyn Scorer>,
    count: usize,
    /// A policy is shared; within a simulation nobody ever waits for this.
    buffers: Mutex<Buffers>,
}

#[derive(Debug, Default)]
struct Buffers {
    order: Vec<usize>,
    features: FeatureMatrix,
    costs: Vec<f32>,
    workspace: Workspace,
}

impl Sampled {
    /// Scores `count` candidates, at least 1.
    pub fn new(model: Arc<dyn Scorer>, count: usize) -> Self {
        Self {
            model,
            count: count.max(1),
            buffers: Mutex::default(),
        }
    }
}

impl Policy for Sampled {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let endpoints = decision.candidates.endpoints();
        let mut guard = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let Buffers {
            order,
            features,
            costs,
            workspace,
        } = &mut *guard;
        shuffle_start(order, endpoints.len(), self.count, decision.scratch);
        let drawn = &order[..self.count.min(endpoints.len())];
        let moment = Moment {
            cluster: decision.cluster,
            class: Some(decision.request.class),
            available: endpoints.len(),
            now: decision.now,
        };
        features.fill(drawn.iter().map(|index| &endpoints[*index]), &moment);
        costs.clear();
        costs.resize(drawn.len(), 0.0);
        // A model that fails leaves zeros: the first drawn candidate is as good as any.
        self.model
            .score(features.rows(), features.context(), costs, workspace)
            .unwrap_or_default();
        let lowest = drawn
            .iter()
            .zip(costs.iter())
            .min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        Some(Pick {
            index: *lowest.0,
            propensity: 1.0,
            kind: PickKind::Policy,
        })
    }
}

/// Puts a random sample of the indices below `total` at the start of `order`.
fn shuffle_start(order: &mut Vec<usize>, total: usize, count: usize, scratch: &mut Scratch) {
    order.clear();
    order.extend(0..total);
    if count < total {
        for place in 0..count {
            let other = place + draw(total - place, scratch);
            order.swap(place, other);
        }
    }
}

/// An index below `count`, which is not 0.
fn draw(count: usize, scratch: &mut Scratch) -> usize {
    ((scratch.uniform() * count as f32) as usize).min(count - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lb_policy::{
        endpoint::EndpointId,
        features::{CONTEXT, FEATURES, WEIGHT},
        model::ScoreError,
        request::Request,
        telemetry::EndpointStats,
    };

    fn candidates(count: u32) -> Candidates {
        let endpoint = |number: u32| {
            let id = EndpointId::new(&format!("e{number}:80"));
            Arc::new(EndpointStats::new(id, number + 1, Timestamp::ZERO))
        };
        Candidates::new((0..count).map(endpoint).collect())
    }

    /// Who was picked, for so many decisions at `seconds`.
    fn picks(
        policy: &dyn Policy,
        candidates: &Candidates,
        seconds: u64,
        count: usize,
    ) -> Vec<Pick> {
        let cluster = ClusterStats::default();
        let mut scratch = Scratch::from_seed(1);
        (0..count)
            .map(|_| {
                let mut decision = Decision {
                    request: &Request::default(),
                    candidates,
                    cluster: &cluster,
                    now: Timestamp::ZERO + Duration::from_secs(seconds),
                    scratch: &mut scratch,
                };
                policy.pick(&mut decision).unwrap()
            })
            .collect()
    }

    /// Prefers light endpoints.
    #[derive(Debug)]
    struct Light;

    impl Scorer for Light {
        fn score(
            &self,
            rows: &[f32],
            _context: &[f32; CONTEXT],
            costs: &mut [f32],
            _workspace: &mut Workspace,
        ) -> Result<(), ScoreError> {
            for (cost, row) in costs.iter_mut().zip(rows.chunks(FEATURES)) {
                *cost = row[WEIGHT];
            }
            Ok(())
        }
    }

    /// Always picks the same.
    #[derive(Debug)]
    struct Fixed(usize);

    impl Policy for Fixed {
        fn pick(&self, _decision: &mut Decision<'_>) -> Option<Pick> {
            Some(Pick {
                index: self.0,
                propensity: 1.0,
                kind: PickKind::Policy,
            })
        }
    }

    #[test]
    fn policies_take_turns() {
        let mixture = TakingTurns::new(
            vec![Box::new(Fixed(0)), Box::new(Fixed(1))],
            Duration::from_secs(3),
            0.0,
        );
        let set = candidates(2);
        let at = |seconds| picks(&mixture, &set, seconds, 1)[0].index;
        assert_eq!([0, 2, 3, 5, 6, 9].map(at), [0, 0, 1, 1, 0, 1]);
    }

    #[test]
    fn a_share_goes_anywhere_with_its_probability_told() {
        let mixture = TakingTurns::new(vec![Box::new(Fixed(0))], Duration::from_secs(3), 0.2);
        let found = picks(&mixture, &candidates(4), 0, 10_000);
        let explored: Vec<_> = found
            .iter()
            .filter(|pick| pick.kind == PickKind::Explored)
            .collect();
        assert!((1850..2150).contains(&explored.len()), "{}", explored.len());
        for index in 0..4 {
            assert!(explored.iter().filter(|pick| pick.index == index).count() > 400);
        }
        let own = found.iter().find(|pick| pick.kind == PickKind::Policy);
        assert!((own.unwrap().propensity - 0.85).abs() < 1e-6);
    }

    #[test]
    fn a_sample_is_scored_and_its_best_taken() {
        let all = Sampled::new(Arc::new(Light), 99);
        assert!(
            picks(&all, &candidates(8), 0, 20)
                .iter()
                .all(|pick| pick.index == 0)
        );
        let two = Sampled::new(Arc::new(Light), 2);
        let found = picks(&two, &candidates(8), 0, 8000);
        let share = |index| found.iter().filter(|pick| pick.index == index).count();
        assert!((1850..2150).contains(&share(0)), "2 of 8: a quarter");
        assert_eq!(share(7), 0, "the heaviest is never the best of two");
    }

    #[test]
    fn no_candidates_give_no_pick() {
        let mixture = TakingTurns::new(
            vec![
                build(&PolicyConfig::PEAK_EWMA),
                Box::new(Sampled::new(Arc::new(Light), 2)),
            ],
            Duration::from_secs(1),
            0.5,
        );
        let cluster = ClusterStats::default();
        let mut scratch = Scratch::from_seed(1);
        for seconds in 0..8 {
            let mut decision = Decision {
                request: &Request::default(),
                candidates: &candidates(0),
                cluster: &cluster,
                now: Timestamp::ZERO + Duration::from_secs(seconds),
                scratch: &mut scratch,
            };
            assert!(mixture.pick(&mut decision).is_none());
        }
    }
}
