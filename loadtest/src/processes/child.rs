//! A process that this one starts. It ends with its owner, whatever way the owner ends, and its
//! last words are kept for an error message.

use anyhow::{Context as _, Result, anyhow, bail};
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt as _,
    process::{self, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};

/// Last lines kept for an error message.
const LAST_WORDS: usize = 10;
/// Longer lines are cut, so that a child cannot fill the memory.
const LONGEST_LINE: u64 = 4096;
/// Lines waiting to be looked at during the start; later ones are only last words.
const LINES_WAITING: usize = 256;
/// Longest wait for a line that tells of the start.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A running process. Dropping it kills it and waits for its end.
#[derive(Debug)]
pub struct Child {
    name: String,
    process: process::Child,
    lines: mpsc::Receiver<String>,
    last_words: LastWords,
}

type LastWords = Arc<Mutex<VecDeque<String>>>;

impl Child {
    /// Starts `command`; `name` is for messages.
    ///
    /// # Errors
    /// When the system cannot start it.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        command
            .env_remove("RUST_LOG") // its own default says what is waited for
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0); // Ctrl-C is for the owner, which then ends its children itself
        let process = command.spawn();
        let mut process = process.with_context(|| format!("cannot start {name} ({command:?})"))?;
        let (sender, lines) = mpsc::channel(LINES_WAITING);
        let last_words = LastWords::default();
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        // Made first, so that an error below ends the process.
        let child = Self {
            name: name.to_owned(),
            process,
            lines,
            last_words,
        };
        listen(stdout, sender.clone(), Arc::clone(&child.last_words))?;
        listen(stderr, sender, Arc::clone(&child.last_words))?;
        Ok(child)
    }

    /// Its process identifier.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for the first line that `find` finds something in.
    ///
    /// # Errors
    /// When the process ends or says no such thing in time.
    pub async fn wait_for<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let waiting = async {
            while let Some(line) = self.lines.recv().await {
                if let Some(found) = find(&line) {
                    return Some(found);
                }
            }
            None
        };
        match timeout(STARTS_WITHIN, waiting).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(anyhow!("{} ended at once{}", self.name, self.said())),
            Err(_) => Err(anyhow!("{} does not get ready{}", self.name, self.said())),
        }
    }

    /// # Errors
    /// When the process has ended: nothing here ends by itself.
    pub fn check_running(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended, {status}{}", self.name, self.said()),
        }
    }

    fn said(&self) -> String {
        let words = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match words.is_empty() {
            true => String::new(),
            false => format!(
                "; it said:\n{}",
                words.iter().cloned().collect::<Vec<_>>().join("\n")
            ),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Reads a pipe to its end on a thread: a child whose pipe nobody empties stands still.
fn listen(
    pipe: Option<impl Read + Send + 'static>,
    lines: mpsc::Sender<String>,
    last_words: LastWords,
) -> Result<()> {
    let mut pipe = BufReader::new(pipe.expect("invariant: both outputs are piped"));
    let listen = move || {
        while let Some(line) = read_line(&mut pipe) {
            let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
            words.push_back(line.clone());
            if words.len() > LAST_WORDS {
                words.pop_front();
            }
            drop(words);
            // Full or closed: nobody waits for lines any more.
            lines.try_send(line).ok();
        }
    };
    let thread = thread::Builder::new().name("child-listen".to_owned());
    thread.spawn(listen).context("cannot start a thread")?;
    Ok(())
}

fn read_line(pipe: &mut impl BufRead) -> Option<String> {
    let mut line = Vec::new();
    let read = pipe.take(LONGEST_LINE).read_until(b'\n', &mut line).ok()?;
    (read > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Child {
        Child::start("shell", Command::new("sh").args(["-c", script])).unwrap()
    }

    #[tokio::test]
    async fn a_dropped_child_is_gone() {
        let mut child = shell("echo up; exec sleep 600");
        child
            .wait_for(|line| (line == "up").then_some(()))
            .await
            .unwrap();
        child.check_running().unwrap();
        let process = format!("/proc/{}", child.id());
        assert!(std::fs::exists(&process).unwrap());
        drop(child);
        assert!(!std::fs::exists(&process).unwrap());
    }

    #[tokio::test]
    async fn a_child_that_ends_at_once_is_told_with_its_words() {
        let mut child = shell("echo no such thing >&2; exit 3");
        let error = child
            .wait_for(|line| (line == "up").then_some(()))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("no such thing"), "{error}");
    }

    #[tokio::test]
    async fn endless_lines_are_cut() {
        let mut child = shell("head -c 100000 /dev/zero | tr '\\0' x; exec sleep 600");
        let length = child.wait_for(|line| Some(line.len())).await.unwrap();
        assert_eq!(length as u64, LONGEST_LINE);
    }
}
