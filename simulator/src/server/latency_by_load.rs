//! What a server tells those who probe it: the median of its recent latencies at about the load
//! that it has now (Prequal, NSDI 2024).

/// Least requests in flight of each class of loads; the classes widen as loads grow.
const CLASSES: [usize; 12] = [0, 1, 2, 3, 4, 6, 9, 13, 19, 29, 46, 71];
/// Latencies kept of each class.
const KEPT: usize = 12;

/// The latest latencies by the load that each request met when it came.
#[derive(Debug, Default)]
pub(super) struct LatencyByLoad {
    classes: [Latest; CLASSES.len()],
}

#[derive(Debug, Default)]
struct Latest {
    seconds: [f32; KEPT],
    noted: usize,
}

impl LatencyByLoad {
    pub(super) fn note(&mut self, load: usize, seconds: f32) {
        let latest = &mut self.classes[class_of(load)];
        latest.seconds[latest.noted % KEPT] = seconds;
        latest.noted += 1;
    }

    /// The median latency in the class of `load`, or in the nearest that has one.
    pub(super) fn median_seconds(&self, load: usize) -> Option<f32> {
        let own = class_of(load);
        let known = self.classes.iter().enumerate();
        let known = known.filter(|(_, latest)| latest.noted > 0);
        let (_, nearest) = known.min_by_key(|(class, _)| class.abs_diff(own))?;
        Some(nearest.median())
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Latest {
    fn median(&self) -> f32 {
        let mut sorted = self.seconds;
        let sorted = &mut sorted[..self.noted.min(KEPT)];
        sorted.sort_unstable_by(f32::total_cmp);
        sorted[sorted.len() / 2]
    }
}

fn class_of(load: usize) -> usize {
    CLASSES.partition_point(|least| *least <= load) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_that_of_the_nearest_load() {
        let mut latencies = LatencyByLoad::default();
        assert_eq!(latencies.median_seconds(3), None);
        for seconds in [1.0, 2.0, 3.0] {
            latencies.note(2, seconds);
            latencies.note(100, 10.0 * seconds);
        }
        assert_eq!(latencies.median_seconds(0), Some(2.0));
        assert_eq!(latencies.median_seconds(80), Some(20.0));
    }

    #[test]
    fn old_latencies_go() {
        let mut latencies = LatencyByLoad::default();
        latencies.note(0, 99.0);
        for _ in 0..KEPT {
            latencies.note(0, 1.0);
        }
        assert_eq!(latencies.median_seconds(0), Some(1.0));
    }
}
