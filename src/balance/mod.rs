//! One cluster's choice of an upstream: ready endpoints in, one selection out, everything
//! that happens to it recorded.

mod attempt;
mod metrics;
mod models;
mod record;
mod warming;

pub use attempt::Attempt;
pub use metrics::BalanceMetrics;
pub use models::{ModelBook, ModelProblem};

use crate::{
    clock::Clock,
    config,
    decision_log::{DecisionLog, Entry},
    upstream::{Cluster, Member, ReadySet},
};
use lb_policy::{
    model::Model,
    policies::{Decision, Pick, Policy, Scratch},
    request::Request,
    retry::RetryBudget,
    time::Timestamp,
};
use metrics::DecisionMetrics;
use record::Decider;
use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

thread_local! {
    // Buffers that decisions of one worker thread reuse; nothing is remembered between them.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::from_seed(rand::random()));
}

/// Why no endpoint was selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// The cluster has none that may take traffic and was not tried yet.
    #[error("no endpoint is ready")]
    NoEndpoint,
    /// The circuit breaker's limit of concurrent requests is reached.
    #[error("too many concurrent requests")]
    Overflow,
}

/// A choice, and what is to be told of it.
#[derive(Debug)]
pub struct Selection {
    /// Counts the request while it lives.
    pub attempt: Attempt,
    /// How it was chosen.
    pub pick: Pick,
    /// Time the decision took.
    pub decision_time: Duration,
}

/// A member's telemetry in short.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Peak-sensitive moving average of latency.
    pub peak_ewma: Duration,
    /// Recent share of errors, 0 to 1.
    pub error_rate: f32,
}

/// Chooses endpoints of one cluster.
#[derive(Debug)]
pub struct Balancer {
    cluster: Arc<Cluster>,
    policy: Box<dyn Policy>,
    policy_name: &'static str,
    model: Option<Arc<Model>>,
    clock: Clock,
    active: Arc<AtomicU32>,
    budget: RetryBudget,
    metrics: DecisionMetrics,
    log: DecisionLog,
}

/// A pick of one endpoint, and its entry where it was sampled for the decision log.
type Decided = (Pick, Option<Entry>);

