//! What a choice truly costs, computed from the state of the server: what observers are told
//! and what the oracles choose by.

use crate::{observer::TrueCost, server::Server};
use lb_policy::time::Timestamp;

/// Cores and speeds below this count as this much, so that costs stay finite.
const CAPACITY_MIN: f64 = 1e-6;

/// How dear errors are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prices {
    timeout_seconds: f64,
}

impl Prices {
    pub(crate) fn of_timeout(timeout_seconds: f64) -> Self {
        Self { timeout_seconds }
    }

    /// A fast error costs half the time-out.
    fn error(self) -> f64 {
        0.5 * self.timeout_seconds
    }

    /// What no request survives costs all of it.
    fn certain_loss(self) -> TrueCost {
        TrueCost {
            own_seconds: self.timeout_seconds as f32,
            inflicted_seconds: 0.0,
            coming_pauses_seconds: 0.0,
        }
    }

    /// The cost of a request that takes `own` seconds where it is not failed fast.
    fn cost(self, server: &Server, own: f64, inflicted: f64, now: Timestamp) -> TrueCost {
        let there_and_back = server.settings().rtt + server.pause_left(now).as_secs_f64();
        let failing = server.failing_share();
        let own = (own + there_and_back) * (1.0 - failing) + self.error() * failing;
        TrueCost {
            own_seconds: own as f32,
            inflicted_seconds: inflicted as f32,
            coming_pauses_seconds: 0.0,
        }
    }
}

impl TrueCost {
    /// Both parts in one, the inflicted delay with a weight.
    pub fn weighted(&self, inflicted: f32) -> f32 {
        self.own_seconds + inflicted * self.inflicted_seconds
    }
}

/// What sending a request of that work there now would cost, with the work of all requests that
/// are there or on their way known. What arrives later, and what changes later, is not foreseen.
pub(crate) fn cost(server: &Server, work: f64, prices: Prices, now: Timestamp) -> TrueCost {
    if !server.is_up() {
        return prices.certain_loss();
    }
    let capacity = Capacity::of(server);
    let (own, inflicted) = if takes_at_once(server) {
        let ahead = server.active_work(now).map(|left| left.min(work));
        let coming = f64::from(server.coming());
        let mean_coming = server.coming_work() / coming.max(1.0);
        capacity.shared(work, ahead.sum::<f64>() + coming * mean_coming.min(work))
    } else {
        let served: f64 = server.active_work(now).sum();
        let ahead = served + server.waiting_work().sum::<f64>() + server.coming_work();
        (
            capacity.queued(server, work, ahead) + refusal(server, prices),
            0.0,
        )
    };
    prices.cost(server, own, inflicted, now)
}

/// The same from the counts of requests alone: their work is not known beyond its mean, and
/// that of a request found in service, `residual_mean`.
pub(crate) fn cost_by_counts(
    server: &Server,
    mean_work: f64,
    residual_mean: f64,
    prices: Prices,
    now: Timestamp,
) -> TrueCost {
    if !server.is_up() {
        return prices.certain_loss();
    }
    let capacity = Capacity::of(server);
    let count = capacity.requests - 1.0;
    let (own, inflicted) = if count < server.settings().discipline.workers as f64 {
        // The mean of the lesser of two exponential works.
        let lesser = 1.0 / (1.0 / mean_work + 1.0 / residual_mean);
        capacity.shared(mean_work, count * lesser)
    } else {
        let queued = capacity.queued(server, mean_work, count * residual_mean);
        (queued + refusal(server, prices), 0.0)
    };
    prices.cost(server, own, inflicted, now)
}

/// What a server can do now.
struct Capacity {
    cores: f64,
    speed: f64,
    /// Requests there and on their way, with one more.
    requests: f64,
}

impl Capacity {
    fn of(server: &Server) -> Self {
        Self {
            cores: server.cores().max(CAPACITY_MIN),
            speed: server.speed().max(CAPACITY_MIN),
            requests: (server.in_flight() + 1) as f64 + f64::from(server.coming()),
        }
    }

    /// Seconds to the end of a request under processor sharing, and those it inflicts, when
    /// others get `overlap` of work while it is there.
    fn shared(&self, work: f64, overlap: f64) -> (f64, f64) {
        let alone = work / self.speed;
        if self.requests <= self.cores {
            return (alone, 0.0);
        }
        let all = self.cores * self.speed;
        (((work + overlap) / all).max(alone), overlap / all)
    }

    /// Seconds to the end of a request that waits for `ahead` of work.
    fn queued(&self, server: &Server, work: f64, ahead: f64) -> f64 {
        let sharing = (server.settings().discipline.workers as f64 / self.cores).max(1.0);
        ahead / (self.cores * self.speed) + work / self.speed * sharing
    }
}

fn takes_at_once(server: &Server) -> bool {
    server.active() + (server.coming() as usize) < server.settings().discipline.workers
}

fn refusal(server: &Server, prices: Prices) -> f64 {
    if server.waiting_work().len() >= server.settings().discipline.queue {
        prices.error()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        scenario::{self, Change, Discipline},
        server::Job,
    };

    const PRICES: Prices = Prices {
        timeout_seconds: 10.0,
    };

    fn server(workers: usize, jobs: &[f64]) -> Server {
        let mut server = Server::new(&scenario::Server {
            cores: 1.0,
            speed: 2.0,
            discipline: Discipline { workers, queue: 4 },
            rtt: 0.5,
            weight: 1,
            joined: true,
        });
        for (request, work) in (0..).zip(jobs) {
            let work = *work;
            server.expect(work);
            server.receive(Job { request, work }, 0.5, Timestamp::ZERO);
        }
        server
    }

    fn own_seconds(server: &Server, work: f64) -> f32 {
        cost(server, work, PRICES, Timestamp::ZERO).own_seconds
    }

    #[test]
    fn an_idle_server_takes_work_over_speed_and_the_way() {
        assert!((own_seconds(&server(100, &[]), 1.0) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn sharing_costs_the_lesser_of_the_works_on_both_sides() {
        let cost = cost(&server(100, &[4.0, 0.5]), 1.0, PRICES, Timestamp::ZERO);
        assert!((cost.own_seconds - (1.0 + 1.0 + 0.5) / 2.0 - 0.5).abs() < 1e-6);
        assert!((cost.inflicted_seconds - 1.5 / 2.0).abs() < 1e-6);
    }

    #[test]
    fn first_in_first_out_costs_all_that_is_ahead() {
        let seconds = own_seconds(&server(1, &[4.0, 2.0]), 1.0);
        assert!((seconds - (4.0 + 2.0 + 1.0) / 2.0 - 0.5).abs() < 1e-6);
    }

    #[test]
    fn errors_cost_half_the_timeout_and_a_crash_all_of_it() {
        let mut failing = server(100, &[]);
        failing.change(Change::FailFast(1.0), Timestamp::ZERO);
        assert!((own_seconds(&failing, 1.0) - 5.0).abs() < 1e-6);
        failing.change(Change::Crash { black_hole: true }, Timestamp::ZERO);
        assert!((own_seconds(&failing, 1.0) - 10.0).abs() < 1e-6);
    }
}
