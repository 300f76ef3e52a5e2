//! Runs one chore of this repository: `cargo xtask <chore>`. Knows neither which chores there are nor how they work.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the person who started it")]

use std::process::ExitCode;

mod calibrate;
mod chores;
mod fuzz;
mod mesh;
mod narrow;
mod nightly;
mod packages;
mod scratch;
mod solver;
mod stage;
mod test;
mod tidy;
mod wasm;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match chores::run(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
