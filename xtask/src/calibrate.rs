//! The chore `calibrate`: the real half of the simulator's calibration, run on this machine. Knows which tests do it and where
//! their files go, not what is in them.

use std::path::Path;

use crate::fuzz::target_folder;
use crate::stage::run_program;

/// Fifty whole nodes over cables of known delay, and what each step costs; one after the other.
const TESTS: [&str; 2] = ["the_cost_of_each_step_is_measured", "fifty_real_nodes_write_their_traces"];

/// Runs both and says where its traces are.
pub fn run(root: &Path) -> Result<(), String> {
    for test in TESTS {
        let line = format!("cargo test --workspace --lib --release -- --ignored --nocapture {test}");
        run_program(root, &line.split(' ').map(String::from).collect::<Vec<_>>())?;
    }
    let folder =
        std::env::var_os("SOUK_CALIBRATION").map_or_else(|| target_folder(root).join("calibration"), Into::into);
    println!("traces and costs.toml: {}", folder.display());
    Ok(())
}
