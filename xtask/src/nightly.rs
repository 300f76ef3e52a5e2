//! The chore `nightly`: what `test` runs, then the tests that are too long for every change, and
//! clearing on a 32-bit machine.

use std::path::Path;

use crate::narrow;
use crate::stage::{Stage, run_all};
use crate::test::{has_nextest, stages};

/// Runs all stages; the error names the first that failed.
pub fn run(root: &Path) -> Result<(), String> {
    let has_nextest = has_nextest();
    let mut all = stages(has_nextest);
    // Calibration writes files that are committed, and wants the machine to itself: it is a chore of its own.
    let long = match has_nextest {
        true => {
            "cargo nextest run --workspace --all-targets --release --run-ignored only --no-tests pass -- --skip tests::calibration"
        }
        false => "cargo test --workspace --all-targets --release -- --ignored --skip tests::calibration",
    };
    all.push(Stage::program("long tests", long));
    all.push(Stage::chore("narrow", narrow::run));
    run_all(root, &all)
}
