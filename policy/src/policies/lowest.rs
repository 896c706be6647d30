//! The lowest of many costs, ties broken at random: a fixed order would let balancers that
//! know equally little all flood the same endpoint.

use rand::RngExt;
use std::cmp::Ordering;

/// Where the lowest cost is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lowest {
    pub(super) position: usize,
    pub(super) cost: f32,
    /// How many share the lowest cost, at least 1.
    pub(super) ties: u32,
}

impl Lowest {
    /// Probability with which this one was to be chosen among its ties.
    pub(super) fn propensity(&self) -> f32 {
        1.0 / self.ties as f32
    }
}

/// The lowest of `costs`, drawn evenly from ties; `None` without any number among them.
pub(super) fn lowest(costs: impl Iterator<Item = f32>, rng: &mut impl RngExt) -> Option<Lowest> {
    let mut best: Option<Lowest> = None;
    for (position, cost) in costs.enumerate().filter(|(_, cost)| !cost.is_nan()) {
        let Some(lowest) = &mut best else {
            best = Some(Lowest {
                position,
                cost,
                ties: 1,
            });
            continue;
        };
        match cost.total_cmp(&lowest.cost) {
            Ordering::Less => {
                *lowest = Lowest {
                    position,
                    cost,
                    ties: 1,
                }
            }
            Ordering::Equal => {
                lowest.ties += 1;
                if rng.random_range(0..lowest.ties) == 0 {
                    lowest.position = position;
                }
            }
            Ordering::Greater => {}
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    #[test]
    fn ties_are_drawn_evenly() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        let mut counts = [0; 4];
        for _ in 0..9000 {
            let found = lowest([2.0, 1.0, 1.0, 1.0].into_iter(), &mut rng).expect("numbers");
            assert_eq!(found.ties, 3);
            counts[found.position] += 1;
        }
        assert_eq!(counts[0], 0);
        assert!(
            counts[1..].iter().all(|count| (2800..3200).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn nan_is_never_the_lowest() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        let found = lowest([f32::NAN, 3.0, f32::NAN].into_iter(), &mut rng);
        assert_eq!(found.map(|found| found.position), Some(1));
        assert_eq!(lowest([f32::NAN].into_iter(), &mut rng), None);
    }
}