/// Holds one place within the circuit breaker's limit.
#[derive(Debug)]
pub struct Admission(Arc<AtomicU32>);

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Balancer {
    /// A balancer over `cluster`; `model` is given where the policy is `onnx`.
    pub fn new(
        cluster: Arc<Cluster>,
        model: Option<Arc<Model>>,
        clock: Clock,
        metrics: &BalanceMetrics,
        log: DecisionLog,
    ) -> Self {
        let settings = cluster.settings();
        let policy = models::build_policy(&settings.policy, model.clone());
        let policy_name = settings.policy.name();
        let metrics = metrics.cluster(&settings.name, policy_name);
        let budget = RetryBudget::new(settings.retry.budget, settings.retry.min_per_second);
        Self {
            cluster,
            policy,
            policy_name,
            model,
            clock,
            active: Arc::default(),
            budget,
            metrics,
            log,
        }
    }

    /// The cluster it chooses from.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// The configured policy's name, as the configuration spells it.
    pub fn policy_name(&self) -> &'static str {
        self.policy_name
    }

    /// The model in use.
    pub fn model(&self) -> Option<&Arc<Model>> {
        self.model.as_ref()
    }

    /// Lets one more request in; the request keeps the admission to its end.
    ///
    /// # Errors
    /// [`SelectError::Overflow`] at the circuit breaker's limit.
    pub fn admit(&self) -> Result<Admission, SelectError> {
        let active = self.active.fetch_add(1, Relaxed);
        let admission = Admission(Arc::clone(&self.active));
        match self.cluster.settings().circuit_breaker.max_requests {
            Some(limit) if active >= limit => Err(SelectError::Overflow),
            _ => {
                self.budget.deposit();
                Ok(admission)
            }
        }
    }

    /// Chooses an endpoint that is not in `tried` and starts counting the attempt.
    ///
    /// # Errors
    /// [`SelectError::NoEndpoint`] when none is left.
    pub fn select(
        &self,
        request: &Request,
        tried: &[Arc<Member>],
    ) -> Result<Selection, SelectError> {
        let ready = self.cluster.ready();
        if tried.is_empty() {
            return self.select_from(&ready, request);
        }
        let left = ready
            .members()
            .iter()
            .filter(|m| !contains(tried, m))
            .cloned()
            .collect();
        self.select_from(&ReadySet::new(left), request)
    }

    /// Whether a ready endpoint is left that is not in `tried`.
    pub fn has_untried(&self, tried: &[Arc<Member>]) -> bool {
        self.cluster
            .ready()
            .members()
            .iter()
            .any(|member| !contains(tried, member))
    }

    /// Takes one retry out of the budget; false when there is none left.
    pub fn take_retry(&self) -> bool {
        self.budget.withdraw(self.clock.now())
    }

    /// What is known of a member, for people to read.
    pub fn summary(&self, member: &Member) -> Summary {
        let now = self.clock.now();
        let mean = self.cluster.stats().mean_latency_seconds();
        let peak = member.stats().peak_latency_seconds(mean, now);
        Summary {
            peak_ewma: Duration::try_from_secs_f32(peak).unwrap_or_default(),
            error_rate: member.stats().error_rate(now),
        }
    }

    /// How often [`Balancer::refresh`] is due; `None` for never.
    pub fn refresh_interval(&self) -> Option<Duration> {
        self.policy.refresh_interval()
    }

    /// Lets the policy do its work off the hot path.
    pub fn refresh(&self, scratch: &mut Scratch) {
        let ready = self.cluster.ready();
        self.policy.refresh(
            ready.candidates(),
            self.cluster.stats(),
            self.clock.now(),
            scratch,
        );
    }

    fn select_from(&self, ready: &ReadySet, request: &Request) -> Result<Selection, SelectError> {
        let now = self.clock.now();
        let (pick, entry) = SCRATCH
            .with_borrow_mut(|scratch| self.decide(ready, request, now, scratch))
            .ok_or(SelectError::NoEndpoint)?;
        let decided = self.clock.now();
        let decision_time = decided.since(now);
        self.metrics.decided(&pick, decision_time);
        let member = &ready.members()[pick.index];
        let attempt = Attempt::start(
            Arc::clone(&self.cluster),
            Arc::clone(member),
            request.class,
            self.clock,
            decided,
        );
        Ok(Selection {
            attempt: attempt.logged(entry),
            pick,
            decision_time,
        })
    }

    fn decide(
        &self,
        ready: &ReadySet,
        request: &Request,
        now: Timestamp,
        scratch: &mut Scratch,
    ) -> Option<Decided> {
        let mut decision = Decision {
            request,
            candidates: ready.candidates(),
            cluster: self.cluster.stats(),
            now,
            scratch,
        };
        let first = self.policy.pick(&mut decision)?;
        if self.stands(&first, &mut decision) {
            let entry = self.sample(&mut decision, &first);
            return Some((first, entry));
        }
        let others = warming::without(decision.candidates, first.index);
        let mut decision = Decision {
            candidates: &others,
            ..decision
        };
        let second = self.policy.pick(&mut decision)?;
        let entry = self.sample(&mut decision, &second);
        let index = warming::index_in_all(second.index, first.index);
        Some((Pick { index, ..second }, entry))
    }

    /// Whether a choice stands; only that of a warming endpoint may not.
    fn stands(&self, pick: &Pick, decision: &mut Decision<'_>) -> bool {
        let Some(window) = self.cluster.settings().slow_start else {
            return true;
        };
        warming::stands(
            decision.candidates.endpoints(),
            pick.index,
            window,
            decision.now,
            decision.scratch.uniform(),
        )
    }

    /// An entry for one decision in so many, as the decision log is configured.
    fn sample(&self, decision: &mut Decision<'_>, pick: &Pick) -> Option<Entry> {
        if !self.log.samples(|| decision.scratch.uniform()) {
            return None;
        }
        let decider = Decider {
            settings: self.cluster.settings(),
            model: self.model.as_deref(),
        };
        Some(self.log.open(decider.record(decision, pick)))
    }
}

fn contains(tried: &[Arc<Member>], member: &Arc<Member>) -> bool {
    tried.iter().any(|other| Arc::ptr_eq(other, member))
}

impl config::Policy {
    /// The word that selects it in the configuration; also its label in metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::Random => "random",
            Self::LeastRequest { .. } => "least_request",
            Self::PeakEwma { .. } => "peak_ewma",
            Self::ShortestExpectedDelay => "shortest_expected_delay",
            Self::ClientSideWeightedRoundRobin => "client_side_weighted_round_robin",
            Self::Prequal { .. } => "prequal",
            Self::C3 { .. } => "c3",
            Self::RingHash { .. } => "ring_hash",
            Self::Onnx(_) => "onnx",
        }
    }
}
