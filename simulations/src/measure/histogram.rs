//! Times by how long they are, to 1.6 %, in a fixed number of counters however many there are.

use crate::engine::{MS, Nanos};
use crate::figures::Percentiles;

/// Steps within a doubling.
const STEPS: u64 = 64;
/// Doublings above a microsecond: up to two hours.
const DOUBLINGS: u64 = 34;

/// How often which time was seen.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    max: Nanos,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: vec![0; (STEPS * DOUBLINGS) as usize], count: 0, max: 0 }
    }
}

impl Histogram {
    /// Counts one more.
    pub fn add(&mut self, time: Nanos) {
        self.counts[place(time / 1_000)] += 1;
        self.count += 1;
        self.max = self.max.max(time);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Nothing was seen.
    pub fn clear(&mut self) {
        self.counts.iter_mut().for_each(|count| *count = 0);
        (self.count, self.max) = (0, 0);
    }

    /// So many of 1,000 are at most this, in ms.
    pub fn per_mille(&self, part: u64) -> f64 {
        let wanted = (self.count * part).div_ceil(1_000).max(1);
        let mut sum = 0;
        let found = self.counts.iter().position(|count| {
            sum += count;
            sum >= wanted
        });
        found.map_or(0.0, |place| upper(place as u64) as f64 / 1_000.0).min(self.max as f64 / MS as f64)
    }

    /// The usual ones.
    pub fn percentiles(&self) -> Percentiles {
        Percentiles {
            count: self.count,
            p50: self.per_mille(500),
            p90: self.per_mille(900),
            p99: self.per_mille(990),
            max: self.max as f64 / MS as f64,
        }
    }
}

fn place(micros: u64) -> usize {
    if micros < STEPS {
        return micros as usize;
    }
    let doubling = u64::from(micros.ilog2()) - u64::from(STEPS.ilog2());
    let within = (micros >> doubling) - STEPS;
    (((doubling + 1) * STEPS + within) as usize).min((STEPS * DOUBLINGS - 1) as usize)
}

/// The largest number of microseconds that is counted there.
fn upper(place: u64) -> u64 {
    if place < STEPS {
        return place;
    }
    let (doubling, within) = (place / STEPS - 1, place % STEPS);
    ((STEPS + within + 1) << doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_two_percent() {
        let mut histogram = Histogram::default();
        (1..=100_000).for_each(|n| histogram.add(n * 10_000));
        let found = histogram.percentiles();
        for (found, expected) in [(found.p50, 500.0), (found.p90, 900.0), (found.p99, 990.0), (found.max, 1_000.0)] {
            assert!((found / expected - 1.0).abs() < 0.02, "{found} instead of {expected}");
        }
        assert_eq!(found.count, 100_000);
        assert_eq!(Histogram::default().percentiles(), Percentiles::default());
    }

    #[test]
    fn every_time_has_one_place_and_lies_under_its_upper_end() {
        for micros in (0..5_000).chain([1 << 20, (1 << 30) + 7]) {
            let place = place(micros) as u64;
            assert!(micros <= upper(place) && (place == 0 || upper(place - 1) < micros), "{micros}");
        }
    }
}
