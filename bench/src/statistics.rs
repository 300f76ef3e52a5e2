//! The median of a sample and how sure it is. Pure; knows not what was measured.

/// Fewer values than this have no 95 % interval of their median.
pub const VALUES_MIN: usize = 6;

/// The middle of a sample, with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Median {
    /// The median.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Median {
    /// The median of `values` and the interval between two of their order statistics that holds the true median with
    /// at least 95 % probability, whatever the distribution (Conover, Practical Nonparametric Statistics, 3.2: normal
    /// approximation of the binomial, rounded outwards). `None` below [`VALUES_MIN`] values or if one is not finite.
    pub fn of(values: &[f64]) -> Option<Median> {
        let count = values.len();
        if count < VALUES_MIN || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let middle = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2.0;
        let rank = low_rank(count);
        Some(Median { value: middle, low: sorted[rank], high: sorted[count - 1 - rank] })
    }

    /// Half the width of the interval, in percent of the median; infinite for a median of zero.
    pub fn spread_percent(&self) -> f64 {
        match self.value == 0.0 {
            true => f64::INFINITY,
            false => (self.high - self.low) / 2.0 / self.value.abs() * 100.0,
        }
    }
}

/// The rank, from 0, of the interval's lower end in a sample of `count`; the upper end stands as far from the top.
fn low_rank(count: usize) -> usize {
    let count = count as f64;
    let below = (count - 1.96 * count.sqrt()) / 2.0;
    (below.floor().max(1.0) - 1.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_outliers_do_not_move_it() {
        let values = [5.0, 1.0, 9000.0, 3.0, 2.0, 4.0, 0.0];
        assert_eq!(Median::of(&values).map(|median| median.value), Some(3.0));
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(Median::of(&values), Some(Median { value: 3.5, low: 1.0, high: 6.0 }));
    }

    /// For each size: the exact binomial probability that the true median lies outside the interval.
    #[test]
    fn the_interval_misses_the_true_median_at_most_once_in_twenty() {
        for count in VALUES_MIN..=400 {
            let mut term = 0.5f64.powi(count as i32);
            let mut below = 0.0;
            for rank in 0..=low_rank(count) {
                below += term;
                term *= (count - rank) as f64 / (rank + 1) as f64;
            }
            assert!(2.0 * below <= 0.05, "{count}: {below}");
        }
    }

    #[test]
    fn more_of_the_same_values_make_the_interval_narrower() {
        let spread = |count: usize| {
            let values: Vec<f64> = (0..count).map(|n| 100.0 + (n * 7 % 11) as f64).collect();
            Median::of(&values).unwrap().spread_percent()
        };
        assert!(spread(11 * 40) < spread(11), "{} {}", spread(440), spread(11));
        assert_eq!(Median::of(&[2.0; 6]).unwrap().spread_percent(), 0.0);
    }

    #[test]
    fn too_few_or_unreal_values_have_no_median() {
        assert_eq!(Median::of(&[1.0; VALUES_MIN - 1]), None);
        assert_eq!(Median::of(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, f64::NAN]), None);
        assert_eq!(Median::of(&[0.0; 6]).unwrap().spread_percent(), f64::INFINITY);
    }
}
