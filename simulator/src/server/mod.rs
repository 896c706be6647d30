//! One server: requests that share its cores, requests that wait, and what befalls it.
//!
//! Sharing is computed on a work clock, which tells how much work each request served has got
//! so far: a request that enters at clock `c` with work `w` is done at `c + w`, whatever the
//! speed does meanwhile. So an arrival or departure costs O(log n), and not one step for each
//! request served.

mod latency_by_load;
mod throughput;

use crate::{
    clock,
    scenario::{self, Change},
};
use latency_by_load::LatencyByLoad;
use lb_policy::{policies::ProbeAnswer, telemetry::LoadReport, time::Timestamp};
use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};
use throughput::Throughput;

/// Time over which utilisation is averaged: the weight of the past falls to 1/e.
const UTILIZATION_SECONDS: f64 = 0.5;
/// Weight of a new sample of latency.
const LATENCY_ALPHA: f64 = 0.1;
/// An antagonist slows the cores that it leaves by this part of its share.
const ANTAGONIST_SLOWDOWN: f64 = 0.3;
/// Time to fail a request fast.
const FAST_FAILURE: Duration = Duration::from_millis(1);
/// A slower server counts as this slow for health checks and costs, which divide by it.
const SPEED_MIN: f64 = 0.01;

/// A request at a server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Job {
    pub(crate) request: u32,
    /// Its work while it waits; once served, the reading of the work clock at its end.
    pub(crate) work: f64,
}

/// What becomes of a request that reaches a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reception {
    /// It is served, or waits.
    Taken,
    /// The server has no place for it.
    Refused,
    /// The server answers with an error after this time.
    Failed(Duration),
    /// The connection is reset.
    Reset,
    /// Nothing comes back.
    Lost,
}

/// How a health check ends, and after what time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checkup {
    Passed(Duration),
    /// There is no connection.
    Refused(Duration),
    /// There is no answer.
    Silent,
}

/// One server.
#[derive(Debug)]
pub(crate) struct Server {
    settings: scenario::Server,
    half_rtt: Duration,
    active: BinaryHeap<Job>,
    waiting: VecDeque<Job>,
    /// Reading of the work clock, and how fast it goes.
    work_clock: f64,
    rate: f64,
    as_of: Timestamp,
    turn: u32,
    is_up: bool,
    swallows: bool,
    paused_until: Timestamp,
    antagonist: f64,
    slow: f64,
    warmth: f64,
    failing_share: f64,
    utilization: f64,
    latency_seconds: Option<f64>,
    throughput: Throughput,
    latency_by_load: LatencyByLoad,
    coming: u32,
    coming_work: f64,
}

impl Server {
    pub(crate) fn new(settings: &scenario::Server) -> Self {
        Self {
            settings: settings.clone(),
            half_rtt: clock::span(settings.rtt * 0.5),
            active: BinaryHeap::new(),
            waiting: VecDeque::new(),
            work_clock: 0.0,
            rate: 0.0,
            as_of: Timestamp::ZERO,
            turn: 0,
            is_up: true,
            swallows: false,
            paused_until: Timestamp::ZERO,
            antagonist: 0.0,
            slow: 1.0,
            warmth: 1.0,
            failing_share: 0.0,
            utilization: 0.0,
            latency_seconds: None,
            throughput: Throughput::default(),
            latency_by_load: LatencyByLoad::default(),
            coming: 0,
            coming_work: 0.0,
        }
    }

    pub(crate) fn settings(&self) -> &scenario::Server {
        &self.settings
    }

    /// Time to it, or back.
    pub(crate) fn half_rtt(&self) -> Duration {
        self.half_rtt
    }

    pub(crate) fn is_up(&self) -> bool {
        self.is_up
    }

    /// Share of the requests that it fails fast.
    pub(crate) fn failing_share(&self) -> f64 {
        self.failing_share
    }

    /// Requests served or waiting.
    pub(crate) fn in_flight(&self) -> usize {
        self.active.len() + self.waiting.len()
    }

    /// Requests on their way to it.
    pub(crate) fn coming(&self) -> u32 {
        self.coming
    }

