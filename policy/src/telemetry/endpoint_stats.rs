//! One endpoint with what is known of it. Reading takes no lock; writing of what spans several
//! values takes a short one per endpoint.

use super::{
    cell::{F32Cell, TimeCell},
    cluster::ClusterStats,
    decay::Decaying,
    errors::ErrorCell,
    flying::{Flying, Share},
    health::HealthCell,
    in_flight::InFlight,
    latency::LatencyCell,
    load_trend::LoadTrendCell,
    peak::PeakCell,
    reading::Reading,
    report::{LoadReport, ReportCell, Reported, Throughput, fused_in_flight},
    response_times::{ResponseTime, ResponseTimes, ResponseTimesCell},
};
use crate::{
    endpoint::EndpointId,
    request::{Class, Outcome},
    time::Timestamp,
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

/// Time over which sends count as recent: their weight falls to 1/e.
pub const RECENT_SENDS_SECONDS: f32 = 0.3;

/// One endpoint of one cluster together with what is known of it. Survives reloads.
#[derive(Debug)]
pub struct EndpointStats {
    id: EndpointId,
    weight: AtomicU32,
    flying: Flying,
    last_progress: TimeCell,
    last_response: TimeCell,
    ready_since: TimeCell,
    sends: F32Cell,
    last_send: TimeCell,
    latency: LatencyCell,
    errors: ErrorCell,
    peak: PeakCell,
    response_times: ResponseTimesCell,
    piggyback: ReportCell,
    registry: ReportCell,
    load_trend: LoadTrendCell,
    health: HealthCell,
    writing: Mutex<()>,
}

/// The measured end of a request, or of its wait for the response header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) outcome: Outcome,
    pub(super) class: Class,
    /// Time since the request was sent.
    pub(super) age: Duration,
    /// Requests in flight at the endpoint when this one was sent.
    pub(super) load_at_send: f32,
}

impl EndpointStats {
    /// An endpoint first seen at `now`. A weight of 0 counts as 1.
    pub fn new(id: EndpointId, weight: u32, now: Timestamp) -> Self {
        Self {
            id,
            weight: AtomicU32::new(weight.max(1)),
            flying: Flying::default(),
            last_progress: TimeCell::at(now),
            last_response: TimeCell::at(now),
            ready_since: TimeCell::at(now),
            sends: F32Cell::new(0.0),
            last_send: TimeCell::at(now),
            latency: LatencyCell::new(),
            errors: ErrorCell::new(),
            peak: PeakCell::new(),
            response_times: ResponseTimesCell::new(),
            piggyback: ReportCell::new(),
            registry: ReportCell::new(),
            load_trend: LoadTrendCell::new(),
            health: HealthCell::new(),
            writing: Mutex::new(()),
        }
    }

    /// Its identity.
    pub fn id(&self) -> &EndpointId {
        &self.id
    }

    /// Relative share of traffic, at least 1.
    #[inline]
    pub fn weight(&self) -> u32 {
        self.weight.load(Relaxed)
    }

    /// Takes over a weight from discovery; 0 counts as 1. What a set of candidates derived
    /// from the old weight stays, so make a new set.
    pub fn set_weight(&self, weight: u32) {
        self.weight.store(weight.max(1), Relaxed);
    }

    /// Own requests in flight.
    #[inline]
    pub fn in_flight(&self) -> u32 {
        self.flying.count()
    }

    /// Starts counting a request.
    pub fn start(
        self: &Arc<Self>,
        cluster: &Arc<ClusterStats>,
        class: Class,
        now: Timestamp,
    ) -> InFlight {
        let share = Share::new(now, cluster.work(class));
        let load_at_send = self.load_estimate(now);
        self.enter(share, now);
        InFlight::new(
            Arc::clone(self),
            Arc::clone(cluster),
            class,
            share,
            load_at_send,
        )
    }

    /// Takes in a successful health check.
    pub fn record_health_check(&self, rtt: Duration, now: Timestamp) {
        let _writing = self.lock();
        self.health.record(rtt, now);
    }

