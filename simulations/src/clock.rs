//! A peer's own clock: offset, speed, and steps. Never runs backwards, as the node's does not. Knows no other clock.

use crate::engine::{MS, Nanos};

/// The unix time at which every run begins: the first millisecond of an epoch.
pub const START_MS: u64 = 1_700_000_000_000;

/// What a peer takes for the time.
#[derive(Debug, Clone)]
pub struct Clock {
    /// Nanoseconds ahead at the start, and by steps since.
    offset: i64,
    /// Nanoseconds gained in a second.
    drift_ppb: i64,
    latest_ms: u64,
}

impl Clock {
    /// A clock that is so many nanoseconds ahead at the start and gains so many in a second.
    pub fn new(offset: i64, drift_ppb: i64) -> Clock {
        Clock { offset, drift_ppb, latest_ms: 0 }
    }

    /// Unix milliseconds. After a step back it holds still until it has caught up.
    pub fn unix_ms(&mut self, now: Nanos) -> u64 {
        self.latest_ms = self.latest_ms.max(self.wall_ms(now));
        self.latest_ms
    }

    fn wall_ms(&self, now: Nanos) -> u64 {
        let drift = i128::from(now) * i128::from(self.drift_ppb) / 1_000_000_000;
        let ahead = (i128::from(now) + i128::from(self.offset) + drift).div_euclid(i128::from(MS));
        START_MS.saturating_add_signed(ahead as i64)
    }

    /// Jumps forward, or back if `by` is negative.
    pub fn step(&mut self, by: i64) {
        self.offset = self.offset.saturating_add(by);
    }

    /// The process starts anew: what it has shown before binds it no more.
    pub fn restart(&mut self) {
        self.latest_ms = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::SECOND;

    #[test]
    fn a_clock_is_ahead_by_its_offset_and_gains_by_its_drift() {
        let mut clock = Clock::new(-20 * MS as i64, 20_000);
        assert_eq!(clock.unix_ms(0), START_MS - 20);
        assert_eq!(clock.unix_ms(1_000 * SECOND), START_MS - 20 + 1_000_000 + 20);
    }

    #[test]
    fn a_step_back_holds_still_until_it_has_caught_up() {
        let mut clock = Clock::new(0, 0);
        assert_eq!(clock.unix_ms(5 * SECOND), START_MS + 5_000);
        clock.step(-(SECOND as i64));
        assert_eq!(clock.unix_ms(5 * SECOND + 1), START_MS + 5_000);
        assert_eq!(clock.unix_ms(7 * SECOND), START_MS + 6_000);
        clock.step(2 * SECOND as i64);
        assert_eq!(clock.unix_ms(7 * SECOND), START_MS + 8_000);
    }
}
