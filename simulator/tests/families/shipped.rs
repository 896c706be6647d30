//! What holds for every scenario of every file in `scenarios/`.

use lb_simulator::{
    family::Family,
    scenario::{Arrivals, Change, Demand, Scenario},
};
use std::path::{Path, PathBuf};

const SEEDS: u64 = 20;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn all() -> Vec<Family> {
    Family::load_all(&folder()).expect("our files are families")
}

fn for_each_scenario(check: impl Fn(&Scenario)) {
    for family in all() {
        for seed in 0..SEEDS {
            check(&family.draw(seed).expect("our files draw"));
        }
    }
}

#[test]
fn every_file_loads_and_names_are_unique() {
    let mut names: Vec<String> = all().iter().map(|f| f.name().to_owned()).collect();
    let count = names.len();
    names.sort();
    names.dedup();

    assert_eq!(names.len(), count);
    assert_eq!(count, 14 + 12 + 16 + 2 + 1);
}

#[test]
fn the_same_seed_draws_the_same_scenario() {
    for (family, again) in all().iter().zip(all()) {
        assert_eq!(family.draw(3).unwrap(), again.draw(3).unwrap());
        assert_ne!(family.draw(3).unwrap(), family.draw(4).unwrap());
    }
}

#[test]
fn shares_add_up_and_sizes_are_positive() {
    for_each_scenario(|scenario| {
        let name = &scenario.name;
        let balancers: f64 = scenario.balancers.iter().sum();
        let classes: f64 = scenario.classes.iter().map(|class| class.share).sum();
        assert!((balancers - 1.0).abs() < 1e-9, "{name}");
        assert!((classes - 1.0).abs() < 1e-9, "{name}");
        for server in &scenario.servers {
            assert!(server.cores >= 1.0 && server.speed > 0.0, "{name}");
            assert!(server.rtt > 0.0 && server.weight >= 1, "{name}");
            assert!(server.discipline.workers >= server.cores as usize, "{name}");
        }
        assert!(
            scenario
                .classes
                .iter()
                .all(|class| mean(&class.demand) > 0.0)
        );
        assert!(scenario.timeout >= 0.08, "{name}: {}", scenario.timeout);
        assert!(scenario.warm_up < scenario.duration, "{name}");
    });
}

#[test]
fn changes_are_in_order_and_name_servers_within_the_run() {
    for_each_scenario(|scenario| {
        let changes = &scenario.changes;
        assert!(changes.is_sorted_by_key(|change| change.at));
        for change in changes {
            assert!((0.0..=scenario.duration).contains(&change.at));
            assert!(change.server < scenario.servers.len());
        }
    });
}

#[test]
fn rates_begin_at_zero_in_order() {
    for_each_scenario(|scenario| {
        let Arrivals::Rates(rates) = &scenario.arrivals else {
            panic!("no file of ours replays");
        };
        assert!(rates[0].from.abs() < 1e-12);
        assert!(rates.is_sorted_by_key(|rate| rate.from));
        assert!(rates.iter().all(|rate| rate.per_second > 0.0));
    });
}

/// Bursts and waves have a mean of their own in each run; the others offer what they say.
#[test]
fn offered_load_is_the_utilization_asked_for() {
    for (file, low, high) in [
        ("homogeneous", 0.68, 0.82),
        ("heterogeneous", 0.68, 0.82),
        ("antagonist", 0.75, 0.9),
        ("gray_slow", 0.55, 0.7),
        ("fifo_heavy_tail", 0.6, 0.75),
        ("overload", 1.0, 1.12),
        ("high_rate", 0.68, 0.82),
    ] {
        let family = Family::load(&folder().join(format!("families/{file}.yaml"))).unwrap();
        for seed in 0..SEEDS {
            let offered = offered(&family.draw(seed).unwrap());
            let range = low * 0.98..=high * 1.02;
            assert!(range.contains(&offered), "{file}, seed {seed}: {offered}");
        }
    }
}

#[test]
fn a_fixed_utilization_is_offered_whatever_the_shape() {
    let folder = crate::folder::Folder::new().with(
        "family.yaml",
        "load: {utilization: 0.6}\n\
         servers: {speed_spread: 4, core_doublings: 2}\n\
         antagonists: {share: 0.5}\n\
         arrivals: {ramp: {from: 0.2, to: 3}, steps: [{at_seconds: 50, factor: 3}]}",
    );
    for seed in 0..SEEDS {
        let scenario = folder.load("family.yaml").unwrap().draw(seed).unwrap();
        assert!((offered(&scenario) / 0.6 - 1.0).abs() < 0.02);
    }
}

