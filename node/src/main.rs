//! The `souk` process: one binary for every role. Parses, dispatches and turns the end into an exit code.

mod adoption;
mod api;
mod cli;
mod client;
mod clock;
mod data_folder;
mod engine;
mod files;
mod happening;
mod keys;
mod market_file;
mod net;
mod node;
mod store;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os().collect())
}
