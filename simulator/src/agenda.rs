//! What is to happen when: a priority queue over the virtual clock.

use lb_policy::time::Timestamp;
use std::{cmp::Ordering, collections::BinaryHeap};

/// Something that happens. Servers and balancers are named by their indices, requests by their
/// places among the open ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A request reaches its server.
    Reach { request: u32 },
    /// A server is done with a request, unless what it does has changed since `turn`.
    Depart { server: u16, turn: u32 },
    /// An answer reaches the balancer.
    Answer { request: u32 },
    /// A pause of a server is over.
    Resume { server: u16 },
    /// A health check starts.
    Check { balancer: u16, server: u16 },
    /// A health check ends.
    Checked { balancer: u16, server: u16 },
    /// A server reports to the registry.
    Report { server: u16 },
    /// Balancers see the oldest report of it that they have not seen.
    Reported { server: u16 },
    /// A balancer looks for ejections that are over.
    Release { balancer: u16 },
    /// A balancer forgives an ejection of everybody who behaves.
    Forgive { balancer: u16 },
    /// A policy does its work off the path of requests.
    Refresh { balancer: u16 },
    /// An answer to a probe is due.
    Probed { balancer: u16, server: u16 },
}

/// Events in order of time, those of the same time in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Entry>,
    /// Wraps after 2^32 events; the order of simultaneous ones is fixed all the same.
    added: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    at: Timestamp,
    order: u32,
    event: Event,
}

impl Agenda {
    pub(crate) fn add(&mut self, at: Timestamp, event: Event) {
        let order = self.added;
        self.added = self.added.wrapping_add(1);
        self.heap.push(Entry { at, order, event });
    }

    /// Time of the next event.
    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        self.heap.peek().map(|entry| entry.at)
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.heap.pop().map(|entry| entry.event)
    }
}

impl Ord for Entry {
    /// Earlier is greater: the heap has the greatest on top.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_of_time_and_then_of_addition() {
        let mut agenda = Agenda::default();
        let at = Timestamp::from_nanos;
        for (nanos, request) in [(5, 1), (3, 2), (5, 3), (3, 4)] {
            agenda.add(at(nanos), Event::Answer { request });
        }
        assert_eq!(agenda.next_at(), Some(at(3)));
        let order: Vec<_> = std::iter::from_fn(|| agenda.pop()).collect();
        assert_eq!(order, [2, 4, 1, 3].map(|request| Event::Answer { request }));
    }
}
