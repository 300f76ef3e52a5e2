//! The only place that reads the time: milliseconds since 1970 that never run backwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest single sleep, so that a wall clock that is set forward is noticed within this time.
const NAP_MAX: Duration = Duration::from_secs(1);

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

    /// Sleeps until [`Clock::now_ms`] is at least `at_ms`; returns at once if it already is.
    pub async fn until_ms(&self, at_ms: u64) {
        loop {
            let left = at_ms.saturating_sub(self.now_ms());
            if left == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(left).min(NAP_MAX)).await;
        }
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

    #[tokio::test]
    async fn a_sleep_ends_when_the_clock_says_so() {
        let clock = Clock::new();
        let at = clock.now_ms() + 20;
        clock.until_ms(at).await;
        assert!(clock.now_ms() >= at);
        clock.until_ms(0).await;
    }
}
