//! Runs a judgement on the books of many seeds, on every processor, and prints each seed that fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Seeds that one thread takes at a time.
const CHUNK: u64 = 64;
/// Failures that are printed; more say nothing new.
const PRINTED_MAX: u64 = 10;

/// Fewer where a build is not optimised.
pub fn count(released: u64) -> u64 {
    if cfg!(debug_assertions) { released / 50 } else { released }
}

/// Judges the seeds below `count`, or the one in `SOUK_SEED`; the sum of what the judgements say, for a test to see that
/// its books are not empty.
pub fn over(count: u64, judge: impl Fn(u64) -> Result<u64, String> + Sync) -> u64 {
    let only = std::env::var("SOUK_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let (first, end) = only.map_or((0, count), |seed| (seed, seed + 1));
    let (next, failed, sum) = (AtomicU64::new(first), AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        loop {
            let from = next.fetch_add(CHUNK, Ordering::Relaxed);
            if from >= end {
                return;
            }
            for seed in from..end.min(from + CHUNK) {
                match judge(seed) {
                    Ok(part) => drop(sum.fetch_add(part, Ordering::Relaxed)),
                    Err(what) if failed.fetch_add(1, Ordering::Relaxed) < PRINTED_MAX => {
                        println!("SOUK_SEED={seed}: {what}");
                    }
                    Err(_) => {}
                }
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    assert_eq!(failed.into_inner(), 0, "books failed; seeds are printed above");
    sum.into_inner()
}
