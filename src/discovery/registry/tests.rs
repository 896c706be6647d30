use super::*;
use lb_policy::telemetry::LoadReport;
use proptest::prelude::*;

const MAX_AGE: Duration = Duration::from_secs(60);

/// One step of a scenario, one second after the one before.
enum Step {
    /// The answer has these keys.
    List(&'static str),
    /// The answer has these keys, and these with garbage under them.
    Garbage(&'static str, &'static str),
    /// No answer.
    Fail,
    /// The connection was lost and replaced between two answers.
    Lose,
    /// Seconds go by.
    Wait(u64),
}
use Step::{Fail, Garbage, List, Lose, Wait};

fn key(name: char) -> Key {
    name.to_string().into_bytes().into()
}

fn declared(id: &str) -> Declared {
    Declared {
        id: EndpointId::new(id),
        address: "10.0.0.1:80".parse().unwrap(),
        weight: 1,
        enabled: true,
        load: None,
        health_path: None,
    }
}

fn usable(id: &str, digest: u64) -> Sight {
    Sight::Usable {
        declared: declared(id),
        digest,
    }
}

fn sights(usable_keys: &str, unusable_keys: &str) -> BTreeMap<Key, Sight> {
    let good = usable_keys
        .chars()
        .map(|name| (key(name), usable(&name.to_string(), 1)));
    good.chain(
        unusable_keys
            .chars()
            .map(|name| (key(name), Sight::Unusable)),
    )
    .collect()
}

fn ids(set: &[Declared]) -> String {
    set.iter().map(|endpoint| endpoint.id.as_str()).collect()
}

/// The set that a caller holds who keeps the last one when a pass tells nothing.
fn held_after(steps: &[Step]) -> String {
    let mut registry = Registry::new(MAX_AGE);
    let mut now = Timestamp::ZERO;
    let mut held = String::new();
    for step in steps {
        now = now + Duration::from_secs(1);
        match step {
            List(keys) => held = ids(&registry.listed(sights(keys, ""), now)),
            Garbage(good, bad) => held = ids(&registry.listed(sights(good, bad), now)),
            Fail => held = registry.failed(now).map_or(held, |set| ids(&set)),
            Lose => registry.interrupted(),
            Wait(seconds) => now = now + Duration::from_secs(*seconds),
        }
    }
    held
}

/// Name, steps, and the endpoints that are believed after them.
const SCENARIOS: &[(&str, &[Step], &str)] = &[
    ("nothing registered yet", &[List("")], ""),
    ("down from the start", &[Fail, Fail], ""),
    ("first answer", &[List("abc")], "abc"),
    ("a new record", &[List("a"), List("ab")], "ab"),
    (
        "clean deregistration goes at once",
        &[List("abc"), List("ac")],
        "ac",
    ),
    (
        "empty after being full stays",
        &[List("abc"), List(""), List("")],
        "abc",
    ),
    (
        "the last one deregistering looks like empty",
        &[List("a"), List("")],
        "a",
    ),
    (
        "empty for longer than the age goes",
        &[List("ab"), Wait(60), List("")],
        "",
    ),
    (
        "empty until just before the age stays",
        &[List("ab"), Wait(58), List("")],
        "ab",
    ),
    ("failing stays", &[List("ab"), Fail, Fail], "ab"),
    (
        "failing for longer than the age goes",
        &[List("ab"), Wait(60), Fail],
        "",
    ),
    (
        "presence renews the age",
        &[List("a"), Wait(50), List("a"), Wait(50), Fail],
        "a",
    ),
    (
        "restarted empty, coming back one by one",
        &[List("abc"), List(""), List("b")],
        "abc",
    ),
    (
        "lost connection, then some",
        &[List("abc"), Lose, List("b")],
        "abc",
    ),
    (
        "failed, then some",
        &[List("abc"), Fail, List("b"), List("bc")],
        "abc",
    ),
    (
        "held, back, then deregistered",
        &[List("ab"), Fail, List("a"), List("ab"), List("a")],
        "a",
    ),
    (
        "held and never back goes with age",
        &[List("ab"), Fail, List("a"), Wait(60), List("a")],
        "a",
    ),
    (
        "flapping between full and empty",
        &[List("ab"), List(""), List("ab"), List("")],
        "ab",
    ),
    (
        "flapping between full and failing",
        &[List("ab"), Fail, List("ab"), Fail],
        "ab",
    ),
    (
        "garbage in place of a record holds it",
        &[List("ab"), Garbage("a", "b")],
        "ab",
    ),
    (
        "all garbage holds all",
        &[List("ab"), Garbage("", "ab")],
        "ab",
    ),
    (
        "garbage under other keys alone holds all",
        &[List("ab"), Garbage("", "xy")],
        "ab",
    ),
    (
        "garbage for longer than the age goes",
        &[List("ab"), Wait(60), Garbage("a", "b")],
        "a",
    ),
    (
        "garbage, then gone",
        &[List("ab"), Garbage("a", "b"), List("a")],
        "a",
    ),
    (
        "garbage from the start is nothing",
        &[Garbage("a", "b")],
        "a",
    ),
];

#[test]
fn what_stays_and_what_goes() {
    for (name, steps, expected) in SCENARIOS {
        assert_eq!(held_after(steps), *expected, "{name}");
    }
}

#[test]
fn load_is_news_only_in_the_pass_that_saw_the_record_change() {
    let mut registry = Registry::new(MAX_AGE);
    let load = Some(LoadReport {
        in_flight: Some(3.0),
        ..LoadReport::default()
    });
    let mut pass = |seconds: u64, digest: u64| {
        let record = Declared {
            load,
            ..declared("a")
        };
        let sights = BTreeMap::from([(
            key('a'),
            Sight::Usable {
                declared: record,
                digest,
            },
        )]);
        registry.listed(sights, Timestamp::ZERO + Duration::from_secs(seconds))[0].load
    };
    assert_eq!(pass(1, 7), load);
    assert_eq!(pass(2, 7), None);
    assert_eq!(pass(3, 8), load);
    assert_eq!(pass(4, 8), None);
}

#[test]
fn of_two_records_for_one_endpoint_the_present_then_the_newer_counts() {
    let mut registry = Registry::new(MAX_AGE);
    let at = |seconds| Timestamp::ZERO + Duration::from_secs(seconds);
    let record = |weight, digest| Sight::Usable {
        declared: Declared {
            weight,
            ..declared("same:80")
        },
        digest,
    };
    let both = BTreeMap::from([(key('a'), record(1, 1)), (key('b'), record(2, 1))]);
    registry.listed(both, at(1));
    let changed = BTreeMap::from([(key('a'), record(1, 1)), (key('b'), record(2, 2))]);
    let set = registry.listed(changed, at(2));
    assert_eq!(
        (set.len(), set[0].weight),
        (1, 2),
        "the newer record should count"
    );
    registry.interrupted();
    let set = registry.listed(BTreeMap::from([(key('a'), record(1, 1))]), at(3));
    assert_eq!(
        (set.len(), set[0].weight),
        (1, 1),
        "the record that is there should count"
    );
}

#[test]
fn held_records_do_not_pile_up() {
    let mut registry = Registry::new(MAX_AGE);
    let mut now = Timestamp::ZERO;
    for round in 0..4 {
        now = now + Duration::from_secs(1);
        let fresh = (0..MAX_RECORDS).map(|number| {
            let name = format!("{round}-{number}");
            (Key::from(name.as_bytes()), usable(&name, 1))
        });
        let set = registry.listed(fresh.collect(), now);
        assert_eq!(set.len(), MAX_RECORDS);
        assert!(
            set.iter()
                .all(|e| e.id.as_str().starts_with(&format!("{round}-")))
        );
        registry.interrupted();
    }
}

proptest! {
    #[test]
    fn any_sequence_keeps_what_is_listed_and_nothing_beyond_its_age(
        steps in prop::collection::vec((0_u8..4, "[a-f]{0,6}", 0_u64..40), 1..40)
    ) {
        let mut registry = Registry::new(MAX_AGE);
        let mut now = Timestamp::ZERO;
        let mut last_listed: BTreeMap<char, Timestamp> = BTreeMap::new();
        for (kind, keys, seconds) in steps {
            now = now + Duration::from_secs(seconds);
            let set = match kind {
                0 => registry.failed(now),
                1 => { registry.interrupted(); None }
                _ => Some(registry.listed(sights(&keys, ""), now)),
            };
            if kind >= 2 {
                last_listed.extend(keys.chars().map(|name| (name, now)));
            }
            let Some(set) = set else { continue };
            let believed = ids(&set);
            if kind >= 2 {
                prop_assert!(keys.chars().all(|name| believed.contains(name)));
            }
            for name in believed.chars() {
                prop_assert!(now.since(last_listed[&name]) <= MAX_AGE);
            }
            let unique: std::collections::BTreeSet<_> = believed.chars().collect();
            prop_assert_eq!(unique.len(), set.len());
        }
    }
}
