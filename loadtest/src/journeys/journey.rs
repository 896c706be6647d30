//! What one journey is going to do, drawn from the seed before it starts. What depends on the
//! shop's answers (which product, which line of the cart) is drawn as a [`Pick`].

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::journeys::plan::Plan;
use crate::journeys::shopper::Shopper;
use crate::journeys::step::Step;

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

/// A step and the time before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) think: Duration,
    pub(crate) action: Action,
}

/// What is done in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Register,
    LogIn,
    List,
    /// The category of a listed product.
    Category(Pick),
    /// A word of a listed product's name.
    Search(Pick),
    Product(Pick),
    /// The product looked at last, or a listed one.
    Add {
        product: Pick,
        quantity: u32,
    },
    Cart,
    Change {
        line: Pick,
        quantity: u32,
    },
    Remove(Pick),
    CheckOut,
    /// Looks at the order until nothing more is going to happen to it.
    FollowOrder,
    Cancel,
}

/// One of several, whose number is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pick(u32);

impl Pick {
    /// None of nothing.
    pub(crate) fn of<T>(self, choices: &[T]) -> Option<&T> {
        choices.get(self.index(choices.len())?)
    }

    pub(crate) fn index(self, choices: usize) -> Option<usize> {
        (self.0 as usize).checked_rem(choices)
    }
}

impl Action {
    /// The step whose figures it counts in.
    pub(crate) fn step(self) -> Step {
        match self {
            Action::Register => Step::Register,
            Action::LogIn => Step::LogIn,
            Action::List => Step::List,
            Action::Category(_) => Step::Category,
            Action::Search(_) => Step::Search,
            Action::Product(_) => Step::Product,
            Action::Add { .. } => Step::Add,
            Action::Cart => Step::Cart,
            Action::Change { .. } => Step::Change,
            Action::Remove(_) => Step::Remove,
            Action::CheckOut => Step::CheckOut,
            Action::FollowOrder => Step::Order,
            Action::Cancel => Step::Cancel,
        }
    }
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

/// Steps in the making.
struct Script<'a> {
    shopper: Shopper,
    think_scale: f64,
    rng: &'a mut StdRng,
    steps: Vec<Planned>,
}

impl Script<'_> {
    fn draw(shopper: Shopper, think_scale: f64, rng: &mut StdRng) -> Vec<Planned> {
        let mut script = Script {
            shopper,
            think_scale,
            rng,
            steps: Vec::new(),
        };
        for action in [Action::Register, Action::LogIn, Action::List] {
            script.add(action);
        }
        match shopper {
            Shopper::Browse => script.browse(),
            Shopper::Quick => script.quick(),
            Shopper::Careful => script.careful(),
            Shopper::Bulk => script.bulk(),
            Shopper::Impulse => script.impulse(),
        }
        script.steps
    }

    fn browse(&mut self) {
        for _ in 0..self.between(3, 7) {
            let pick = self.pick();
            let look = match self.between(0, 3) {
                0 => Action::Category(pick),
                1 => Action::Search(pick),
                _ => Action::Product(pick),
            };
            self.add(look);
        }
        if self.chance(0.3) {
            self.add_to_cart(1, 1);
            self.add(Action::Cart);
        }
    }

    fn quick(&mut self) {
        let (wanted, found) = (self.pick(), self.pick());
        self.add(Action::Search(wanted));
        self.add(Action::Product(found));
        self.add_to_cart(1, 2);
        self.add(Action::CheckOut);
        self.add(Action::FollowOrder);
    }

    fn careful(&mut self) {
        let category = self.pick();
        self.add(Action::Category(category));
        for _ in 0..self.between(2, 4) {
            for _ in 0..self.between(1, 3) {
                let product = self.pick();
                self.add(Action::Product(product));
            }
            self.add_to_cart(1, 3);
        }
        self.add(Action::Cart);
        if self.chance(0.6) {
            self.change(1, 4);
        }
        if self.chance(0.4) {
            let line = self.pick();
            self.add(Action::Remove(line));
        }
        self.add(Action::Cart);
        self.add(Action::CheckOut);
        self.add(Action::FollowOrder);
        if self.chance(0.15) {
            self.add(Action::Cancel);
            self.add(Action::FollowOrder);
        }
    }

    fn bulk(&mut self) {
        for _ in 0..self.between(4, 8) {
            self.add_to_cart(5, 20);
        }
        self.add(Action::Cart);
        if self.chance(0.5) {
            self.change(5, 20);
        }
        self.add(Action::CheckOut);
        self.add(Action::FollowOrder);
        if self.chance(0.05) {
            self.add(Action::Cancel);
            self.add(Action::FollowOrder);
        }
    }

    fn impulse(&mut self) {
        let product = self.pick();
        self.add(Action::Product(product));
        self.add_to_cart(1, 1);
        self.add(Action::CheckOut);
        if self.chance(0.3) {
            self.add(Action::Cancel);
        }
        self.add(Action::FollowOrder);
    }

    fn add_to_cart(&mut self, fewest: u32, most: u32) {
        let (product, quantity) = (self.pick(), self.between(fewest, most));
        self.add(Action::Add { product, quantity });
    }

    fn change(&mut self, fewest: u32, most: u32) {
        let (line, quantity) = (self.pick(), self.between(fewest, most));
        self.add(Action::Change { line, quantity });
    }

    fn add(&mut self, action: Action) {
        let think_s = self.rng.random_range(self.shopper.think_s()) * self.think_scale;
        // The page after a check-out shows the order at once, and looks again by itself.
        let at_once = self.steps.is_empty() || action == Action::FollowOrder;
        let think = match at_once {
            true => Duration::ZERO,
            false => Duration::from_secs_f64(think_s),
        };
        self.steps.push(Planned { think, action });
    }

    fn pick(&mut self) -> Pick {
        Pick(self.rng.random())
    }

    fn between(&mut self, fewest: u32, most: u32) -> u32 {
        self.rng.random_range(fewest..=most)
    }

    fn chance(&mut self, share: f64) -> bool {
        self.rng.random_bool(share)
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

    use http::Uri;

    use super::*;

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

    #[test]
    fn a_pick_of_nothing_is_nothing() {
        assert_eq!(Pick(7).of(&[1, 2, 3]), Some(&2));
        assert_eq!(Pick(7).of::<i32>(&[]), None);
    }
}
