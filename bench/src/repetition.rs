//! Repeats a kernel on all threads until its median speed is sure, and checks every result. Knows no kernel.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use protocol::Metric;

use crate::clock::{Elapsed, Stopwatch};
use crate::measure::BenchError;
use crate::measurement::Measurement;
use crate::statistics::Median;

/// A repetition should take about this much processor time: long against the clock, short against a time slice.
const REPETITION_NS: u64 = 5_000_000;
/// Repetitions between two looks at the figures.
const BATCH: usize = 10;
/// Repetitions that are counted at least, even above budget.
const REPETITIONS_MIN: usize = 2 * BATCH;
/// No more are kept, whatever the budget.
const REPETITIONS_MAX: usize = 10_000;
/// A figure is sure when half its interval is below this.
const SPREAD_PERCENT_MAX: f64 = 2.0;
/// The most work in a repetition, which a clock that stands still would otherwise let grow forever.
const ROUNDS_MAX: u64 = 1 << 40;

/// A seeded piece of work that fits one thread, and an independent way to check its result.
pub(crate) trait Kernel: Sync {
    /// What it measures.
    fn metric(&self) -> Metric;

    /// How many operations of the metric's unit `rounds` rounds are.
    fn operations(&self, rounds: u64) -> u64;

    /// Does the work; the same seed and rounds give the same result on every machine.
    fn run(&self, seed: u64, rounds: u64) -> Vec<u64>;

    /// Whether `result` is right in a part that the seed chooses, by a slower computation that shares no code with
    /// [`Kernel::run`].
    fn is_right(&self, seed: u64, rounds: u64, result: &[u64]) -> bool;
}

/// One repetition on one thread.
struct Repetition {
    result: Vec<u64>,
    elapsed: Elapsed,
}

/// Measures `kernel` on every thread that this process may use; see [`crate::measure`].
///
/// Every repetition of a thread does the same seeded work, so each result must equal the thread's first one, and that
/// one is checked against the reference.
pub(crate) fn measure(
    kernel: &impl Kernel,
    budget: Duration,
    progress: &mut dyn FnMut(f64),
) -> Result<Measurement, BenchError> {
    let start = Instant::now();
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let random = RandomState::new();
    let seeds: Vec<u64> = (0..threads).map(|thread| random.hash_one(thread)).collect();
    progress(0.0);
    let rounds = calibrate(kernel, seeds[0]);
    let warm_up = batch(kernel, &seeds, rounds)?;
    let firsts: Vec<Vec<u64>> = warm_up.into_iter().map(|mut own| own.swap_remove(0).result).collect();
    let wrong = || BenchError::WrongResult { metric: kernel.metric() };
    if seeds.iter().zip(&firsts).any(|(seed, first)| !kernel.is_right(*seed, rounds, first)) {
        return Err(wrong());
    }
    let mut figures = Figures::new(kernel.operations(rounds), threads);
    loop {
        let repetitions = batch(kernel, &seeds, rounds)?;
        let is_same = |(own, first): (&Vec<Repetition>, &Vec<u64>)| own.iter().all(|one| one.result == *first);
        if !repetitions.iter().zip(&firsts).all(is_same) {
            return Err(wrong());
        }
        figures.add(&repetitions);
        let median = Median::of(&figures.rates).expect("a batch has enough finite rates");
        let is_enough = figures.rates.len() >= REPETITIONS_MIN;
        let is_sure = median.spread_percent() < SPREAD_PERCENT_MAX;
        let is_over = start.elapsed() >= budget || figures.rates.len() >= REPETITIONS_MAX;
        if is_enough && (is_sure || is_over) {
            progress(1.0);
            return Ok(figures.measurement(kernel.metric(), &median));
        }
        progress((start.elapsed().as_secs_f64() / budget.as_secs_f64().max(0.001)).min(0.99));
    }
}

/// How many rounds take about [`REPETITION_NS`] on this thread.
fn calibrate(kernel: &impl Kernel, seed: u64) -> u64 {
    let mut rounds = 16;
    loop {
        let watch = Stopwatch::start();
        std::hint::black_box(kernel.run(seed, rounds));
        let ns = watch.read().thread_ns;
        if ns >= REPETITION_NS / 2 || rounds >= ROUNDS_MAX {
            let scaled = u128::from(rounds) * u128::from(REPETITION_NS) / u128::from(ns.max(1));
            return u64::try_from(scaled).unwrap_or(ROUNDS_MAX).clamp(1, ROUNDS_MAX);
        }
        rounds *= 2;
    }
}

