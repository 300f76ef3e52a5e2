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
        self.fill(now);
        let wanted = (tokens as u64).saturating_mul(1000);
        let is_enough = wanted <= self.level;
        if is_enough {
            self.level -= wanted;
        }
        is_enough
    }

    /// Whether there is a token.
    pub(super) fn has_one(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.level >= 1000
    }

    fn fill(&mut self, now: Instant) {
        let elapsed_ms = now.saturating_duration_since(self.filled_at).as_millis().min(u128::from(u32::MAX)) as u64;
        if elapsed_ms > 0 {
            self.level = (self.level + elapsed_ms * u64::from(self.rate)).min(u64::from(self.burst) * 1000);
            self.filled_at = now;
        }
    }
}

/// What one peer may send: gossip that is worth nothing, requests, and bytes of all gossip and all requests.
#[derive(Debug, Clone)]
pub(super) struct Allowance {
    worthless: Bucket,
    gossip_bytes: Bucket,
    message_cost_min: usize,
    requests: Bucket,
    request_bytes: Bucket,
    identities: Bucket,
}

impl Allowance {
    /// The full allowance of a new peer.
    pub(super) fn new(limits: &NetLimits, now: Instant) -> Allowance {
        Allowance {
            worthless: Bucket::new(limits.gossip_rate, limits.gossip_burst, now),
            gossip_bytes: Bucket::new(limits.bytes_rate, limits.bytes_burst, now),
            message_cost_min: limits.message_cost_min as usize,
            requests: Bucket::new(limits.requests_rate, limits.requests_burst, now),
            request_bytes: Bucket::new(limits.request_bytes_rate, limits.request_bytes_burst, now),
            identities: Bucket::new(limits.identities_rate, limits.identities_burst, now),
        }
    }

    /// Whether the peer's word on where it can be reached is looked at.
    pub(super) fn take_identity(&mut self, now: Instant) -> bool {
        self.identities.take(1, now)
    }

    /// Whether a gossip message of `bytes` is looked at: its bytes are within the allowance, and not too many before it
    /// were worth nothing.
    pub(super) fn take_gossip(&mut self, bytes: usize, now: Instant) -> bool {
        self.worthless.has_one(now) && self.gossip_bytes.take(bytes.max(self.message_cost_min), now)
    }

    /// A message that was looked at brought nothing new, or was invalid.
    pub(super) fn charge_worthless(&mut self, now: Instant) {
        self.worthless.take(1, now);
    }

    /// Whether a request of `bytes` is within the allowance.
    pub(super) fn take_request(&mut self, bytes: usize, now: Instant) -> bool {
        self.requests.take(1, now) && self.request_bytes.take(bytes, now)
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
    fn bytes_of_gossip_and_of_requests_count_beside_messages() {
        let now = Instant::now();
        let limits = NetLimits { bytes_burst: 5000, request_bytes_burst: 1000, ..NetLimits::default() };
        let mut allowance = Allowance::new(&limits, now);
        assert!(allowance.take_gossip(3000, now));
        assert!(!allowance.take_gossip(3000, now));
        assert!(allowance.take_gossip(1, now) && !allowance.take_gossip(1, now), "a small one counts for 1 KiB");
        assert!(allowance.take_request(600, now) && !allowance.take_request(600, now));
        assert!(allowance.take_request(400, now));
    }

    #[test]
    fn what_brings_news_is_never_charged_and_what_does_not_runs_out() {
        let now = Instant::now();
        let limits = NetLimits { bytes_burst: u32::MAX, ..NetLimits::default() };
        let mut allowance = Allowance::new(&limits, now);
        assert!((0..10 * limits.gossip_burst).all(|_| allowance.take_gossip(300, now)));
        (0..limits.gossip_burst).for_each(|_| allowance.charge_worthless(now));
        assert!(!allowance.take_gossip(300, now));
        let later = now + Duration::from_millis(10);
        assert!(allowance.take_gossip(300, later), "a hundred a second come back");
    }
}
