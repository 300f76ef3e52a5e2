//! The one way in: measures a metric within a budget, or all of them. Knows not how a kernel works.

use std::path::PathBuf;
use std::time::Duration;

use protocol::Metric;

use crate::cpu_f64::CpuF64;
use crate::cpu_hash::CpuHash;
use crate::measurement::Measurement;
use crate::mem_size;
use crate::repetition;

/// What this build can measure.
pub const METRICS: &[Metric] = &[Metric::CpuF64, Metric::CpuHash, Metric::MemSize];

/// Enough to measure all of [`METRICS`] on a quiet machine.
pub const BUDGET: Duration = Duration::from_secs(2);

/// Why there is no score.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The kernel's result differs from the reference: broken hardware or a broken build.
    #[error("this machine computed {metric} wrongly, so it has no score for it")]
    WrongResult {
        /// What was measured.
        metric: Metric,
    },
    /// This build has no way to measure the metric on this system.
    #[error("{metric} cannot be measured here")]
    Unsupported {
        /// What was asked for.
        metric: Metric,
    },
    /// The system did not let all threads start.
    #[error("could not start a thread to measure {metric}")]
    Threads {
        /// What was measured.
        metric: Metric,
        /// The system's word.
        source: std::io::Error,
    },
    /// A file of the system that says how much there is could not be read.
    #[error("could not read {path} to measure {metric}")]
    Read {
        /// What was measured.
        metric: Metric,
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
}

/// Measures `metric` on all threads until the figure is sure within 2 % or `budget` is used, whichever comes first; a
/// few repetitions are always made. `progress` hears how far it is, from 0 to 1.
///
/// # Errors
/// [`BenchError`]; a wrong result is no score.
pub fn measure(metric: Metric, budget: Duration, progress: &mut dyn FnMut(f64)) -> Result<Measurement, BenchError> {
    match metric {
        Metric::CpuHash => repetition::measure(&CpuHash, budget, progress),
        Metric::CpuF64 => repetition::measure(&CpuF64, budget, progress),
        Metric::MemSize => {
            let size = mem_size::available()?;
            progress(1.0);
            Ok(Measurement::size(metric, size))
        }
        _ => Err(BenchError::Unsupported { metric }),
    }
}

/// Measures all of [`METRICS`] within `budget` together. `progress` hears how far it is, from 0 to 1.
///
/// # Errors
/// The first [`BenchError`].
pub fn measure_all(budget: Duration, progress: &mut dyn FnMut(f64)) -> Result<Vec<Measurement>, BenchError> {
    let count = METRICS.len();
    let share = budget / u32::try_from(count).expect("few metrics");
    let mut done = Vec::with_capacity(count);
    for (index, metric) in METRICS.iter().enumerate() {
        let mut part = |within: f64| progress((index as f64 + within) / count as f64);
        done.push(measure(*metric, share, &mut part)?);
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_of_the_list_has_a_score_and_progress_ends_at_one() {
        let mut heard = Vec::new();
        let all = measure_all(BUDGET, &mut |done| heard.push(done)).unwrap();
        assert_eq!(all.iter().map(|one| one.metric).collect::<Vec<_>>(), METRICS);
        assert!(heard.is_sorted() && heard.iter().all(|done| (0.0..=1.0).contains(done)), "{heard:?}");
        assert_eq!(heard.last(), Some(&1.0));
        for one in &all {
            assert!(one.capability > 0 && one.delivered > 0, "{one:?}");
            assert!(one.interval.0 <= one.capability && one.capability <= one.interval.1, "{one:?}");
        }
        assert_eq!(crate::capacity(&all, 50).check(), Ok(()));
    }

    #[test]
    fn a_metric_without_a_kernel_is_refused() {
        let refused = measure(Metric::GpuF32, BUDGET, &mut |_| ());
        assert!(matches!(refused, Err(BenchError::Unsupported { metric: Metric::GpuF32 })));
    }
}
