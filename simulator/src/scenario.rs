//! What happens in one run, with everything drawn but what chance decides while it goes on.
//! Times are seconds since the start of the run, work is in seconds of a core of speed 1.

use std::sync::Arc;

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Name of the family it was drawn from.
    pub name: String,
    /// Seed of all chance during the run. Arrivals, classes and demands depend on it alone and
    /// not on the policy, so that policies are compared on the same requests.
    pub seed: u64,
    /// Length of the run.
    pub duration: f64,
    /// Requests that arrive before this are not counted.
    pub warm_up: f64,
    /// After that only those are that arrive from one time until another, in order of time; all
    /// where there is no such pair.
    pub counted: Vec<(f64, f64)>,
    /// Share of the traffic of each balancer; they add up to 1. Each sees only its own.
    pub balancers: Vec<f64>,
    /// The servers behind them. Their number never changes; [`Change::Join`] and
    /// [`Change::Leave`] say who is a member when.
    pub servers: Vec<Server>,
    /// Classes of requests; their shares add up to 1.
    pub classes: Vec<Class>,
    /// When requests come.
    pub arrivals: Arrivals,
    /// What happens to servers, in order of time.
    pub changes: Vec<TimedChange>,
    /// A balancer gives a request up this long after it came, whatever it has tried; the server
    /// goes on working on it.
    pub timeout: f64,
    /// Active checks by every balancer; `None` for none, then everyone counts as healthy.
    pub health_check: Option<HealthCheck>,
    /// Ejection of what fails; `None` for none.
    pub outlier: Option<Outlier>,
    /// Below this share of usable members all members are used.
    pub panic_threshold: f64,
    /// What balancers try again.
    pub retry: Retry,
    /// What servers tell.
    pub information: Information,
}

/// One server.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Number of cores.
    pub cores: f64,
    /// Speed of each core; work of 1 takes `1 / speed` seconds on an idle core.
    pub speed: f64,
    /// How it shares its cores.
    pub discipline: Discipline,
    /// Time to it and back.
    pub rtt: f64,
    /// Weight that balancers know.
    pub weight: u32,
    /// Whether it is a member from the start.
    pub joined: bool,
}

/// How a server shares its cores. `workers` requests are served at once, each at most with one
/// core and all sharing the cores evenly (processor sharing); up to `queue` more wait in order
/// of arrival, and the rest is refused with an error at once. First-in-first-out service is
/// `workers` equal to the cores; pure processor sharing is a number that is never reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discipline {
    /// Requests served at once.
    pub workers: usize,
    /// Requests that may wait.
    pub queue: usize,
}

/// A class of requests, as a route is.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// Share of the requests.
    pub share: f64,
    /// Work of a request.
    pub demand: Demand,
}

/// Distribution of the work of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Demand {
    /// Always the same.
    Fixed(f64),
    /// Exponential.
    Exponential {
        /// Mean.
        mean: f64,
    },
    /// Lognormal.
    Lognormal {
        /// Mean (of the value, not of its logarithm).
        mean: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Pareto, bounded at 200 times its least value and scaled to its mean.
    Pareto {
        /// Mean after bounding.
        mean: f64,
        /// Shape, above 1.
        alpha: f64,
    },
}

/// When requests come.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// A Poisson process whose rate changes at steps, in order of time, the first at 0. Bursts,
    /// daily waves and ramps are drawn into the steps.
    Rates(Vec<Rate>),
    /// Recorded requests, in order of time.
    Replay(Arc<[Arrival]>),
}

/// A rate from a time on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// From when on.
    pub from: f64,
    /// Requests per second, all balancers together.
    pub per_second: f64,
}

/// One recorded request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// When it came.
    pub at: f64,
    /// Index of its class.
    pub class: usize,
    /// Its work; drawn from its class where the record does not tell.
    pub work: Option<f64>,
}

/// A change at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedChange {
    /// When.
    pub at: f64,
    /// Index of the server.
    pub server: usize,
    /// What.
    pub change: Change,
}

/// What can happen to a server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// A neighbour takes this share of its cores from now on (0 for none any more), and slows
    /// the rest by 0.3 times the share.
    Antagonist(f64),
    /// It stands still for so many seconds, as in a garbage collection.
    Pause(f64),
    /// Its speed is multiplied by this from now on; 1 is normal (gray failure).
    Slow(f64),
    /// The same of a cold start; multiplies with [`Change::Slow`].
    Warmth(f64),
    /// It answers this share of its requests with an error within a millisecond, while health
    /// checks pass; 0 is normal.
    FailFast(f64),
    /// It is gone, with all requests in it. Black-holed requests get no answer at all, others
    /// find their connection reset.
    Crash {
        /// Whether requests disappear without an answer.
        black_hole: bool,
    },
    /// It runs again.
    Recover,
    /// It becomes a member: discovery tells the balancers.
    Join,
    /// It is no member any more; what it has in flight it finishes.
    Leave,
}

/// Active health checks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthCheck {
    /// Time between two checks.
    pub interval: f64,
    /// A slower check fails.
    pub timeout: f64,
    /// Work of a check, in seconds of a core of speed 1. Without any it is answered beside the
    /// requests, and tells of pauses alone.
    pub work: f64,
    /// Mean of an exponential time that a check takes whatever its server does.
    pub noise: f64,
    /// Passes in a row that make healthy.
    pub healthy_threshold: u32,
    /// Failures in a row that make unhealthy.
    pub unhealthy_threshold: u32,
}

/// Outlier ejection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlier {
    /// Errors in a row that eject.
    pub errors_in_a_row: u32,
    /// Time between two looks at the ejected.
    pub interval: f64,
    /// First ejection; the n-th in a row lasts n times as long.
    pub base_ejection: f64,
    /// Most members ejected at once, as a share of all.
    pub max_ejection: f64,
    /// How many times as often as most other ready members one must fail.
    pub min_error_ratio: f32,
}

/// Retries of requests that failed without a time-out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Further attempts of one request, each at an endpoint not tried yet.
    pub attempts: u32,
    /// Share of the requests that may be retried.
    pub budget: f64,
}

/// What servers tell balancers of their load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Information {
    /// Whether responses carry the load.
    pub piggyback: bool,
    /// Whether the utilisation told is that of the moment, the queue included, above 1 where one
    /// waits. Otherwise it is the mean share of busy cores over half a second.
    pub momentary_utilization: bool,
    /// Reports over the registry; `None` for none.
    pub registry: Option<Registry>,
}

/// Reports over the registry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Registry {
    /// Time between two reports of a server.
    pub interval: f64,
    /// Time until balancers see one.
    pub lag: f64,
}
