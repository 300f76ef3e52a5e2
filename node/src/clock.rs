//! The only place that reads the time: milliseconds since 1970 that never run backwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The node's clock. Clones share one guard: what one of them has shown, none of them goes behind.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    latest_ms: Arc<AtomicU64>,
}

impl Clock {
    /// A clock that follows the machine's.
    pub fn new() -> Clock {
        Clock::default()
    }

    /// Milliseconds since 1970. When the machine's clock is set back, this holds still until it has caught up.
    pub fn now_ms(&self) -> u64 {
        // A clock before 1970 is not set at all; zero keeps the guard's promise.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.observe(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX))
    }

    fn observe(&self, wall_ms: u64) -> u64 {
        self.latest_ms.fetch_max(wall_ms, Ordering::Relaxed).max(wall_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_back_holds_still() {
        let clock = Clock::new();
        assert_eq!(clock.observe(5_000), 5_000);
        assert_eq!(clock.observe(4_000), 5_000);
        assert_eq!(clock.clone().observe(4_999), 5_000);
        assert_eq!(clock.observe(5_001), 5_001);
    }

    #[test]
    fn the_clock_counts_from_1970() {
        // 2024-01-01; a machine that is older than this program is not one we run on.
        assert!(Clock::new().now_ms() > 1_704_067_200_000);
    }
}
