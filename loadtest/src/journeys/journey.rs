//! Who comes and what they are going to do, drawn from the seed before the journey starts.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::journeys::plan::Plan;
use crate::journeys::script::{Planned, Script};
use crate::journeys::shopper::Shopper;

/// A journey to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Journey {
    pub(crate) number: u64,
    pub(crate) shopper: Shopper,
    /// Index into the plan's hosts.
    pub(crate) host: usize,
    pub(crate) customer: Customer,
    /// Names the one order of this journey, however often it is sent.
    pub(crate) idempotency_key: String,
    pub(crate) steps: Vec<Planned>,
}

/// Who comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Customer {
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) first_name: &'static str,
    pub(crate) last_name: &'static str,
    pub(crate) street: String,
    pub(crate) city: &'static str,
    pub(crate) state: &'static str,
    pub(crate) zip_code: String,
    pub(crate) phone: String,
}

impl Journey {
    /// The journey of this number; depends on nothing but its arguments.
    pub(crate) fn draw(plan: &Plan, number: u64, shopper: Shopper) -> Self {
        // An odd factor, so that no two journeys of a plan share a stream of random numbers.
        let stream = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut rng = StdRng::seed_from_u64(plan.seed.wrapping_add(1) ^ stream);
        let host = rng.random_range(0..plan.hosts.len().max(1));
        Journey {
            number,
            shopper,
            host,
            customer: Customer::draw(plan, number, &mut rng),
            idempotency_key: key(&plan.run, &mut rng),
            steps: Script::draw(shopper, plan.think_scale, &mut rng),
        }
    }
}

impl Customer {
    fn draw(plan: &Plan, number: u64, rng: &mut StdRng) -> Self {
        let (city, state, zip_code) = one_of(rng, &CITIES);
        let run = match plan.run.as_str() {
            "" => String::new(),
            run => format!("{run}-"),
        };
        Customer {
            email: format!("shopper-{run}{}-{number}@example.com", plan.seed),
            password: format!("pw-{:016x}", rng.random::<u64>()),
            first_name: one_of(rng, &FIRST_NAMES),
            last_name: one_of(rng, &LAST_NAMES),
            street: format!("{} {}", rng.random_range(1..200), one_of(rng, &STREETS)),
            city,
            state,
            zip_code: zip_code.to_owned(),
            phone: format!("+1555{:07}", rng.random_range(0..10_000_000)),
        }
    }
}

/// In the form of a random UUID, behind the run's name if it has one.
fn key(run: &str, rng: &mut StdRng) -> String {
    let [a, b, c] = [rng.random::<u32>(), rng.random(), rng.random()];
    let d: u32 = rng.random();
    let uuid = format!(
        "{a:08x}-{:04x}-4{:03x}-a{:03x}-{:04x}{d:08x}",
        b >> 16,
        b & 0xfff,
        c >> 20,
        c & 0xffff,
    );
    match run {
        "" => uuid,
        run => format!("{run}-{uuid}"),
    }
}

fn one_of<T: Copy>(rng: &mut StdRng, choices: &[T]) -> T {
    choices[rng.random_range(0..choices.len())]
}

const FIRST_NAMES: [&str; 6] = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Radia"];
const LAST_NAMES: [&str; 6] = ["Miller", "Novak", "Silva", "Tanaka", "Okafor", "Larsen"];
const STREETS: [&str; 4] = ["Main Street", "Oak Avenue", "Station Road", "Mill Lane"];
const CITIES: [(&str, &str, &str); 4] = [
    ("Portland", "OR", "97201"),
    ("Austin", "TX", "78701"),
    ("Boston", "MA", "02108"),
    ("Denver", "CO", "80202-1234"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use http::Uri;

    use super::*;
    use crate::journeys::script::Action;

    fn plan(seed: u64) -> Plan {
        let target = Uri::from_static("http://127.0.0.1:1");
        let mut plan = Plan::new(target, vec!["soak:20:50".parse().unwrap()]);
        plan.seed = seed;
        plan.hosts = vec!["a".into(), "b".into()];
        plan
    }

    fn journeys(plan: &Plan) -> Vec<Journey> {
        let journey = |arrival: crate::schedule::Arrival| {
            Journey::draw(plan, arrival.number, plan.mix[arrival.kind].0)
        };
        plan.schedule().map(journey).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_journeys_and_another_seed_others() {
        let first = journeys(&plan(7));
        assert_eq!(first, journeys(&plan(7)));
        assert_ne!(first, journeys(&plan(8)));
        let hosts: BTreeSet<usize> = first.iter().map(|journey| journey.host).collect();
        let shoppers: BTreeSet<Shopper> = first.iter().map(|journey| journey.shopper).collect();
        assert_eq!((hosts.len(), shoppers.len()), (2, 5));
    }

    #[test]
    fn customers_and_keys_are_unique_also_between_seeds_and_runs() {
        let mut other_run = plan(7);
        other_run.run = "again".into();
        let plans = [plan(7), plan(8), other_run];
        let all: Vec<Journey> = plans.iter().flat_map(journeys).collect();
        let emails: BTreeSet<&str> = all.iter().map(|j| j.customer.email.as_str()).collect();
        let keys: BTreeSet<&str> = all.iter().map(|j| j.idempotency_key.as_str()).collect();
        assert_eq!((emails.len(), keys.len()), (all.len(), all.len()));
        assert!(
            keys.iter().all(|key| key.len() == 36 || key.len() == 42),
            "{keys:?}"
        );
    }

    #[test]
    fn only_browsers_never_check_out_and_quantities_are_ones_a_cart_takes() {
        for journey in journeys(&plan(3)) {
            let actions: Vec<Action> = journey.steps.iter().map(|step| step.action).collect();
            assert_eq!(
                actions[..3],
                [Action::Register, Action::LogIn, Action::List]
            );
            let buys = actions.contains(&Action::CheckOut);
            assert_eq!(buys, journey.shopper != Shopper::Browse, "{journey:?}");
            for action in actions {
                if let Action::Add { quantity, .. } | Action::Change { quantity, .. } = action {
                    assert!((1..=100).contains(&quantity));
                }
            }
        }
    }

    #[test]
    fn think_times_scale() {
        let mut hasty = plan(3);
        hasty.think_scale = 0.0;
        let thought = |plan: &Plan| -> Duration {
            let journeys = journeys(plan);
            let steps = journeys.iter().flat_map(|journey| &journey.steps);
            steps.map(|step| step.think).sum()
        };
        assert_eq!(thought(&hasty), Duration::ZERO);
        assert!(thought(&plan(3)) > Duration::from_secs(100));
    }
}
