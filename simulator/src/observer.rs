//! Who looks at decisions while a simulation runs: what training gathers and traces write.

use lb_policy::{
    features::CONTEXT,
    policies::PickKind,
    request::{Class, Outcome},
    time::Timestamp,
};

/// Looks at some of the decisions.
pub trait Observer {
    /// Whether to look at the next decision, among `ready` endpoints, and at how many of them:
    /// the chosen one and others drawn at random. Asked once for every decision.
    fn sample(&mut self, moment: Upcoming) -> Option<usize>;

    /// A decision that was asked for. What is returned comes back with its result.
    fn decided(&mut self, decision: &Observed<'_>) -> usize;

    /// The result of decision `token`. Comes once for each, but not for requests that are
    /// still open when the run ends.
    fn ended(&mut self, token: usize, outcome: Outcome, latency_seconds: f32);
}

/// A decision about to be made.
#[derive(Clone, Copy, Debug)]
pub struct Upcoming {
    /// The time.
    pub now: Timestamp,
    /// Ready endpoints.
    pub ready: usize,
    /// Latency samples that the balancer has by now.
    pub samples: u32,
}

/// One decision with all that was known, and what nobody could know.
#[derive(Debug)]
pub struct Observed<'a> {
    /// Number of the request in this run.
    pub request: u64,
    /// The time.
    pub now: Timestamp,
    /// Index of the balancer.
    pub balancer: usize,
    /// Class of the request.
    pub class: Class,
    /// Mean latency of the class as the balancer sees it, in seconds.
    pub class_mean_seconds: f32,
    /// Indices of the servers looked at.
    pub servers: &'a [usize],
    /// Their features, row-major [servers, FEATURES], before the request was sent.
    pub features: &'a [f32],
    /// Features of the decision.
    pub context: &'a [f32; CONTEXT],
    /// What sending a request of this class's mean work there would truly cost.
    pub costs: &'a [TrueCost],
    /// The same for this request's own work.
    pub own_costs: &'a [TrueCost],
    /// Index into `servers` of the chosen one.
    pub chosen: usize,
    /// Probability with which it was to be chosen.
    pub propensity: f32,
    /// How the choice came about.
    pub kind: PickKind,
}

/// What a choice truly costs, from the state of the server at that moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueCost {
    /// Time to completion in seconds; errors count as half the time-out and more.
    pub own_seconds: f32,
    /// Delay in seconds inflicted on the requests that are there already, in sum.
    pub inflicted_seconds: f32,
    /// Delay in seconds by pauses that begin later, as the mean over a few seconds from now: what
    /// those lose who keep sending there. Told to observers alone.
    pub coming_pauses_seconds: f32,
}