/// [`BATCH`] repetitions on each thread, one thread a seed, all at once.
fn batch(kernel: &impl Kernel, seeds: &[u64], rounds: u64) -> Result<Vec<Vec<Repetition>>, BenchError> {
    let repeat = |seed: u64| -> Vec<Repetition> {
        (0..BATCH)
            .map(|_| {
                let watch = Stopwatch::start();
                let result = kernel.run(std::hint::black_box(seed), rounds);
                Repetition { elapsed: watch.read(), result }
            })
            .collect()
    };
    thread::scope(|scope| {
        let mut running = Vec::with_capacity(seeds.len());
        for &seed in seeds {
            let started = thread::Builder::new().spawn_scoped(scope, move || repeat(seed));
            running.push(started.map_err(|source| BenchError::Threads { metric: kernel.metric(), source })?);
        }
        let join = |thread: thread::ScopedJoinHandle<'_, Vec<Repetition>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        Ok(running.into_iter().map(join).collect())
    })
}

/// The speeds so far.
struct Figures {
    operations: u64,
    /// For each repetition the sum over all threads of operations per second of processor time: threads of different
    /// speed count as what they are.
    rates: Vec<f64>,
    /// Nanoseconds by the wall clock that each thread took for all of `rates`.
    walls_ns: Vec<u64>,
}

impl Figures {
    fn new(operations: u64, threads: usize) -> Figures {
        Figures { operations, rates: Vec::new(), walls_ns: vec![0; threads] }
    }

    fn add(&mut self, batch: &[Vec<Repetition>]) {
        for (wall_ns, own) in self.walls_ns.iter_mut().zip(batch) {
            *wall_ns += own.iter().map(|one| one.elapsed.wall_ns).sum::<u64>();
        }
        for index in 0..BATCH {
            let rates = batch.iter().map(|own| per_second(self.operations, own[index].elapsed.thread_ns));
            self.rates.push(rates.sum());
        }
    }

    fn measurement(&self, metric: Metric, median: &Median) -> Measurement {
        let whole = |rate: f64| rate as u64;
        let total = self.operations as f64 * self.rates.len() as f64;
        let delivered: f64 = self.walls_ns.iter().map(|&wall_ns| total * 1e9 / wall_ns.max(1) as f64).sum();
        Measurement {
            metric,
            capability: whole(median.value),
            delivered: whole(delivered),
            spread_percent: median.spread_percent(),
            repetitions: u32::try_from(self.rates.len()).expect("bounded by REPETITIONS_MAX"),
            interval: (whole(median.low), whole(median.high)),
        }
    }
}

fn per_second(operations: u64, ns: u64) -> f64 {
    operations as f64 * 1e9 / ns.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// When a kernel begins to compute wrongly.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Fault {
        Never,
        AtOnce,
        Later,
    }

    /// Adds odd numbers.
    struct Odd {
        fault: Fault,
        is_checked: AtomicBool,
    }

    impl Kernel for Odd {
        fn metric(&self) -> Metric {
            Metric::CpuF64
        }

        fn operations(&self, rounds: u64) -> u64 {
            rounds
        }

        fn run(&self, seed: u64, rounds: u64) -> Vec<u64> {
            let is_wrong = match self.fault {
                Fault::Never => false,
                Fault::AtOnce => true,
                Fault::Later => self.is_checked.load(Ordering::SeqCst),
            };
            let mut sum = seed;
            for round in 0..rounds {
                sum = std::hint::black_box(sum.wrapping_add(2 * round + 1));
            }
            vec![sum ^ u64::from(is_wrong)]
        }

        fn is_right(&self, seed: u64, rounds: u64, result: &[u64]) -> bool {
            self.is_checked.store(true, Ordering::SeqCst);
            result == [seed.wrapping_add(rounds.wrapping_mul(rounds))]
        }
    }

    fn score(fault: Fault) -> Result<Measurement, BenchError> {
        measure(&Odd { fault, is_checked: AtomicBool::new(false) }, Duration::ZERO, &mut |_| ())
    }

    #[test]
    fn a_kernel_that_is_wrong_at_once_or_after_the_first_check_has_no_score() {
        for fault in [Fault::AtOnce, Fault::Later] {
            assert!(matches!(score(fault), Err(BenchError::WrongResult { metric: Metric::CpuF64 })), "{fault:?}");
        }
    }

    #[test]
    fn no_budget_still_makes_the_least_repetitions() {
        assert_eq!(score(Fault::Never).map(|one| one.repetitions).ok(), Some(REPETITIONS_MIN as u32));
    }

    #[test]
    fn delivered_counts_the_wall_clock_and_capability_does_not() {
        let one = |thread_ns, wall_ns| Repetition { result: vec![], elapsed: Elapsed { thread_ns, wall_ns } };
        let mut figures = Figures::new(1_000, 2);
        let own = |thread_ns| (0..BATCH).map(|_| one(thread_ns, 2_000_000)).collect();
        figures.add(&[own(1_000_000), own(500_000)]);
        let median = Median::of(&figures.rates).unwrap();
        let measured = figures.measurement(Metric::CpuF64, &median);
        assert_eq!((measured.capability, measured.delivered), (3_000_000, 1_000_000));
        assert_eq!((measured.interval, measured.spread_percent), ((3_000_000, 3_000_000), 0.0));
    }
}
