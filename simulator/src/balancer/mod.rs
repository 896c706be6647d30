//! One balancer: the proxy's own telemetry, readiness, retry budget and policy, put together as
//! the proxy puts them together.

mod member;
mod ready;

pub(crate) use ready::ReadySet;

use crate::{
    chance::Purpose,
    clock,
    scenario::{HealthCheck, Outlier, Scenario},
};
use lb_policy::{
    policies::{Decision, Pick, Policy, Scratch},
    readiness::{ejections_allowed, stands_out},
    request::Request,
    retry::RetryBudget,
    telemetry::{ClusterStats, EndpointStats},
    time::Timestamp,
};
use member::Member;
use std::{rc::Rc, sync::Arc, time::Duration};

/// Retries that are allowed each second whatever the budget. The proxy's default of 10 would
/// be a large share of a simulated balancer's traffic.
const RETRIES_FLOOR: u32 = 0;

/// One balancer but for its chooser.
#[derive(Debug)]
pub(crate) struct Balancer {
    cluster: Arc<ClusterStats>,
    /// At the index of its server; `None` where that is no member.
    members: Vec<Option<Member>>,
    ready: Rc<ReadySet>,
    budget: RetryBudget,
    retries_max: u32,
    scratch: Scratch,
    panic_threshold: f64,
    health_check: Option<HealthCheck>,
    outlier: Option<Outlier>,
}

impl Balancer {
    pub(crate) fn new(scenario: &Scenario, index: usize) -> Self {
        let servers = scenario.servers.iter().enumerate();
        let member = |(i, server): (usize, &crate::scenario::Server)| {
            let joined = server.joined.then_some(server.weight);
            joined.map(|weight| Member::new(i, weight, Timestamp::ZERO))
        };
        let mut balancer = Self {
            cluster: Arc::new(ClusterStats::new()),
            members: servers.map(member).collect(),
            ready: Rc::new(ReadySet::empty()),
            budget: RetryBudget::new(scenario.retry.budget, RETRIES_FLOOR),
            retries_max: scenario.retry.attempts,
            scratch: Scratch::from_seed(Purpose::Choices(index).seed(scenario.seed)),
            panic_threshold: scenario.panic_threshold,
            health_check: scenario.health_check,
            outlier: scenario.outlier,
        };
        balancer.rebuild();
        balancer
    }

    pub(crate) fn cluster(&self) -> &Arc<ClusterStats> {
        &self.cluster
    }

    /// Telemetry of a server; `None` where it is no member.
    pub(crate) fn stats(&self, server: usize) -> Option<&Arc<EndpointStats>> {
        self.members[server].as_ref().map(|member| &member.stats)
    }

    /// Who may take a request that has been tried at some.
    pub(crate) fn ready_but(&self, tried: &[usize]) -> Rc<ReadySet> {
        if tried.is_empty() {
            Rc::clone(&self.ready)
        } else {
            Rc::new(self.ready.without(tried))
        }
    }

    /// Lets a new request in.
    pub(crate) fn admit(&self) {
        self.budget.deposit();
    }

    /// The choice of `policy` among `ready`.
    pub(crate) fn choose(
        &mut self,
        policy: &dyn Policy,
        request: &Request,
        ready: &ReadySet,
        now: Timestamp,
    ) -> Option<Pick> {
        policy.pick(&mut Decision {
            request,
            candidates: ready.candidates(),
            cluster: &self.cluster,
            now,
            scratch: &mut self.scratch,
        })
    }

    /// Lets a policy do its work off the path of requests.
    pub(crate) fn refresh(&mut self, policy: &dyn Policy, now: Timestamp) {
        let candidates = self.ready.candidates();
        policy.refresh(candidates, &self.cluster, now, &mut self.scratch);
    }

    /// Whether a request that failed at all of `tried` may be tried again. Takes the retry out
    /// of the budget before it looks at the number of attempts, as the proxy does.
    pub(crate) fn may_retry(&self, tried: &[usize], now: Timestamp) -> bool {
        let is_left = self.ready.servers().iter().any(|s| !tried.contains(s));
        is_left && self.budget.withdraw(now) && tried.len() <= self.retries_max as usize
    }

