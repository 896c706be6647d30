//! Who chooses.

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
