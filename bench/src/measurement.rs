//! What was measured, and how much of it is for sale. Knows not how it was measured.

use protocol::capacity::Rounding;
use protocol::{Capacity, Metric};

/// One measured figure, in the metric's base unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// What was measured.
    pub metric: Metric,
    /// Operations per second of processor time: the median repetition, summed over all threads. For sizes, the size.
    pub capability: u64,
    /// Operations per second by the wall clock, over all threads and repetitions. For sizes, the size.
    pub delivered: u64,
    /// Half the width of `interval` in percent of `capability`; 0 for sizes.
    pub spread_percent: f64,
    /// How many repetitions were counted; 1 for sizes.
    pub repetitions: u32,
    /// The 95 % confidence interval of `capability`.
    pub interval: (u64, u64),
}

impl Measurement {
    /// A size, which is read once and exact.
    pub(crate) fn size(metric: Metric, value: u64) -> Measurement {
        Measurement {
            metric,
            capability: value,
            delivered: value,
            spread_percent: 0.0,
            repetitions: 1,
            interval: (value, value),
        }
    }
}

/// `share_percent` (at most 100) of the measured capabilities, as an ask may offer them: rates rounded down to two
/// digits, sizes and counts down to the whole unit. Of a metric that was measured twice the last one counts.
pub fn capacity(measurements: &[Measurement], share_percent: u8) -> Capacity {
    let share = u128::from(share_percent.min(100));
    let scaled = measurements.iter().map(|one| {
        let value = u128::from(one.capability) * share / 100;
        (one.metric, u64::try_from(value).expect("a share is no larger than the whole"))
    });
    Capacity::new(scaled).rounded(Rounding::Down)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_rounds_rates_to_two_digits_and_keeps_sizes() {
        let whole = [Measurement::size(Metric::CpuHash, 49_990_000), Measurement::size(Metric::MemSize, 16_001)];
        let text = |percent| capacity(&whole, percent).to_string();
        assert_eq!(text(100), "cpu.hash=49Mhash/s mem.size=15.62GiB");
        assert_eq!(capacity(&whole, 50).value(Metric::MemSize as u16), 8_000);
        assert_eq!(capacity(&whole, 50).value(Metric::CpuHash as u16), 24_000_000);
        assert_eq!(text(200), text(100));
        assert_eq!(text(0), "");
        assert_eq!(capacity(&whole, 33).check(), Ok(()));
    }

    #[test]
    fn a_share_of_the_largest_figure_does_not_overflow() {
        let whole = [Measurement::size(Metric::MemSize, u64::MAX)];
        assert_eq!(capacity(&whole, 100).value(Metric::MemSize as u16), u64::MAX);
    }
}
