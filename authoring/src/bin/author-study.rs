//! Writes the study's net with random weights as version 1 of a model into the folder given:
//! `author-study FOLDER [FIRST SECOND]`, the widths of its layers being 32 and 24 by default.

use anyhow::{Context as _, ensure};
use lb_authoring::{export::Export, study::study_net};
use std::path::Path;

/// Widths beyond this are typing errors.
const MAX_WIDTH: usize = 1024;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args_os().skip(1);
    let usage = "usage: author-study FOLDER [FIRST SECOND]";
    let folder = args.next().context(usage)?;
    let mut width = |default| match args.next() {
        None => Ok(default),
        Some(text) => text.to_string_lossy().parse::<usize>().context(usage),
    };
    let (first, second) = (width(32)?, width(24)?);
    let allowed = 1..=MAX_WIDTH;
    ensure!(
        allowed.contains(&first) && allowed.contains(&second),
        "widths are 1 to {MAX_WIDTH}"
    );
    let net = study_net(1, first, second);
    let export = Export::new("study", 1, "random weights, not trained");
    export.write(&net, &Path::new(&folder).join("1"))
}