#[test]
fn most_servers_work_at_any_time() {
    for_each_scenario(|scenario| {
        if scenario.name == "training" {
            // Its `faults` are by number, and may take all servers of a small cluster.
            return;
        }
        let most = (scenario.servers.len() as f64 * 0.4).max(1.0);
        let mut broken = vec![[false; 3]; scenario.servers.len()];
        for change in &scenario.changes {
            let kinds = &mut broken[change.server];
            match change.change {
                Change::Slow(speed) => kinds[0] = speed < 1.0,
                Change::FailFast(share) => kinds[1] = share > 0.0,
                Change::Crash { .. } => kinds[2] = true,
                Change::Recover => kinds[2] = false,
                _ => {}
            }
            let count = broken.iter().filter(|kinds| kinds.contains(&true)).count();
            assert!(
                count as f64 <= most,
                "{}: {count} at {}",
                scenario.name,
                change.at
            );
        }
    });
}

#[test]
fn members_leave_and_join_in_turns_and_some_are_left() {
    for_each_scenario(|scenario| {
        let mut joined: Vec<bool> = scenario.servers.iter().map(|s| s.joined).collect();
        for change in &scenario.changes {
            let (before, after) = match change.change {
                Change::Join => (false, true),
                Change::Leave => (true, false),
                _ => continue,
            };
            assert_eq!(joined[change.server], before, "{}", scenario.name);
            joined[change.server] = after;
            assert!(joined.contains(&true), "{}", scenario.name);
        }
    });
}

#[test]
fn training_lacks_sources_and_retries_as_often_as_it_says() {
    let family = Family::load(&folder().join("training.yaml")).unwrap();
    let drawn: Vec<Scenario> = (0..1000).map(|seed| family.draw(seed).unwrap()).collect();
    let share = |property: &dyn Fn(&Scenario) -> bool| {
        drawn.iter().filter(|scenario| property(scenario)).count() as f64 / 1000.0
    };
    let moves =
        |change: Change| move |s: &Scenario| s.changes.iter().any(|timed| timed.change == change);

    for (found, expected) in [
        (share(&|s| !s.information.piggyback), 0.2),
        (share(&|s| s.information.registry.is_none()), 0.4),
        (
            share(&|s| !s.information.piggyback && s.information.registry.is_none()),
            0.1,
        ),
        (share(&|s| s.health_check.is_none()), 0.1),
        (share(&|s| s.retry.attempts > 0), 0.2),
        (share(&|s| s.balancers.len() > 8), 0.1),
        (share(&|s| s.balancers.len() == 1), 0.4),
    ] {
        assert!((found - expected).abs() < 0.04, "{found} for {expected}");
    }
    assert!(share(&moves(Change::Leave)) > 0.08);
}

/// The work of the requests over what the servers can do, antagonists taken off.
fn offered(scenario: &Scenario) -> f64 {
    let Arrivals::Rates(rates) = &scenario.arrivals else {
        panic!("not a replay");
    };
    let ends = rates.iter().skip(1).map(|rate| rate.from);
    let requests: f64 = rates
        .iter()
        .zip(ends.chain([scenario.duration]))
        .map(|(rate, end)| rate.per_second * (end - rate.from))
        .sum();
    let classes = scenario.classes.iter();
    let work: f64 = classes.map(|class| class.share * mean(&class.demand)).sum();
    let capacity: f64 = (0..scenario.servers.len())
        .map(|server| capacity(scenario, server))
        .sum();
    requests * work / capacity
}

fn capacity(scenario: &Scenario, index: usize) -> f64 {
    let server = &scenario.servers[index];
    let (mut free, mut since, mut taken) = (0.0, 0.0, 0.0);
    let own = scenario
        .changes
        .iter()
        .filter(|change| change.server == index);
    for change in own {
        if let Change::Antagonist(level) = change.change {
            free += (change.at - since) * (1.0 - taken);
            (since, taken) = (change.at, level);
        }
    }
    free += (scenario.duration - since) * (1.0 - taken);
    server.cores * server.speed * free
}

fn mean(demand: &Demand) -> f64 {
    match *demand {
        Demand::Fixed(mean)
        | Demand::Exponential { mean }
        | Demand::Lognormal { mean, .. }
        | Demand::Pareto { mean, .. } => mean,
    }
}
