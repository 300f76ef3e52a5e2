//! The `souk` process: one binary for every role. Hands its arguments on and turns the end into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    souk::cli::run(std::env::args_os().collect())
}