    /// Takes in the load that came with a response. A report that says nothing is ignored.
    pub fn record_report(&self, report: &LoadReport, now: Timestamp) {
        let report = report.sane();
        if report.is_empty() {
            return;
        }
        let _writing = self.lock();
        let own = self.in_flight();
        self.piggyback.replace(&report, own, now);
        self.load_trend.record_piggyback(&report, own as f32);
        if let Some(in_flight) = report.in_flight {
            self.response_times.record_queue(in_flight);
        }
    }

    /// Takes in the load that the registry tells. A report that says nothing is ignored.
    pub fn record_registry(&self, report: &LoadReport, now: Timestamp) {
        let report = report.sane();
        if report.is_empty() {
            return;
        }
        let _writing = self.lock();
        self.registry.replace(&report, self.in_flight(), now);
        self.load_trend.record_capacity(&report);
    }

    /// Notes that it became ready for traffic: new, healthy again or no longer ejected.
    pub fn mark_ready(&self, now: Timestamp) {
        self.ready_since.store(now);
    }

    /// When it last became ready.
    pub fn ready_since(&self) -> Timestamp {
        self.ready_since.load().unwrap_or(Timestamp::ZERO)
    }

    /// Recent error rate, from 0 to 1.
    #[inline]
    pub fn error_rate(&self, now: Timestamp) -> f32 {
        self.errors.rate(now)
    }

    /// Peak-sensitive latency in seconds, in a cluster of mean latency `mean_seconds`.
    #[inline]
    pub fn peak_latency_seconds(&self, mean_seconds: f32, now: Timestamp) -> f32 {
        self.peak.read(now).seconds(mean_seconds)
    }

    /// Own latency samples of it so far.
    #[inline]
    pub fn latency_samples(&self) -> f32 {
        self.latency.samples()
    }

    /// Own requests sent recently, each with a weight that falls over [`RECENT_SENDS_SECONDS`].
    #[inline]
    pub fn recent_sends(&self, now: Timestamp) -> f32 {
        self.read_sends(now).after(RECENT_SENDS_SECONDS)
    }

    /// Seconds since the last answer, or since the endpoint was first seen.
    #[inline]
    pub fn since_response_seconds(&self, now: Timestamp) -> f32 {
        self.last_response.age_seconds(now).unwrap_or(f32::MAX)
    }

    /// The averages that rankings by expected delay use.
    #[inline]
    pub fn response_times(&self) -> ResponseTimes {
        self.response_times.read()
    }

    /// The latest report that came with a response.
    #[inline]
    pub fn piggybacked(&self, now: Timestamp) -> Option<Reported> {
        self.piggyback.read(self.in_flight(), now)
    }

    /// How much it gets done, by the latest report that came with a response; `None` unless
    /// that told requests and utilisation.
    pub fn throughput(&self, now: Timestamp) -> Option<Throughput> {
        self.piggyback.throughput(now)
    }

    /// Seconds since it last became ready for traffic.
    #[inline]
    pub fn since_ready_seconds(&self, now: Timestamp) -> f32 {
        self.ready_since.age_seconds(now).unwrap_or(f32::MAX)
    }

    /// Requests in flight at the endpoint by the fresher of its two reports, or the own ones.
    #[inline]
    pub fn fused_in_flight(&self, now: Timestamp) -> f32 {
        let own = self.in_flight();
        let (piggyback, registry) = (self.piggyback.read(own, now), self.registry.read(own, now));
        fused_in_flight(piggyback, registry, own as f32)
    }

    /// Seconds without any answer while own requests were in flight, else 0.
    #[inline]
    pub fn silence_seconds(&self, now: Timestamp) -> f32 {
        if self.in_flight() == 0 {
            return 0.0;
        }
        self.last_progress.age_seconds(now).unwrap_or(0.0)
    }

