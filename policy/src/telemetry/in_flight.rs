//! The guard that counts one request while it lives and records how it ended.

use super::{
    cluster::ClusterStats,
    endpoint_stats::{EndpointStats, Sample},
    flying::Share,
};
use crate::{
    request::{Class, Outcome},
    time::Timestamp,
};
use std::{sync::Arc, time::Duration};

/// Counts one request while it lives. Dropped without [`InFlight::finish`] it is no longer
/// counted and records nothing else.
#[derive(Debug)]
#[must_use = "the request counts only while this lives"]
pub struct InFlight {
    endpoint: Arc<EndpointStats>,
    cluster: Arc<ClusterStats>,
    class: Class,
    share: Share,
    load_at_send: f32,
    recorded: Option<Outcome>,
}

impl InFlight {
    pub(super) fn new(
        endpoint: Arc<EndpointStats>,
        cluster: Arc<ClusterStats>,
        class: Class,
        share: Share,
        load_at_send: f32,
    ) -> Self {
        Self {
            endpoint,
            cluster,
            class,
            share,
            load_at_send,
            recorded: None,
        }
    }

    /// The endpoint it was sent to.
    pub fn endpoint(&self) -> &Arc<EndpointStats> {
        &self.endpoint
    }

    /// When it was sent.
    pub fn sent_at(&self) -> Timestamp {
        self.share.sent_at
    }

    /// The response header has come: records latency and result. Body and report may follow.
    /// A second call is the same as the end of the request but for going on counting.
    pub fn respond(&mut self, outcome: Outcome, now: Timestamp) {
        self.record(outcome, now);
    }

    /// The request is over. Records `outcome` if nothing was recorded, or if it is worse.
    pub fn finish(mut self, outcome: Outcome, now: Timestamp) {
        self.record(outcome, now);
    }

    fn record(&mut self, outcome: Outcome, now: Timestamp) {
        let age = now.since(self.share.sent_at);
        let sample = Sample {
            outcome,
            class: self.class,
            age,
            load_at_send: self.load_at_send,
        };
        match (self.recorded, outcome) {
            (None, Outcome::Cancelled) => return self.note_silence(age, now),
            (None, _) => self.endpoint.record(&sample, &self.cluster, now),
            (Some(before), _) if outcome.is_error() && !before.is_error() => {
                self.endpoint.record_late_error(&sample, &self.cluster, now);
            }
            (Some(_), _) => return,
        }
        self.recorded = Some(outcome);
    }

