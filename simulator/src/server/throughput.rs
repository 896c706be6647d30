//! How many requests a server gets, and how many of them it answers with errors.

use lb_policy::time::Timestamp;

const WINDOW_NANOS: u64 = 1_000_000_000;

/// Averages over windows of one second, each of which counts half as much as the next.
#[derive(Debug, Default)]
pub(super) struct Throughput {
    /// Windows that are over.
    windows: u64,
    requests: Count,
    errors: Count,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    in_window: u32,
    per_second: f64,
}

impl Throughput {
    pub(super) fn note_request(&mut self) {
        self.requests.in_window += 1;
    }

    pub(super) fn note_error(&mut self) {
        self.errors.in_window += 1;
    }

    /// Ends the windows that are over.
    pub(super) fn advance(&mut self, now: Timestamp) {
        let over = now.as_nanos() / WINDOW_NANOS;
        if over > self.windows {
            let passed = over - self.windows;
            self.requests.pass(passed);
            self.errors.pass(passed);
            self.windows = over;
        }
    }

    /// Requests and errors per second; `None` before the end of the first window.
    pub(super) fn per_second(&self) -> Option<(f64, f64)> {
        (self.windows > 0).then_some((self.requests.per_second, self.errors.per_second))
    }
}

impl Count {
    /// Takes in the window that was counted, and empty ones after it.
    fn pass(&mut self, windows: u64) {
        let counted = 0.5 * (self.per_second + f64::from(self.in_window));
        let empty = i32::try_from(windows - 1).unwrap_or(i32::MAX);
        self.per_second = counted * 0.5f64.powi(empty);
        self.in_window = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_counts_half_as_much_as_the_next() {
        let at = |seconds: u64| Timestamp::from_nanos(seconds * WINDOW_NANOS);
        let mut throughput = Throughput::default();
        for _ in 0..40 {
            throughput.note_request();
        }
        assert_eq!(throughput.per_second(), None);
        throughput.advance(at(1));
        assert_eq!(throughput.per_second(), Some((20.0, 0.0)));
        throughput.note_error();
        throughput.note_error();
        throughput.advance(at(3));
        assert_eq!(throughput.per_second(), Some((5.0, 0.5)));
    }
}
