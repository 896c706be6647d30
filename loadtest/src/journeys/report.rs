//! What a whole run of journeys measured.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::figures::Quantiles;
use crate::journeys::ledger::{Checkout, PlacedOrder};
use crate::journeys::plan::Plan;
use crate::journeys::shopper::Shopper;
use crate::journeys::step::Step;
use crate::journeys::tally::{Journeys, Requests, StepTally, Tally};
use crate::journeys::timeline::Timeline;

/// What a run of journeys measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The plan's target.
    pub target: String,
    /// The plan's seed.
    pub seed: u64,
    /// The plan's name for this run.
    pub run: String,
    /// The plan's phases.
    pub phases: Vec<PhaseReport>,
    /// Why it ended.
    pub ending: Ending,
    /// From the start to the last end.
    pub elapsed_s: f64,
    /// How journeys ended.
    pub journeys: Journeys,
    /// How all requests ended.
    pub requests: Requests,
    /// From the intended start of a journey to the real one: large figures mean that the generator
    /// was too slow.
    pub lateness_ms: Quantiles,
    /// What became of check-outs.
    pub orders: OrderFigures,
    /// Steps of all shoppers together.
    pub steps: Vec<StepReport>,
    /// Each kind of shopper.
    pub shoppers: Vec<JourneyReport>,
    /// Each value of the Host header.
    pub hosts: Vec<HostReport>,
    /// Figures over time.
    pub timeline: Timeline,
    /// Every order that the shop confirmed.
    pub placed: Vec<PlacedOrder>,
    /// Check-outs that may or may not have become an order.
    pub unknown: Vec<Checkout>,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Every journey came to its end.
    Complete,
    /// The caller ended it.
    Cancelled,
    /// Journeys were still underway when the plan's drain was over.
    CutOff,
}

/// A phase in time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseReport {
    /// As written on the command line.
    pub phase: String,
    /// Since the start of the run.
    pub from_s: f64,
    /// Since the start of the run.
    pub to_s: f64,
}

/// A step and how its requests ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// How its requests ended.
    #[serde(flatten)]
    pub requests: Requests,
}

/// A kind of shopper.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JourneyReport {
    /// The kind.
    pub shopper: Shopper,
    /// How its journeys ended.
    pub journeys: Journeys,
    /// Its steps.
    pub steps: Vec<StepReport>,
}

/// A value of the Host header.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostReport {
    /// The value.
    pub host: String,
    /// How its journeys ended.
    pub journeys: Journeys,
    /// How its requests ended.
    pub requests: Requests,
    /// Its steps.
    pub steps: Vec<StepReport>,
    /// Orders confirmed.
    pub placed: u64,
    /// Check-outs that may or may not have become an order.
    pub unknown: u64,
}

/// What became of check-outs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OrderFigures {
    /// Confirmed by the shop.
    pub placed: u64,
    /// Confirmed orders by the status seen last.
    pub by_status: BTreeMap<String, u64>,
    /// Confirmed orders that were not seen to their end.
    pub unsettled: u64,
    /// Confirmed orders that took more than one request.
    pub repeated: u64,
    /// Check-outs that the shop refused.
    pub refused: u64,
    /// Check-outs that never reached the shop.
    pub not_sent: u64,
    /// Check-outs that may or may not have become an order.
    pub unknown: u64,
    /// From the confirmation until an order was seen settled; as exact as the looks are frequent.
    pub settled_after_ms: Quantiles,
}

impl Report {
    pub(crate) fn of(plan: &Plan, tally: &Tally, ending: Ending) -> Self {
        Report {
            target: plan.target.to_string(),
            seed: plan.seed,
            run: plan.run.clone(),
            phases: phases(plan),
            ending,
            elapsed_s: tally.start.elapsed().as_secs_f64(),
            journeys: tally.all_journeys(),
            requests: tally.all.requests(),
            lateness_ms: Quantiles::of(&tally.lateness),
            orders: OrderFigures::of(tally),
            steps: steps_of_all(tally),
            shoppers: shoppers(tally),
            hosts: hosts(plan, tally),
            timeline: tally.timeline.clone(),
            placed: tally.ledger.orders().cloned().collect(),
            unknown: tally.ledger.unknown().cloned().collect(),
        }
    }

    /// Whether the shop answered anything at all.
    pub fn was_answered(&self) -> bool {
        self.requests.counts.answered() > 0
    }
}

impl OrderFigures {
    fn of(tally: &Tally) -> Self {
        let ledger = &tally.ledger;
        let count = |like: fn(&PlacedOrder) -> bool| {
            let alike = ledger.orders().filter(|order| like(order));
            alike.count() as u64
        };
        let mut by_status = BTreeMap::new();
        for order in ledger.orders() {
            *by_status.entry(order.status.clone()).or_default() += 1;
        }
        let (refused, not_sent) = ledger.refused_and_not_sent();
        OrderFigures {
            placed: count(|_| true),
            by_status,
            unsettled: count(|order| !order.settled),
            repeated: count(|order| order.checkout.attempts > 1),
            refused,
            not_sent,
            unknown: ledger.unknown().count() as u64,
            settled_after_ms: Quantiles::of(&tally.settling),
        }
    }
}

fn phases(plan: &Plan) -> Vec<PhaseReport> {
    let mut from = Duration::ZERO;
    let mut report = Vec::new();
    for phase in &plan.phases {
        let to = from + phase.duration();
        report.push(PhaseReport {
            phase: phase.to_string(),
            from_s: from.as_secs_f64(),
            to_s: to.as_secs_f64(),
        });
        from = to;
    }
    report
}

fn steps_of_all(tally: &Tally) -> Vec<StepReport> {
    let mut steps: BTreeMap<Step, StepTally> = BTreeMap::new();
    for ((_, step), of_shopper) in &tally.by_shopper {
        let sum = steps.entry(*step).or_insert_with(StepTally::new);
        sum.merge(of_shopper);
    }
    steps.iter().map(step_report).collect()
}

fn shoppers(tally: &Tally) -> Vec<JourneyReport> {
    let report = |(shopper, journeys): (&Shopper, &Journeys)| {
        let all = tally.by_shopper.iter();
        let own = all.filter(|((kind, _), _)| kind == shopper);
        JourneyReport {
            shopper: *shopper,
            journeys: journeys.clone(),
            steps: own.map(|((_, step), of)| step_report((step, of))).collect(),
        }
    };
    tally.shoppers.iter().map(report).collect()
}

fn hosts(plan: &Plan, tally: &Tally) -> Vec<HostReport> {
    let names = plan.host_names();
    let report = |(host, name): (usize, String)| {
        let all = tally.by_host_and_step.iter();
        let own = all.filter(|((place, _), _)| *place == host);
        let requests = tally.by_host.get(&host).map(StepTally::requests);
        let placed = tally.ledger.orders();
        let placed = placed.filter(|order| order.checkout.host == name);
        let unknown = tally.ledger.unknown();
        let unknown = unknown.filter(|checkout| checkout.host == name);
        HostReport {
            journeys: tally.hosts.get(&host).cloned().unwrap_or_default(),
            requests: requests.unwrap_or_default(),
            steps: own.map(|((_, step), of)| step_report((step, of))).collect(),
            placed: placed.count() as u64,
            unknown: unknown.count() as u64,
            host: name,
        }
    };
    names.into_iter().enumerate().map(report).collect()
}

fn step_report((step, tally): (&Step, &StepTally)) -> StepReport {
    StepReport {
        step: *step,
        requests: tally.requests(),
    }
}
