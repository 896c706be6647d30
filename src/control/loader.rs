//! One thread on which configurations and models are read, whatever the number of reloads:
//! every thread that has ever loaded a model keeps some megabytes in its allocator.

use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The work did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error("the loading thread gave up")]
pub struct Interrupted;

/// Runs work that may block, one piece after another.
pub struct Loader {
    jobs: Sender<Job>,
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").finish_non_exhaustive()
    }
}

impl Loader {
    /// Starts the thread; it ends with the loader.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start() -> io::Result<Self> {
        let (jobs, waiting) = channel();
        thread::Builder::new()
            .name("loader".into())
            .spawn(move || work(&waiting))?;
        Ok(Self { jobs })
    }

    /// The result of `job`, carried out on the thread.
    ///
    /// # Errors
    /// When it panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Interrupted> {
        let (sender, result) = oneshot::channel();
        let job = move || {
            // The one who waits may have given up.
            sender.send(job()).ok();
        };
        self.jobs.send(Box::new(job)).map_err(|_| Interrupted)?;
        result.await.map_err(|_| Interrupted)
    }
}

fn work(waiting: &Receiver<Job>) {
    for job in waiting {
        // The panic was reported where it happened, and its result channel tells the caller.
        catch_unwind(AssertUnwindSafe(job)).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_thread_goes_on() {
        let loader = Loader::start().expect("a thread");
        assert_eq!(loader.run(|| 7).await.expect("done"), 7);
        let panicked = loader.run(|| panic!("a test's own")).await;
        assert!(panicked.is_err());
        assert_eq!(loader.run(|| 8).await.expect("done"), 8);
    }
}