    /// Takes in how a request to `endpoint` at `server` ended; true when that ejects it.
    pub(crate) fn observe_result(
        &mut self,
        server: usize,
        endpoint: &Arc<EndpointStats>,
        is_error: bool,
        now: Timestamp,
    ) -> bool {
        let (Some(settings), Some(member)) = (self.outlier, &self.members[server]) else {
            return false;
        };
        // A server that left and came back is a new endpoint.
        let is_same = Arc::ptr_eq(&member.stats, endpoint);
        if !is_same || !member.outlier.observe(is_error, settings.errors_in_a_row) {
            return false;
        }
        let ejected = self.members().filter(|m| m.outlier.is_ejected()).count();
        if ejected >= ejections_allowed(self.members().count(), settings.max_ejection) {
            return false;
        }
        let others = self.members().filter(|m| m.is_ready());
        let others = others.filter(|m| !Arc::ptr_eq(&m.stats, endpoint));
        let rates = others.map(|m| m.stats.error_rate(now));
        if !stands_out(endpoint.error_rate(now), rates, settings.min_error_ratio) {
            return false;
        }
        let base = clock::span(settings.base_ejection);
        member.outlier.eject(base, now);
        self.rebuild();
        true
    }

    /// Ends the ejections that are due; true while any goes on.
    pub(crate) fn release_ejected(&mut self, now: Timestamp) -> bool {
        let mut is_changed = false;
        for member in self.members() {
            if member.outlier.release_if_due(now) {
                member.stats.mark_ready(now);
                is_changed = true;
            }
        }
        if is_changed {
            self.rebuild();
        }
        self.members().any(|member| member.outlier.is_ejected())
    }

    /// Forgives one earlier ejection of every member that behaves.
    pub(crate) fn forgive(&self) {
        self.members().for_each(|member| member.outlier.forgive());
    }

    /// Starts a check that will find `result`, unless one is under way.
    pub(crate) fn start_check(&mut self, server: usize, result: Option<Duration>) -> bool {
        match &mut self.members[server] {
            Some(member) if member.check.is_none() => {
                member.check = Some(result);
                true
            }
            _ => false,
        }
    }

    /// Takes in the result of the check that was under way.
    pub(crate) fn end_check(&mut self, server: usize, now: Timestamp) {
        let (Some(settings), Some(member)) = (self.health_check, &mut self.members[server]) else {
            return;
        };
        let Some(result) = member.check.take() else {
            return;
        };
        if let Some(rtt) = result {
            member.stats.record_health_check(rtt, now);
        }
        let (up, down) = (settings.healthy_threshold, settings.unhealthy_threshold);
        if member.health.observe(result.is_some(), up, down).is_none() {
            return;
        }
        if result.is_some() {
            member.stats.mark_ready(now);
        }
        self.rebuild();
    }

    /// Discovery tells of a new endpoint.
    pub(crate) fn join(&mut self, server: usize, weight: u32, now: Timestamp) {
        if self.members[server].is_none() {
            self.members[server] = Some(Member::new(server, weight, now));
            self.rebuild();
        }
    }

    /// Discovery tells of an endpoint no more.
    pub(crate) fn leave(&mut self, server: usize) {
        self.members[server] = None;
        self.rebuild();
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().flatten()
    }

    /// Makes the ready set anew. Below the panic threshold every member takes part.
    fn rebuild(&mut self) {
        let total = self.members().count();
        let ready = self.members().filter(|member| member.is_ready()).count();
        let panics = (ready as f64) < total as f64 * self.panic_threshold;
        let members = self.members.iter().enumerate();
        let chosen = members.filter_map(|(server, member)| {
            let member = member.as_ref().filter(|m| panics || m.is_ready())?;
            Some((server, Arc::clone(&member.stats)))
        });
        let set = ReadySet::new(chosen);
        // Policies derive schedules and rings from a set: not anew when nothing changed.
        if !self.ready.is_same(&set) {
            self.ready = Rc::new(set);
        }
    }
}
