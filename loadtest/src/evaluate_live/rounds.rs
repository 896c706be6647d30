//! The order of blocks: round by round, every policy once in each phase, in an order of chance.

use std::io::{self, Write};

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::block::{self, Block, Load, Measured};
use crate::faults::Phase;
use crate::policy::Policy;
use crate::stage::Stage;

/// All blocks of an evaluation, in order.
pub(crate) fn blocks(policies: &[Policy], rounds: usize, load: Load, seed: u64) -> Vec<Block> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut blocks = Vec::new();
    for round in 0..rounds {
        for phase in Phase::BOTH {
            let seed = rng.random();
            let mut order = policies.to_vec();
            order.shuffle(&mut rng);
            blocks.extend(order.into_iter().map(|policy| Block {
                round,
                phase,
                policy,
                load,
                seed,
            }));
        }
    }
    blocks
}

/// Carries out all blocks, with a line on standard error for each.
///
/// # Errors
/// When a block fails or something that runs has ended.
pub(crate) async fn run(stage: &mut Stage, blocks: &[Block]) -> Result<Vec<Measured>> {
    let mut measured = Vec::with_capacity(blocks.len());
    for (block, number) in blocks.iter().zip(1..) {
        let name = || format!("round {}, {}", block.round + 1, block.policy.name());
        let figures = block::run(stage, block).await.with_context(name)?;
        stage.settle().await.with_context(name)?;
        tell(number, blocks.len(), &figures);
        measured.push(figures);
    }
    Ok(measured)
}

fn tell(number: usize, of: usize, figures: &Measured) {
    let line = format!(
        "block {number}/{of}: round {}, {}, {}: p50 {:.0} ms, p99 {:.0} ms, {} errors of {}, busy {:.0} %",
        figures.round + 1,
        figures.phase.name(),
        figures.policy.name(),
        figures.p50_ms,
        figures.p99_ms,
        figures.errors,
        figures.requests,
        figures.busy * 100.0,
    );
    // Nobody to tell is no reason to stop.
    drop(writeln!(io::stderr(), "{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policies;
    use std::time::Duration;

    const LOAD: Load = Load {
        rate_per_s: 100.0,
        block: Duration::from_secs(4),
        warm_up: Duration::from_secs(1),
    };

    fn names(blocks: &[Block]) -> Vec<&'static str> {
        blocks.iter().map(|block| block.policy.name()).collect()
    }

    #[test]
    fn every_policy_has_one_block_in_each_phase_of_each_round() {
        let policies = Policies::all();
        let blocks = blocks(policies.as_slice(), 3, LOAD, 1);
        let turns: Vec<&[Block]> = blocks.chunks(policies.as_slice().len()).collect();
        assert_eq!(turns.len(), 6);
        for (number, turn) in turns.iter().enumerate() {
            let phase = Phase::BOTH[number % 2];
            assert!(
                turn.iter()
                    .all(|b| b.round == number / 2 && b.phase == phase)
            );
            let mut met: Vec<Policy> = turn.iter().map(|block| block.policy).collect();
            met.sort();
            assert_eq!(met, policies.as_slice());
        }
    }

    #[test]
    fn the_policies_of_a_turn_share_its_seed_and_turns_differ() {
        let policies = Policies::all();
        let count = policies.as_slice().len();
        let blocks = blocks(policies.as_slice(), 2, LOAD, 1);
        for turn in blocks.chunks(count) {
            assert!(turn.iter().all(|block| block.seed == turn[0].seed));
        }
        assert_ne!(blocks[0].seed, blocks[count].seed);
        assert!((0..3).any(|turn| {
            let at = |turn: usize| names(&blocks[turn * count..(turn + 1) * count]);
            at(turn) != at(turn + 1)
        }));
    }

    #[test]
    fn the_seed_decides_the_order() {
        let policies = Policies::all();
        let order = |seed| names(&blocks(policies.as_slice(), 4, LOAD, seed));
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
    }
}
