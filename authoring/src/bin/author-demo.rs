//! Writes the demo's model into `models/demo/2`, or into the folder given.

use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let dir = std::env::args_os()
        .nth(1)
        .map_or("models/demo/2".into(), PathBuf::from);
    lb_authoring::demo_model::write(&dir)
}
