//! Prequal (Wydrowski et al., NSDI 2024) with its probes: endpoints drawn at random are asked
//! for requests in flight and latency, and the choice is among those that answered lately.

use super::{Decision, Pick, PickKind, Policy, ProbeAnswer, Probing};
use crate::{
    telemetry::{EndpointStats, cut},
    time::Timestamp,
};
use rand::RngExt;
use std::sync::{Arc, Mutex, PoisonError};

/// Older answers are dropped, as in the paper.
const MAX_AGE_SECONDS: f32 = 1.0;
/// Recent answers whose loads say what is hot.
const HISTORY: usize = 64;
/// With fewer answers than this a candidate is drawn at random, as in the paper.
const MIN_ANSWERS: usize = 2;
/// Greatest pool and rate of probes that make sense.
const MAX_POOL: usize = 128;
const MAX_PROBES: f32 = 16.0;

/// Chooses by the hot-cold rule among the answers in its pool.
#[derive(Debug)]
pub(super) struct PrequalProbing {
    probes_per_request: f32,
    quantile: f32,
    max_reuse: u32,
    size: usize,
    /// Held for some hundred nanoseconds by whoever chooses or brings an answer.
    pool: Mutex<Pool>,
}

/// The answers, oldest first, at most one for each endpoint.
#[derive(Debug)]
struct Pool {
    answers: Vec<Answer>,
    /// Loads in the latest answers, in no order of age.
    loads: [f32; HISTORY],
    /// Loads ever noted.
    noted: usize,
    sorted: Vec<f32>,
    removes_oldest: bool,
}

#[derive(Debug)]
struct Answer {
    endpoint: Arc<EndpointStats>,
    /// Where the endpoint last stood among the candidates.
    index: usize,
    in_flight: f32,
    latency_seconds: f32,
    at: Timestamp,
    uses: u32,
}

impl PrequalProbing {
    /// `quantile` of the load, from 0 to 1, above which an endpoint is hot; a pool of `size`
    /// answers, each used at most `max_reuse` times. Settings out of range are brought into it.
    pub(super) fn new(probes_per_request: f32, quantile: f32, max_reuse: u32, size: usize) -> Self {
        let size = size.clamp(MIN_ANSWERS, MAX_POOL);
        Self {
            probes_per_request: cut(probes_per_request, 0.0, MAX_PROBES),
            quantile: cut(quantile, 0.0, 1.0),
            max_reuse: max_reuse.max(1),
            size,
            pool: Mutex::new(Pool {
                answers: Vec::with_capacity(size + 1),
                loads: [0.0; HISTORY],
                noted: 0,
                sorted: Vec::with_capacity(HISTORY),
                removes_oldest: true,
            }),
        }
    }

    /// How often one answer may be used among `count` candidates: so often that the pool does
    /// not run dry, by the formula of the paper with one removal for each request.
    fn reuse(&self, count: usize) -> u32 {
        let most = self.max_reuse as f32;
        let pool = self.size.min(count) as f32;
        let spare = (1.0 - pool / count as f32) * self.probes_per_request - 1.0;
        if spare <= 2.0 / most {
            return self.max_reuse;
        }
        (2.0 / spare).clamp(1.0, most) as u32
    }
}

impl Policy for PrequalProbing {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let endpoints = decision.candidates.endpoints();
        if endpoints.is_empty() {
            return None;
        }
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        pool.keep_usable(endpoints, decision.now);
        if pool.answers.len() < MIN_ANSWERS {
            drop(pool);
            let index = decision.scratch.rng.random_range(0..endpoints.len());
            return Some(Pick::own(index, 1.0 / endpoints.len() as f32));
        }
        let index = pool.choose(self.quantile, self.reuse(endpoints.len()));
        Some(Pick {
            index,
            propensity: 1.0,
            kind: PickKind::Policy,
        })
    }

    fn probing(&self) -> Option<&dyn Probing> {
        Some(self)
    }
}

impl Probing for PrequalProbing {
    fn probes_per_request(&self) -> f32 {
        self.probes_per_request
    }

    fn record_probe(&self, endpoint: &Arc<EndpointStats>, answer: ProbeAnswer, now: Timestamp) {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        pool.add(endpoint, answer, now);
        if pool.answers.len() > self.size {
            pool.answers.remove(0);
        }
    }
}

