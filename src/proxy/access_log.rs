//! The access log: one JSON line a request, written by a thread of its own so that a slow
//! disk or pipe never holds up a request. When the writer falls behind, lines are dropped
//! and counted.

use super::context::RequestContext;
use crate::config;
use pingora_proxy::Session;
use prometheus::{IntCounter, Registry, core::Collector};
use serde::Serialize;
use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::{Duration, SystemTime},
};

/// Lines that may wait for the writer: a second of a busy proxy, a few megabytes.
const QUEUE_MAX: usize = 16_384;
/// Longest time that a line stays in the buffer.
const FLUSH_EVERY: Duration = Duration::from_millis(200);

/// What the control plane asks of the writer. On a channel of its own: a queue full of lines
/// must not lose it.
enum Order {
    Target(config::AccessLog),
    Reopen,
    Flush(SyncSender<()>),
}

/// Hands lines to the writer's thread.
#[derive(Clone, Debug)]
pub struct AccessLog {
    lines: SyncSender<String>,
    orders: Sender<Order>,
    enabled: Arc<AtomicBool>,
    dropped: IntCounter,
}

impl AccessLog {
    /// Starts the writer's thread; nothing is written before [`AccessLog::set_target`].
    ///
    /// # Errors
    /// When no thread can be started or the metric's name is taken.
    pub fn start(registry: &Registry) -> Result<Self, anyhow::Error> {
        let dropped = IntCounter::new(
            "lb_access_log_dropped_total",
            "Access log lines dropped because the writer fell behind.",
        )?;
        registry.register(Box::new(dropped.clone()))?;
        let (lines, queue) = sync_channel(QUEUE_MAX);
        let (orders, to_do) = channel();
        let writer = Writer {
            target: config::AccessLog::Off,
            sink: None,
            waiting: Vec::new(),
        };
        thread::Builder::new()
            .name("access-log".into())
            .spawn(move || writer.run(&queue, &to_do))?;
        Ok(Self {
            lines,
            orders,
            enabled: Arc::default(),
            dropped,
        })
    }

    /// Its metric family: what [`Self::start`] registers.
    pub fn families(&self) -> Vec<Box<dyn Collector>> {
        vec![Box::new(self.dropped.clone())]
    }

    /// Writes to `target` from now on.
    pub fn set_target(&self, target: &config::AccessLog) {
        self.enabled
            .store(*target != config::AccessLog::Off, Relaxed);
        self.order(Order::Target(target.clone()));
    }

    /// Opens the file anew, after log rotation.
    pub fn reopen(&self) {
        self.order(Order::Reopen);
    }

    /// Waits until everything sent so far is written, for a second at most.
    pub fn flush(&self) {
        let (done, wait) = sync_channel(1);
        self.order(Order::Flush(done));
        if wait.recv_timeout(Duration::from_secs(1)).is_err() {
            log::warn!("access log was not written out in time");
        }
    }

    /// Logs a finished request.
    pub(super) fn log(
        &self,
        session: &Session,
        ctx: &RequestContext,
        status: u16,
        duration: Duration,
    ) {
        if !self.enabled.load(Relaxed) {
            return;
        }
        let Ok(line) = serde_json::to_string(&Line::of(session, ctx, status, duration)) else {
            return;
        };
        if self.lines.try_send(line).is_err() {
            self.dropped.inc();
        }
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            log::error!("the access log's writer has ended");
        }
    }
}

/// Field names of one line are an interface: add, never rename.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    request_id: &'a str,
    client: Option<std::net::IpAddr>,
    method: &'a str,
    host: &'a str,
    path: std::borrow::Cow<'a, str>,
    status: u16,
    duration_ms: f64,
    bytes_received: usize,
    bytes_sent: usize,
    route: Option<&'a str>,
    cluster: Option<&'a str>,
    upstream: Option<&'a str>,
    upstream_ms: Option<f64>,
    retries: u32,
    decision_us: f64,
    policy: Option<&'a str>,
    model: Option<&'a str>,
    model_version: Option<u64>,
    pick: Option<&'static str>,
    propensity: Option<f32>,
    reason: Option<&'static str>,
}

