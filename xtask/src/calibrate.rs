//! The chore `calibrate`: the real half of the simulator's calibration, run on this machine. Knows which tests do it and where
//! their files go, not what is in them.

use std::path::Path;

use crate::fuzz::target_folder;
use crate::stage::run_program;

/// Fifty whole nodes over cables of known delay.
const TRACES: &str = "fifty_real_nodes_write_their_traces";

/// Runs the plan and says where its traces are.
pub fn run(root: &Path) -> Result<(), String> {
    let line = format!("cargo test --workspace --lib --release -- --ignored --nocapture {TRACES}");
    run_program(root, &line.split(' ').map(String::from).collect::<Vec<_>>())?;
    let folder =
        std::env::var_os("SOUK_CALIBRATION").map_or_else(|| target_folder(root).join("calibration"), Into::into);
    println!("traces: {}; the plan: simulations/calibration/plan.json", folder.display());
    Ok(())
}
