//! The binary run to its end, for starts that must fail and for commands.

use crate::support::edge::{SOON, in_repository};
use std::{
    ffi::OsStr,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

/// The binary with `arguments`, to be run in the root of the repository.
pub(crate) fn binary<A: AsRef<OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ai-loadbalancer"));
    command
        .args(arguments)
        .current_dir(in_repository(""))
        .env_remove("ORT_DYLIB_PATH")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the binary with `arguments`; fails the test when it goes on running.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: &[A]) -> Ended {
    end_of(binary(arguments))
}

/// Waits for the end of `command`.
pub(crate) fn end_of(mut command: Command) -> Ended {
    let mut process = command.spawn().expect("the proxy's binary runs");
    let begun = Instant::now();
    while process.try_wait().expect("our child").is_none() {
        if begun.elapsed() > SOON {
            process.kill().expect("our child");
            let output = process.wait_with_output().expect("our child");
            let log = String::from_utf8_lossy(&output.stderr);
            panic!("{command:?} goes on running\n{log}");
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    let output = process.wait_with_output().expect("our child");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}