    /// Everything at once. The values are each whole, but not all of one instant.
    #[inline]
    pub fn read(&self, now: Timestamp) -> Reading {
        let in_flight = self.in_flight();
        Reading {
            weight: self.weight() as f32,
            in_flight: in_flight as f32,
            in_flight_work: self.flying.work(),
            mean_age_seconds: self.flying.mean_age_seconds(now),
            silence_seconds: self.silence_seconds(now),
            since_response_seconds: self.since_response_seconds(now),
            since_ready_seconds: self.since_ready_seconds(now),
            sends: self.read_sends(now),
            latency: self.latency.read(),
            errors: self.errors.read(now),
            peak: self.peak.read(now),
            piggyback: self.piggyback.read(in_flight, now),
            registry: self.registry.read(in_flight, now),
            load_trend: self.load_trend.read(),
            health: self.health.read(now),
        }
    }

    /// Takes a request off the sums.
    pub(super) fn leave(&self, share: Share) {
        self.flying.leave(share);
    }

    /// Takes in a result; cancelled ones say nothing and must not come here.
    pub(super) fn record(&self, sample: &Sample, cluster: &ClusterStats, now: Timestamp) {
        debug_assert!(
            sample.outcome != Outcome::Cancelled,
            "a cancelled request has no result"
        );
        let latency = sample.latency();
        let is_error = sample.outcome.is_error();
        cluster.record(sample.class, latency, is_error);
        let class_mean_seconds = cluster.class(sample.class).mean_seconds;

        let _writing = self.lock();
        self.errors.record(is_error, now);
        let gap_seconds = self.since_response_seconds(now);
        if sample.is_answer() {
            self.last_response.store(now);
            self.last_progress.store(now);
        }
        match latency {
            Some(latency) => {
                let seconds = latency.as_secs_f32();
                let time = ResponseTime {
                    seconds,
                    relative: seconds / class_mean_seconds,
                    load: sample.load_at_send,
                    gap_seconds,
                };
                self.record_latency(time, now);
            }
            None => self.record_failure(sample.age, cluster, now),
        }
    }

    /// Takes in that no answer had come after `age`.
    pub(super) fn note_silence(&self, age: Duration, cluster: &ClusterStats, now: Timestamp) {
        let _writing = self.lock();
        self.peak
            .record_at_least(age.as_secs_f32(), cluster.mean_latency_seconds(), now);
    }

    /// Takes in an error of a request whose latency is already recorded.
    pub(super) fn record_late_error(
        &self,
        sample: &Sample,
        cluster: &ClusterStats,
        now: Timestamp,
    ) {
        cluster.record(sample.class, None, true);
        let _writing = self.lock();
        self.errors.record(true, now);
        self.record_failure(sample.age, cluster, now);
    }

    fn enter(&self, share: Share, now: Timestamp) {
        let _writing = self.lock();
        if self.flying.enter(share) == 0 {
            self.last_progress.store(now);
        }
        self.sends.store(self.recent_sends(now) + 1.0);
        self.last_send.store(now);
    }

    fn record_latency(&self, time: ResponseTime, now: Timestamp) {
        self.latency.record(time.relative, time.load);
        self.peak.record(time.seconds, now);
        self.response_times.record(time);
    }

    fn record_failure(&self, age: Duration, cluster: &ClusterStats, now: Timestamp) {
        self.peak
            .record_failure(age.as_secs_f32(), cluster.mean_latency_seconds(), now);
    }

    /// Requests in flight at the endpoint, as far as can be known here.
    fn load_estimate(&self, now: Timestamp) -> f32 {
        let own = self.in_flight() as f32;
        let report = self.piggybacked(now);
        report
            .and_then(|report| report.in_flight_now(own))
            .unwrap_or(own)
    }

    #[inline]
    fn read_sends(&self, now: Timestamp) -> Decaying {
        let age_seconds = self.last_send.age_seconds(now).unwrap_or(f32::MAX);
        Decaying {
            value: self.sends.load(),
            age_seconds,
        }
    }

    /// Statistics stay usable after a panic elsewhere: each value is whole on its own.
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sample {
    /// The latency this shows: none for an error, or what fails fast would look fast. A
    /// time-out took at least its age.
    fn latency(&self) -> Option<Duration> {
        matches!(self.outcome, Outcome::Success | Outcome::Timeout).then_some(self.age)
    }

    fn is_answer(&self) -> bool {
        matches!(self.outcome, Outcome::Success | Outcome::ServerError)
    }
}
