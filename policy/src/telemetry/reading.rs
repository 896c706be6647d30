//! All that is known of one endpoint, read once for one decision.

use super::{
    decay::Decaying,
    endpoint_stats::RECENT_SENDS_SECONDS,
    errors::ERROR_DECAY_SECONDS,
    health::HealthReading,
    latency::RelativeLatency,
    load_trend::LoadTrend,
    peak::Peak,
    report::{Reported, fused_in_flight},
};

/// All that is known of one endpoint at one time. Decaying values are given as they were
/// last written, with their age, so that many can be decayed in one loop.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Relative share of traffic, at least 1.
    pub weight: f32,
    /// Own requests in flight.
    pub in_flight: f32,
    /// The same, each weighted by the mean latency of its class over that of the cluster.
    pub in_flight_work: f32,
    /// Mean age of the own requests in flight, 0 without any.
    pub mean_age_seconds: f32,
    /// Time without any answer while requests were in flight, else 0.
    pub silence_seconds: f32,
    /// Time since the last answer, or since the endpoint was first seen.
    pub since_response_seconds: f32,
    /// Time since it became ready for traffic.
    pub since_ready_seconds: f32,
    /// Recently sent requests; decays over [`RECENT_SENDS_SECONDS`].
    pub sends: Decaying,
    /// Own latency relative to the class mean.
    pub latency: RelativeLatency,
    /// Error rate; decays over [`ERROR_DECAY_SECONDS`]. `None` without any error.
    pub errors: Option<Decaying>,
    /// Peak-sensitive latency.
    pub peak: Peak,
    /// Load that came with a response.
    pub piggyback: Option<Reported>,
    /// Load that the registry told.
    pub registry: Option<Reported>,
    /// Trends over both.
    pub load_trend: LoadTrend,
    /// Health checks.
    pub health: Option<HealthReading>,
}

impl Reading {
    /// Requests in flight at the endpoint by the fresher of its two reports, or the own ones.
    #[inline]
    pub fn fused_in_flight(&self) -> f32 {
        fused_in_flight(self.piggyback, self.registry, self.in_flight)
    }

    /// Recent error rate, from 0 to 1.
    pub fn error_rate(&self) -> f32 {
        self.errors
            .map_or(0.0, |errors| errors.after(ERROR_DECAY_SECONDS))
    }

    /// Recently sent requests.
    pub fn recent_sends(&self) -> f32 {
        self.sends.after(RECENT_SENDS_SECONDS)
    }
}
