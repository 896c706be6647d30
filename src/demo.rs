//! Placeholder.
use anyhow::Result;
/// Arguments.
#[derive(clap::Args, Debug)]
pub struct DemoArgs {}
/// Runs.
/// # Errors
/// None.
pub fn run(_: &DemoArgs) -> Result<()> {
    Ok(())
}
