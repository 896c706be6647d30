//! The keys of a family file with plain values, as they are after drawing, and what holds for
//! those left out. Times in seconds, as the names say; rates per second and server.

use super::error::Problem;
use serde::{Deserialize, Serialize};
use serde_yaml::Value;
use std::path::PathBuf;

/// Declares sections: every key optional, every key known.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, Serialize)]
        #[serde(deny_unknown_fields, default)]
        pub(super) struct $name { $($(#[$field_doc])* pub(super) $field: $type,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

section!(Knobs {
    balancers: Balancers = Balancers::default(),
    servers: Servers = Servers::default(),
    load: Load = Load::default(),
    classes: Classes = Classes::default(),
    arrivals: Arrivals = Arrivals::default(),
    antagonists: Antagonists = Antagonists::default(),
    pauses: Pauses = Pauses::default(),
    gray: Gray = Gray::default(),
    fail_fast: FailFast = FailFast::default(),
    faults: Faults = Faults::default(),
    crashes: Crashes = Crashes::default(),
    cold_start: ColdStart = ColdStart::default(),
    membership: Membership = Membership::default(),
    timeout: Timeout = Timeout::default(),
    health_checks: HealthChecks = HealthChecks::default(),
    outliers: Outliers = Outliers::default(),
    panic_threshold: f64 = 0.5,
    retries: Retries = Retries::default(),
    information: Information = Information::default(),
});

section!(Balancers {
    count: usize = 4,
    /// Highest ratio between the traffic of two of them.
    skew: f64 = 1.0,
});

section!(Servers {
    count: usize = 12,
    cores: usize = 2,
    /// How often the cores may double, each time with a chance of one half.
    core_doublings: u32 = 0,
    /// Speeds are log-uniform between 1 and this.
    speed_spread: f64 = 1.0,
    /// Whether balancers know what each can do.
    weights_known: bool = true,
    discipline: Discipline = Discipline::ProcessorSharing,
    workers_per_core: Option<usize> = None,
    queue: Option<usize> = None,
    /// Give or take a fifth, as the next.
    rtt_seconds: f64 = 0.001,
    far_share: f64 = 0.0,
    /// What the round trip is longer to far ones.
    far_rtt_seconds: f64 = 0.0,
});

/// How servers share their cores.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Discipline {
    /// All at once.
    ProcessorSharing,
    /// One request a core, the others wait.
    Fifo,
    /// A pool of workers and a queue that refuses.
    Pool,
}

section!(Load {
    /// Offered work over capacity.
    utilization: f64 = 0.7,
    /// In the whole run; 60,000 unless a rate is given.
    requests: Option<f64> = None,
    requests_per_second: Option<f64> = None,
    /// 120, or the length of the recording that is replayed.
    duration_seconds: Option<f64> = None,
    /// Share of the run that is not counted, at its start.
    warm_up_share: f64 = 0.12,
});

section!(Classes {
    count: usize = 2,
    /// Ratio of the greatest mean work to the least.
    spread: f64 = 4.0,
    work: Work = Work::Lognormal,
    /// Of the lognormal distribution.
    sigma: f64 = 1.0,
    /// Of the Pareto distribution.
    alpha: f64 = 1.5,
});

/// Distribution of the work of a request.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Work {
    /// Always the mean.
    Fixed,
    /// Exponential.
    Exponential,
    /// Lognormal.
    Lognormal,
    /// Bounded Pareto.
    Pareto,
}

section!(Arrivals {
    bursts: Bursts = Bursts::default(),
    wave: Wave = Wave::default(),
    ramp: Ramp = Ramp::default(),
    steps: Vec<Step> = Vec::new(),
    replay: Option<Replay> = None,
});

section!(Bursts {
    /// Load during a burst over the mean; a quarter of the time is bursts. 1 is none.
    factor: f64 = 1.0,
    /// Mean length of a burst.
    seconds: f64 = 3.0,
});

section!(Wave {
    amplitude: f64 = 0.0,
    cycles: f64 = 2.0,
});

section!(Ramp {
    /// Load at the start and at the end, relative to one another.
    from: f64 = 1.0,
    to: f64 = 1.0,
});

/// The load is multiplied by `factor` from then on.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) at_seconds: f64,
    pub(super) factor: f64,
}

