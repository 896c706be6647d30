//! A small closed simulation on a virtual clock: clients that each send one request after the
//! other to servers with a queue.

use lb_policy::{
    endpoint::EndpointId,
    policies::{Candidates, Decision, Policy, ProbeAnswer, Scratch},
    request::{Class, Outcome, Request},
    telemetry::{ClusterStats, EndpointStats, InFlight, LoadReport},
    time::Timestamp,
};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    sync::Arc,
    time::Duration,
};

/// A server, two requests at a time.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) service_ms: f64,
    pub(crate) joins_at_s: f64,
    /// From then on it fails within a millisecond.
    pub(crate) fails_from_s: f64,
    /// While in this range it is fifty times slower.
    pub(crate) slow_s: Range<f64>,
}

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) servers: Vec<Server>,
    pub(crate) clients: usize,
    pub(crate) end_s: f64,
    /// Choices in this range are counted.
    pub(crate) counted_s: Range<f64>,
    pub(crate) seed: u64,
}

/// Choices of each server in the counted range.
pub(crate) struct Shares(Vec<u32>);

struct Simulation<'a> {
    plan: &'a Plan,
    policy: &'a dyn Policy,
    now_s: f64,
    agenda: BTreeMap<(u64, u64), Step>,
    steps: u64,
    endpoints: Vec<Arc<EndpointStats>>,
    queues: Vec<Queue>,
    candidates: Candidates,
    cluster: Arc<ClusterStats>,
    scratch: Scratch,
    chance: Xoshiro256PlusPlus,
    counts: Vec<u32>,
    /// Probes that are due, in parts of one.
    probes_due: f32,
}

#[derive(Default)]
struct Queue {
    busy: usize,
    /// Moving average of the latency.
    latency_s: f32,
    waiting: VecDeque<InFlight>,
}

enum Step {
    Send,
    Done(usize, InFlight),
    Failed(InFlight),
    Join,
    Refresh(Duration),
}

impl Default for Server {
    fn default() -> Self {
        Self {
            service_ms: 20.0,
            joins_at_s: 0.0,
            fails_from_s: f64::MAX,
            slow_s: 0.0..0.0,
        }
    }
}

impl Shares {
    /// Part of the counted choices that went to server `index`.
    pub(crate) fn of(&self, index: usize) -> f64 {
        f64::from(self.0[index]) / f64::from(self.0.iter().sum::<u32>().max(1))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = f64> {
        (0..self.0.len()).map(|index| self.of(index))
    }
}

/// Runs a plan under a policy.
pub(crate) fn run(plan: &Plan, policy: &dyn Policy) -> Shares {
    let mut simulation = Simulation::new(plan, policy);
    simulation.schedule_start();
    while let Some(((at, _), step)) = simulation.agenda.pop_first() {
        simulation.now_s = at as f64 * 1e-9;
        if simulation.now_s > plan.end_s {
            break;
        }
        simulation.take(step);
    }
    Shares(simulation.counts)
}

impl<'a> Simulation<'a> {
    fn new(plan: &'a Plan, policy: &'a dyn Policy) -> Self {
        let endpoint = |(i, server): (usize, &Server)| {
            let id = EndpointId::new(&format!("10.0.0.{i}:80"));
            Arc::new(EndpointStats::new(id, 1, time(server.joins_at_s)))
        };
        let endpoints: Vec<_> = plan.servers.iter().enumerate().map(endpoint).collect();
        Self {
            plan,
            policy,
            now_s: 0.0,
            agenda: BTreeMap::new(),
            steps: 0,
            queues: plan.servers.iter().map(|_| Queue::default()).collect(),
            candidates: Candidates::new(Vec::new()),
            cluster: Arc::new(ClusterStats::new()),
            scratch: Scratch::from_seed(plan.seed),
            chance: Xoshiro256PlusPlus::seed_from_u64(plan.seed ^ 1),
            counts: vec![0; endpoints.len()],
            endpoints,
            probes_due: 0.0,
        }
    }

    fn schedule_start(&mut self) {
        for server in &self.plan.servers {
            self.after(server.joins_at_s, Step::Join);
        }
        if let Some(interval) = self.policy.refresh_interval() {
            self.after(0.0, Step::Refresh(interval));
        }
        for client in 0..self.plan.clients {
            self.after(client as f64 * 1e-4, Step::Send);
        }
    }

