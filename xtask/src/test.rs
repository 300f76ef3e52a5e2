//! The chore `test`: everything that a change must pass, on a fresh machine too. Knows the stages and their order.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::stage::{Stage, run_all};
use crate::{fuzz, packages, solver, tidy};

/// Runs all stages; the error names the first that failed.
pub fn run(root: &Path) -> Result<(), String> {
    run_all(root, &stages(has_nextest()))
}

/// The stages, from the cheapest to the dearest.
pub fn stages(has_nextest: bool) -> Vec<Stage> {
    let tests = if has_nextest { "cargo nextest run" } else { "cargo test" };
    vec![
        Stage::chore("packages", packages::provide),
        Stage::program("format", "cargo fmt --all --check"),
        Stage::chore("tidy", tidy::run),
        Stage::program("clippy", "cargo clippy --workspace --all-targets -- -D warnings"),
        Stage::chore("solver", solver::provide),
        Stage::program("tests", &format!("{tests} --workspace --all-targets --release")),
        Stage::chore("fuzz", fuzz::run),
    ]
}

/// Whether tests can run each in a process of its own, which is faster and kinder to the machine.
pub fn has_nextest() -> bool {
    let quiet = Command::new("cargo").args(["nextest", "--version"]).stdin(Stdio::null()).output();
    quiet.is_ok_and(|output| output.status.success())
}
