//! Writes a trained model: the version that the proxy loads, and beside it weights, what
//! happened as JSON and as a curve, and a model card.

use crate::{
    curve::curve,
    dataset::Ranges,
    settings::Settings,
    train::{History, Trained},
    validate::Score,
    weights::{WEIGHTS_FILE, Weights},
};
use anyhow::{Context as _, ensure};
use lb_authoring::export::Export;
use serde::Serialize;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// Where a model goes, and what it is called by that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    dir: PathBuf,
    name: String,
    version: u64,
}

/// How the run was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// The command line.
    pub command: String,
    /// The commit of the repository, `unknown` outside one.
    pub commit: String,
}

/// `training.json`.
#[derive(Debug, Serialize)]
struct Record<'a> {
    #[serde(flatten)]
    provenance: &'a Provenance,
    settings: &'a Settings,
    #[serde(flatten)]
    history: &'a History,
}

impl Destination {
    /// Reads `NAME/VERSION` at the end of a path.
    ///
    /// # Errors
    /// When it does not end so.
    pub fn parse(dir: &Path) -> anyhow::Result<Self> {
        let part = |path: Option<&Path>| Some(path?.file_name()?.to_str()?.to_owned());
        let version = part(Some(dir)).and_then(|text| text.parse::<u64>().ok());
        let name = part(dir.parent());
        let shown = dir.display();
        Ok(Self {
            dir: dir.to_owned(),
            version: version
                .filter(|version| *version > 0)
                .with_context(|| format!("{shown} does not end in a version number"))?,
            name: name.with_context(|| format!("{shown} has no folder named after the model"))?,
        })
    }

    /// Fails when there is a model already.
    ///
    /// # Errors
    /// Names the version that is there.
    pub fn check_free(&self) -> anyhow::Result<()> {
        let manifest = self.dir.join("manifest.yaml");
        ensure!(
            !manifest.exists(),
            "{} exists; versions are never overwritten",
            manifest.display()
        );
        Ok(())
    }

    /// Writes the version that the proxy loads, and its weights. The manifest comes last.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write_model(
        &self,
        weights: &Weights,
        ranges: &Ranges,
        training: &str,
    ) -> anyhow::Result<()> {
        let text = serde_json::to_string(weights).context("cannot write the weights")?;
        self.write(WEIGHTS_FILE, &(text + "\n"))?;
        let mut export = Export::new(&self.name, self.version, training);
        export.ranges = ranges.by_name();
        export.write(&weights.network(), &self.dir)
    }

    /// Writes a file into the folder, which is made if need be.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.dir.join(name);
        fs::create_dir_all(&self.dir)
            .and_then(|()| fs::write(&path, text))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Writes everything that a training run leaves.
///
/// # Errors
/// When the folder cannot be written.
pub fn publish(
    trained: &Trained,
    settings: &Settings,
    provenance: &Provenance,
    to: &Destination,
) -> anyhow::Result<()> {
    let history = &trained.history;
    let record = Record {
        provenance,
        settings,
        history,
    };
    let json = serde_json::to_string_pretty(&record).context("cannot write the record")?;
    to.write("training.json", &(json + "\n"))?;
    to.write("curve.svg", &curve(history)?)?;
    to.write("MODEL_CARD.md", &card(trained, settings, provenance, to)?)?;
    let training = training_text(trained, settings, provenance);
    to.write_model(&trained.weights, &trained.ranges, &training)
}

/// One line that says how the weights came about.
fn training_text(trained: &Trained, settings: &Settings, provenance: &Provenance) -> String {
    let Provenance { command, commit } = provenance;
    format!(
        "{command}; seed {}, commit {commit}, {} networks, {} decisions, chosen: {}",
        settings.seed,
        settings.members,
        trained.history.decisions(),
        trained.history.chosen
    )
}

impl History {
    /// Decisions gathered in all rounds.
    pub fn decisions(&self) -> usize {
        self.rounds.iter().map(|round| round.decisions).sum()
    }
}

