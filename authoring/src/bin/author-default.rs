//! Writes the default model into `models/default/1`, or into the folder given.

use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let dir = std::env::args_os()
        .nth(1)
        .map_or("models/default/1".into(), PathBuf::from);
    lb_authoring::default_model::write(&dir)
}
