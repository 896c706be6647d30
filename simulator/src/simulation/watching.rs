//! What happens on timers: health checks, reports over the registry, ejections, refreshes.

use super::{
    chooser::Chooser,
    world::{EJECTION_TICK, World},
};
use crate::{agenda::Event, chance, clock, server::Checkup};
use std::time::Duration;

/// Least time between two refreshes: one that is always due would stop the clock.
const REFRESH_MIN: Duration = Duration::from_micros(10);

impl World<'_> {
    /// A health check starts.
    pub(super) fn check(&mut self, balancer: u16, server: u16) {
        let Some(settings) = self.scenario.health_check else {
            return;
        };
        let timeout = clock::span(settings.timeout);
        let noise = clock::span(chance::exponential(&mut self.chance.checks) * settings.noise);
        let checkup = self.servers[usize::from(server)].check(self.now, settings.work);
        let (result, takes) = match checkup {
            Checkup::Passed(time) if time + noise <= timeout => (Some(time + noise), time + noise),
            Checkup::Refused(time) => (None, time.min(timeout)),
            Checkup::Passed(_) | Checkup::Silent => (None, timeout),
        };
        if self.balancers[usize::from(balancer)].start_check(usize::from(server), result) {
            self.agenda
                .add(self.now + takes, Event::Checked { balancer, server });
        }
        let next = self.now + clock::period(settings.interval);
        self.agenda.add(next, Event::Check { balancer, server });
    }

    /// A health check ends.
    pub(super) fn checked(&mut self, balancer: u16, server: u16) {
        self.balancers[usize::from(balancer)].end_check(usize::from(server), self.now);
    }

    /// A server reports to the registry.
    pub(super) fn report(&mut self, server: u16) {
        let information = self.scenario.information;
        let Some(registry) = information.registry else {
            return;
        };
        let index = usize::from(server);
        self.servers[index].advance(self.now);
        if self.servers[index].is_up() {
            let report = self.servers[index].report(0, information.momentary_utilization);
            self.reports[index].push_back(report);
            let seen_at = self.now + clock::span(registry.lag);
            self.agenda.add(seen_at, Event::Reported { server });
        }
        let next = self.now + clock::period(registry.interval);
        self.agenda.add(next, Event::Report { server });
    }

    /// Balancers see a report.
    pub(super) fn reported(&mut self, server: u16) {
        let index = usize::from(server);
        let Some(report) = self.reports[index].pop_front() else {
            return;
        };
        for stats in self.balancers.iter().filter_map(|b| b.stats(index)) {
            stats.record_registry(&report, self.now);
        }
    }

    /// A balancer looks for ejections that are over, and looks again while there are any.
    pub(super) fn release(&mut self, balancer: u16) {
        let index = usize::from(balancer);
        let goes_on = self.balancers[index].release_ejected(self.now);
        self.releases[index] = goes_on;
        if goes_on {
            self.agenda
                .add(self.now + EJECTION_TICK, Event::Release { balancer });
        }
    }

    /// A balancer forgives.
    pub(super) fn forgive(&mut self, balancer: u16) {
        let Some(outlier) = self.scenario.outlier else {
            return;
        };
        self.balancers[usize::from(balancer)].forgive();
        let next = self.now + clock::period(outlier.interval);
        self.agenda.add(next, Event::Forgive { balancer });
    }

    /// A policy does its work off the path of requests.
    pub(super) fn refresh(&mut self, balancer: u16) {
        let index = usize::from(balancer);
        let Chooser::Policy(policy) = &self.choosers[index] else {
            return;
        };
        if let Some(interval) = policy.refresh_interval() {
            self.balancers[index].refresh(&**policy, self.now);
            let next = self.now + interval.max(REFRESH_MIN);
            self.agenda.add(next, Event::Refresh { balancer });
        }
    }
}
