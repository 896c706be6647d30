//! Everything that there is during a run. What happens in it stands in the files beside this
//! one.

use super::chooser::Chooser;
use crate::{
    agenda::{Agenda, Event},
    arrivals::ArrivalStream,
    balancer::Balancer,
    chance::Purpose,
    clock,
    foresight::Foresight,
    observer::Observer,
    open_requests::OpenRequests,
    oracle::Prices,
    scenario::Scenario,
    server::Server,
    tally::Tally,
};
use lb_policy::{features::FeatureMatrix, telemetry::LoadReport, time::Timestamp};
use rand::{RngExt, rngs::Xoshiro256PlusPlus};
use std::{collections::VecDeque, iter::Peekable, time::Duration};

/// How precisely ejections end, as in the proxy.
pub(super) const EJECTION_TICK: Duration = Duration::from_millis(100);

/// The state of a run.
pub(super) struct World<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) now: Timestamp,
    pub(super) agenda: Agenda,
    pub(super) arrivals: Peekable<ArrivalStream<'a>>,
    /// Index of the next change.
    pub(super) next_change: usize,
    pub(super) timeouts: VecDeque<Deadline>,
    pub(super) requests: OpenRequests,
    pub(super) servers: Vec<Server>,
    /// What each server told the registry and balancers have not seen yet.
    pub(super) reports: Vec<VecDeque<LoadReport>>,
    pub(super) balancers: Vec<Balancer>,
    pub(super) choosers: Vec<Chooser>,
    /// Whether a balancer has ejected somebody and looks for the end of it.
    pub(super) releases: Vec<bool>,
    /// Probes that each balancer may send, with the fraction that is left over.
    pub(super) probes_due: Vec<f32>,
    pub(super) prices: Prices,
    pub(super) works: Works,
    pub(super) chance: Chance,
    pub(super) tally: Tally,
    pub(super) watch: Option<Watch<'a>>,
}

/// When a request is given up; the number tells whether its place is another's by then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub(super) at: Timestamp,
    pub(super) number: u64,
    pub(super) request: u32,
}

/// What is known of the work of requests beforehand, in seconds.
#[derive(Debug)]
pub(super) struct Works {
    /// Of each class.
    pub(super) means: Vec<f64>,
    /// Of a request found in service, from the means of the classes alone.
    pub(super) residual_mean: f64,
}

/// Streams of chance.
#[derive(Debug)]
pub(super) struct Chance {
    pub(super) failures: Xoshiro256PlusPlus,
    pub(super) phases: Xoshiro256PlusPlus,
    pub(super) judging: Xoshiro256PlusPlus,
    pub(super) observing: Xoshiro256PlusPlus,
    pub(super) checks: Xoshiro256PlusPlus,
    /// Of each balancer.
    pub(super) draws: Vec<Xoshiro256PlusPlus>,
}

/// An observer, and buffers for what it is shown.
pub(super) struct Watch<'a> {
    pub(super) observer: &'a mut dyn Observer,
    pub(super) foresight: Foresight,
    pub(super) features: FeatureMatrix,
    /// Indices into the ready set.
    pub(super) shown: Vec<usize>,
}

impl<'a> World<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        choosers: Vec<Chooser>,
        observer: Option<&'a mut dyn Observer>,
    ) -> Self {
        let balancers = 0..scenario.balancers.len();
        let mut world = Self {
            scenario,
            now: Timestamp::ZERO,
            agenda: Agenda::default(),
            arrivals: ArrivalStream::new(scenario).peekable(),
            next_change: 0,
            timeouts: VecDeque::new(),
            requests: OpenRequests::default(),
            servers: scenario.servers.iter().map(Server::new).collect(),
            reports: vec![VecDeque::new(); scenario.servers.len()],
            releases: vec![false; choosers.len()],
            balancers: balancers.map(|i| Balancer::new(scenario, i)).collect(),
            probes_due: vec![0.0; choosers.len()],
            choosers,
            prices: Prices::of_timeout(scenario.timeout),
            works: Works::of(scenario),
            chance: Chance::new(scenario),
            tally: Tally::new(scenario),
            watch: observer.map(|observer| Watch::by(observer, scenario)),
        };
        world.start_timers();
        world
    }

    /// Starts everything that recurs, each at a random phase.
    fn start_timers(&mut self) {
        let count = |n: usize| u16::try_from(n).expect("run() has checked the numbers");
        let (balancers, servers) = (count(self.balancers.len()), count(self.servers.len()));
        for balancer in 0..balancers {
            if let Some(check) = self.scenario.health_check {
                for server in 0..servers {
                    self.start_timer(check.interval, Event::Check { balancer, server });
                }
            }
            if let Some(outlier) = self.scenario.outlier {
                self.start_timer(outlier.interval, Event::Forgive { balancer });
            }
            self.agenda
                .add(Timestamp::ZERO, Event::Refresh { balancer });
        }
        if let Some(registry) = self.scenario.information.registry {
            for server in 0..servers {
                self.start_timer(registry.interval, Event::Report { server });
            }
        }
    }

    fn start_timer(&mut self, interval: f64, event: Event) {
        let phase = self.chance.phases.random::<f64>() * interval;
        self.agenda.add(clock::point(phase), event);
    }
}

impl Works {
    fn of(scenario: &Scenario) -> Self {
        let means: Vec<_> = scenario.classes.iter().map(|c| c.demand.mean()).collect();
        let (mut sum, mut squares) = (0.0, 0.0);
        for (class, mean) in scenario.classes.iter().zip(&means) {
            sum += class.share * mean;
            squares += class.share * mean * mean;
        }
        Self {
            means,
            residual_mean: squares / sum,
        }
    }
}

impl Chance {
    fn new(scenario: &Scenario) -> Self {
        let seed = scenario.seed;
        let balancers = 0..scenario.balancers.len();
        Self {
            failures: Purpose::Failures.stream(seed),
            phases: Purpose::Phases.stream(seed),
            judging: Purpose::Judging.stream(seed),
            observing: Purpose::Observing.stream(seed),
            checks: Purpose::Checks.stream(seed),
            draws: balancers.map(|i| Purpose::Draws(i).stream(seed)).collect(),
        }
    }
}

impl<'a> Watch<'a> {
    fn by(observer: &'a mut dyn Observer, scenario: &Scenario) -> Self {
        Self {
            observer,
            foresight: Foresight::of(&scenario.changes, scenario.servers.len()),
            features: FeatureMatrix::default(),
            shown: Vec::new(),
        }
    }
}
