//! A cluster: who belongs to it and who of them may take traffic. Knows nothing of
//! policies, and requests only by how they ended.

mod member;
mod metrics;
mod table;

pub use member::Member;
pub(crate) use metrics::LATENCY_BUCKETS;
pub use metrics::{EndpointMetrics, UpstreamMetrics};
pub use table::MemberTable;

use crate::{config, discovery::Declared};
use arc_swap::{ArcSwap, Guard};
use lb_policy::{
    policies::Candidates,
    readiness::{Change, ejections_allowed, stands_out},
    telemetry::ClusterStats,
    time::Timestamp,
};
use metrics::ClusterMetrics;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The endpoints that may take a request now. Made on a change, read by every request.
#[derive(Debug)]
pub struct ReadySet {
    candidates: Candidates,
    members: Vec<Arc<Member>>,
    /// As they were when the candidates were made.
    weights: Vec<u32>,
}

impl ReadySet {
    /// A set of `members`, the candidates in the same order.
    pub fn new(members: Vec<Arc<Member>>) -> Self {
        let candidates = Candidates::new(members.iter().map(|m| Arc::clone(m.stats())).collect());
        let weights = members
            .iter()
            .map(|member| member.stats().weight())
            .collect();
        Self {
            candidates,
            members,
            weights,
        }
    }

    /// Whether it consists of `members` with the weights they have now.
    fn is_of(&self, members: &[Arc<Member>]) -> bool {
        let same = |(i, member): (usize, &Arc<Member>)| {
            Arc::ptr_eq(&self.members[i], member) && self.weights[i] == member.stats().weight()
        };
        members.len() == self.members.len() && members.iter().enumerate().all(same)
    }

    /// What policies choose from.
    pub fn candidates(&self) -> &Candidates {
        &self.candidates
    }

    /// The members behind the candidates, at the same indices.
    pub fn members(&self) -> &[Arc<Member>] {
        &self.members
    }
}

/// One cluster of one topology.
#[derive(Debug)]
pub struct Cluster {
    settings: config::Cluster,
    table: Arc<MemberTable>,
    stats: Arc<ClusterStats>,
    metrics: ClusterMetrics,
    members: Mutex<Vec<Arc<Member>>>,
    ready: ArcSwap<ReadySet>,
}

