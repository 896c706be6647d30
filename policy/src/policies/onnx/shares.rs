//! What part of the recent requests each candidate had: no more than a cap, and who is new no
//! less than half of a fair share while nothing speaks against it. A model that saw endpoints
//! start cold is shy of new ones, and learns that one did not only from requests.

use crate::{
    policies::{Decision, peak_ewma_cost, scratch::Scratch},
    time::Timestamp,
};
use std::iter::zip;

/// Of fewer recent requests no share is taken.
const MIN_RECENT_SENDS: f32 = 16.0;
/// Who became ready within this time is new.
const NEW_SECONDS: f32 = 10.0;
/// What a new endpoint is owed, in fair shares: half of one, and something for chance.
const SHARE_OF_NEW: f32 = 0.6;

#[derive(Debug)]
pub(super) struct Shares {
    cap: f32,
}

impl Shares {
    /// Brings a cap out of range into it.
    pub(super) fn new(cap: f32) -> Self {
        Self { cap: cap.max(1.0) }
    }

    /// Puts the shares of the drawn candidates, 1 being the fair one by weight, into the
    /// scratch's loads; leaves them empty where too few requests were sent to tell.
    pub(super) fn measure(&self, decision: &mut Decision<'_>) {
        let (endpoints, now) = (decision.candidates.endpoints(), decision.now);
        let Scratch { sampler, loads, .. } = &mut *decision.scratch;
        let drawn = || {
            sampler
                .drawn()
                .iter()
                .map(|index| &endpoints[*index as usize])
        };
        loads.clear();
        loads.extend(drawn().map(|endpoint| endpoint.recent_sends(now)));
        let sends: f32 = loads.iter().sum();
        if sends < MIN_RECENT_SENDS {
            loads.clear();
            return;
        }
        let weights: f32 = drawn().map(|endpoint| endpoint.weight() as f32).sum();
        for (load, endpoint) in zip(loads, drawn()) {
            *load *= weights / (sends * endpoint.weight() as f32);
        }
    }

    /// Gives candidates over their cap an infinite cost, unless all are.
    pub(super) fn apply_cap(&self, scratch: &mut Scratch) {
        let Scratch { costs, loads, .. } = scratch;
        if loads.iter().all(|share| *share > self.cap) {
            return;
        }
        for (cost, share) in zip(costs, loads) {
            if *share > self.cap {
                *cost = f32::INFINITY;
            }
        }
    }

    /// Notes the positions that are owed a request rather than the one at `best`: ready since
    /// lately and later than that, with less than their part, and no worse by the cost that
    /// `peak_ewma` minimises.
    pub(super) fn find_owed(&self, decision: &mut Decision<'_>, best: usize) {
        let Scratch {
            sampler,
            loads,
            owed,
            ..
        } = &mut *decision.scratch;
        owed.clear();
        let endpoint = |position: usize| {
            let index = sampler.drawn()[position];
            &*decision.candidates.endpoints()[index as usize]
        };
        let (mean_seconds, now) = (decision.cluster.mean_latency_seconds(), decision.now);
        let cost = |position| peak_ewma_cost(endpoint(position), mean_seconds, now);
        let is_new = |since: Timestamp| {
            since > endpoint(best).ready_since() && now.seconds_since(since) < NEW_SECONDS
        };
        for (position, share) in loads.iter().enumerate() {
            if *share < SHARE_OF_NEW
                && is_new(endpoint(position).ready_since())
                && endpoint(position).in_flight() == 0
                && cost(position) <= cost(best)
            {
                owed.push(position);
            }
        }
    }
}
