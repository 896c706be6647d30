//! What a run came to: for programs, for people, and whether it is a success.

use anyhow::{Result, bail};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

/// Everything here was measured in the run. `docs/demo.md` explains each field.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) requests: u64,
    pub(super) failed_requests: u64,
    pub(super) upstream_5xx: u64,
    pub(super) retries: u64,
    pub(super) dropped_by_proxy: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) decisions: u64,
    pub(super) fallback_decisions: u64,
    pub(super) decision_p50_ns: u64,
    pub(super) reloads_ok: u64,
    pub(super) model_version: u64,
    pub(super) share_by_endpoint: BTreeMap<String, f64>,
    pub(super) seconds: f64,
    pub(super) rate: f64,
    pub(super) phases: Vec<Phase>,
    pub(super) endpoints: Vec<EndpointSummary>,
    /// Why the new model is not served.
    pub(super) reload_problem: Option<String>,
}

/// One scene: requests that ended in it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Phase {
    pub(super) name: &'static str,
    pub(super) requests: u64,
    pub(super) failed: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) share_by_endpoint: BTreeMap<String, f64>,
}

/// One back end.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EndpointSummary {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) speed: f64,
    pub(super) fault: Option<String>,
}

impl Summary {
    /// # Errors
    /// When the proxy failed in what the demo is to show; says in what.
    pub(super) fn verdict(&self) -> Result<()> {
        if self.failed_requests == self.requests {
            bail!("not one request was answered well");
        }
        if self.dropped_by_proxy > 0 {
            bail!(
                "the proxy dropped {} requests that another attempt could have saved",
                self.dropped_by_proxy
            );
        }
        if let Some(problem) = &self.reload_problem {
            bail!("the model was not reloaded: {problem}");
        }
        if self.reloads_ok == 0 {
            bail!("the proxy counts no model reload");
        }
        Ok(())
    }

    /// Writes it for people.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub(super) fn write_table(&self, out: &mut impl Write) -> io::Result<()> {
        self.write_phases(out)?;
        self.write_shares(out)?;
        self.write_totals(out)
    }

    fn write_phases(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "\n{:<24}{:>10}{:>9}{:>11}{:>11}",
            "phase", "requests", "failed", "p50", "p99"
        )?;
        for phase in &self.phases {
            let Phase {
                name,
                requests,
                failed,
                p50_ms,
                p99_ms,
                ..
            } = phase;
            writeln!(
                out,
                "{name:<24}{requests:>10}{failed:>9}{p50_ms:>8.1} ms{p99_ms:>8.1} ms"
            )?;
        }
        let (requests, failed, p50, p99) = (
            self.requests,
            self.failed_requests,
            self.p50_ms,
            self.p99_ms,
        );
        writeln!(
            out,
            "{:<24}{requests:>10}{failed:>9}{p50:>8.1} ms{p99:>8.1} ms",
            "whole run"
        )
    }

    fn write_shares(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\nshare of each back end, phase by phase")?;
        for EndpointSummary {
            name, speed, fault, ..
        } in &self.endpoints
        {
            write!(out, "{name:<8}speed {speed:.1}")?;
            for phase in &self.phases {
                let share = phase
                    .share_by_endpoint
                    .get(name)
                    .copied()
                    .unwrap_or_default();
                write!(out, "{:>9.1} %", share * 100.0)?;
            }
            writeln!(out, "  {}", fault.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }

    fn write_totals(&self, out: &mut impl Write) -> io::Result<()> {
        let (rate, seconds) = (self.rate, self.seconds);
        writeln!(out, "\nload        {rate:.0} answers/s for {seconds:.1} s")?;
        writeln!(
            out,
            "decisions   {}, {} of them by the fallback, p50 {} ns; model version {}, {} reloaded",
            self.decisions,
            self.fallback_decisions,
            self.decision_p50_ns,
            self.model_version,
            self.reloads_ok
        )?;
        writeln!(
            out,
            "back ends   {} answers of 5xx, {} attempts retried elsewhere",
            self.upstream_5xx, self.retries
        )?;
        writeln!(out, "dropped by the proxy  {}", self.dropped_by_proxy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        Summary {
            requests: 100,
            failed_requests: 2,
            upstream_5xx: 20,
            retries: 18,
            dropped_by_proxy: 0,
            p50_ms: 20.0,
            p99_ms: 90.0,
            decisions: 118,
            fallback_decisions: 0,
            decision_p50_ns: 900,
            reloads_ok: 1,
            model_version: 2,
            share_by_endpoint: BTreeMap::from([("api-1".to_owned(), 1.0)]),
            seconds: 10.0,
            rate: 10.0,
            phases: vec![Phase {
                name: "all well",
                requests: 100,
                failed: 2,
                p50_ms: 20.0,
                p99_ms: 90.0,
                share_by_endpoint: BTreeMap::from([("api-1".to_owned(), 1.0)]),
            }],
            endpoints: vec![EndpointSummary {
                name: "api-1".to_owned(),
                address: "127.0.0.1:1".to_owned(),
                speed: 1.0,
                fault: Some("slow ×8".to_owned()),
            }],
            reload_problem: None,
        }
    }

    fn reason(change: impl FnOnce(&mut Summary)) -> String {
        let mut summary = summary();
        summary.verdict().expect("a good run");
        change(&mut summary);
        summary.verdict().unwrap_err().to_string()
    }

    #[test]
    fn a_run_fails_by_dropped_requests_or_a_missing_reload() {
        assert!(reason(|s| s.dropped_by_proxy = 3).contains("dropped 3 requests"));
        assert!(reason(|s| s.reload_problem = Some("no answer".to_owned())).contains("no answer"));
        assert!(reason(|s| s.reloads_ok = 0).contains("no model reload"));
        assert!(reason(|s| s.failed_requests = 100).contains("not one request"));
    }

    #[test]
    fn the_table_shows_phases_shares_and_faults() {
        let mut out = Vec::new();
        summary().write_table(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for part in [
            "all well",
            "whole run",
            "100.0 %",
            "slow ×8",
            "p50 900 ns",
            "dropped by the proxy  0",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