    fn after(&mut self, seconds: f64, step: Step) {
        self.steps += 1;
        let at = ((self.now_s + seconds) * 1e9) as u64;
        self.agenda.insert((at, self.steps), step);
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Send => self.send(),
            Step::Done(server, request) => self.done(server, request),
            Step::Failed(request) => {
                request.finish(Outcome::ServerError, time(self.now_s));
                self.think();
            }
            Step::Join => self.join(),
            Step::Refresh(interval) => self.refresh(interval),
        }
    }

    fn join(&mut self) {
        let joined = self.endpoints.iter().zip(&self.plan.servers);
        let ready = joined.filter(|(_, server)| server.joins_at_s <= self.now_s);
        self.candidates =
            Candidates::new(ready.map(|(endpoint, _)| Arc::clone(endpoint)).collect());
    }

    fn refresh(&mut self, interval: Duration) {
        let now = time(self.now_s);
        self.policy
            .refresh(&self.candidates, &self.cluster, now, &mut self.scratch);
        self.after(interval.as_secs_f64(), Step::Refresh(interval));
    }

    /// Asks candidates drawn at random; they answer at once.
    fn probe(&mut self) {
        let Some(probing) = self.policy.probing() else {
            return;
        };
        self.probes_due += probing.probes_per_request();
        while self.probes_due >= 1.0 {
            self.probes_due -= 1.0;
            let candidates = self.candidates.endpoints();
            let asked = &candidates[self.chance.random_range(0..candidates.len())];
            let queue = &self.queues[self.server_of(asked)];
            let answer = ProbeAnswer {
                in_flight: (queue.busy + queue.waiting.len()) as f32,
                latency_seconds: queue.latency_s,
            };
            probing.record_probe(asked, answer, time(self.now_s));
        }
    }

    fn server_of(&self, endpoint: &Arc<EndpointStats>) -> usize {
        let same = |other: &Arc<EndpointStats>| Arc::ptr_eq(other, endpoint);
        let server = self.endpoints.iter().position(same);
        server.expect("candidates are endpoints")
    }

    fn send(&mut self) {
        self.probe();
        let request = Request {
            affinity: self.chance.random(),
            ..Request::default()
        };
        let mut decision = Decision {
            request: &request,
            candidates: &self.candidates,
            cluster: &self.cluster,
            now: time(self.now_s),
            scratch: &mut self.scratch,
        };
        let Some(pick) = self.policy.pick(&mut decision) else {
            return self.think();
        };
        let chosen = &self.candidates.endpoints()[pick.index];
        let server = self.server_of(chosen);
        if self.plan.counted_s.contains(&self.now_s) {
            self.counts[server] += 1;
        }
        let request = chosen.start(&self.cluster, Class::default(), time(self.now_s));
        self.arrive(server, request);
    }

    fn arrive(&mut self, server: usize, request: InFlight) {
        if self.now_s >= self.plan.servers[server].fails_from_s {
            return self.after(0.001, Step::Failed(request));
        }
        if self.queues[server].busy < 2 {
            self.serve(server, request);
        } else {
            self.queues[server].waiting.push_back(request);
        }
    }

    fn serve(&mut self, server: usize, request: InFlight) {
        self.queues[server].busy += 1;
        let Server {
            service_ms, slow_s, ..
        } = &self.plan.servers[server];
        let slowness = if slow_s.contains(&self.now_s) {
            50.0
        } else {
            1.0
        };
        let seconds = service_ms * 1e-3 * slowness * self.exponential();
        self.after(seconds, Step::Done(server, request));
    }

    fn done(&mut self, server: usize, request: InFlight) {
        let queue = &mut self.queues[server];
        queue.busy -= 1;
        let latency_s = time(self.now_s).seconds_since(request.sent_at());
        queue.latency_s += 0.1 * (latency_s - queue.latency_s);
        let report = LoadReport {
            in_flight: Some((queue.busy + queue.waiting.len() + 1) as f32),
            utilization: Some(queue.busy as f32 / 2.0),
            ..LoadReport::default()
        };
        let next = queue.waiting.pop_front();
        request.endpoint().record_report(&report, time(self.now_s));
        request.finish(Outcome::Success, time(self.now_s));
        if let Some(next) = next {
            self.serve(server, next);
        }
        self.think();
    }

    fn think(&mut self) {
        let seconds = 0.005 * self.exponential();
        self.after(seconds, Step::Send);
    }

    fn exponential(&mut self) -> f64 {
        -(1.0 - self.chance.random::<f64>()).ln()
    }
}

fn time(seconds: f64) -> Timestamp {
    Timestamp::from_nanos((seconds * 1e9) as u64)
}