    /// Their work.
    pub(crate) fn coming_work(&self) -> f64 {
        self.coming_work
    }

    /// Requests served.
    pub(crate) fn active(&self) -> usize {
        self.active.len()
    }

    /// Work left of each request served.
    pub(crate) fn active_work(&self, now: Timestamp) -> impl Iterator<Item = f64> {
        let reading = self.work_clock + self.rate * clock::seconds(self.as_of, now);
        self.active
            .iter()
            .map(move |job| (job.work - reading).max(0.0))
    }

    /// Work of each request that waits.
    pub(crate) fn waiting_work(&self) -> impl ExactSizeIterator<Item = f64> {
        self.waiting.iter().map(|job| job.work)
    }

    /// Cores that the antagonist leaves.
    pub(crate) fn cores(&self) -> f64 {
        self.settings.cores * (1.0 - self.antagonist)
    }

    /// Speed of each core by now.
    pub(crate) fn speed(&self) -> f64 {
        let present = self.settings.speed * self.slow * self.warmth;
        present * (1.0 - ANTAGONIST_SLOWDOWN * self.antagonist)
    }

    /// Time until a pause is over.
    pub(crate) fn pause_left(&self, now: Timestamp) -> Duration {
        self.paused_until.since(now)
    }

    /// Counts a request that was sent to it.
    pub(crate) fn expect(&mut self, work: f64) {
        self.coming += 1;
        self.coming_work += work;
    }

    /// A request that was sent to it arrives. `draw` from [0, 1) decides on fast failures.
    pub(crate) fn receive(&mut self, job: Job, draw: f64, now: Timestamp) -> Reception {
        self.advance(now);
        self.arrived(job.work);
        if !self.is_up {
            return if self.swallows {
                Reception::Lost
            } else {
                Reception::Reset
            };
        }
        self.throughput.note_request();
        if draw < self.failing_share {
            self.throughput.note_error();
            return Reception::Failed(FAST_FAILURE + self.pause_left(now));
        }
        if self.active.len() < self.settings.discipline.workers {
            self.serve(job);
        } else if self.waiting.len() < self.settings.discipline.queue {
            self.waiting.push_back(job);
        } else {
            self.throughput.note_error();
            return Reception::Refused;
        }
        Reception::Taken
    }

    /// The time and turn of its next departure, unless something changes before.
    pub(crate) fn next_departure(&mut self, now: Timestamp) -> Option<(Timestamp, u32)> {
        self.turn = self.turn.wrapping_add(1);
        self.rate = self.rate_at(now);
        let end = self.active.peek()?.work;
        let seconds = (end - self.work_clock).max(0.0) / self.rate;
        (self.rate > 0.0).then(|| (now + clock::span(seconds), self.turn))
    }

    /// Whether a departure told for `turn` still holds.
    pub(crate) fn is_turn(&self, turn: u32) -> bool {
        self.turn == turn
    }

    /// Lets the request go whose departure is due.
    pub(crate) fn depart(&mut self, now: Timestamp) -> Option<u32> {
        self.advance(now);
        let done = self.active.pop()?;
        if let Some(next) = self.waiting.pop_front() {
            self.serve(next);
        }
        Some(done.request)
    }

    /// Takes in how long the server had a request that met `load` others when it came.
    pub(crate) fn note_latency(&mut self, load: usize, seconds: f64) {
        self.latency_by_load.note(load, seconds as f32);
        let average = self.latency_seconds.get_or_insert(seconds);
        *average += LATENCY_ALPHA * (seconds - *average);
    }

    /// Takes in a change, and gives back the requests that it cost.
    pub(crate) fn change(&mut self, change: Change, now: Timestamp) -> Vec<u32> {
        self.advance(now);
        match change {
            Change::Antagonist(share) => self.antagonist = share.clamp(0.0, 1.0),
            Change::Pause(seconds) => {
                self.paused_until = self.paused_until.max(now + clock::span(seconds));
            }
            Change::Slow(factor) => self.slow = factor,
            Change::Warmth(factor) => self.warmth = factor,
            Change::FailFast(share) => self.failing_share = share,
            Change::Crash { black_hole } => return self.crash(black_hole),
            Change::Recover => {
                (self.is_up, self.swallows, self.latency_seconds) = (true, false, None);
                self.latency_by_load.clear();
            }
            Change::Join | Change::Leave => {}
        }
        Vec::new()
    }

