//! Fills the inputs of a model from telemetry. First all arguments of logarithms, then all
//! logarithms at once, then the rest: loops over many values are what the processor is good at.

use super::{
    CONTEXT, FEATURES,
    logarithm::ln_in_place,
    table::{CANDIDATE_FEATURES, CONTEXT_FEATURES, ERROR_FACTOR, Feature, IN_FLIGHT, PEAK_EWMA},
};
use crate::{
    request::Class,
    telemetry::{
        ClassReading, ClusterStats, ERROR_DECAY_SECONDS, EndpointStats, PEAK_DECAY_SECONDS,
        RECENT_SENDS_SECONDS, Reading, cut, keep,
    },
    time::Timestamp,
    vector::vectorized,
};
use std::{iter::zip, sync::Arc};

/// What features depend on beside the candidates.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The cluster that the candidates belong to.
    pub cluster: &'a ClusterStats,
    /// Class of the request; `None` where scores are made for any request.
    pub class: Option<Class>,
    /// Ready endpoints, of which the candidates may be a sample.
    pub available: usize,
    /// The time.
    pub now: Timestamp,
}

/// The inputs of a model for one decision. Reuses its memory from one fill to the next.
#[derive(Debug, Default)]
pub struct FeatureMatrix {
    readings: Vec<Reading>,
    decays: Vec<Decays>,
    rows: Vec<[f32; FEATURES]>,
    context: [f32; CONTEXT],
}

/// Decay factors of one candidate; first their exponents.
type Decays = [f32; 5];

/// Places in [`Decays`].
const ERROR: usize = 0;
const ERROR_RECENCY: usize = 1;
const RECOVERY: usize = 2;
const SENDS: usize = 3;
const PEAK: usize = 4;

/// Sums over the candidates and the scales that times are measured in.
struct Scales {
    /// 1 / L.
    per_mean: f32,
    mean_seconds: f32,
    class: ClassReading,
    count: f32,
    per_mean_weight: f32,
    per_mean_health_rtt: f32,
    in_flight_sum: f32,
    fused_sum: f32,
    utilization_sum: f32,
}

impl FeatureMatrix {
    /// Computes all features of the candidates, every value finite and within its clamp.
    pub fn fill<'a>(
        &mut self,
        candidates: impl Iterator<Item = &'a Arc<EndpointStats>>,
        moment: &Moment<'_>,
    ) {
        self.readings.clear();
        self.readings
            .extend(candidates.map(|endpoint| endpoint.read(moment.now)));
        self.fill_decays();
        let scales = Scales::of(&self.readings, moment);
        self.rows.clear();
        self.rows.resize(self.readings.len(), [1.0; FEATURES]);
        for ((row, reading), decays) in zip(&mut self.rows, &self.readings).zip(&self.decays) {
            write_logarithm_arguments(row, reading, decays, &scales);
        }
        ln_in_place(self.rows.as_flattened_mut());
        for ((row, reading), decays) in zip(&mut self.rows, &self.readings).zip(&self.decays) {
            write_missing(row, reading);
            write_parts(row, reading, decays);
            clamp(row, &CANDIDATE_FEATURES);
        }
        self.context = context(&scales, moment);
    }

    /// The candidates' features, row after row.
    pub fn rows(&self) -> &[f32] {
        self.rows.as_flattened()
    }

    /// The features of the decision as a whole.
    pub fn context(&self) -> &[f32; CONTEXT] {
        &self.context
    }

    /// Number of candidates.
    pub fn candidates(&self) -> usize {
        self.rows.len()
    }

    fn fill_decays(&mut self) {
        self.decays.clear();
        self.decays
            .extend(self.readings.iter().map(decay_exponents));
        let exponents = self.decays.as_flattened_mut();
        vectorized(
            #[inline(always)]
            || {
                for value in exponents {
                    *value = keep(*value);
                }
            },
        );
    }
}

impl Scales {
    fn of(readings: &[Reading], moment: &Moment<'_>) -> Self {
        let mean_seconds = moment.cluster.mean_latency_seconds();
        let class = moment.class.map_or(
            ClassReading {
                mean_seconds,
                squared_variation: 1.0,
                samples: 0,
            },
            |class| moment.cluster.class(class),
        );
        let mut scales = Self {
            per_mean: 1.0 / mean_seconds,
            mean_seconds,
            class,
            count: readings.len().max(1) as f32,
            per_mean_weight: 1.0,
            per_mean_health_rtt: 1.0,
            in_flight_sum: 0.0,
            fused_sum: 0.0,
            utilization_sum: 0.0,
        };
        scales.add_up(readings);
        scales
    }

    fn add_up(&mut self, readings: &[Reading]) {
        let (mut weights, mut rtts, mut checked) = (0.0f32, 0.0f32, 0.0f32);
        for reading in readings {
            weights += reading.weight;
            self.in_flight_sum += reading.in_flight;
            self.fused_sum += reading.fused_in_flight();
            self.utilization_sum += reading
                .piggyback
                .and_then(|report| report.utilization)
                .unwrap_or(0.0);
            if let Some(health) = &reading.health {
                rtts += health.rtt_seconds;
                checked += 1.0;
            }
        }
        self.per_mean_weight = self.count / weights.max(1.0);
        self.per_mean_health_rtt = checked / rtts.max(1e-5);
    }
}

fn decay_exponents(reading: &Reading) -> Decays {
    let error_age = reading.errors.map_or(f32::MAX, |errors| errors.age_seconds);
    let mut exponents = [0.0; 5];
    exponents[ERROR] = error_age * (1.0 / ERROR_DECAY_SECONDS);
    exponents[ERROR_RECENCY] = error_age * (1.0 / 3.0);
    exponents[RECOVERY] = reading.since_ready_seconds * (1.0 / 10.0);
    exponents[SENDS] = reading.sends.age_seconds * (1.0 / RECENT_SENDS_SECONDS);
    exponents[PEAK] =
        reading.peak.stored.map_or(0.0, |peak| peak.age_seconds) * (1.0 / PEAK_DECAY_SECONDS);
    exponents
}

