//! Every endpoint in use, by cluster and identity. Outlives topologies; whatever no
//! topology names any more is swept out together with its metric series.

use super::{member::Member, metrics::UpstreamMetrics};
use crate::discovery::Declared;
use lb_policy::{
    endpoint::EndpointId,
    telemetry::{ClusterStats, EndpointStats},
    time::Timestamp,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// Shared by all topologies of the process.
#[derive(Debug)]
pub struct MemberTable {
    metrics: UpstreamMetrics,
    clusters: Mutex<HashMap<String, Entry>>,
    /// Holds that live; changed and read under the lock of `clusters`.
    holds: AtomicUsize,
}

/// While it lives, no endpoint is forgotten.
#[derive(Debug)]
pub struct Hold<'a>(&'a MemberTable);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.holds.fetch_sub(1, Relaxed);
    }
}

#[derive(Debug, Default)]
struct Entry {
    stats: Arc<ClusterStats>,
    members: BTreeMap<EndpointId, Arc<Member>>,
}

impl MemberTable {
    /// An empty table whose endpoints report to `metrics`.
    pub fn new(metrics: UpstreamMetrics) -> Self {
        Self {
            metrics,
            clusters: Mutex::default(),
            holds: AtomicUsize::new(0),
        }
    }

    /// Keeps every endpoint while a topology is prepared: the serving one does not know those
    /// that only the new one has.
    pub fn hold(&self) -> Hold<'_> {
        // Under the lock: a sweep that has begun ends before the first endpoint is added.
        let _clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        self.holds.fetch_add(1, Relaxed);
        Hold(self)
    }

    pub(super) fn metrics(&self) -> &UpstreamMetrics {
        &self.metrics
    }

    /// Statistics of the cluster of that name, made on first sight.
    pub(super) fn cluster_stats(&self, cluster: &str) -> Arc<ClusterStats> {
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&clusters.entry(cluster.to_owned()).or_default().stats)
    }

    /// The member for `declared`, made on first sight and updated in place after.
    pub(super) fn upsert(&self, cluster: &str, declared: &Declared, now: Timestamp) -> Arc<Member> {
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = clusters.entry(cluster.to_owned()).or_default();
        let member = entry.members.entry(declared.id.clone()).or_insert_with(|| {
            let stats = Arc::new(EndpointStats::new(
                declared.id.clone(),
                declared.weight,
                now,
            ));
            let metrics = self.metrics.endpoint(cluster, declared.id.as_str());
            Arc::new(Member::new(stats, declared.address, metrics))
        });
        member.declare(declared.address, declared.weight, declared.enabled);
        if let Some(load) = &declared.load {
            member.stats().record_registry(load, now);
        }
        Arc::clone(member)
    }

    /// The members of the cluster of that name.
    pub(super) fn members(&self, cluster: &str) -> Vec<Arc<Member>> {
        let clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        clusters
            .get(cluster)
            .map(|entry| entry.members.values().cloned().collect())
            .unwrap_or_default()
    }

    /// Forgets the members of `cluster` that are not in `current`, unless there is a [`Hold`].
    pub(super) fn retain(&self, cluster: &str, current: &[Arc<Member>]) {
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        if self.holds.load(Relaxed) > 0 {
            return;
        }
        let Some(entry) = clusters.get_mut(cluster) else {
            return;
        };
        entry.members.retain(|_, member| {
            let stays = current.iter().any(|other| Arc::ptr_eq(other, member));
            if !stays {
                member.metrics.remove();
            }
            stays
        });
    }

    /// Forgets whole clusters that are not in `current`.
    pub fn retain_clusters(&self, current: &[&str]) {
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        clusters.retain(|name, entry| {
            let stays = current.contains(&name.as_str());
            if !stays {
                entry
                    .members
                    .values()
                    .for_each(|member| member.metrics.remove());
                self.metrics.cluster(name).remove();
            }
            stays
        });
    }
}
