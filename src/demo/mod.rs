//! `demo`: six back ends, the proxy and a load on this machine, with faults and a model reload
//! half-way; shows what the policy does and says in the end what was measured.

mod histogram;
mod metrics_text;
mod scrape;
mod client;
mod models;
mod stage;
mod summary;
mod script;
mod frame;
mod view;
mod watch;
mod hints;

use anyhow::{Context as _, Result, anyhow, bail};
use frame::Known;
use http::Method;
use loadtest::{Kind, Plan, Progress, Report, run_with_progress};
use script::{Director, Played};
use stage::Stage;
use std::{
    io::{self, Write as _},
    time::Duration,
};
use summary::{EndpointSummary, Summary};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::sleep,
};
use view::View;

/// Length of a run that does not say.
const SECONDS: u32 = 30;
/// Most requests underway before further ones are not even sent.
const OUTSTANDING_MAX: usize = 2000;
/// The load is the same in every run.
const SEED: u64 = 1;

/// Arguments of `demo`.
#[derive(clap::Args, Clone, Debug)]
pub struct DemoArgs {
    /// Length of the load, 5 to 3600 [default: 30; with --no-load: until Ctrl-C].
    #[arg(long, value_parser = clap::value_parser!(u32).range(5..=3600))]
    seconds: Option<u32>,
    /// Print one JSON object and nothing else; progress goes to standard error.
    #[arg(long, conflicts_with = "no_load")]
    json: bool,
    /// Start everything but the load, and say how to play with it.
    #[arg(long, conflicts_with = "rate")]
    no_load: bool,
    /// Requests per second, 1 to 20000. The back ends carry 600 while all is well.
    #[arg(long, default_value_t = 340, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    rate: u32,
}

/// Runs the demo to its end. Nothing it started is left, whatever the end.
///
/// # Errors
/// A program is missing, the proxy dropped a request it could have saved, the model was not
/// reloaded, or a signal ended the run.
pub fn run(args: &DemoArgs) -> Result<()> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.context("cannot start threads")?;
    runtime.block_on(async {
        let interrupted = interrupted()?;
        let whole = async {
            match args.no_load {
                true => stand(args).await,
                false => perform(args).await,
            }
        };
        tokio::select! {
            result = whole => result,
            () = interrupted => match args.no_load {
                true => Ok(()),
                false => bail!("interrupted; everything is stopped"),
            },
        }
    })
}

/// Resolves when somebody wants the demo to end: Ctrl-C, a signal, a closed terminal.
fn interrupted() -> Result<impl Future<Output = ()>> {
    let catch = |kind| signal(kind).context("cannot catch signals");
    let mut interrupt = catch(SignalKind::interrupt())?;
    let mut terminate = catch(SignalKind::terminate())?;
    let mut hangup = catch(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// The stage without a load.
async fn stand(args: &DemoArgs) -> Result<()> {
    let mut stage = Stage::set().await?;
    hints::write(&stage, &mut io::stdout())?;
    let look_every = Duration::from_secs(1);
    let mut seconds_left = args.seconds;
    while seconds_left != Some(0) {
        sleep(look_every).await;
        stage.check_proxy_running()?;
        seconds_left = seconds_left.map(|seconds| seconds - 1);
    }
    Ok(())
}

async fn perform(args: &DemoArgs) -> Result<()> {
    let mut stage = Stage::set().await?;
    let summary = match measure(args, &stage).await {
        Ok(summary) => summary,
        Err(error) => {
            // That the proxy has ended says more than that it does not answer.
            stage.check_proxy_running()?;
            return Err(error);
        }
    };
    drop(stage);
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &summary)?;
        writeln!(out)?;
    } else {
        summary.write_table(&mut out)?;
    }
    summary.verdict()
}

/// Sends the load, plays the scenes and shows both until the load has ended.
async fn measure(args: &DemoArgs, stage: &Stage) -> Result<Summary> {
    let plan = plan(args, stage)?;
    let whole = plan.duration();
    let (progress, (events, told)) = (Progress::new(), mpsc::unbounded_channel());
    let mut known = known(stage);
    let mut view = View::new(args.json)?;
    let mut director = Director::new(stage, progress.clone(), events);
    let load = async {
        let never = std::future::pending();
        run_with_progress(plan, progress, never)
            .await
            .map_err(anyhow::Error::from)
    };
    let show = async { tokio::try_join!(load, director.play(whole)) };
    let (report, ()) = tokio::select! {
        result = show => result?,
        result = watch::watch(stage, whole, told, &mut known, &mut view) => {
            return Err(result.err().unwrap_or_else(|| anyhow!("the view ended")));
        }
    };
    let played = director.finish().await?;
    drop(view);
    Ok(summarize(stage, &report, played, known))
}

/// An ordinary mix: mostly reads, some of them larger, some writes.
fn plan(args: &DemoArgs, stage: &Stage) -> Result<Plan> {
    let target = format!("http://{}", stage.proxy_address).parse()?;
    let whole = Duration::from_secs(args.seconds.unwrap_or(SECONDS).into());
    let kind = |weight, path: &str| Kind {
        weight,
        ..Kind::get(path)
    };
    let order = Kind {
        method: Method::POST,
        body_bytes: 256,
        ..kind(1.0, "/api/orders")
    };
    Ok(Plan {
        mix: vec![kind(8.0, "/api/products"), kind(1.0, "/bytes/4096"), order],
        seed: SEED,
        max_outstanding: OUTSTANDING_MAX,
        ..Plan::new(target, args.rate.into(), whole)
    })
}

fn known(stage: &Stage) -> Vec<Known> {
    let known = |back_end: &stage::BackEnd| Known {
        name: back_end.name.clone(),
        address: back_end.address.to_string(),
        speed: back_end.speed,
        fault: None,
    };
    stage.back_ends.iter().map(known).collect()
}

fn summarize(stage: &Stage, report: &Report, played: Played, known: Vec<Known>) -> Summary {
    let Played {
        phases,
        scrape,
        reload_problem,
    } = played;
    let decision_p50 = scrape.decision_time.quantile(0.5).unwrap_or_default();
    let endpoint = |known: Known| EndpointSummary {
        name: known.name,
        address: known.address,
        speed: known.speed,
        fault: known.fault,
    };
    Summary {
        requests: report.counts.arrivals,
        failed_requests: script::failed(&report.counts),
        upstream_5xx: scrape.upstream_5xx(),
        retries: scrape.retries,
        dropped_by_proxy: scrape.dropped,
        p50_ms: report.latency_ms.p50,
        p99_ms: report.latency_ms.p99,
        decisions: scrape.decisions,
        fallback_decisions: scrape.fallback_decisions,
        decision_p50_ns: (decision_p50 * 1e9).round() as u64,
        reloads_ok: scrape.model_reloads_ok,
        model_version: scrape.model_version,
        share_by_endpoint: script::named(stage, &scrape.shares_since(&scrape::Scrape::default())),
        seconds: report.elapsed_s,
        rate: report.answered_per_s,
        phases,
        endpoints: known.into_iter().map(endpoint).collect(),
        reload_problem,
    }
}
