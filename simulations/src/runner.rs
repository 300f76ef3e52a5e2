//! The one door through which tools have a scenario run, so that their tests can bring a run of their own.

use crate::network::Matrix;
use crate::scenario::Latency;
use crate::{Outcome, Scenario, ScenarioError};

pub use crate::run::{Options, Progress};

/// What runs a scenario.
pub type Runner = dyn Fn(&Scenario, &Options, &mut dyn FnMut(Progress)) -> Result<Outcome, ScenarioError> + Sync;

/// Bytes of a file of latencies that are read: a matrix of some five thousand peers.
const MATRIX_MAX: u64 = 256 << 20;

/// Runs a scenario with the file of latencies that it names, if it names one.
///
/// # Errors
/// As [`crate::run::run`], or if the file holds no latencies.
pub fn run(
    scenario: &Scenario,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, ScenarioError> {
    let matrix = match &scenario.links.latency {
        Latency::Plan { file } if options.matrix.is_none() => Some(matrix(file)?),
        _ => options.matrix.clone(),
    };
    crate::run::run(scenario, &Options { matrix, ..options.clone() }, progress)
}

fn matrix(file: &str) -> Result<Matrix, ScenarioError> {
    let wrong = |why: String| {
        let (field, value) = ("links.latency.plan.file".into(), format!("`{file}`: {why}"));
        ScenarioError::Range { field, value, expected: "a file of one-way microseconds, one line a peer" }
    };
    let size = std::fs::metadata(file).map_err(|error| wrong(error.to_string()))?.len();
    if size > MATRIX_MAX {
        return Err(wrong("it is too large".into()));
    }
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    Matrix::parse(&text).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_latencies_is_read_beside_its_scenario() {
        let folder = tempfile::tempdir().unwrap();
        let mut scenario = Scenario::plain("plan", 3, 2);
        scenario.links.latency = Latency::Plan { file: "matrix.txt".into() };
        scenario.warmup_s = 2;
        let path = folder.path().join("plan.toml");
        std::fs::write(&path, scenario.text()).unwrap();
        let scenario = crate::scenario::load(&path).unwrap();
        let ran = || run(&scenario, &Options { seed: 1, threads: 1, ..Options::default() }, &mut |_| {});
        assert_eq!(ran().unwrap_err().code(), "scenario_range");
        std::fs::write(folder.path().join("matrix.txt"), "0 20000 30000\n20000 0 9000\n30000 9000 0\n").unwrap();
        assert_eq!(ran().unwrap().nodes, 3);
    }
}
