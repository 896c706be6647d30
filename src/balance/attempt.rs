//! One request on its way to one endpoint. Whatever becomes of it is recorded: when it
//! finishes, and also when it is dropped half-way.

use crate::{
    clock::Clock,
    decision_log::Entry,
    upstream::{Cluster, Member},
};
use http::{HeaderValue, StatusCode};
use lb_policy::{
    request::{Class, Outcome},
    telemetry::{InFlight, LoadReport},
    time::Timestamp,
};
use std::{sync::Arc, time::Duration};

/// Counts one attempt while it lives.
#[derive(Debug)]
pub struct Attempt {
    cluster: Arc<Cluster>,
    member: Arc<Member>,
    clock: Clock,
    started: Timestamp,
    responded: bool,
    /// The response was an error, and outlier detection has taken it in.
    response_was_error: bool,
    /// `None` once the attempt is over.
    in_flight: Option<InFlight>,
    /// In the decision log, where the decision was sampled.
    entry: Option<Entry>,
}

impl Attempt {
    pub(super) fn start(
        cluster: Arc<Cluster>,
        member: Arc<Member>,
        class: Class,
        clock: Clock,
        now: Timestamp,
    ) -> Self {
        let in_flight = Some(member.stats().start(cluster.stats(), class, now));
        Self {
            cluster,
            member,
            clock,
            started: now,
            responded: false,
            response_was_error: false,
            in_flight,
            entry: None,
        }
    }

    /// The same attempt, with its decision's entry in the decision log.
    pub(super) fn logged(mut self, entry: Option<Entry>) -> Self {
        self.entry = entry;
        self
    }

    /// Tells the decision log which request it is, and which attempt of it, from 1.
    pub fn identify(&mut self, request: &HeaderValue, attempt: u32) {
        if let Some(entry) = &mut self.entry {
            entry.identify(request.to_str().unwrap_or_default(), attempt);
        }
    }

    /// The endpoint it goes to.
    pub fn member(&self) -> &Arc<Member> {
        &self.member
    }

    /// Takes in the response header; returns the time it took to come.
    pub fn respond(&mut self, status: StatusCode, report: Option<&LoadReport>) -> Duration {
        let now = self.clock.now();
        let latency = now.since(self.started);
        let outcome = if status.is_server_error() {
            Outcome::ServerError
        } else {
            Outcome::Success
        };
        if let Some(report) = report {
            self.member.stats().record_report(report, now);
        }
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.respond(outcome, now);
        }
        if let Some(entry) = &mut self.entry {
            entry.responded(status.as_u16(), latency);
        }
        self.responded = true;
        self.response_was_error = outcome.is_error();
        self.member.metrics().responded(status, latency);
        self.cluster
            .observe_response(&self.member, outcome.is_error(), now);
        latency
    }

    /// Ends the attempt. `outcome` counts where there was no response, or one that broke off.
    pub fn finish(mut self, outcome: Outcome) {
        self.end(outcome);
    }

    fn end(&mut self, outcome: Outcome) {
        let Some(in_flight) = self.in_flight.take() else {
            return;
        };
        let now = self.clock.now();
        in_flight.finish(outcome, now);
        if let Some(entry) = self.entry.take() {
            entry.finish(outcome, now.since(self.started));
        }
        if !self.responded && outcome.is_error() {
            self.member.metrics().failed();
        }
        if outcome.is_error() && !self.response_was_error {
            self.cluster.observe_response(&self.member, true, now);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.end(Outcome::Cancelled);
    }
}