    /// A cancelled request is no sample, but its wait is evidence.
    fn note_silence(&self, age: Duration, now: Timestamp) {
        self.endpoint.note_silence(age, &self.cluster, now);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.endpoint.leave(self.share);
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;
    use crate::endpoint::EndpointId;
    use proptest::prelude::*;

    fn fixture() -> (Arc<EndpointStats>, Arc<ClusterStats>) {
        let id = EndpointId::new("127.0.0.1:1");
        let endpoint = EndpointStats::new(id, 1, Timestamp::ZERO);
        (Arc::new(endpoint), Arc::new(ClusterStats::new()))
    }

    fn ms(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_dropped_request_leaves_nothing_behind() {
        let (endpoint, cluster) = fixture();
        let guard = endpoint.start(&cluster, Class::default(), ms(0));
        assert_eq!(endpoint.in_flight(), 1);
        drop(guard);
        assert_eq!(endpoint.in_flight(), 0);
        let reading = endpoint.read(ms(5));
        assert_eq!(reading.latency.samples, 0.0);
        assert_eq!(reading.in_flight_work, 0.0);
        assert_eq!(cluster.samples(), 0);
    }

    #[test]
    fn a_request_counts_until_it_is_over_and_is_measured_to_its_header() {
        let (endpoint, cluster) = fixture();
        let mut guard = endpoint.start(&cluster, Class::default(), ms(0));
        guard.respond(Outcome::Success, ms(10));
        assert_eq!(endpoint.in_flight(), 1);
        guard.finish(Outcome::Success, ms(500));
        assert_eq!(endpoint.in_flight(), 0);
        assert!((cluster.mean_latency_seconds() - 0.010).abs() < 1e-6);
        assert_eq!(endpoint.read(ms(500)).latency.samples, 1.0);
    }

    #[test]
    fn a_break_after_the_header_is_an_error_but_no_second_sample() {
        let (endpoint, cluster) = fixture();
        let mut guard = endpoint.start(&cluster, Class::default(), ms(0));
        guard.respond(Outcome::Success, ms(10));
        guard.finish(Outcome::ConnectionError, ms(20));
        assert!(endpoint.error_rate(ms(20)) > 0.05);
        assert_eq!(endpoint.read(ms(20)).latency.samples, 1.0);
    }

    #[test]
    fn fast_errors_do_not_look_fast() {
        let (endpoint, cluster) = fixture();
        for i in 0..50 {
            endpoint
                .start(&cluster, Class::default(), ms(i))
                .finish(Outcome::ServerError, ms(i));
        }
        assert_eq!(endpoint.read(ms(50)).latency.samples, 0.0);
        let mean = cluster.mean_latency_seconds();
        assert!(endpoint.peak_latency_seconds(mean, ms(50)) >= mean * 0.5);
        assert!(endpoint.error_rate(ms(50)) > 0.9);
    }

    #[test]
    fn a_timeout_is_an_error_and_a_latency() {
        let (endpoint, cluster) = fixture();
        endpoint
            .start(&cluster, Class::default(), ms(0))
            .finish(Outcome::Timeout, ms(1000));
        assert_eq!(endpoint.read(ms(1000)).latency.samples, 1.0);
        assert_eq!(endpoint.peak_latency_seconds(0.1, ms(1000)), 1.0);
        assert!(endpoint.error_rate(ms(1000)) > 0.05);
    }

    #[test]
    fn a_cancelled_request_may_raise_the_peak_and_nothing_else() {
        let (endpoint, cluster) = fixture();
        endpoint
            .start(&cluster, Class::default(), ms(0))
            .finish(Outcome::Success, ms(100));
        let start = |t| endpoint.start(&cluster, Class::default(), t);
        start(ms(100)).finish(Outcome::Cancelled, ms(101));
        assert!((endpoint.peak_latency_seconds(0.1, ms(100)) - 0.1).abs() < 1e-6);
        start(ms(100)).finish(Outcome::Cancelled, ms(3100));
        assert_eq!(endpoint.peak_latency_seconds(0.1, ms(3100)), 3.0);
        assert_eq!(endpoint.read(ms(3100)).latency.samples, 1.0);
        assert_eq!(endpoint.error_rate(ms(3100)), 0.0);
    }

    #[test]
    fn silence_is_counted_only_while_something_is_in_flight() {
        let (endpoint, cluster) = fixture();
        let guard = endpoint.start(&cluster, Class::default(), ms(1000));
        assert_eq!(endpoint.read(ms(3000)).silence_seconds, 2.0);
        guard.finish(Outcome::Success, ms(3000));
        assert_eq!(endpoint.read(ms(9000)).silence_seconds, 0.0);
    }

    #[test]
    fn threads_that_send_finish_and_drop_leave_nothing_in_flight() {
        let (endpoint, cluster) = fixture();
        std::thread::scope(|scope| {
            for thread in 0..4usize {
                let (endpoint, cluster) = (&endpoint, &cluster);
                scope.spawn(move || {
                    for i in 0..5000 {
                        let class = Class::of_route(i % 20);
                        let guard = endpoint.start(cluster, class, ms(i as u64));
                        if i % 3 != thread % 3 {
                            guard.finish(Outcome::Success, ms(i as u64 + 7));
                        }
                    }
                });
            }
        });
        let reading = endpoint.read(ms(6000));
        assert_eq!([reading.in_flight, reading.in_flight_work], [0.0, 0.0]);
        assert_eq!(reading.mean_age_seconds, 0.0);
        let recorded = cluster.samples();
        assert_eq!(
            reading.latency.samples, recorded as f32,
            "both count each success once"
        );
    }

    fn any_outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::Success),
            Just(Outcome::ServerError),
            Just(Outcome::ConnectionError),
            Just(Outcome::Timeout),
            Just(Outcome::Cancelled),
        ]
    }

    proptest! {
        #[test]
        fn any_history_leaves_nothing_in_flight_and_finite_statistics(
            events in proptest::collection::vec(
                (any::<u64>(), any::<u64>(), any_outcome(), any_outcome(), 0u8..4, 0usize..20),
                0..60,
            ),
        ) {
            let (endpoint, cluster) = fixture();
            let mut open = Vec::new();
            for (start, end, first, last, how, route) in events {
                let (start, end) = (Timestamp::from_nanos(start), Timestamp::from_nanos(end));
                let mut guard = endpoint.start(&cluster, Class::of_route(route), start);
                match how {
                    0 => drop(guard),
                    1 => guard.finish(last, end),
                    2 => { guard.respond(first, end); guard.finish(last, end); }
                    _ => open.push(guard),
                }
            }
            drop(open);
            prop_assert_eq!(endpoint.in_flight(), 0);
            let reading = endpoint.read(Timestamp::from_nanos(u64::MAX / 2));
            prop_assert_eq!(reading.in_flight_work, 0.0);
            prop_assert!((0.0..=1.0).contains(&reading.error_rate()));
            prop_assert!(reading.latency.fast.is_finite() && reading.recent_sends().is_finite());
            prop_assert!(cluster.mean_latency_seconds() > 0.0);
            prop_assert!(reading.peak.seconds(cluster.mean_latency_seconds()).is_finite());
        }
    }
}
