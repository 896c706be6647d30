//! One running instance as its request handlers and its registration see it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use crate::faults::{Fault, FaultBoard};
use crate::gate::Gate;
use crate::load::{Load, MeanLatency};
use crate::metrics::Metrics;
use crate::service_time::ServiceTime;
use crate::settings::Settings;

/// State of one instance, shared by its connections.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) service: &'static str,
    pub(crate) name: String,
    pub(crate) gate: Gate,
    pub(crate) faults: FaultBoard,
    pub(crate) metrics: Metrics,
    pub(crate) latency: MeanLatency,
    pub(crate) reports_load: bool,
    service_time: ServiceTime,
    speed: f64,
    rng: Mutex<StdRng>,
}

impl Instance {
    pub(crate) fn new(settings: &Settings, name: String) -> Self {
        let service = settings.service.name();
        Instance {
            service,
            gate: Gate::new(settings.concurrency, settings.queue),
            faults: FaultBoard::new(),
            metrics: Metrics::new(service, &name),
            latency: MeanLatency::default(),
            reports_load: settings.load_report,
            service_time: settings.service_time.clone(),
            speed: settings.speed,
            rng: Mutex::new(StdRng::seed_from_u64(settings.seed)),
            name,
        }
    }

    /// Draws the service time of one request, by speed and fault.
    pub(crate) fn draw_service_time(&self, now: Instant) -> Duration {
        let slow = self.faults.find(now, |fault| match fault {
            Fault::Slow { factor } => Some(factor),
            _ => None,
        });
        let drawn = self.service_time.sample(&mut *self.rng());
        drawn.mul_f64(slow.unwrap_or(1.0) / self.speed)
    }

    /// Whether this request is to fail at once, and how.
    pub(crate) fn draw_fast_fail(&self, now: Instant) -> Option<StatusCode> {
        let (rate, status) = self.faults.find(now, |fault| match fault {
            Fault::FastFail { rate, status } => Some((rate, status)),
            _ => None,
        })?;
        self.hits(rate).then_some(status)
    }

    /// Whether this request is to fail after its service time, and how.
    pub(crate) fn draw_error(&self, now: Instant) -> Option<StatusCode> {
        let (rate, status) = self.faults.find(now, |fault| match fault {
            Fault::ErrorRate { rate, status } => Some((rate, status)),
            _ => None,
        })?;
        self.hits(rate).then_some(status)
    }

    /// Waits while the instance is paused or hangs.
    pub(crate) async fn released(&self) {
        let holds = |fault| matches!(fault, Fault::Pause | Fault::Hang);
        self.faults.wait_for(false, holds).await;
    }

    /// Whether health answers well.
    pub(crate) fn healthy(&self, now: Instant) -> bool {
        !self.faults.any(now, |fault| fault == Fault::Unhealthy)
    }

    /// Whether the instance plays dead.
    pub(crate) fn crashed(&self, now: Instant) -> bool {
        self.faults.any(now, |fault| fault == Fault::Crash)
    }

    pub(crate) fn load(&self) -> Load {
        let slots = self.gate.concurrency() as f64;
        let busy = self.gate.busy();
        let present = busy + self.gate.waiting();
        Load {
            cpu_utilization: busy as f64 / slots,
            application_utilization: present as f64 / slots,
            inflight: self.metrics.in_flight(),
            latency_ms: self.latency.ms(),
        }
    }

    /// A fresh trace id: 32 lower-case hexadecimal digits.
    pub(crate) fn new_trace_id(&self) -> String {
        format!("{:032x}", self.rng().random::<u128>())
    }

    fn hits(&self, rate: f64) -> bool {
        self.rng().random::<f64>() < rate
    }

    fn rng(&self) -> MutexGuard<'_, StdRng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
