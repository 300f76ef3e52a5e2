//! The chore `fuzz`: runs every fuzz target for a bounded time from the committed inputs; no crash may come of it.
//! Knows cargo-fuzz and the names of the targets, not what they do.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::scratch::Scratch;
use crate::stage::{run_program, run_quietly};

/// The targets in `fuzz/fuzz_targets`.
const TARGETS: [&str; 3] = ["wire", "reconcile", "market"];
/// How long each target runs, unless it is said.
const SECONDS: u32 = 20;
/// The version that is installed where there is none.
const VERSION: &str = "0.13.2";
/// An input on which a target works for longer than this is as bad as one on which it crashes.
const INPUT_SECONDS_MAX: u32 = 10;
/// Memory of a target, in MiB; at the bound it is stopped, as by a crash.
const MEMORY_MAX_MB: u32 = 2_048;
/// Bytes of one input.
const INPUT_MAX: usize = 4_096;

/// Runs every target for the usual time.
pub fn run(root: &Path) -> Result<(), String> {
    run_for(root, SECONDS)
}

/// Runs every target for `words`, a number of seconds.
pub fn run_with(root: &Path, words: &str) -> Result<(), String> {
    match words.parse() {
        Ok(seconds) if seconds > 0 => run_for(root, seconds),
        _ => Err(format!("--seconds takes a whole number above 0, not {words}")),
    }
}

fn run_for(root: &Path, seconds: u32) -> Result<(), String> {
    run_program(root, &["cargo", "fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"].map(String::from))?;
    provide(root)?;
    let built = target_folder(root).join("fuzz").to_string_lossy().into_owned();
    run_program(root, &cargo_fuzz("build", &built))?;
    for target in TARGETS {
        // What is found goes to the first folder, so that a run leaves the committed inputs as they are.
        let found = Scratch::new()?;
        let mut words = cargo_fuzz("run", &built);
        words.extend([target.into(), found.path().to_string_lossy().into_owned(), format!("fuzz/corpus/{target}")]);
        words.extend([
            "--".into(),
            format!("-max_total_time={seconds}"),
            format!("-timeout={INPUT_SECONDS_MAX}"),
            format!("-rss_limit_mb={MEMORY_MAX_MB}"),
            format!("-max_len={INPUT_MAX}"),
            "-print_final_stats=1".into(),
        ]);
        let said = run_quietly(root, &words)?;
        let runs = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        println!("{target}: {} inputs in {seconds} s, no crash", runs.map_or("?", str::trim));
    }
    Ok(())
}

/// Installs cargo-fuzz if it is not there.
fn provide(root: &Path) -> Result<(), String> {
    let quiet = Command::new("cargo").args(["fuzz", "--version"]).stdin(Stdio::null()).output();
    if quiet.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    println!("installs: cargo-fuzz {VERSION}, which builds and runs the fuzz targets");
    let words = ["cargo", "install", "cargo-fuzz", "--locked", "--version", VERSION];
    run_program(root, &words.map(String::from))
}

fn cargo_fuzz(verb: &str, built: &str) -> Vec<String> {
    ["cargo", "fuzz", verb, "--sanitizer", "none", "--target-dir", built].map(String::from).into()
}

/// Where Cargo builds, if it is told; else beside the sources.
pub fn target_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |told| root.join(told))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chores;

    #[test]
    fn every_target_has_a_source_and_inputs_and_none_is_left_out() {
        let fuzz = chores::root().join("fuzz");
        let names = |folder: &str| {
            let entries = std::fs::read_dir(fuzz.join(folder)).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().to_string_lossy().replace(".rs", "")).collect();
            names.sort_unstable();
            names
        };
        let mut targets = TARGETS.map(String::from);
        targets.sort_unstable();
        assert_eq!(names("fuzz_targets"), targets);
        assert_eq!(names("corpus"), targets);
        assert!(TARGETS.iter().all(|target| !names(&format!("corpus/{target}")).is_empty()));
    }

    #[test]
    fn a_time_that_is_none_is_refused_before_anything_is_built() {
        for words in ["0", "-1", "soon", ""] {
            assert!(run_with(Path::new("/nowhere"), words).unwrap_err().starts_with("--seconds takes"));
        }
    }
}
