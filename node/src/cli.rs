//! The command line: noun then verb, one command one file. Stdout is data; errors, notes and progress go to stderr.
//!
//! ```text
//!   arguments --clap--> Command --+--> client --HTTP--> a running node
//!                                 +--> here   --------> this machine: keys, market files, `node run`
//!                                 +--> devnet --------> five child processes of this binary
//!                     CliError <--+--> exit code 0 done, 1 the user's error, 2 ours
//! ```

mod ask;
mod bench;
mod bid;
mod client;
mod completions;
mod context;
mod deal;
mod devnet;
mod error;
mod explain;
mod here;
mod ids;
mod key;
mod logs;
mod market;
mod node;
mod order;
mod output;
mod passphrase;
mod progress;
mod table;
mod task;
mod units;
mod usage;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, Parser, Subcommand};

use context::Context;
use error::CliError;
use node::node_metrics;

/// A peer-to-peer market for computing power: measure, offer, bid, match, run, verify.
#[derive(Debug, Parser)]
#[command(name = "souk", version, arg_required_else_help = true)]
struct Root {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Debug, Args)]
struct Globals {
    /// Print one JSON document on stdout instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// The node's data folder [env: SOUK_DATA].
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// More logs on stderr; twice for all.
    #[arg(short, global = true, action = ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A whole market on this machine, on real work.
    Devnet(Box<devnet::Devnet>),
    /// Run a node, or ask one how it is.
    #[command(subcommand)]
    Node(node::Node),
    /// The node's key, which is its Ethereum account.
    #[command(subcommand)]
    Key(key::Key),
    /// Make, join and watch a market.
    #[command(subcommand)]
    Market(market::Market),
    /// Measure this machine, so that its node can sell capacity.
    Bench(bench::Bench),
    /// Offers to sell capacity.
    #[command(subcommand)]
    Ask(ask::Ask),
    /// Offers to buy capacity.
    #[command(subcommand)]
    Bid(bid::Bid),
    /// What was agreed.
    #[command(subcommand)]
    Deal(deal::Deal),
    /// Run programs inside a deal.
    #[command(subcommand)]
    Task(task::Task),
    /// Print a completion script for a shell.
    Completions(completions::Completions),
    /// The process that runs a stranger's program.
    #[command(hide = true)]
    SandboxChild,
}

impl Command {
    fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Command::Devnet(command) => command.run(context),
            Command::Node(command) => command.run(context),
            Command::Key(command) => command.run(context),
            Command::Market(command) => command.run(context),
            Command::Bench(command) => command.run(context),
            Command::Ask(command) => command.run(context),
            Command::Bid(command) => command.run(context),
            Command::Deal(command) => command.run(context),
            Command::Task(command) => command.run(context),
            Command::Completions(command) => command.run(),
            Command::SandboxChild => here::sandbox_child(),
        }
    }
}

/// Runs the command that `arguments` name, the program's name first; everything is printed when this returns.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let is_json = usage::wants_json(&arguments);
    let root = match Root::try_parse_from(&arguments) {
        Ok(root) => root,
        Err(error) => return usage::report(&error, &arguments, is_json),
    };
    let context = Context::new(root.globals.data, root.globals.json, root.globals.verbose);
    match root.command.run(&context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(context.is_json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_tree_is_sound() {
        Root::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does() {
        fn visit(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} has no description", command.get_name());
            command.get_subcommands().for_each(visit);
        }
        visit(&Root::command());
    }
}
