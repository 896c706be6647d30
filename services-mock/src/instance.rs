//! One running instance as its request handlers and its registration see it.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use crate::faults::{Fault, FaultBoard};
use crate::gate::{Gate, QueueFull, Slot};
use crate::guard::Guard;
use crate::load::{DecayedRate, Load, MeanLatency};
use crate::metrics::Metrics;
use crate::route_time::{self, RouteTime};
use crate::service_time::ServiceTime;
use crate::settings::Settings;
use crate::shop::Shop;

/// What a gradual degradation reaches in its last phase: the usual settings of each fault alone.
const GRADUAL_CPU_SHARE: f64 = 0.5;
const GRADUAL_MEMORY_SHARE: f64 = 0.7;
const GRADUAL_DELAY: Duration = Duration::from_millis(100);
const GRADUAL_ERROR_RATE: f64 = 0.3;
/// On a stop, answers underway have this long.
const GRACE: Duration = Duration::from_secs(1);
/// In a shop they stand for orders and payments.
const SHOP_GRACE: Duration = Duration::from_secs(10);

/// How long one request is served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stay {
    /// Of which processor time.
    pub(crate) burnt: Duration,
    /// The remainder, in which nothing is done.
    pub(crate) idle: Duration,
}

/// What processor and memory faults ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strain {
    pub(crate) cpu_share: f64,
    pub(crate) memory_bytes: usize,
}

/// State of one instance, shared by its connections.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) service: &'static str,
    pub(crate) name: String,
    pub(crate) gate: Gate,
    pub(crate) faults: FaultBoard,
    pub(crate) metrics: Metrics,
    latency: MeanLatency,
    pub(crate) reports_load: bool,
    pub(crate) guard: Guard,
    /// The real service, in shop mode.
    pub(crate) shop: Option<Arc<Shop>>,
    /// Memory that a fault holds now.
    pub(crate) held_bytes: AtomicUsize,
    /// Seconds that requests were present, and in service; per second they are the mean number.
    present: DecayedRate,
    in_service: DecayedRate,
    reports_mean: bool,
    requests: DecayedRate,
    errors: DecayedRate,
    service_time: ServiceTime,
    route_times: Vec<RouteTime>,
    cpu_burn: f64,
    most_held_bytes: usize,
    speed: f64,
    rng: Mutex<StdRng>,
}

impl Instance {
    pub(crate) fn new(settings: &Settings, name: String) -> Self {
        let service = settings.service.name();
        let shop = settings.shop.as_ref();
        let shop = shop.map(|shop| Arc::new(Shop::new(shop, settings.service, &name)));
        Instance {
            service,
            gate: Gate::new(settings.concurrency, settings.queue),
            faults: FaultBoard::new(),
            metrics: Metrics::new(service, &name),
            latency: MeanLatency::default(),
            reports_load: settings.load_report,
            guard: Guard::new(settings.degradation_token.clone(), shop.clone()),
            shop,
            held_bytes: AtomicUsize::new(0),
            present: DecayedRate::default(),
            in_service: DecayedRate::default(),
            reports_mean: settings.mean_utilization || settings.shop.is_some(),
            requests: DecayedRate::default(),
            errors: DecayedRate::default(),
            service_time: settings.service_time.clone(),
            route_times: settings.route_times.clone(),
            cpu_burn: settings.cpu_burn,
            most_held_bytes: settings.degradation_memory_mib * 1024 * 1024,
            speed: settings.speed,
            rng: Mutex::new(StdRng::seed_from_u64(settings.seed)),
            name,
        }
    }

    /// Draws the service time of one request, by route, speed and faults.
    pub(crate) fn draw_stay(&self, now: Instant, method: &Method, path: &str) -> Stay {
        let slow = self.faults.find(now, |fault| match fault {
            Fault::Slow { factor } => Some(factor),
            _ => None,
        });
        let route = route_time::time_of(&self.route_times, method, path);
        let drawn = route.unwrap_or(&self.service_time).sample(&mut *self.rng());
        let served = drawn.mul_f64(slow.unwrap_or(1.0) / self.speed);
        let burnt = served.mul_f64(self.cpu_burn);
        Stay {
            burnt,
            idle: served - burnt + self.draw_delay(now),
        }
    }

    fn draw_delay(&self, now: Instant) -> Duration {
        let ordered = self.faults.find(now, |fault| match fault {
            Fault::Latency { delay } => Some(delay),
            _ => None,
        });
        let delay = ordered
            .unwrap_or_default()
            .max(GRADUAL_DELAY.mul_f64(self.gradual_level(now)));
        if delay.is_zero() {
            return delay;
        }
        delay.mul_f64(0.5 + self.rng().random::<f64>())
    }

