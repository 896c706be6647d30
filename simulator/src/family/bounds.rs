//! What values are allowed for each key, and together.

use super::{error::Problem, knobs::*};
use std::ops::RangeInclusive;

/// Longest run. Replays of longer recordings end here.
pub(super) const DURATION_MAX_SECONDS: f64 = 7200.0;
/// Most requests of a run: minutes of simulation, hundreds of megabytes of latencies.
const REQUESTS_MAX: f64 = 20e6;
/// Most changes of servers in a run, roughly: tens of megabytes.
const CHANGES_MAX: f64 = 1e6;

/// `knobs` if all values are allowed.
///
/// # Errors
/// All values that are not.
pub(super) fn checked(knobs: Knobs) -> Result<Knobs, Vec<Problem>> {
    let mut check = Check::default();
    cluster(&mut check, &knobs);
    load(&mut check, &knobs);
    arrivals(&mut check, &knobs.arrivals);
    disturbances(&mut check, &knobs);
    faults(&mut check, &knobs.faults);
    membership(&mut check, &knobs.membership);
    balancing(&mut check, &knobs);
    information(&mut check, &knobs.information);
    together(&mut check, &knobs);
    if check.problems.is_empty() {
        Ok(knobs)
    } else {
        Err(check.problems)
    }
}

const SHARE: RangeInclusive<f64> = 0.0..=1.0;

fn cluster(check: &mut Check, knobs: &Knobs) {
    let Balancers { count, skew } = knobs.balancers;
    check.count("balancers.count", count, 1..=64);
    check.real("balancers.skew", skew, 1.0..=100.0);
    let servers = &knobs.servers;
    check.count("servers.count", servers.count, 1..=512);
    check.count("servers.cores", servers.cores, 1..=128);
    let doublings = servers.core_doublings as usize;
    check.count("servers.core_doublings", doublings, 0..=6);
    check.real("servers.speed_spread", servers.speed_spread, 1.0..=100.0);
    if let Some(workers) = servers.workers_per_core {
        check.count("servers.workers_per_core", workers, 1..=4096);
    }
    if let Some(queue) = servers.queue {
        check.count("servers.queue", queue, 0..=1_000_000);
    }
    check.real("servers.rtt_seconds", servers.rtt_seconds, 0.0..=10.0);
    check.real("servers.far_share", servers.far_share, SHARE);
    let far_rtt = servers.far_rtt_seconds;
    check.real("servers.far_rtt_seconds", far_rtt, 0.0..=10.0);
}

fn load(check: &mut Check, knobs: &Knobs) {
    let load = &knobs.load;
    check.real("load.utilization", load.utilization, 0.01..=10.0);
    if let Some(requests) = load.requests {
        check.real("load.requests", requests, 100.0..=REQUESTS_MAX);
    }
    if let Some(rate) = load.requests_per_second {
        check.real("load.requests_per_second", rate, 0.1..=1e6);
    }
    if let Some(duration) = load.duration_seconds {
        let range = 1.0..=DURATION_MAX_SECONDS;
        check.real("load.duration_seconds", duration, range);
    }
    check.real("load.warm_up_share", load.warm_up_share, 0.0..=0.9);
    let classes = &knobs.classes;
    check.count("classes.count", classes.count, 1..=64);
    check.real("classes.spread", classes.spread, 1.0..=1000.0);
    check.real("classes.sigma", classes.sigma, 0.0..=3.0);
    check.real("classes.alpha", classes.alpha, 1.05..=10.0);
}

fn arrivals(check: &mut Check, arrivals: &Arrivals) {
    let Bursts { factor, seconds } = arrivals.bursts;
    check.real("arrivals.bursts.factor", factor, 1.0..=10.0);
    check.real("arrivals.bursts.seconds", seconds, 0.25..=3600.0);
    let Wave { amplitude, cycles } = arrivals.wave;
    check.real("arrivals.wave.amplitude", amplitude, 0.0..=0.95);
    check.real("arrivals.wave.cycles", cycles, 0.1..=100.0);
    check.real("arrivals.ramp.from", arrivals.ramp.from, 0.01..=100.0);
    check.real("arrivals.ramp.to", arrivals.ramp.to, 0.01..=100.0);
    for (i, step) in arrivals.steps.iter().enumerate() {
        let key = |name: &str| format!("arrivals.steps[{i}].{name}");
        let range = 0.0..=DURATION_MAX_SECONDS;
        check.real(&key("at_seconds"), step.at_seconds, range);
        check.real(&key("factor"), step.factor, 0.01..=100.0);
    }
    if let Some(replay) = &arrivals.replay {
        check.real("arrivals.replay.speed", replay.speed, 0.001..=1000.0);
    }
}