/// A recorded log in place of all other shapes of load.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replay {
    pub(super) log: PathBuf,
    /// How much faster than recorded.
    #[serde(default = "one")]
    pub(super) speed: f64,
}

section!(Antagonists {
    /// Share of the servers that have a neighbour.
    share: f64 = 0.0,
    /// Mean share of the cores that it takes.
    level: f64 = 0.5,
    /// Mean time that it keeps to one level.
    dwell_seconds: f64 = 5.0,
});

section!(Pauses {
    /// While a server is in a spell.
    per_second: f64 = 0.0,
    seconds: f64 = 0.2,
    /// Share of the time that a server spends in spells, or of the servers where spells last
    /// the whole run.
    share: f64 = 1.0,
    /// Mean length of a spell; the whole run unless given.
    spell_seconds: Option<f64> = None,
});

section!(Gray {
    per_second: f64 = 0.0,
    seconds: f64 = 15.0,
    /// Speed while it lasts.
    speed: f64 = 0.2,
});

section!(FailFast {
    per_second: f64 = 0.0,
    seconds: f64 = 15.0,
    error_share: f64 = 1.0,
});

section!(Faults {
    /// How long the drawn servers have their faults, until others are drawn; the whole run unless
    /// given.
    seconds: Option<f64> = None,
    /// How long all are well before, between and after.
    well_seconds: f64 = 0.0,
    /// Only requests are counted that arrive while there are faults, from so long after their
    /// beginning on; all unless given.
    counted_after_seconds: Option<f64> = None,
    slow: SlowServers = SlowServers::default(),
    failing: FailingServers = FailingServers::default(),
    pausing: PausingServers = PausingServers::default(),
    degrading: DegradingServers = DegradingServers::default(),
});

section!(SlowServers {
    /// Exactly so many, drawn by chance; as the next ones.
    servers: usize = 0,
    speed: f64 = 0.125,
});

section!(FailingServers {
    servers: usize = 0,
    error_share: f64 = 0.5,
});

section!(PausingServers {
    servers: usize = 0,
    /// Length of a pause.
    seconds: f64 = 0.4,
    /// From the start of a pause to that of the next, in the mean.
    every_seconds: f64 = 1.4,
});

section!(DegradingServers {
    servers: usize = 0,
    /// Speed in the end.
    speed: f64 = 0.2,
});

section!(Crashes {
    per_second: f64 = 0.0,
    seconds: f64 = 12.0,
    /// Share of the crashes after which requests disappear without an answer.
    black_hole_share: f64 = 0.3,
});

section!(ColdStart {
    /// How long a server takes to its full speed after a start; 0 for at once.
    seconds: f64 = 0.0,
    /// Speed at the start.
    speed: f64 = 0.3,
});

section!(Membership {
    deploy: Option<Deploy> = None,
    autoscale: Option<Autoscale> = None,
});

section!(Deploy {
    start_seconds: f64 = 20.0,
    /// Share of the servers that restart at once, but at least one.
    batch_share: f64 = 0.1,
    /// How long each is away.
    restart_seconds: f64 = 4.0,
    /// From the return of a batch to the next.
    gap_seconds: f64 = 2.0,
});

section!(Autoscale {
    /// What the number of members is chosen for.
    utilization: f64 = 0.7,
    /// Between two looks at the load.
    interval_seconds: f64 = 5.0,
    /// From the decision to the member.
    boot_seconds: f64 = 5.0,
    /// Least share of the servers that stay.
    least_share: f64 = 0.3,
});

section!(Timeout {
    /// In mean work of a request, which counts as 2 ms at least.
    times_mean_work: f64 = 60.0,
    /// In its place.
    seconds: Option<f64> = None,
});

