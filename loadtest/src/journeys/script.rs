//! The steps of each kind of shopper, drawn from the seed. What depends on the shop's answers (which
//! product, which line of the cart) is drawn as a [`Pick`].

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use crate::journeys::shopper::Shopper;
use crate::journeys::step::Step;

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

/// Steps in the making.
pub(crate) struct Script<'a> {
    shopper: Shopper,
    think_scale: f64,
    rng: &'a mut StdRng,
    steps: Vec<Planned>,
}

impl Script<'_> {
    pub(crate) fn draw(shopper: Shopper, think_scale: f64, rng: &mut StdRng) -> Vec<Planned> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pick_of_nothing_is_nothing() {
        assert_eq!(Pick(7).of(&[1, 2, 3]), Some(&2));
        assert_eq!(Pick(7).of::<i32>(&[]), None);
    }
}