fn disturbances(check: &mut Check, knobs: &Knobs) {
    let antagonists = &knobs.antagonists;
    check.real("antagonists.share", antagonists.share, SHARE);
    check.real("antagonists.level", antagonists.level, 0.0..=0.85);
    let dwell = antagonists.dwell_seconds;
    check.real("antagonists.dwell_seconds", dwell, 0.1..=3600.0);
    check.real("pauses.per_second", knobs.pauses.per_second, 0.0..=10.0);
    check.real("pauses.seconds", knobs.pauses.seconds, 0.001..=60.0);
    check.real("pauses.share", knobs.pauses.share, SHARE);
    let spell = knobs.pauses.spell_seconds;
    check.real("pauses.spell_seconds", spell.unwrap_or(1.0), 0.1..=3600.0);
    for (section, per_second, seconds) in [
        ("gray", knobs.gray.per_second, knobs.gray.seconds),
        (
            "fail_fast",
            knobs.fail_fast.per_second,
            knobs.fail_fast.seconds,
        ),
        ("crashes", knobs.crashes.per_second, knobs.crashes.seconds),
    ] {
        check.real(&format!("{section}.per_second"), per_second, SHARE);
        check.real(&format!("{section}.seconds"), seconds, 0.1..=3600.0);
    }
    check.real("gray.speed", knobs.gray.speed, 0.01..=1.0);
    check.real("fail_fast.error_share", knobs.fail_fast.error_share, SHARE);
    let black_holes = knobs.crashes.black_hole_share;
    check.real("crashes.black_hole_share", black_holes, SHARE);
    check.real("cold_start.seconds", knobs.cold_start.seconds, 0.0..=600.0);
    check.real("cold_start.speed", knobs.cold_start.speed, 0.01..=1.0);
}

fn faults(check: &mut Check, faults: &Faults) {
    if let Some(seconds) = faults.seconds {
        check.real("faults.seconds", seconds, 0.5..=3600.0);
    }
    check.real("faults.well_seconds", faults.well_seconds, 0.0..=3600.0);
    if let Some(after) = faults.counted_after_seconds {
        check.real("faults.counted_after_seconds", after, 0.0..=3240.0);
        if faults.seconds.is_some_and(|seconds| after > 0.9 * seconds) {
            let reason = format!("{after} leaves less than a tenth of faults.seconds to count");
            check.refuse("faults.counted_after_seconds", &reason);
        }
    }
    for (kind, servers) in [
        ("slow", faults.slow.servers),
        ("failing", faults.failing.servers),
        ("pausing", faults.pausing.servers),
        ("degrading", faults.degrading.servers),
    ] {
        check.count(&format!("faults.{kind}.servers"), servers, 0..=512);
    }
    check.real("faults.slow.speed", faults.slow.speed, 0.01..=1.0);
    let failing = faults.failing.error_share;
    check.real("faults.failing.error_share", failing, SHARE);
    let pause = faults.pausing.seconds;
    check.real("faults.pausing.seconds", pause, 0.001..=60.0);
    let every = faults.pausing.every_seconds;
    check.real("faults.pausing.every_seconds", every, 0.1..=3600.0);
    let degraded = faults.degrading.speed;
    check.real("faults.degrading.speed", degraded, 0.01..=1.0);
}

fn membership(check: &mut Check, membership: &Membership) {
    let mut seconds = |key: &str, value: f64, least: f64| {
        let range = least..=DURATION_MAX_SECONDS;
        check.real(&format!("membership.{key}_seconds"), value, range);
    };
    if let Some(deploy) = &membership.deploy {
        seconds("deploy.start", deploy.start_seconds, 0.0);
        seconds("deploy.restart", deploy.restart_seconds, 0.1);
        seconds("deploy.gap", deploy.gap_seconds, 0.0);
    }
    if let Some(autoscale) = &membership.autoscale {
        seconds("autoscale.interval", autoscale.interval_seconds, 0.5);
        seconds("autoscale.boot", autoscale.boot_seconds, 0.0);
    }
    if let Some(deploy) = &membership.deploy {
        let batch = deploy.batch_share;
        check.real("membership.deploy.batch_share", batch, 0.0..=0.5);
    }
    if let Some(autoscale) = &membership.autoscale {
        let utilization = autoscale.utilization;
        check.real("membership.autoscale.utilization", utilization, 0.05..=2.0);
        let least = autoscale.least_share;
        check.real("membership.autoscale.least_share", least, SHARE);
    }
}

