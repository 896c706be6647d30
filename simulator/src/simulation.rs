//! One run from start to end.

use crate::{observer::Observer, outcome::RunResult, scenario::Scenario};
use lb_policy::policies::Policy;

/// Who chooses at one balancer.
#[derive(Debug)]
pub enum Chooser {
    /// A policy of the proxy.
    Policy(Box<dyn Policy>),
    /// A greedy oracle that sees the true state of the servers.
    Oracle(Oracle),
}

/// A greedy oracle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Oracle {
    /// Whether it knows the work of every request, or only the means of the classes.
    pub knows_work: bool,
    /// Weight of the delay inflicted on others beside the own time to completion.
    pub inflicted: f32,
}

/// Runs `scenario` with one chooser for each balancer. The same scenario and choosers give the
/// same result, bit for bit.
///
/// # Panics
/// When there are not as many choosers as balancers.
pub fn run(
    scenario: &Scenario,
    choosers: Vec<Chooser>,
    observer: Option<&mut dyn Observer>,
) -> RunResult {
    let _ = (scenario, choosers, observer);
    RunResult::default()
}
