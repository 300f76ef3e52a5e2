//! The list of chores by name, and the place where they run. Knows nothing of how a chore works.

use std::path::{Path, PathBuf};

use crate::{calibrate, fuzz, mesh, narrow, nightly, solver, test, tidy, wasm};

const USAGE: &str = "usage: cargo xtask <chore>
  tidy [folder]       check the shape of the house
  test                install what is missing, then everything that a change must pass
  fuzz [--seconds N]  run every fuzz target for N seconds, or 20
  nightly             test, then the tests marked #[ignore], then narrow
  solver              install the solver that large books are compared with; test does it too
  narrow              run clearing's tests on a 32-bit machine, whose tools are unpacked apart
  wasm [--check]      build the C examples to WebAssembly, or compare what is committed with what they build
  calibrate           run fifty whole nodes over cables of known delay and write their traces
  mesh                simulate gossip meshes and print their tables; best with --release";

/// Runs the chore that `words` name; the error is for a person.
pub fn run(words: &[&str]) -> Result<(), String> {
    match words {
        ["tidy"] => tidy::run(&root()),
        ["tidy", folder] => tidy::run(Path::new(folder)),
        ["test"] => test::run(&root()),
        ["fuzz"] => fuzz::run(&root()),
        ["fuzz", "--seconds", seconds] => fuzz::run_with(&root(), seconds),
        ["nightly"] => nightly::run(&root()),
        ["narrow"] => narrow::run(&root()),
        ["solver"] => solver::provide(&root()),
        ["calibrate"] => calibrate::run(&root()),
        ["mesh"] => mesh::run(),
        ["wasm"] => wasm::build_all(&root()),
        ["wasm", "--check"] => wasm::check_all(&root()),
        _ => Err(USAGE.into()),
    }
}

/// The repository's root: Cargo tells it at run time; what was compiled in is for a binary started by hand.
pub fn root() -> PathBuf {
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&here).parent().map(Path::to_path_buf).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chore_that_is_not_known_is_answered_with_the_list() {
        for words in [&[][..], &["tdiy"], &["test", "now"], &["wasm", "--chek"], &["fuzz", "--seconds"]] {
            assert_eq!(run(words), Err(USAGE.into()));
        }
    }
}