impl Cluster {
    /// An empty cluster; [`Cluster::apply`] fills it.
    pub fn new(settings: config::Cluster, table: Arc<MemberTable>) -> Self {
        let stats = table.cluster_stats(&settings.name);
        let metrics = table.metrics().cluster(&settings.name);
        let ready = ArcSwap::from_pointee(ReadySet::new(Vec::new()));
        Self {
            settings,
            table,
            stats,
            metrics,
            members: Mutex::default(),
            ready,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// What is configured for it.
    pub fn settings(&self) -> &config::Cluster {
        &self.settings
    }

    /// What is known of it as a whole.
    pub fn stats(&self) -> &Arc<ClusterStats> {
        &self.stats
    }

    /// All members, ready or not.
    pub fn members(&self) -> Vec<Arc<Member>> {
        self.lock_members().clone()
    }

    /// Who may take a request now.
    pub fn ready(&self) -> Guard<Arc<ReadySet>> {
        self.ready.load()
    }

    /// Takes over what a source declares.
    pub fn apply(&self, declared: &[Declared], now: Timestamp) {
        self.set_members(
            declared
                .iter()
                .map(|d| self.table.upsert(self.name(), d, now))
                .collect(),
        );
    }

    /// Takes over the endpoints that a cluster of this name has in the serving topology,
    /// where the source cannot tell its endpoints just now.
    pub fn adopt(&self) {
        self.set_members(self.table.members(self.name()));
    }

    fn set_members(&self, members: Vec<Arc<Member>>) {
        if self.settings.health_check.is_none() {
            members
                .iter()
                .for_each(|member| member.health.assume_healthy());
        }
        *self.lock_members() = members;
        self.rebuild();
    }

    /// Sets the gauges of the cluster; called when somebody scrapes. Two topologies share the
    /// series, and whichever changed last would be seen.
    pub fn set_gauges(&self) {
        self.rebuild();
    }

    /// Forgets endpoints that this cluster no longer has. Only the serving topology may call
    /// it: one that is being prepared must not take endpoints away from the one that serves.
    pub fn forget_departed(&self) {
        self.table.retain(self.name(), &self.lock_members());
    }

    /// Takes in the result of one active check, with its time when it passed.
    pub fn observe_check(&self, member: &Member, result: Result<Duration, String>, now: Timestamp) {
        let Some(settings) = &self.settings.health_check else {
            return;
        };
        if let Ok(rtt) = result {
            member.stats().record_health_check(rtt, now);
        }
        let (up, down) = (settings.healthy_threshold, settings.unhealthy_threshold);
        let Some(change) = member.health.observe(result.is_ok(), up, down) else {
            return;
        };
        let endpoint = member.stats().id();
        match (change, result) {
            (Change::BecameUnhealthy, Err(reason)) => {
                log::warn!(
                    "endpoint unhealthy cluster={} endpoint={endpoint} reason=\"{reason}\"",
                    self.name()
                );
            }
            _ => {
                log::info!(
                    "endpoint healthy cluster={} endpoint={endpoint}",
                    self.name()
                );
                member.stats().mark_ready(now);
            }
        }
        self.rebuild();
    }

    /// Takes in how a request to `member` ended; may eject it.
    pub fn observe_response(&self, member: &Member, is_error: bool, now: Timestamp) {
        let Some(settings) = &self.settings.outlier_detection else {
            return;
        };
        if !member.outlier.observe(is_error, settings.consecutive_5xx)
            || !self.fails_more_than_most(member, settings.min_error_ratio as f32, now)
        {
            return;
        }
        let members = self.lock_members();
        let ejected = members.iter().filter(|m| m.is_ejected()).count();
        if ejected >= ejections_allowed(members.len(), settings.max_ejection) || member.is_ejected()
        {
            return;
        }
        member.outlier.eject(settings.base_ejection_time, now);
        drop(members);
        self.metrics.consecutive_5xx.inc();
        log::warn!(
            "endpoint ejected cluster={} endpoint={} reason=consecutive_5xx",
            self.name(),
            member.stats().id()
        );
        self.rebuild();
    }

    /// Whether `member` stands out from the others that are ready. Without the lock: where all
    /// fail, every error asks.
    fn fails_more_than_most(&self, member: &Member, ratio: f32, now: Timestamp) -> bool {
        let ready = self.ready.load();
        let is_other = |other: &Member| other.is_ready() && !std::ptr::eq(other, member);
        let others = ready.members.iter().filter(|other| is_other(other));
        let rates = others.map(|other| other.stats().error_rate(now));
        stands_out(member.stats().error_rate(now), rates, ratio)
    }

    /// Ends ejections that are due.
    pub fn release_ejected(&self, now: Timestamp) {
        let mut released = false;
        for member in self
            .members()
            .iter()
            .filter(|member| member.outlier.release_if_due(now))
        {
            log::info!(
                "endpoint back from ejection cluster={} endpoint={}",
                self.name(),
                member.stats().id()
            );
            member.stats().mark_ready(now);
            released = true;
        }
        if released {
            self.rebuild();
        }
    }

    /// Forgives one earlier ejection of every member that behaves.
    pub fn forgive(&self) {
        self.lock_members()
            .iter()
            .for_each(|member| member.outlier.forgive());
    }

    /// Makes the ready set anew. Below the panic threshold everyone enabled takes part: when
    /// most endpoints look dead, the view is more likely to be wrong than the endpoints.
    fn rebuild(&self) {
        let members = self.lock_members();
        let enabled: Vec<_> = members.iter().filter(|m| m.is_enabled()).cloned().collect();
        let ready: Vec<_> = enabled.iter().filter(|m| m.is_ready()).cloned().collect();
        let panic = (ready.len() as f64) < enabled.len() as f64 * self.settings.panic_threshold;
        self.metrics.panic.set(i64::from(panic));
        let chosen = if panic { enabled } else { ready };
        self.metrics
            .ready
            .set(i64::try_from(chosen.len()).unwrap_or(i64::MAX));
        // Policies derive schedules and rings from a set: not anew when nothing changed. Stored
        // under the lock, so that the latest change is what readers end up with.
        if !self.ready.load().is_of(&chosen) {
            self.ready.store(Arc::new(ReadySet::new(chosen)));
        }
    }

    fn lock_members(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Member>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