section!(HealthChecks {
    enabled: bool = true,
    interval_seconds: f64 = 2.0,
    timeout_seconds: f64 = 1.0,
    /// Of a core of speed 1; with none, a check does not see that a server is slow.
    work_seconds: f64 = 0.001,
    /// Mean of an exponential time that has nothing to do with the server.
    noise_seconds: f64 = 0.0,
    healthy_threshold: u32 = 2,
    unhealthy_threshold: u32 = 2,
});

section!(Outliers {
    enabled: bool = true,
    errors_in_a_row: u32 = 5,
    interval_seconds: f64 = 5.0,
    base_ejection_seconds: f64 = 5.0,
    max_ejection_share: f64 = 0.5,
    /// To most other ready members; 0 ejects whatever they do.
    min_error_ratio: f64 = 10.0,
});

section!(Retries {
    attempts: u32 = 0,
    budget: f64 = 0.2,
});

section!(Information {
    piggyback: bool = true,
    /// Requests there per core when the report is made, rather than the mean share of busy cores
    /// over half a second.
    momentary_utilization: bool = false,
    registry: Registry = Registry::default(),
});

section!(Registry {
    enabled: bool = true,
    interval_seconds: f64 = 1.0,
    lag_seconds: f64 = 0.2,
});

/// The knobs in a tree of plain values.
///
/// # Errors
/// A key that is unknown or a value of the wrong type.
pub(super) fn read(values: Value) -> Result<Knobs, Vec<Problem>> {
    serde_path_to_error::deserialize(values).map_err(|error| {
        let key = error.path().to_string();
        let reason = error.into_inner().to_string();
        vec![Problem::new(key, reason)]
    })
}

fn one() -> f64 {
    1.0
}

impl Load {
    /// Length of a run; `recorded` is that of a recording.
    pub(super) fn duration(&self, recorded: Option<f64>) -> f64 {
        const DEFAULT_SECONDS: f64 = 120.0;
        match recorded {
            Some(recorded) => recorded.min(self.duration_seconds.unwrap_or(recorded)),
            None => self.duration_seconds.unwrap_or(DEFAULT_SECONDS),
        }
    }

    /// Mean requests per second where nothing is replayed.
    pub(super) fn rate(&self) -> f64 {
        const DEFAULT_REQUESTS: f64 = 60_000.0;
        self.requests_per_second
            .unwrap_or_else(|| self.requests.unwrap_or(DEFAULT_REQUESTS) / self.duration(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_states_every_key_with_its_default() {
        let document = include_str!("../../../docs/scenarios.md");
        let knobs = Knobs {
            membership: Membership {
                deploy: Some(Deploy::default()),
                autoscale: Some(Autoscale::default()),
            },
            ..Knobs::default()
        };
        let mut leaves = Vec::new();
        flatten(serde_yaml::to_value(knobs).unwrap(), "", &mut leaves);

        assert!(leaves.len() > 60);
        for (key, default) in leaves {
            let row = format!("| `{key}` | {default} |");
            assert!(document.contains(&row), "docs/scenarios.md has no `{row}`");
        }
    }

    fn flatten(value: Value, path: &str, leaves: &mut Vec<(String, String)>) {
        match value {
            Value::Mapping(section) => {
                for (key, value) in section {
                    let key = key.as_str().unwrap();
                    let dot = if path.is_empty() { "" } else { "." };
                    flatten(value, &format!("{path}{dot}{key}"), leaves);
                }
            }
            Value::Null => leaves.push((path.to_owned(), "–".to_owned())),
            Value::Number(number) => {
                // 1.0 is written as 1.
                let number = number.as_f64().unwrap();
                leaves.push((path.to_owned(), number.to_string()));
            }
            plain => {
                let text = serde_yaml::to_string(&plain).unwrap();
                leaves.push((path.to_owned(), text.trim().to_owned()));
            }
        }
    }
}
