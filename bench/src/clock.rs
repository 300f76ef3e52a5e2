//! The clocks of a measurement: the time that this thread had a processor, beside the wall clock.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// Processor time and wall time since a moment of this thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch {
    thread_ns: u64,
    wall: Instant,
}

/// What a [`Stopwatch`] read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Elapsed {
    /// Nanoseconds in which this thread had a processor.
    pub thread_ns: u64,
    /// Nanoseconds by the wall clock.
    pub wall_ns: u64,
}

impl Stopwatch {
    /// Starts now, for this thread only.
    pub(crate) fn start() -> Stopwatch {
        Stopwatch { thread_ns: thread_ns(), wall: Instant::now() }
    }

    /// What has passed; to be read on the thread that started it.
    pub(crate) fn read(&self) -> Elapsed {
        let wall_ns = u64::try_from(self.wall.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Elapsed { thread_ns: thread_ns().saturating_sub(self.thread_ns), wall_ns }
    }
}

fn thread_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let part = |value: i64| u64::try_from(value).expect("processor time is never negative");
    part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_sleeping_thread_uses_no_processor_time() {
        let watch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(20));
        let elapsed = watch.read();
        assert!(elapsed.wall_ns >= 20_000_000);
        assert!(elapsed.thread_ns < elapsed.wall_ns / 2, "{elapsed:?}");
    }
}
