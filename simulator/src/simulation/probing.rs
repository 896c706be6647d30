//! Probes of policies that ask endpoints for their load beside the requests.

use super::{chooser::Chooser, world::World};
use crate::{agenda::Event, balancer::ReadySet};
use lb_policy::policies::Probing;
use rand::RngExt;

impl World<'_> {
    /// Sends the probes that are due with one decision, each to a ready server at random.
    pub(super) fn send_probes(&mut self, balancer: usize, ready: &ReadySet) {
        let per_request = self.probing(balancer).map(Probing::probes_per_request);
        let (Some(per_request), false) = (per_request, ready.servers().is_empty()) else {
            return;
        };
        self.probes_due[balancer] += per_request;
        while self.probes_due[balancer] >= 1.0 {
            self.probes_due[balancer] -= 1.0;
            let index = self.chance.draws[balancer].random_range(0..ready.servers().len());
            let server = ready.servers()[index];
            let back_at = self.now + self.servers[server].half_rtt() * 2;
            let (balancer, server) = (balancer as u16, server as u16);
            self.agenda.add(back_at, Event::Probed { balancer, server });
        }
    }

    /// The answer to a probe is due: at once, after a pause, or never from a server that is down.
    pub(super) fn probed(&mut self, balancer: u16, server: u16) {
        let state = &self.servers[usize::from(server)];
        if !state.is_up() {
            return;
        }
        let pause_left = state.pause_left(self.now);
        if !pause_left.is_zero() {
            let back_at = self.now + pause_left + state.half_rtt() * 2;
            return self.agenda.add(back_at, Event::Probed { balancer, server });
        }
        let endpoint = self.balancers[usize::from(balancer)].stats(usize::from(server));
        if let (Some(probing), Some(endpoint)) = (self.probing(balancer.into()), endpoint) {
            probing.record_probe(endpoint, state.probe(), self.now);
        }
    }

    fn probing(&self, balancer: usize) -> Option<&dyn Probing> {
        match &self.choosers[balancer] {
            Chooser::Policy(policy) => policy.probing(),
            Chooser::Oracle(_) => None,
        }
    }
}