/// Writes what the logarithm is to be taken of: `1 + x` where the formula has `ln(1 + x)`.
/// Other columns stay 1. [`write_missing`] overwrites what is missing.
fn write_logarithm_arguments(
    row: &mut [f32; FEATURES],
    reading: &Reading,
    decays: &Decays,
    scales: &Scales,
) {
    let own = reading.in_flight;
    let per_mean = scales.per_mean;
    let fused = reading.fused_in_flight();
    let silence = reading.silence_seconds * per_mean;
    let latency = &reading.latency;
    let errors = reading
        .errors
        .map_or(0.0, |errors| errors.value * decays[ERROR]);

    row[IN_FLIGHT] = 1.0 + own;
    row[1] = reading.weight * scales.per_mean_weight;
    row[2] = latency.fast;
    row[3] = latency.slow;
    row[4] = latency.per_load;
    row[7] = 1.0 + silence;
    row[18] = 1.0 + reading.since_response_seconds;
    row[21] = 1.0 + fused;
    row[22] = reading.load_trend.capacity;
    row[23] = latency.low;
    row[24] = 1.0 + reading.in_flight_work;
    row[25] = 1.0 + reading.mean_age_seconds * per_mean;
    let send_rate = reading.sends.value * decays[SENDS] / RECENT_SENDS_SECONDS;
    row[26] = 1.0 + send_rate * scales.mean_seconds;
    row[30] = 1.0 + silence / latency.slow.max(0.1);
    row[31] = latency.last;
    let peak_seconds = reading.peak.blend(decays[PEAK], scales.mean_seconds);
    row[PEAK_EWMA] = peak_seconds * per_mean;
    row[ERROR_FACTOR] = 1.0 + 20.0 * errors;
    write_source_arguments(row, reading, fused, scales);
}

/// The same for what other sources tell: reports on responses, registry, health checks.
fn write_source_arguments(
    row: &mut [f32; FEATURES],
    reading: &Reading,
    fused: f32,
    scales: &Scales,
) {
    let own = reading.in_flight;
    row[10] = 1.0 + own;
    row[14] = 1.0 + own;
    row[27] = 1.0 + (fused - own).max(0.0);
    if let Some(report) = &reading.piggyback {
        row[10] = 1.0 + report.in_flight_now(own).unwrap_or(own);
        row[12] = 1.0 + report.age_seconds * 10.0;
        row[13] = report.latency_seconds.unwrap_or(scales.mean_seconds) * scales.per_mean;
        row[27] = 1.0 + reading.load_trend.others_in_flight;
    }
    if let Some(report) = &reading.registry {
        row[14] = 1.0 + report.in_flight_now(own).unwrap_or(own);
        row[17] = report.latency_seconds.unwrap_or(scales.mean_seconds) * scales.per_mean;
    }
    if let Some(health) = &reading.health {
        row[8] = health.rtt_seconds * scales.per_mean_health_rtt;
        row[29] = 1.0 + health.min_rtt_seconds * scales.per_mean;
    }
}

/// A source that never told anything has the greatest age.
fn write_missing(row: &mut [f32; FEATURES], reading: &Reading) {
    if reading.piggyback.is_none() {
        row[12] = CANDIDATE_FEATURES[12].default;
    }
}

/// Writes the columns without a logarithm.
fn write_parts(row: &mut [f32; FEATURES], reading: &Reading, decays: &Decays) {
    let errors = reading
        .errors
        .map_or(0.0, |errors| errors.value * decays[ERROR]);
    let samples = reading.latency.samples;
    row[5] = errors.max(0.0).sqrt();
    row[6] = decays[ERROR_RECENCY];
    row[9] = reading
        .health
        .map_or(f32::MAX, |health| health.age_seconds * (1.0 / 5.0));
    row[11] = reading
        .piggyback
        .and_then(|report| report.utilization)
        .unwrap_or(0.0);
    row[15] = reading
        .registry
        .and_then(|report| report.utilization)
        .unwrap_or(0.0);
    row[16] = reading
        .registry
        .map_or(f32::MAX, |report| report.age_seconds);
    row[19] = decays[RECOVERY];
    row[20] = samples / (samples + 20.0);
    row[28] = reading.load_trend.utilization;
}

fn context(scales: &Scales, moment: &Moment<'_>) -> [f32; CONTEXT] {
    let per_candidate = 1.0 / scales.count;
    let mut values = [
        moment.available as f32 * (1.0 / 8.0),
        scales.class.mean_seconds * scales.per_mean,
        1.0 + scales.class.squared_variation,
        1.0 + scales.in_flight_sum * per_candidate,
        1.0,
        1.0,
        (1.0 + scales.in_flight_sum) / (1.0 + scales.fused_sum),
        scales.count * (1.0 / 8.0),
    ];
    ln_in_place(&mut values);
    values[2] *= 0.5;
    values[4] = scales.utilization_sum * per_candidate;
    values[5] = moment.cluster.error_rate().max(0.0).sqrt();
    clamp(&mut values, &CONTEXT_FEATURES);
    values
}

/// Brings each value into its clamp; NaN, which only a bug could make, to the least.
fn clamp(values: &mut [f32], features: &[Feature]) {
    for (value, feature) in zip(values, features) {
        let (least, greatest) = feature.clamp;
        *value = cut(*value, least, greatest);
    }
}
