//! `simulator list`: the families in files and folders.

use super::scenarios;
use anyhow::Result;
use clap::Args;
use std::{io::Write, path::PathBuf};

/// Arguments of `list`.
#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// Family files, or folders of them.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Prints each family with what its first scenario looks like.
pub(super) fn list(args: &ListArgs, out: &mut impl Write) -> Result<()> {
    for family in scenarios::load(&args.paths)? {
        let scenario = family.draw(0)?;
        writeln!(
            out,
            "{:<36} {:>3} servers  {:>2} balancers  {:>5.0} s  {}",
            family.name(),
            scenario.servers.len(),
            scenario.balancers.len(),
            scenario.duration,
            family.file().display()
        )?;
    }
    Ok(())
}