impl<'a> Line<'a> {
    fn of(session: &'a Session, ctx: &'a RequestContext, status: u16, duration: Duration) -> Self {
        let header = session.req_header();
        let balancer = ctx.balancer();
        let model = balancer.and_then(|balancer| balancer.model());
        let last = ctx
            .attempt
            .as_ref()
            .map(|attempt| attempt.member())
            .or(ctx.tried.last());
        Self {
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            request_id: ctx.identity.trace.request_id().to_str().unwrap_or_default(),
            client: ctx.peer,
            method: header.method.as_str(),
            host: header
                .headers
                .get(http::header::HOST)
                .and_then(|h| h.to_str().ok())
                .unwrap_or_default(),
            path: String::from_utf8_lossy(header.raw_path()),
            status,
            duration_ms: millis(duration),
            bytes_received: ctx.body_received,
            bytes_sent: session.body_bytes_sent(),
            route: ctx.route().map(|route| route.name.as_str()),
            cluster: balancer.map(|balancer| balancer.cluster().name()),
            upstream: last.map(|member| member.stats().id().as_str()),
            upstream_ms: ctx.upstream_time.map(millis),
            retries: ctx.retry.count,
            decision_us: millis(ctx.decision_time) * 1000.0,
            policy: balancer.map(|balancer| balancer.policy_name()),
            model: model.map(|model| model.name()),
            model_version: model.map(|model| model.version()),
            pick: ctx.pick.map(|pick| pick.kind.as_str()),
            propensity: ctx.pick.map(|pick| pick.propensity),
            reason: ctx.failure.map(|failure| failure.as_str()),
        }
    }
}

fn millis(duration: Duration) -> f64 {
    // Microseconds are as fine as a log needs.
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// The writer: its lines, where they go, and where they are to go.
struct Writer {
    target: config::AccessLog,
    sink: Option<BufWriter<Box<dyn Write + Send>>>,
    /// Who waits for everything to be written out.
    waiting: Vec<SyncSender<()>>,
}

impl Writer {
    fn run(mut self, lines: &Receiver<String>, orders: &Receiver<Order>) {
        loop {
            let received = lines.recv_timeout(FLUSH_EVERY);
            // An order may be older than the line: it comes first.
            orders.try_iter().for_each(|order| self.obey(order));
            match received {
                Ok(line) => write_line(&mut self.sink, &line),
                Err(RecvTimeoutError::Timeout) => flush(&mut self.sink),
                Err(RecvTimeoutError::Disconnected) => return flush(&mut self.sink),
            }
            for done in self.waiting.drain(..) {
                lines
                    .try_iter()
                    .take(QUEUE_MAX)
                    .for_each(|line| write_line(&mut self.sink, &line));
                flush(&mut self.sink);
                // The one who waits may have given up.
                done.try_send(()).ok();
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Target(new) if new == self.target => {}
            Order::Target(new) => {
                flush(&mut self.sink);
                self.sink = open(&new);
                self.target = new;
            }
            Order::Reopen => {
                flush(&mut self.sink);
                self.sink = open(&self.target);
            }
            Order::Flush(done) => self.waiting.push(done),
        }
    }
}

fn open(target: &config::AccessLog) -> Option<BufWriter<Box<dyn Write + Send>>> {
    let sink: Box<dyn Write + Send> = match target {
        config::AccessLog::Off => return None,
        config::AccessLog::Stdout => Box::new(io::stdout()),
        config::AccessLog::Stderr => Box::new(io::stderr()),
        config::AccessLog::File(path) => match append_to(path) {
            Ok(file) => Box::new(file),
            Err(error) => {
                log::error!(
                    "cannot open access log path={} error=\"{error}\"",
                    path.display()
                );
                return None;
            }
        },
    };
    Some(BufWriter::new(sink))
}

fn append_to(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn write_line(sink: &mut Option<BufWriter<Box<dyn Write + Send>>>, line: &str) {
    let Some(writer) = sink else { return };
    if let Err(error) = writeln!(writer, "{line}") {
        log::error!("cannot write access log error=\"{error}\"");
        // Without a sink the lines are lost until the log is reopened (SIGUSR1) or reloaded.
        *sink = None;
    }
}

fn flush(sink: &mut Option<BufWriter<Box<dyn Write + Send>>>) {
    if sink.as_mut().is_some_and(|writer| writer.flush().is_err()) {
        *sink = None;
    }
}
