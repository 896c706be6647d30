//! Arrivals and the choice of a server for each attempt.

use super::{
    chooser::{Chooser, Oracle},
    world::{Deadline, Watch, World},
};
use crate::{
    agenda::Event,
    arrivals::Incoming,
    balancer::ReadySet,
    chance, clock,
    foresight::Foresight,
    observer::{Observed, TrueCost, Upcoming},
    oracle::{cost, cost_by_counts},
};
use lb_policy::{
    features::Moment,
    policies::{Pick, PickKind},
    request::{Class, Outcome, Request},
};
use rand::RngExt;

/// One of so many decisions is judged: a sample is enough for a share.
const JUDGED_OF: u32 = 16;

impl World<'_> {
    /// A request comes to its balancer.
    pub(super) fn arrive(&mut self, incoming: Incoming) {
        let request = self.requests.add(incoming);
        self.forget_met_deadlines();
        self.timeouts.push_back(Deadline {
            at: self.now + clock::span(self.scenario.timeout),
            number: incoming.number,
            request,
        });
        self.balancers[incoming.balancer].admit();
        self.attempt(request);
    }

    /// Chooses a server that was not tried and sends the request there.
    pub(super) fn attempt(&mut self, place: u32) {
        let request = &self.requests[place];
        let incoming = request.incoming;
        let ready = self.balancers[incoming.balancer].ready_but(&request.tried);
        self.send_probes(incoming.balancer, &ready);
        let wanted = self.ask_observer(&incoming, &ready);
        let Some(pick) = self.choose(&incoming, &ready) else {
            // Nobody is ready, and the balancer says so at once.
            self.tally
                .ended(incoming.at, Outcome::ConnectionError, self.now);
            return self.requests.free_if_done(place);
        };
        self.judge(&incoming, &ready, &pick);
        let token = wanted.map(|count| self.show(&incoming, &ready, &pick, count));
        self.requests[place].token = token;
        self.send(place, &ready, &pick);
    }

    fn choose(&mut self, incoming: &Incoming, ready: &ReadySet) -> Option<Pick> {
        let index = incoming.balancer;
        match &self.choosers[index] {
            Chooser::Policy(policy) => {
                let request = Request {
                    class: Class::of_route(incoming.class),
                    affinity: chance::hash(incoming.number),
                };
                self.balancers[index].choose(&**policy, &request, ready, self.now)
            }
            Chooser::Oracle(oracle) => self.foresee(*oracle, incoming, ready),
        }
    }

    /// An oracle's choice: the least cost, ties at random.
    fn foresee(&mut self, oracle: Oracle, incoming: &Incoming, ready: &ReadySet) -> Option<Pick> {
        let mut best = f32::INFINITY;
        let (mut chosen, mut ties) = (None, 0u32);
        for (index, server) in ready.servers().iter().enumerate() {
            let cost = self.oracle_cost(oracle, incoming, *server);
            if cost < best || chosen.is_none() {
                (best, chosen, ties) = (cost, Some(index), 1);
            } else if cost <= best {
                ties += 1;
                if self.chance.draws[incoming.balancer].random_range(0..ties) == 0 {
                    chosen = Some(index);
                }
            }
        }
        Some(Pick {
            index: chosen?,
            propensity: 1.0 / ties as f32,
            kind: PickKind::Policy,
        })
    }

    fn oracle_cost(&self, oracle: Oracle, incoming: &Incoming, server: usize) -> f32 {
        let cost = if oracle.knows_work {
            self.cost(server, incoming.work)
        } else {
            let mean = self.works.means[incoming.class];
            let residual_mean = self.works.residual_mean;
            let server = &self.servers[server];
            cost_by_counts(server, mean, residual_mean, self.prices, self.now)
        };
        cost.weighted(oracle.inflicted)
    }

    fn cost(&self, server: usize, work: f64) -> TrueCost {
        cost(&self.servers[server], work, self.prices, self.now)
    }

    fn cost_to_come(&self, foresight: &Foresight, server: usize, work: f64) -> TrueCost {
        let cost = self.cost(server, work);
        let seconds = f64::from(cost.own_seconds);
        TrueCost {
            coming_pauses_seconds: foresight.delay_by_pauses(server, seconds, self.now) as f32,
            ..cost
        }
    }

    /// Compares some of the choices with the best that there was.
    fn judge(&mut self, incoming: &Incoming, ready: &ReadySet, pick: &Pick) {
        let is_drawn = self.chance.judging.random_range(0..JUDGED_OF) == 0;
        if !is_drawn || !self.tally.counts(incoming.at) {
            return;
        }
        let cost = |server: &usize| self.cost(*server, incoming.work).own_seconds;
        let costs = ready.servers().iter().map(cost);
        let best = costs.fold(f32::INFINITY, f32::min);
        let chosen = cost(&ready.servers()[pick.index]);
        self.tally.judged(chosen, best);
    }

    fn send(&mut self, place: u32, ready: &ReadySet, pick: &Pick) {
        let index = ready.servers()[pick.index];
        let endpoint = &ready.candidates().endpoints()[pick.index];
        let request = &mut self.requests[place];
        let incoming = request.incoming;
        let cluster = self.balancers[incoming.balancer].cluster();
        let class = Class::of_route(incoming.class);
        request.in_flight = Some(endpoint.start(cluster, class, self.now));
        request.server = index;
        request.is_somewhere = true;
        self.servers[index].expect(incoming.work);
        self.tally.decided(incoming.at, index, pick);
        let at = self.now + self.servers[index].half_rtt();
        self.agenda.add(at, Event::Reach { request: place });
    }

    /// Whether the observer wants to see the next decision, and how many candidates of it.
    fn ask_observer(&mut self, incoming: &Incoming, ready: &ReadySet) -> Option<usize> {
        let watch = self.watch.as_mut()?;
        if ready.servers().is_empty() {
            return None;
        }
        watch.observer.sample(Upcoming {
            now: self.now,
            ready: ready.servers().len(),
            samples: self.balancers[incoming.balancer].cluster().samples(),
        })
    }

    /// Shows the observer a decision, and gives back what it calls it.
    fn show(&mut self, incoming: &Incoming, ready: &ReadySet, pick: &Pick, count: usize) -> usize {
        let mut watch = self
            .watch
            .take()
            .expect("only an observer asks to be shown");
        watch.draw(pick.index, ready, count, &mut self.chance.observing);
        let chosen = watch.shown.iter().position(|index| *index == pick.index);
        let servers: Vec<_> = watch.shown.iter().map(|i| ready.servers()[*i]).collect();
        let cost_of = |server, work| self.cost_to_come(&watch.foresight, server, work);
        let costs_of = |work| servers.iter().map(|s| cost_of(*s, work)).collect();
        let costs: Vec<_> = costs_of(self.works.means[incoming.class]);
        let own_costs: Vec<_> = costs_of(incoming.work);
        let cluster = self.balancers[incoming.balancer].cluster();
        let class = Class::of_route(incoming.class);
        let endpoints = ready.candidates().endpoints();
        let moment = Moment {
            cluster,
            class: Some(class),
            available: endpoints.len(),
            now: self.now,
        };
        let shown = watch.shown.iter().map(|index| &endpoints[*index]);
        watch.features.fill(shown, &moment);
        let token = watch.observer.decided(&Observed {
            request: incoming.number,
            now: self.now,
            balancer: incoming.balancer,
            class,
            class_mean_seconds: cluster.class(class).mean_seconds,
            servers: &servers,
            features: watch.features.rows(),
            context: watch.features.context(),
            costs: &costs,
            own_costs: &own_costs,
            chosen: chosen.expect("the chosen one is always shown"),
            propensity: pick.propensity,
            kind: pick.kind,
        });
        self.watch = Some(watch);
        token
    }

    /// Most requests end long before their deadline; those at the front go.
    fn forget_met_deadlines(&mut self) {
        while let Some(deadline) = self.timeouts.front() {
            if self.is_open(deadline) {
                return;
            }
            self.timeouts.pop_front();
        }
    }

    /// Whether the balancer still waits for the request that a deadline is for.
    pub(super) fn is_open(&self, deadline: &Deadline) -> bool {
        let request = &self.requests[deadline.request];
        request.incoming.number == deadline.number && request.in_flight.is_some()
    }
}

impl Watch<'_> {
    /// Draws whom to show: the chosen one and others at random, or all in their order.
    fn draw(&mut self, chosen: usize, ready: &ReadySet, count: usize, rng: &mut impl RngExt) {
        let total = ready.servers().len();
        self.shown.clear();
        self.shown.extend(0..total);
        let count = count.max(1);
        if count >= total {
            return;
        }
        self.shown.swap(0, chosen);
        for place in 1..count {
            let other = rng.random_range(place..total);
            self.shown.swap(place, other);
        }
        self.shown.truncate(count);
    }
}
