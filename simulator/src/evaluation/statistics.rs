//! Order statistics, means and rank correlation.

/// The `q` quantile of `values`, between two of them by straight line; `NaN` of none.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    quantile_of_sorted(&sorted, q)
}

/// The median; `NaN` of nothing.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The arithmetic mean; `NaN` of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The geometric mean of positive values; `NaN` of nothing.
pub fn geometric_mean(values: &[f64]) -> f64 {
    let logarithms: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    mean(&logarithms).exp()
}

/// Spearman's rank correlation, -1 to 1; ties share their mean rank. `None` for series of
/// different length, of fewer than two values, or with all values the same.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() || a.len() < 2 {
        return None;
    }
    let (a, b) = (ranks(a), ranks(b));
    // The mean of the ranks, with ties or without.
    let middle = (a.len() as f64 + 1.0) / 2.0;
    let (mut both, mut a_squared, mut b_squared) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        both += (a - middle) * (b - middle);
        a_squared += (a - middle).powi(2);
        b_squared += (b - middle).powi(2);
    }
    let scale = (a_squared * b_squared).sqrt();
    (scale > 0.0).then(|| both / scale)
}

pub(super) fn quantile_of_sorted(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = place as usize;
    let above = (below + 1).min(last);
    let part = place - below as f64;
    if sorted[below].total_cmp(&sorted[above]).is_eq() {
        // Of two infinite neighbours the difference is no number.
        return sorted[below];
    }
    sorted[below] + part * (sorted[above] - sorted[below])
}

/// Ranks from 1.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let is_tie = |place: &&usize| values[**place].total_cmp(&values[order[from]]).is_eq();
        let ties = order[from..].iter().take_while(is_tie).count();
        let rank = from as f64 + (ties as f64 + 1.0) / 2.0;
        for place in &order[from..from + ties] {
            ranks[*place] = rank;
        }
        from += ties;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn quantiles_lie_on_lines_between_values() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_near(median(&values), 2.5);
        assert_near(quantile(&values, 0.25), 1.75);
        assert_near(quantile(&values, 0.0), 1.0);
        assert_near(quantile(&values, 1.0), 4.0);
        assert_near(median(&[7.0]), 7.0);
        assert!(median(&[]).is_nan());
        assert!(median(&[1.0, f64::INFINITY, f64::INFINITY]).is_infinite());
        assert!(median(&[1.0, 2.0, f64::INFINITY, f64::INFINITY]).is_infinite());
    }

    #[test]
    fn means() {
        assert_near(mean(&[1.0, 2.0, 6.0]), 3.0);
        assert_near(geometric_mean(&[1.0, 4.0, 16.0]), 4.0);
    }

    #[test]
    fn spearman_follows_ranks_and_not_values() {
        assert_near(
            spearman(&[1.0, 2.0, 3.0], &[10.0, 100.0, 1e6]).unwrap(),
            1.0,
        );
        assert_near(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]).unwrap(), -1.0);
        // d = 0, 1, -1, 1, -1: 1 - 6 * 4 / (5 * 24).
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 3.0, 2.0, 5.0, 4.0]);
        assert_near(spearman(&a, &b).unwrap(), 0.8);
    }

    #[test]
    fn spearman_gives_ties_their_mean_rank() {
        // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
        let found = spearman(&[1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_near(found, 4.5 / 22.5f64.sqrt());
    }

    #[test]
    fn spearman_is_undefined_without_an_order() {
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[1.0], &[1.0]), None);
        assert_eq!(spearman(&[1.0, 2.0], &[1.0]), None);
    }
}
