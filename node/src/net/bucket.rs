//! Token buckets: what one peer may send. Pure: takes the time, knows no peer.

use std::time::Instant;

use super::limits::NetLimits;

/// A bucket that fills at a steady rate up to its burst.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    /// Thousandths of a token.
    level: u64,
    rate: u32,
    burst: u32,
    filled_at: Instant,
}

impl Bucket {
    /// A full bucket with `rate` tokens a second, at most `burst` of them.
    pub(super) fn new(rate: u32, burst: u32, now: Instant) -> Bucket {
        Bucket { level: u64::from(burst) * 1000, rate, burst, filled_at: now }
    }

    /// Takes `tokens`, or nothing if there are not that many.
    pub(super) fn take(&mut self, tokens: usize, now: Instant) -> bool {
        let elapsed_ms = now.saturating_duration_since(self.filled_at).as_millis().min(u128::from(u32::MAX)) as u64;
        if elapsed_ms > 0 {
            self.level = (self.level + elapsed_ms * u64::from(self.rate)).min(u64::from(self.burst) * 1000);
            self.filled_at = now;
        }
        let wanted = (tokens as u64).saturating_mul(1000);
        let is_enough = wanted <= self.level;
        if is_enough {
            self.level -= wanted;
        }
        is_enough
    }
}

/// What one peer may send: messages, requests, and bytes of both.
#[derive(Debug, Clone)]
pub(super) struct Allowance {
    gossip: Bucket,
    requests: Bucket,
    bytes: Bucket,
}

impl Allowance {
    /// The full allowance of a new peer.
    pub(super) fn new(limits: &NetLimits, now: Instant) -> Allowance {
        Allowance {
            gossip: Bucket::new(limits.gossip_rate, limits.gossip_burst, now),
            requests: Bucket::new(limits.requests_rate, limits.requests_burst, now),
            bytes: Bucket::new(limits.bytes_rate, limits.bytes_burst, now),
        }
    }

    /// Whether a gossip message of `bytes` is within the allowance.
    pub(super) fn take_gossip(&mut self, bytes: usize, now: Instant) -> bool {
        self.gossip.take(1, now) && self.bytes.take(bytes, now)
    }

    /// Whether a request of `bytes` is within the allowance.
    pub(super) fn take_request(&mut self, bytes: usize, now: Instant) -> bool {
        self.requests.take(1, now) && self.bytes.take(bytes, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(100, 500, start);
        assert_eq!((0..600).filter(|_| bucket.take(1, start)).count(), 500);
        let later = start + Duration::from_millis(250);
        assert_eq!((0..600).filter(|_| bucket.take(1, later)).count(), 25);
        let much_later = start + Duration::from_secs(3600);
        assert_eq!((0..600).filter(|_| bucket.take(1, much_later)).count(), 500);
    }

    #[test]
    fn small_steps_of_time_fill_as_much_as_one_large_one() {
        let start = Instant::now();
        let mut bucket = Bucket::new(100, 500, start);
        assert!(bucket.take(500, start));
        let taken = (1..=1000).filter(|ms| bucket.take(1, start + Duration::from_millis(*ms))).count();
        assert_eq!(taken, 100);
    }

    #[test]
    fn bytes_count_beside_messages() {
        let now = Instant::now();
        let limits = NetLimits { bytes_burst: 1000, ..NetLimits::default() };
        let mut allowance = Allowance::new(&limits, now);
        assert!(allowance.take_gossip(600, now));
        assert!(!allowance.take_request(600, now));
        assert!(allowance.take_request(400, now));
    }
}