fn card(
    trained: &Trained,
    settings: &Settings,
    provenance: &Provenance,
    to: &Destination,
) -> anyhow::Result<String> {
    let Trained {
        weights, history, ..
    } = trained;
    let Destination { name, version, .. } = to;
    let settings_text = serde_yaml::to_string(settings).context("cannot write the settings")?;
    Ok(format!(
        "# Model card: {name}, version {version}\n\n\
         Made by `trainer train`; not edited by hand.\n\n\
         ## What it computes\n\n\
         h = relu(W1 x + Wg g + b1), z = relu(W2 h + Wp mean(h) + b2), cost = w3 z + wl x + b, \
         {} and {} values wide, {} weights, {} of which are not 0. The cost is the logarithm of what sending the \
         request there costs in means of its class: time to completion plus {} times the delay \
         inflicted on others, times (1 + the mean delay by pauses of the next seconds, in such \
         means) to the power of {}. Feature schema `{}`.\n\n\
         ## How it was made\n\n\
         | | |\n|---|---|\n\
         | Command | `{}` |\n| Commit | {} |\n| Seed | {} |\n| Scenarios | `{}` |\n\
         | Decisions gathered | {} in {} rounds of {} networks |\n| Chosen | {}, by the lowest J |\n\n\
         All data are simulated. Scenarios of rounds, search and validation never overlap; the \
         validation scenarios also chose the model, so their figures flatter it.\n\n\
         ## Validation\n\n\
         {} scenarios in closed loop, guardrails and exploration as shipped. Latencies are \
         geometric means, errors count as time-outs in them.\n\n{}\n\
         ![Objective over the run](curve.svg)\n\n\
         ## Settings\n\n```yaml\n{settings_text}```\n",
        weights.first,
        weights.second,
        weights.values.len(),
        weights.values.iter().filter(|value| **value != 0.0).count(),
        settings.gather.inflicted,
        settings.gather.coming_pauses,
        weights.schema,
        provenance.command,
        provenance.commit,
        settings.seed,
        settings.scenarios.display(),
        history.decisions(),
        settings.gather.rounds,
        settings.members,
        history.chosen,
        settings.validate.scenarios,
        table(history),
    ))
}

fn table(history: &History) -> String {
    let mut text =
        String::from("| | J | errors | mean | p99 | loss |\n|---|---|---|---|---|---|\n");
    for baseline in &history.baselines {
        text.push_str(&row(&baseline.policy, &baseline.score, None));
    }
    for record in &history.rounds {
        let name = format!("network {}, round {}", record.member, record.round);
        text.push_str(&row(&name, &record.score, Some(record.loss)));
    }
    if let Some(mean) = &history.mean {
        text.push_str(&row("mean of the networks", mean, None));
    }
    for record in &history.search {
        let name = format!("generation {}", record.generation);
        text.push_str(&row(&name, &record.score, None));
    }
    text.push_str(&row("**chosen**", &history.score, None));
    text
}

fn row(name: &str, score: &Score, loss: Option<f64>) -> String {
    let mut text = format!(
        "| {name} | {:.4} | {:.3} % | {:.2} ms | {:.1} ms |",
        score.objective,
        score.error_rate * 100.0,
        score.mean_seconds * 1e3,
        score.p99_seconds * 1e3,
    );
    match loss {
        Some(loss) => writeln!(text, " {loss:.4} |"),
        None => writeln!(text, " |"),
    }
    .expect("writing to a String cannot fail");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_named_by_its_last_two_folders() {
        let destination = Destination::parse(Path::new("models/default/2")).unwrap();
        assert_eq!(
            (destination.name.as_str(), destination.version),
            ("default", 2)
        );
        for (path, reason) in [
            ("models/default", "version number"),
            ("models/default/0", "version number"),
            ("2", "named after the model"),
        ] {
            let error = Destination::parse(Path::new(path)).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
