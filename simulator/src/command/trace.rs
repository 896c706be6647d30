//! Writes the decisions of a run as a decision log.

use anyhow::Result;
use lb_decisions::{DecisionRecord, WriteError, Writer};
use lb_policy::{features, request::Outcome};
use lb_simulator::{
    contender::{Contender, ModelInfo},
    observer::{Observed, Observer, Upcoming},
};
use std::{collections::HashMap, path::Path};

/// A decision log being written.
#[derive(Debug)]
pub(super) struct Trace {
    writer: Writer,
    cluster: String,
    policy: String,
    model: Option<ModelInfo>,
    schema: String,
    /// Decisions whose result is not known yet, by token.
    open: Vec<Option<Open>>,
    free: Vec<usize>,
    /// Attempts of the requests that failed, and may be tried again.
    failed: HashMap<u64, u32>,
    written: u64,
    /// The first error ends the writing, and is told at the end.
    error: Option<WriteError>,
}

#[derive(Debug)]
struct Open {
    request: u64,
    record: DecisionRecord,
}

impl Trace {
    /// Starts a log of `contender`'s decisions.
    pub(super) fn create(path: &Path, cluster: &str, contender: &Contender) -> Result<Self> {
        Ok(Self {
            writer: Writer::create(path)?,
            cluster: cluster.to_owned(),
            policy: contender.label().to_owned(),
            model: contender.model().cloned(),
            schema: features::schema_id().to_owned(),
            open: Vec::new(),
            free: Vec::new(),
            failed: HashMap::new(),
            written: 0,
            error: None,
        })
    }

    /// Ends the log; says how many decisions it holds.
    pub(super) fn finish(self) -> Result<u64> {
        if let Some(error) = self.error {
            return Err(error.into());
        }
        self.writer.finish()?;
        Ok(self.written)
    }

    fn record(&self, decision: &Observed<'_>) -> DecisionRecord {
        let servers = decision.servers.iter();
        let own_costs = decision.own_costs.iter();
        let failed = self.failed.get(&decision.request).copied();
        DecisionRecord {
            time_us: i64::try_from(decision.now.as_nanos() / 1000).unwrap_or(i64::MAX),
            request: decision.request.to_string(),
            attempt: failed.unwrap_or(0) + 1,
            cluster: self.cluster.clone(),
            class: decision.class.slot() as u32,
            policy: self.policy.clone(),
            model: self
                .model
                .as_ref()
                .map_or_else(String::new, |m| m.name.clone()),
            model_version: self.model.as_ref().map_or(0, |model| model.version),
            schema: self.schema.clone(),
            kind: decision.kind.to_string(),
            candidates: servers
                .map(|server| format!("server-{server}:80"))
                .collect(),
            features: decision.features.to_vec(),
            context: decision.context.to_vec(),
            // What the model said is not shown to observers.
            costs: Vec::new(),
            true_costs: own_costs.map(|cost| cost.own_seconds).collect(),
            chosen: decision.chosen as u32,
            propensity: decision.propensity,
            class_mean_seconds: decision.class_mean_seconds,
            ..DecisionRecord::default()
        }
    }
}

impl Observer for Trace {
    fn sample(&mut self, moment: Upcoming) -> Option<usize> {
        self.error.is_none().then_some(moment.ready)
    }

    fn decided(&mut self, decision: &Observed<'_>) -> usize {
        let open = Some(Open {
            request: decision.request,
            record: self.record(decision),
        });
        match self.free.pop() {
            Some(token) => {
                self.open[token] = open;
                token
            }
            None => {
                self.open.push(open);
                self.open.len() - 1
            }
        }
    }

    fn ended(&mut self, token: usize, outcome: Outcome, latency_seconds: f32) {
        let Some(Open {
            request,
            mut record,
        }) = self.open.get_mut(token).and_then(Option::take)
        else {
            return;
        };
        self.free.push(token);
        match outcome {
            Outcome::ServerError | Outcome::ConnectionError => {
                self.failed.insert(request, record.attempt);
            }
            Outcome::Success | Outcome::Timeout | Outcome::Cancelled => {
                self.failed.remove(&request);
            }
        }
        (record.outcome, record.status) = result(outcome);
        record.latency_seconds = latency_seconds;
        match self.writer.write(&record) {
            Ok(()) => self.written += 1,
            Err(error) => self.error = Some(error),
        }
    }
}

/// Word and status of an outcome.
fn result(outcome: Outcome) -> (String, u32) {
    let (word, status) = match outcome {
        Outcome::Success => ("success", 200),
        Outcome::ServerError => ("server_error", 500),
        Outcome::ConnectionError => ("connection_error", 0),
        Outcome::Timeout => ("timeout", 0),
        Outcome::Cancelled => ("cancelled", 0),
    };
    (word.to_owned(), status)
}
