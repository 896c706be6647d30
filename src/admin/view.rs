//! What the admin interface shows of the topology that serves.

use crate::{control::ReloadStatus, topology::Topology, upstream::Member};
use serde::Serialize;

/// One cluster in `/clusters`.
#[derive(Serialize)]
pub(super) struct ClusterView {
    name: String,
    policy: &'static str,
    ready: usize,
    endpoints: Vec<EndpointView>,
}

#[derive(Serialize)]
struct EndpointView {
    id: String,
    address: std::net::SocketAddr,
    weight: u32,
    enabled: bool,
    healthy: bool,
    ejected: bool,
    in_flight: u32,
    peak_ewma_ms: f64,
    error_rate: f32,
}

/// `/policy`: what decides, and how the latest reload went.
#[derive(Serialize)]
pub(super) struct PolicyView {
    generation: u64,
    reload: ReloadStatus,
    clusters: Vec<DeciderView>,
}

#[derive(Serialize)]
struct DeciderView {
    cluster: String,
    policy: &'static str,
    model: Option<ModelView>,
}

#[derive(Serialize)]
struct ModelView {
    name: String,
    version: u64,
    sha256: String,
    schema: String,
    runtime: &'static str,
    training: String,
    path: String,
}

pub(super) fn clusters(topology: &Topology) -> Vec<ClusterView> {
    let view = |balancer: &std::sync::Arc<crate::balance::Balancer>| ClusterView {
        name: balancer.cluster().name().to_owned(),
        policy: balancer.policy_name(),
        ready: balancer.cluster().ready().members().len(),
        endpoints: balancer
            .cluster()
            .members()
            .iter()
            .map(|member| endpoint(balancer, member))
            .collect(),
    };
    topology.balancers().iter().map(view).collect()
}

fn endpoint(balancer: &crate::balance::Balancer, member: &Member) -> EndpointView {
    let summary = balancer.summary(member);
    EndpointView {
        id: member.stats().id().to_string(),
        address: member.address(),
        weight: member.stats().weight(),
        enabled: member.is_enabled(),
        healthy: member.is_healthy(),
        ejected: member.is_ejected(),
        in_flight: member.stats().in_flight(),
        peak_ewma_ms: summary.peak_ewma.as_secs_f64() * 1e3,
        error_rate: summary.error_rate,
    }
}

pub(super) fn policy(topology: &Topology, reload: ReloadStatus) -> PolicyView {
    let clusters = topology.balancers().iter().map(|balancer| DeciderView {
        cluster: balancer.cluster().name().to_owned(),
        policy: balancer.policy_name(),
        model: balancer.model().map(|model| ModelView {
            name: model.name().to_owned(),
            version: model.version(),
            sha256: model.sha256().to_owned(),
            schema: model.schema().to_owned(),
            runtime: model.runtime().as_str(),
            training: model.training().to_owned(),
            path: model.path().display().to_string(),
        }),
    });
    PolicyView {
        generation: topology.generation(),
        reload,
        clusters: clusters.collect(),
    }
}

/// Brings the gauges of clusters and endpoints up to date; called when somebody scrapes.
pub(super) fn set_gauges(topology: &Topology) {
    for balancer in topology.balancers() {
        balancer.cluster().set_gauges();
        for member in balancer.cluster().members() {
            let peak_ewma = balancer.summary(&member).peak_ewma;
            member
                .metrics()
                .set_gauges(member.stats().in_flight(), member.is_ready(), peak_ewma);
        }
    }
}