    /// Whether it loses requests without a word.
    pub(crate) fn swallows(&self) -> bool {
        self.swallows
    }

    /// Takes in that time has passed, before something changes.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        let seconds = clock::seconds(self.as_of, now);
        if seconds <= 0.0 {
            return;
        }
        let keep = (-seconds / UTILIZATION_SECONDS).exp();
        self.utilization = self.utilization * keep + self.busy_share() * (1.0 - keep);
        self.work_clock += self.rate * seconds;
        self.as_of = now;
        self.throughput.advance(now);
    }

    /// Its load by now. `answering` counts a request that is being answered: it is there until
    /// the answer is out. `momentary` says which utilisation is told.
    pub(crate) fn report(&self, answering: usize, momentary: bool) -> LoadReport {
        let throughput = self.throughput.per_second();
        let utilization = match momentary {
            true => self.in_flight() as f64 / self.settings.cores,
            false => self.utilization,
        };
        LoadReport {
            in_flight: Some((self.in_flight() + answering) as f32),
            utilization: Some(utilization as f32),
            latency: self.latency_seconds.map(clock::span),
            requests_per_second: throughput.map(|(requests, _)| requests as f32),
            errors_per_second: throughput.map(|(_, errors)| errors as f32),
        }
    }

    /// What it answers to a probe: its load, and what latency to expect at it.
    pub(crate) fn probe(&self) -> ProbeAnswer {
        let load = self.in_flight();
        ProbeAnswer {
            in_flight: load as f32,
            latency_seconds: self.latency_by_load.median_seconds(load).unwrap_or(0.0),
        }
    }

    /// How a health check of so much work, in seconds of a core of speed 1, ends that starts now.
    pub(crate) fn check(&self, now: Timestamp, work: f64) -> Checkup {
        let rtt = self.half_rtt * 2;
        if !self.is_up {
            return if self.swallows {
                Checkup::Silent
            } else {
                Checkup::Refused(rtt)
            };
        }
        let share = (self.cores() / (self.active.len() + 1) as f64).min(1.0);
        let speed = (self.speed() * share).max(SPEED_MIN);
        Checkup::Passed(rtt + self.pause_left(now) + clock::span(work / speed))
    }

    fn arrived(&mut self, work: f64) {
        self.coming -= 1;
        self.coming_work = if self.coming == 0 {
            0.0
        } else {
            self.coming_work - work
        };
    }

    fn serve(&mut self, job: Job) {
        if self.active.is_empty() {
            // Small numbers lose less to rounding.
            self.work_clock = 0.0;
        }
        self.active.push(Job {
            work: self.work_clock + job.work,
            ..job
        });
    }

    fn crash(&mut self, black_hole: bool) -> Vec<u32> {
        (self.is_up, self.swallows) = (false, black_hole);
        let jobs = self.active.drain().chain(self.waiting.drain(..));
        jobs.map(|job| job.request).collect()
    }

    /// Work per second that each request served gets.
    fn rate_at(&self, now: Timestamp) -> f64 {
        if !self.is_up || self.paused_until > now || self.active.is_empty() {
            return 0.0;
        }
        self.speed() * (self.cores() / self.active.len() as f64).min(1.0)
    }

    /// Share of its cores that are busy, the antagonist's included.
    fn busy_share(&self) -> f64 {
        if !self.is_up {
            return 0.0;
        }
        let own = (self.active.len() as f64).min(self.cores()) / self.settings.cores;
        (own + self.antagonist).min(1.0)
    }
}

impl Eq for Job {}

impl Ord for Job {
    /// Less work is greater: the heap has the greatest on top.
    fn cmp(&self, other: &Self) -> Ordering {
        let by_work = other.work.total_cmp(&self.work);
        by_work.then(other.request.cmp(&self.request))
    }
}

impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
