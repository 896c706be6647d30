//! Carries a run out.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep_until};

use crate::journeys::{self, Phase, Plan, Progress, Report};
use crate::shop_run::audit::Auditor;
use crate::shop_run::config::host;
use crate::shop_run::outcome::Outcome;
use crate::shop_run::setting::{CART_POLICIES, SERVICES, Setting, State};
use crate::shop_run::shares::shares;
use crate::shop_run::stage::Stage;

/// Instances are killed one after another in this part of the run.
const KILLS_FROM: f64 = 0.2;
const KILLS_TO: f64 = 0.8;
/// Shoppers of a run are in more of a hurry than people.
const THINK_SCALE: f64 = 0.3;

/// Starts the shop, sends shoppers, and looks whether everything agrees.
///
/// # Errors
/// When something does not start, ends by itself or does not answer at the end. Books that do not
/// agree are an outcome.
pub async fn run(setting: &Setting, progress: Progress) -> Result<Outcome> {
    let mut stage = Stage::set(setting).await?;
    if setting.delay_ms > 0 {
        stage.degrade(setting.delay_ms).await?;
    }
    let before = stage.metrics().await?;
    let (report, killed) = shop(setting, &mut stage, progress).await?;
    stage.check_running()?;
    let token = stage.admin_token().await?;
    let auditor = Auditor {
        shop: stage.proxy_address(),
        token: &token,
    };
    let trial = auditor.audit(&report).await?;
    let degraded = stage.degraded_address().context("no degraded instance")?;
    Ok(Outcome {
        state: state(setting, &stage),
        killed,
        delay_ms: setting.delay_ms,
        mails: stage.mails(),
        shares: shares(&before, &stage.metrics().await?, degraded, &report),
        journeys: report,
        trial,
    })
}

/// Journeys, and the kills meanwhile.
async fn shop(
    setting: &Setting,
    stage: &mut Stage,
    progress: Progress,
) -> Result<(Report, Vec<String>)> {
    let plan = plan(setting, stage)?;
    let journeys = journeys::run_with_progress(plan, progress, std::future::pending());
    let (report, killed) = tokio::join!(journeys, kill(setting, stage));
    Ok((report?, killed))
}

fn plan(setting: &Setting, stage: &Stage) -> Result<Plan> {
    let target = format!("http://{}", stage.proxy_address()).parse();
    let soak = Phase::Soak {
        rate_per_s: setting.rate_per_s,
        duration: setting.length,
    };
    Ok(Plan {
        hosts: CART_POLICIES.iter().map(|policy| host(policy)).collect(),
        seed: setting.seed,
        think_scale: THINK_SCALE,
        // An instance that is killed takes its work with it until the lease ends.
        order_wait: Duration::from_secs(60),
        drain: Duration::from_secs(90),
        ..Plan::new(target.context("address of the shop")?, vec![soak])
    })
}

/// One instance of each service, evenly over the middle of the run.
async fn kill(setting: &Setting, stage: &mut Stage) -> Vec<String> {
    let mut killed = Vec::new();
    if !setting.kill {
        return killed;
    }
    let start = Instant::now();
    let step = (KILLS_TO - KILLS_FROM) / (SERVICES.len() - 1) as f64;
    for (number, (service, _)) in SERVICES.iter().enumerate() {
        let share = KILLS_FROM + step * number as f64;
        sleep_until(start + setting.length.mul_f64(share)).await;
        killed.extend(stage.kill(service).map(str::to_owned));
    }
    killed
}

fn state(setting: &Setting, stage: &Stage) -> String {
    let store = match setting.state {
        State::Sqlite => "SQLite",
        State::Postgres(_) => "PostgreSQL",
    };
    match stage.has_redis() {
        true => format!("{store} and Redis"),
        false => format!("{store}, without Redis"),
    }
}