impl Pool {
    /// Takes in an answer in place of an older one of the same endpoint.
    fn add(&mut self, endpoint: &Arc<EndpointStats>, answer: ProbeAnswer, now: Timestamp) {
        let in_flight = cut(answer.in_flight, 0.0, f32::MAX);
        self.loads[self.noted % HISTORY] = in_flight;
        self.noted = self.noted.wrapping_add(1);
        self.answers
            .retain(|old| !Arc::ptr_eq(&old.endpoint, endpoint));
        self.answers.push(Answer {
            endpoint: Arc::clone(endpoint),
            index: 0,
            in_flight,
            latency_seconds: cut(answer.latency_seconds, 0.0, f32::MAX),
            at: now,
            uses: 0,
        });
    }

    /// Drops answers that are old or whose endpoint is no candidate, and finds the others'
    /// places.
    fn keep_usable(&mut self, endpoints: &[Arc<EndpointStats>], now: Timestamp) {
        self.answers.retain_mut(|answer| {
            now.seconds_since(answer.at) < MAX_AGE_SECONDS && answer.find_among(endpoints)
        });
    }

    /// The hot-cold rule: of the cold the lowest latency, of hot ones alone the lowest load.
    /// Removes what is used up, and one more answer.
    fn choose(&mut self, quantile: f32, reuse: u32) -> usize {
        let hot_above = self.threshold(quantile);
        let is_cold = |answer: &Answer| answer.in_flight <= hot_above;
        let coldest = self.position(is_cold, |answer| answer.latency_seconds);
        let least = || self.position(|_| true, |answer| answer.in_flight);
        let position = coldest.or_else(least).expect("the pool is not empty");
        let answer = &mut self.answers[position];
        let index = answer.index;
        // The request that is about to be sent there.
        answer.in_flight += 1.0;
        answer.uses += 1;
        if answer.uses >= reuse {
            self.answers.remove(position);
        }
        if self.answers.len() > MIN_ANSWERS {
            self.remove_one(hot_above);
        }
        index
    }

    /// Removes the oldest answer and the worst in turn: the hottest, or the slowest if none
    /// is hot.
    fn remove_one(&mut self, hot_above: f32) {
        let by_load = |answer: &Answer| -answer.in_flight;
        let by_latency = |answer: &Answer| -answer.latency_seconds;
        let worst = if self.removes_oldest {
            Some(0)
        } else if self.answers.iter().any(|a| a.in_flight > hot_above) {
            self.position(|_| true, by_load)
        } else {
            self.position(|_| true, by_latency)
        };
        if let Some(position) = worst {
            self.answers.remove(position);
        }
        self.removes_oldest = !self.removes_oldest;
    }

    /// The load above which an endpoint is hot.
    fn threshold(&mut self, quantile: f32) -> f32 {
        let known = self.noted.min(HISTORY);
        self.sorted.clear();
        self.sorted.extend_from_slice(&self.loads[..known]);
        self.sorted.sort_unstable_by(f32::total_cmp);
        let rank = (known.saturating_sub(1) as f32 * quantile) as usize;
        self.sorted.get(rank).copied().unwrap_or(0.0)
    }

    /// The first of the wanted answers with the lowest value.
    fn position(
        &self,
        wanted: impl Fn(&Answer) -> bool,
        value: impl Fn(&Answer) -> f32,
    ) -> Option<usize> {
        let answers = self.answers.iter().enumerate();
        let wanted = answers.filter(|(_, answer)| wanted(answer));
        let lowest = wanted.min_by(|(_, a), (_, b)| value(a).total_cmp(&value(b)));
        lowest.map(|(position, _)| position)
    }
}

impl Answer {
    /// Notes where its endpoint stands; false when it is not there.
    fn find_among(&mut self, endpoints: &[Arc<EndpointStats>]) -> bool {
        let is_own = |endpoint: &Arc<EndpointStats>| Arc::ptr_eq(endpoint, &self.endpoint);
        if endpoints.get(self.index).is_some_and(is_own) {
            return true;
        }
        let found = endpoints.iter().position(is_own);
        self.index = found.unwrap_or(0);
        found.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        endpoint::EndpointId,
        policies::{Candidates, Scratch},
        request::Request,
        telemetry::ClusterStats,
    };
    use std::time::Duration;