fn balancing(check: &mut Check, knobs: &Knobs) {
    let times = knobs.timeout.times_mean_work;
    check.real("timeout.times_mean_work", times, 1.0..=10_000.0);
    if let Some(seconds) = knobs.timeout.seconds {
        check.real("timeout.seconds", seconds, 0.001..=600.0);
    }
    let checks = &knobs.health_checks;
    let interval = checks.interval_seconds;
    check.real("health_checks.interval_seconds", interval, 0.1..=600.0);
    let timeout = checks.timeout_seconds;
    check.real("health_checks.timeout_seconds", timeout, 0.001..=600.0);
    check.real("health_checks.work_seconds", checks.work_seconds, 0.0..=1.0);
    let noise = checks.noise_seconds;
    check.real("health_checks.noise_seconds", noise, 0.0..=1.0);
    let healthy = checks.healthy_threshold as usize;
    check.count("health_checks.healthy_threshold", healthy, 1..=100);
    let unhealthy = checks.unhealthy_threshold as usize;
    check.count("health_checks.unhealthy_threshold", unhealthy, 1..=100);
    let outliers = &knobs.outliers;
    let errors = outliers.errors_in_a_row as usize;
    check.count("outliers.errors_in_a_row", errors, 1..=1000);
    let interval = outliers.interval_seconds;
    check.real("outliers.interval_seconds", interval, 0.1..=600.0);
    let base = outliers.base_ejection_seconds;
    check.real("outliers.base_ejection_seconds", base, 0.1..=3600.0);
    let share = outliers.max_ejection_share;
    check.real("outliers.max_ejection_share", share, SHARE);
    let ratio = outliers.min_error_ratio;
    check.real("outliers.min_error_ratio", ratio, 0.0..=1000.0);
    check.real("panic_threshold", knobs.panic_threshold, SHARE);
    let attempts = knobs.retries.attempts as usize;
    check.count("retries.attempts", attempts, 0..=10);
    check.real("retries.budget", knobs.retries.budget, SHARE);
}

fn information(check: &mut Check, information: &Information) {
    let registry = &information.registry;
    let interval = registry.interval_seconds;
    check.real(
        "information.registry.interval_seconds",
        interval,
        0.1..=600.0,
    );
    let lag = registry.lag_seconds;
    check.real("information.registry.lag_seconds", lag, 0.0..=60.0);
}

/// What values must hold together. A run of 7200 seconds may be replayed without being stated,
/// and the shortest of a recording is not known here: then the longest counts.
fn together(check: &mut Check, knobs: &Knobs) {
    let load = &knobs.load;
    if load.requests.is_some() && load.requests_per_second.is_some() {
        check.refuse("load", "states both requests and requests_per_second");
    }
    if knobs.membership.deploy.is_some() && knobs.membership.autoscale.is_some() {
        check.refuse("membership", "has both deploy and autoscale");
    }
    let replays = knobs.arrivals.replay.is_some();
    let duration = load.duration(replays.then_some(DURATION_MAX_SECONDS));
    if !replays && load.rate() * duration > REQUESTS_MAX {
        let requests = load.rate() * duration;
        let reason = format!("makes {requests} requests, more than {REQUESTS_MAX}");
        check.refuse("load.requests_per_second", &reason);
    }
    let faults = &knobs.faults;
    if let Some(after) = faults.counted_after_seconds
        && faults.well_seconds + after >= duration
    {
        let reason = format!("{after} leaves nothing to count of a run of {duration} seconds");
        check.refuse("faults.counted_after_seconds", &reason);
    }
    let changes = changes_per_second(knobs) * duration * knobs.servers.count as f64;
    if changes > CHANGES_MAX {
        let reason = format!(
            "makes about {changes:.0} changes of servers in the run, more than {CHANGES_MAX}"
        );
        check.refuse("load.duration_seconds", &reason);
    }
}

fn changes_per_second(knobs: &Knobs) -> f64 {
    /// A crash, a recovery and the steps of a cold start.
    const CHANGES_OF_CRASH: f64 = 13.0;
    /// Joining and the steps of a cold start, or leaving, at every look.
    const CHANGES_OF_LOOK: f64 = 12.0;
    let autoscale = knobs.membership.autoscale.as_ref();
    let looks = autoscale.map_or(0.0, |autoscale| 1.0 / autoscale.interval_seconds);
    CHANGES_OF_LOOK * looks
        + knobs.antagonists.share / knobs.antagonists.dwell_seconds
        + knobs.pauses.per_second
        + changes_by_faults_per_second(knobs)
        + 2.0 * knobs.gray.per_second
        + 2.0 * knobs.fail_fast.per_second
        + CHANGES_OF_CRASH * knobs.crashes.per_second
}

fn changes_by_faults_per_second(knobs: &Knobs) -> f64 {
    /// The steps of a degradation and the end of all faults.
    const CHANGES_OF_PERIOD: f64 = 10.0;
    let faults = &knobs.faults;
    let pausing = faults.pausing.servers as f64 / knobs.servers.count as f64;
    let periods = faults.seconds.map_or(0.0, |seconds| 1.0 / seconds);
    pausing / faults.pausing.every_seconds + CHANGES_OF_PERIOD * periods
}

/// Collects problems.
#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
}

impl Check {
    fn real(&mut self, key: &str, value: f64, range: RangeInclusive<f64>) {
        if !range.contains(&value) {
            let (low, high) = range.into_inner();
            self.refuse(key, &format!("{value} is not within {low} to {high}"));
        }
    }

    fn count(&mut self, key: &str, value: usize, range: RangeInclusive<usize>) {
        if !range.contains(&value) {
            let (low, high) = range.into_inner();
            self.refuse(key, &format!("{value} is not within {low} to {high}"));
        }
    }

    fn refuse(&mut self, key: &str, reason: &str) {
        self.problems.push(Problem::new(key, reason));
    }
}
