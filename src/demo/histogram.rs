//! Histograms as Prometheus writes them: counts up to growing bounds.

/// Cumulative counts by upper bound; the last bound is infinite.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Histogram {
    /// (upper bound, observations up to it), ascending.
    buckets: Vec<(f64, f64)>,
}

impl Histogram {
    /// Counts one more series in.
    pub(super) fn add(&mut self, bound: f64, count: f64) {
        match self.buckets.iter_mut().find(|(known, _)| *known >= bound) {
            Some(bucket) if bucket.0 <= bound => bucket.1 += count,
            _ => {
                self.buckets.push((bound, count));
                self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            }
        }
    }

    /// What was observed since `earlier`. A series that is new since then counts from zero.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let before = |bound: f64| {
            let same = earlier
                .buckets
                .iter()
                .find(|b| b.0.total_cmp(&bound).is_eq());
            same.map_or(0.0, |bucket| bucket.1)
        };
        let buckets = self.buckets.iter();
        let buckets = buckets.map(|&(bound, count)| (bound, (count - before(bound)).max(0.0)));
        Self {
            buckets: buckets.collect(),
        }
    }

    /// The value below which a share of the observations lies, interpolated evenly within its
    /// bucket; what lies beyond the last finite bound counts as that bound. `None` when empty.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let total = self.buckets.last()?.1;
        if total <= 0.0 {
            return None;
        }
        let rank = share.clamp(0.0, 1.0) * total;
        let (mut low, mut below) = (0.0, 0.0);
        for &(bound, count) in &self.buckets {
            if count >= rank && count > below {
                let part = (rank - below).max(0.0) / (count - below);
                return Some(if bound.is_finite() {
                    low + part * (bound - low)
                } else {
                    low
                });
            }
            (low, below) = (bound, count);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(buckets: &[(f64, f64)]) -> Histogram {
        let mut histogram = Histogram::default();
        buckets
            .iter()
            .for_each(|&(bound, count)| histogram.add(bound, count));
        histogram
    }

    fn near(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-9)
    }

    #[test]
    fn a_quantile_is_interpolated_within_its_bucket() {
        let times = histogram(&[(1.0, 10.0), (2.0, 30.0), (f64::INFINITY, 40.0)]);
        assert!(near(times.quantile(0.125), 0.5));
        assert!(near(times.quantile(0.5), 1.5));
        assert!(near(times.quantile(0.75), 2.0));
    }

    #[test]
    fn beyond_the_last_bound_the_last_bound_stands() {
        let times = histogram(&[(1.0, 0.0), (2.0, 1.0), (f64::INFINITY, 100.0)]);
        assert!(near(times.quantile(0.99), 2.0));
    }

    #[test]
    fn nothing_observed_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert_eq!(
            histogram(&[(1.0, 0.0), (f64::INFINITY, 0.0)]).quantile(0.5),
            None
        );
    }

    #[test]
    fn series_add_up_whatever_their_order() {
        let both = histogram(&[(2.0, 4.0), (1.0, 1.0), (1.0, 1.0), (2.0, 2.0)]);
        assert_eq!(both, histogram(&[(1.0, 2.0), (2.0, 6.0)]));
    }

    #[test]
    fn only_what_came_since_then_counts() {
        let (then, now) = (
            histogram(&[(1.0, 5.0), (2.0, 5.0)]),
            histogram(&[(1.0, 5.0), (2.0, 9.0)]),
        );
        assert_eq!(now.since(&then), histogram(&[(1.0, 0.0), (2.0, 4.0)]));
        assert_eq!(now.since(&Histogram::default()), now);
    }
}
