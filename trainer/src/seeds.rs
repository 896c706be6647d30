//! Seeds of scenarios: ranges that never meet, so that no scenario of one purpose is one of
//! another.

/// Place of the purpose in a seed.
const PURPOSE: u32 = 56;
/// Place of the run's seed, which has 24 bits.
const RUN: u32 = 32;
/// Place of the round or generation; the 16 bits below it number the scenario.
const ROUND: u32 = 16;

/// A scenario that models are validated on; the same for every run.
pub fn validation(scenario: usize) -> u64 {
    1 << PURPOSE | scenario as u64
}

/// A scenario that decisions are gathered from.
pub fn gathering(run: u64, round: usize, scenario: usize) -> u64 {
    2 << PURPOSE | within_run(run, round, scenario)
}

/// A scenario of one generation of the search.
pub fn search(run: u64, generation: usize, scenario: usize) -> u64 {
    3 << PURPOSE | within_run(run, generation, scenario)
}

/// Chance of fitting in one round.
pub fn fitting(run: u64, round: usize) -> u64 {
    4 << PURPOSE | within_run(run, round, 0)
}

/// Perturbations of one generation of the search.
pub fn perturbation(run: u64, generation: usize) -> u64 {
    5 << PURPOSE | within_run(run, generation, 0)
}

fn within_run(run: u64, round: usize, scenario: usize) -> u64 {
    debug_assert!(run < 1 << 24 && round < 1 << 16 && scenario < 1 << 16);
    run << RUN | (round as u64) << ROUND | scenario as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_seed_serves_two_purposes() {
        let mut seen = HashSet::new();
        for scenario in 0..50 {
            assert!(seen.insert(validation(scenario)));
            for (run, round) in [(0, 0), (0, 1), (1, 0), ((1 << 24) - 1, 9)] {
                assert!(seen.insert(gathering(run, round, scenario)));
                assert!(seen.insert(search(run, round, scenario)));
            }
        }
    }
}
