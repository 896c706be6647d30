//! One block: one policy under one condition for a few seconds, and what was measured meanwhile.

use std::time::Duration;

use anyhow::{Context, Result};
use loadtest::{Kind, Plan, Report};
use serde::{Serialize, Serializer};
use tokio::time::{Instant, sleep_until};

use crate::faults::{Order, Phase};
use crate::policy::Policy;
use crate::processor::Ticks;
use crate::stage::{self, Stage};

/// A request without an answer after this time counts as an error and with this latency: 50 times
/// the mean time in service, as in the scenarios of the simulator.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(3);

/// What a block is to be.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) round: usize,
    pub(crate) phase: Phase,
    pub(crate) policy: Policy,
    pub(crate) load: Load,
    /// Of arrivals and faults: the same for every policy of a round and phase.
    pub(crate) seed: u64,
}

/// The load of every block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) rate_per_s: f64,
    /// Length of a block.
    pub(crate) block: Duration,
    /// The part of it that comes first and is not counted.
    pub(crate) warm_up: Duration,
}

/// What was measured in the counted part of a block.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Measured {
    /// From 0.
    pub(crate) round: usize,
    pub(crate) phase: Phase,
    #[serde(serialize_with = "by_name")]
    pub(crate) policy: Policy,
    pub(crate) requests: u64,
    /// Answers of 500 and above, and requests without an answer.
    pub(crate) errors: u64,
    /// Of answers below 500, and of timeouts with the time waited; from the intended start.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// How late requests were sent.
    pub(crate) lateness_p99_ms: f64,
    /// Busy share of the machine's processors, 0 to 1.
    pub(crate) busy: f64,
}

/// Carries out one block on a settled stage.
///
/// # Errors
/// When a service does not obey or the machine's load cannot be read.
pub(crate) async fn run(stage: &Stage, block: &Block) -> Result<Measured> {
    let Load {
        block: length,
        warm_up,
        ..
    } = block.load;
    let start = Instant::now();
    let orders = block.phase.orders(stage::SPEEDS.len(), length, block.seed);
    let never = std::future::pending();
    let load = async {
        loadtest::run(plan(stage, block)?, never)
            .await
            .map_err(Into::into)
    };
    let faults = give(stage, &orders, start);
    let busy = busy(start + warm_up, start + length);
    let (report, (), busy) = tokio::try_join!(load, faults, busy)?;
    Ok(measured(block, &report, busy))
}

fn plan(stage: &Stage, block: &Block) -> Result<Plan> {
    let target = format!("http://{}", stage.proxy_address());
    let target = target.parse().context("the proxy's address")?;
    Ok(Plan {
        mix: vec![Kind::get(stage::path(block.policy))],
        warm_up: block.load.warm_up,
        seed: block.seed,
        timeout: TIMEOUT,
        ..Plan::new(target, block.load.rate_per_s, block.load.block)
    })
}

async fn give(stage: &Stage, orders: &[Order], start: Instant) -> Result<()> {
    for order in orders {
        sleep_until(start + order.at).await;
        stage.order(order.service, &order.fault).await?;
    }
    Ok(())
}

async fn busy(from: Instant, to: Instant) -> Result<f64> {
    sleep_until(from).await;
    let before = Ticks::now()?;
    sleep_until(to).await;
    Ok(Ticks::now()?.busy_since(before))
}

fn measured(block: &Block, report: &Report, busy: f64) -> Measured {
    let counts = &report.counts;
    Measured {
        round: block.round,
        phase: block.phase,
        policy: block.policy,
        requests: counts.arrivals,
        // What was not sent because too much was underway is lost all the same.
        errors: counts.server_errors() + counts.unanswered() + counts.overruns,
        p50_ms: report.success_latency_ms.p50,
        p99_ms: report.success_latency_ms.p99,
        lateness_p99_ms: report.lateness_ms.p99,
        busy,
    }
}

fn by_name<S: Serializer>(policy: &Policy, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(policy.name())
}
