//! Measures what this machine can do, in the units that the market sells. Knows no order, peer or network.
//!
//! ```text
//!   cpu_hash, cpu_f64     repetition                statistics
//!   a seeded Kernel  -->  all threads, warm-up, --> median and its   -->  Measurement --share--> Capacity
//!   and its check         5 ms repetitions          95 % interval
//!   mem_size  ------------------------------------------------------->  Measurement
//! ```
//!
//! Two figures a metric: the *capability* counts only the time that the working threads had the processor, so it
//! stays true on a busy host; the *delivered* figure is by the wall clock. A kernel that computes something wrong
//! has no score.

mod clock;
mod cpu_f64;
mod cpu_hash;
mod measure;
mod measurement;
mod mem_size;
mod repetition;
pub mod statistics;

pub use measure::{BUDGET, BenchError, METRICS, measure, measure_all};
pub use measurement::{Measurement, capacity};
