//! Bounded concurrency with a bounded first-in first-out queue: where waiting, and so load, comes from.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Lets a fixed number of requests be served at once, queues some more in order, refuses the rest.
#[derive(Debug)]
pub(crate) struct Gate {
    slots: Semaphore,
    concurrency: usize,
    waiting: AtomicUsize,
    longest_queue: usize,
}

/// Every slot is busy and the queue is full.
#[derive(Debug)]
pub(crate) struct QueueFull;

/// One request in service; leaves on drop.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    _permit: SemaphorePermit<'a>,
}

impl Gate {
    pub(crate) fn new(concurrency: usize, longest_queue: usize) -> Self {
        Gate {
            slots: Semaphore::new(concurrency),
            concurrency,
            waiting: AtomicUsize::new(0),
            longest_queue,
        }
    }

    /// Waits its turn for a slot; a caller that goes away gives up its place.
    pub(crate) async fn enter(&self) -> Result<Slot<'_>, QueueFull> {
        if let Ok(permit) = self.slots.try_acquire() {
            return Ok(Slot { _permit: permit });
        }
        let _place = self.join_queue()?;
        // tokio's semaphore is fair: slots go to waiters in the order they came.
        let permit = self
            .slots
            .acquire()
            .await
            .expect("invariant: the semaphore is never closed");
        Ok(Slot { _permit: permit })
    }

    /// Requests being served now.
    pub(crate) fn busy(&self) -> usize {
        self.concurrency - self.slots.available_permits()
    }

    /// Requests in the queue now.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many requests can be served at once.
    pub(crate) fn concurrency(&self) -> usize {
        self.concurrency
    }

    fn join_queue(&self) -> Result<Place<'_>, QueueFull> {
        let one_more = |waiting| (waiting < self.longest_queue).then_some(waiting + 1);
        self.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .map(|_| Place(&self.waiting))
            .map_err(|_| QueueFull)
    }
}

/// One place in the queue; given back on drop, so that clients that hang up do not fill it.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn waiting_requests_are_served_in_the_order_they_came() {
        let gate = Arc::new(Gate::new(1, 10));
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..5_u64 {
            let (gate, order) = (Arc::clone(&gate), Arc::clone(&order));
            tasks.spawn(async move {
                sleep(Duration::from_millis(number)).await;
                let _slot = gate.enter().await.unwrap();
                order.lock().unwrap().push(number);
                sleep(Duration::from_millis(50)).await;
            });
        }
        tasks.join_all().await;
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn beyond_slots_and_queue_requests_are_refused() {
        let gate = Arc::new(Gate::new(1, 1));
        let slot = gate.enter().await.unwrap();
        let queued = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter().await.is_ok() }
        });
        while gate.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(gate.enter().await.is_err(), "slot and queue are taken");
        drop(slot);
        assert!(queued.await.unwrap());
        assert_eq!((gate.busy(), gate.waiting()), (0, 0));
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_gives_up_its_place() {
        let gate = Gate::new(1, 1);
        let _slot = gate.enter().await.unwrap();
        let gave_up = tokio::time::timeout(Duration::from_millis(1), gate.enter()).await;
        assert!(gave_up.is_err());
        assert_eq!(gate.waiting(), 0);
    }
}