    /// 0 when nothing degrades gradually, 1 in the last phase.
    fn gradual_level(&self, now: Instant) -> f64 {
        self.faults.phase(now).map_or(0.0, |phase| phase.level())
    }

    /// What processor and memory faults ask for; the dead use neither.
    pub(crate) fn strain(&self, now: Instant) -> Strain {
        let alive = if self.crashed(now) { 0.0 } else { 1.0 };
        let level = self.gradual_level(now);
        let (mut cpu_share, mut memory_share) =
            (level * GRADUAL_CPU_SHARE, level * GRADUAL_MEMORY_SHARE);
        for active in self.faults.active(now) {
            match active.fault {
                Fault::Cpu { share } => cpu_share = cpu_share.max(share),
                Fault::Memory { share } => memory_share = memory_share.max(share),
                _ => {}
            }
        }
        Strain {
            cpu_share: alive * cpu_share,
            memory_bytes: (alive * memory_share * self.most_held_bytes as f64) as usize,
        }
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
        let ordered = self.faults.find(now, |fault| match fault {
            Fault::ErrorRate { rate, status } => Some((rate, status)),
            _ => None,
        });
        let level = self.gradual_level(now);
        let gradual = (level > 0.0).then_some((
            level * GRADUAL_ERROR_RATE,
            StatusCode::INTERNAL_SERVER_ERROR,
        ));
        let (rate, status) = ordered.or(gradual)?;
        self.hits(rate).then_some(status)
    }

    /// Waits while the instance is paused or hangs.
    pub(crate) async fn released(&self) {
        let holds = |fault| matches!(fault, Fault::Pause | Fault::Hang);
        self.faults.wait_for(false, holds).await;
    }

    /// Whether health answers well: not told to be ill, and the store of a shop answers.
    pub(crate) fn healthy(&self, now: Instant) -> bool {
        let ordered_ill = self.faults.any(now, |fault| fault == Fault::Unhealthy);
        let store_answers = self.shop.as_ref().is_none_or(|shop| shop.store_answers());
        !ordered_ill && store_answers
    }

    /// How long answers underway may take once the instance is to stop.
    pub(crate) fn grace(&self) -> Duration {
        match self.shop {
            Some(_) => SHOP_GRACE,
            None => GRACE,
        }
    }

    /// Takes an answer into the load report.
    pub(crate) fn record_answer(&self, status: StatusCode, took: Duration, now: Instant) {
        self.requests.record(1.0, now);
        self.present.record(took.as_secs_f64(), now);
        if status.is_server_error() {
            self.errors.record(1.0, now);
        } else {
            self.latency.record(took);
        }
    }

    /// Whether the instance plays dead.
    pub(crate) fn crashed(&self, now: Instant) -> bool {
        self.faults.any(now, |fault| fault == Fault::Crash)
    }

    pub(crate) fn load(&self, now: Instant) -> Load {
        let slots = self.gate.concurrency() as f64;
        let (busy, present) = match self.reports_mean {
            true => (
                self.in_service.per_second(now),
                self.present.per_second(now),
            ),
            false => {
                let busy = self.gate.busy();
                (busy as f64, (busy + self.gate.waiting()) as f64)
            }
        };
        Load {
            cpu_utilization: (busy / slots).min(1.0),
            application_utilization: present / slots,
            inflight: self.metrics.in_flight(),
            latency_ms: self.latency.ms(),
            requests_per_second: self.requests.per_second(now),
            errors_per_second: self.errors.per_second(now),
        }
    }

    /// Waits its turn for a slot.
    pub(crate) async fn enter(&self) -> Result<InService<'_>, QueueFull> {
        let slot = self.gate.enter().await?;
        Ok(InService {
            _slot: slot,
            instance: self,
            began: Instant::now(),
        })
    }

    /// A fresh span id: 16 lower-case hexadecimal digits.
    pub(crate) fn new_span_id(&self) -> String {
        format!("{:016x}", self.rng().random::<u64>())
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

/// One request in service; leaves on drop and counts the time.
#[derive(Debug)]
pub(crate) struct InService<'a> {
    _slot: Slot<'a>,
    instance: &'a Instance,
    began: Instant,
}

impl Drop for InService<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let seconds = (now - self.began).as_secs_f64();
        self.instance.in_service.record(seconds, now);
    }
}
