//! The command line of the simulator: reads arguments, calls the library, turns errors into exit
//! codes. 0 is success, 1 a failure or a gate that is not met, 2 wrong usage.

mod command;

use clap::Parser as _;
use std::{
    io::{self, Write as _},
    process::ExitCode,
};

fn main() -> ExitCode {
    let cli = command::Cli::parse();
    match command::perform(cli, &mut io::stdout()) {
        Ok(code) => code,
        Err(error) => {
            // Standard error may be closed; the exit code still tells.
            drop(writeln!(io::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
