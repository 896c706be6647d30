//! Members that leave and join: rolling deploys and autoscaling.

use super::{arrivals::Load, incidents::cold_start};
use crate::{
    family::knobs::{Autoscale, ColdStart, Deploy, Knobs},
    scenario::{Change, Server, TimedChange},
};

/// Adds moves to `changes`. A server serves `rate_of_server` requests per second at most, on
/// average.
pub(super) fn add(
    knobs: &Knobs,
    load: &Load,
    rate_of_server: f64,
    servers: &mut [Server],
    changes: &mut Vec<TimedChange>,
) {
    if let Some(settings) = &knobs.membership.deploy {
        deploy(settings, &knobs.cold_start, servers.len(), changes);
    }
    if let Some(settings) = &knobs.membership.autoscale {
        let wanted = wanted_members(settings, load, rate_of_server, servers.len());
        let members = with_boot_time(settings, &wanted);
        autoscale(settings, &knobs.cold_start, &members, servers, changes);
    }
}

fn deploy(settings: &Deploy, cold: &ColdStart, servers: usize, changes: &mut Vec<TimedChange>) {
    if servers < 2 {
        // Nobody restarts all there is.
        return;
    }
    let batch = ((settings.batch_share * servers as f64) as usize).max(1);
    for server in 0..servers {
        let turn = (server / batch) as f64;
        let leaves =
            settings.start_seconds + turn * (settings.restart_seconds + settings.gap_seconds);
        let joins = leaves + settings.restart_seconds;
        changes.push(TimedChange {
            at: leaves,
            server,
            change: Change::Leave,
        });
        changes.push(TimedChange {
            at: joins,
            server,
            change: Change::Join,
        });
        changes.extend(cold_start(cold, server, joins));
    }
}

/// Members that the load asks for at each look, the first at the start.
fn wanted_members(
    settings: &Autoscale,
    load: &Load,
    rate_of_server: f64,
    servers: usize,
) -> Vec<usize> {
    let interval = settings.interval_seconds;
    let looks = (load.duration / interval) as usize;
    let least = ((settings.least_share * servers as f64).ceil() as usize).clamp(1, servers);
    (0..=looks)
        .map(|look| {
            // The first look sees the load to come, as if the run had begun earlier.
            let to = look.max(1) as f64 * interval;
            let rate = load.rate_between(to - interval, to);
            let wanted = (rate / (settings.utilization * rate_of_server)).ceil() as usize;
            wanted.clamp(least, servers)
        })
        .collect()
}

/// A member is one that was wanted all through its boot.
fn with_boot_time(settings: &Autoscale, wanted: &[usize]) -> Vec<usize> {
    let boot = (settings.boot_seconds / settings.interval_seconds).ceil() as usize;
    (0..wanted.len())
        .map(|look| {
            let window = &wanted[look.saturating_sub(boot)..=look];
            window.iter().copied().min().unwrap_or_default()
        })
        .collect()
}

fn autoscale(
    settings: &Autoscale,
    cold: &ColdStart,
    members: &[usize],
    servers: &mut [Server],
    changes: &mut Vec<TimedChange>,
) {
    let mut count = members.first().copied().unwrap_or(servers.len());
    for server in servers.iter_mut().skip(count) {
        server.joined = false;
    }
    for (look, &next) in members.iter().enumerate() {
        let at = look as f64 * settings.interval_seconds;
        for server in count..next {
            changes.push(TimedChange {
                at,
                server,
                change: Change::Join,
            });
            changes.extend(cold_start(cold, server, at));
        }
        for server in next..count {
            changes.push(TimedChange {
                at,
                server,
                change: Change::Leave,
            });
        }
        count = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Arrivals, Rate};

    fn load(rates: &[(f64, f64)]) -> Load {
        let rates = rates
            .iter()
            .map(|&(from, per_second)| Rate { from, per_second });
        Load {
            duration: 40.0,
            rate: 1.0,
            arrivals: Arrivals::Rates(rates.collect()),
            classes: None,
        }
    }

    #[test]
    fn members_follow_the_load_after_their_boot() {
        let settings = Autoscale {
            utilization: 0.5,
            interval_seconds: 5.0,
            boot_seconds: 10.0,
            least_share: 0.1,
        };
        let load = load(&[(0.0, 100.0), (10.0, 400.0), (30.0, 50.0)]);
        let wanted = wanted_members(&settings, &load, 100.0, 10);

        assert_eq!(wanted, [2, 2, 2, 8, 8, 8, 8, 1, 1]);
        assert_eq!(
            with_boot_time(&settings, &wanted),
            [2, 2, 2, 2, 2, 8, 8, 1, 1]
        );
    }

    #[test]
    fn a_deploy_restarts_every_server_once_and_never_all() {
        let settings = Deploy {
            start_seconds: 10.0,
            batch_share: 0.4,
            restart_seconds: 4.0,
            gap_seconds: 1.0,
        };
        let mut changes = Vec::new();
        deploy(&settings, &ColdStart::default(), 5, &mut changes);
        let times = |wanted: Change| -> Vec<f64> {
            let of_kind = changes.iter().filter(|c| c.change == wanted);
            of_kind.map(|c| c.at).collect()
        };

        assert_eq!(times(Change::Leave), [10.0, 10.0, 15.0, 15.0, 20.0]);
        assert_eq!(times(Change::Join), [14.0, 14.0, 19.0, 19.0, 24.0]);
        let mut alone = Vec::new();
        deploy(&settings, &ColdStart::default(), 1, &mut alone);
        assert_eq!(alone, []);
    }
}
