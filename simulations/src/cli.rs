//! The command line of `souk-sim`. Stdout is data; errors, notes and progress go to stderr.
//!
//! ```text
//!   arguments --clap--> Command --Scenario--> Runner --Outcome--> report --> text, --json, files
//!                      CliError <--+--> exit code 0 it held, 1 it broke, fell short or the user must change something, 2 ours
//! ```

mod compare;
mod error;
mod files;
mod list;
mod output;
mod progress;
mod replay;
mod run;
mod shrink;
mod sweep;
mod table;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::runner::Runner;

/// Whole markets in one process: thousands of the node's own machines on a virtual clock, from a seed.
#[derive(Debug, Parser)]
#[command(name = "souk-sim", version, arg_required_else_help = true)]
struct Root {
    /// Print one JSON document on stdout instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The scenarios, each with the question that it answers.
    List(list::List),
    /// Run a scenario and say what held and what broke.
    Run(run::Run),
    /// Run a seed again and tell what happened when.
    Replay(replay::Replay),
    /// Find the smallest scenario that fails as a seed does.
    Shrink(shrink::Shrink),
    /// Run a grid over fields of a scenario and over seeds.
    Sweep(sweep::Sweep),
    /// Put two reports side by side, figure by figure.
    Compare(compare::Compare),
}

/// What every command gets.
struct Context<'a> {
    is_json: bool,
    runner: &'a Runner,
}

/// Runs the command that `arguments` name, the program's name first, with `runner` for what is run.
pub fn run(arguments: Vec<OsString>, runner: &Runner) -> ExitCode {
    let is_json = usage::wants_json(&arguments);
    let root = match Root::try_parse_from(&arguments) {
        Ok(root) => root,
        Err(error) => return usage::report(&error, &arguments, is_json),
    };
    let context = Context { is_json: root.json, runner };
    let done = match root.command {
        Command::List(command) => command.run(&context),
        Command::Run(command) => command.run(&context),
        Command::Replay(command) => command.run(&context),
        Command::Shrink(command) => command.run(&context),
        Command::Sweep(command) => command.run(&context),
        Command::Compare(command) => command.run(&context),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(root.json),
    }
}

/// Threads if the user names none: one a core.
fn threads(wanted: Option<usize>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    wanted.unwrap_or_else(cores).max(1)
}

#[cfg(test)]
mod tests;