    struct Bench {
        policy: PrequalProbing,
        candidates: Candidates,
        now: Timestamp,
        scratch: Scratch,
    }

    impl Bench {
        fn new(max_reuse: u32) -> Self {
            let endpoint = |i| {
                let id = EndpointId::new(&format!("10.0.0.{i}:80"));
                Arc::new(EndpointStats::new(id, 1, Timestamp::ZERO))
            };
            Self {
                policy: PrequalProbing::new(3.0, 0.5, max_reuse, 16),
                candidates: Candidates::new((0..6).map(endpoint).collect()),
                now: Timestamp::ZERO,
                scratch: Scratch::from_seed(1),
            }
        }

        fn probe(&self, index: usize, in_flight: f32, latency_seconds: f32) {
            let answer = ProbeAnswer {
                in_flight,
                latency_seconds,
            };
            let endpoint = &self.candidates.endpoints()[index];
            self.policy.record_probe(endpoint, answer, self.now);
        }

        fn pick(&mut self) -> Pick {
            let picked = self.policy.pick(&mut Decision {
                request: &Request::default(),
                candidates: &self.candidates,
                cluster: &ClusterStats::new(),
                now: self.now,
                scratch: &mut self.scratch,
            });
            picked.expect("there are candidates")
        }

        fn pool(&self) -> Vec<usize> {
            let pool = self.policy.pool.lock().expect("no one panicked");
            pool.answers.iter().map(|answer| answer.index).collect()
        }
    }

    #[test]
    fn the_fastest_of_the_cold_is_chosen() {
        let mut bench = Bench::new(9);
        bench.probe(0, 9.0, 0.001);
        bench.probe(1, 1.0, 0.020);
        bench.probe(2, 2.0, 0.010);
        assert_eq!(bench.pick().index, 2, "0 is hot, 1 is slower");
    }

    #[test]
    fn a_choice_makes_its_answer_hotter() {
        let mut bench = Bench::new(9);
        bench.probe(3, 1.0, 0.020);
        bench.probe(4, 1.0, 0.010);
        assert_eq!(bench.pick().index, 4);
        assert_eq!(bench.pick().index, 3, "4 has become hot");
        assert_eq!(
            bench.pick().index,
            3,
            "both are hot; the first of two alike"
        );
    }

    #[test]
    fn an_answer_is_used_up_and_without_two_the_choice_is_random() {
        let mut bench = Bench::new(1);
        bench.probe(0, 1.0, 0.010);
        bench.probe(1, 1.0, 0.020);
        assert_eq!(bench.pick().index, 0);
        let seen: std::collections::HashSet<_> = (0..200)
            .map(|_| bench.pick())
            .map(|pick| {
                assert!((pick.propensity - 1.0 / 6.0).abs() < 1e-6);
                pick.index
            })
            .collect();
        assert_eq!(seen.len(), 6);
    }

    #[test]
    fn the_oldest_and_the_worst_are_removed_in_turn() {
        let mut bench = Bench::new(9);
        for (index, in_flight) in [(0, 1.0), (1, 5.0), (2, 2.0), (3, 9.0), (4, 1.0), (5, 1.0)] {
            bench.probe(index, in_flight, 0.01 + 0.001 * index as f32);
        }
        assert_eq!(bench.pick().index, 0);
        assert_eq!(bench.pool(), [1, 2, 3, 4, 5], "the oldest is gone");
        assert_eq!(bench.pick().index, 4, "the first of the cold that are left");
        assert_eq!(bench.pool(), [1, 2, 4, 5], "the hottest is gone");
    }

    #[test]
    fn answers_of_more_than_a_second_ago_and_of_no_candidate_are_dropped() {
        let mut bench = Bench::new(9);
        bench.probe(0, 1.0, 0.010);
        bench.probe(1, 1.0, 0.010);
        bench.now = bench.now + Duration::from_millis(900);
        for index in 2..5 {
            bench.probe(index, 1.0, 0.010);
        }
        bench.now = bench.now + Duration::from_millis(200);
        let left = bench.candidates.endpoints()[3..].to_vec();
        bench.candidates = Candidates::new(left);
        bench.pick();
        assert_eq!(bench.pool(), [0, 1], "the former 3 and 4 stand first now");
    }
}
