//! The `souk-sim` process: hands its arguments on and turns the end into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    simulations::cli::run(std::env::args_os().collect(), &simulations::runner::run)
}
