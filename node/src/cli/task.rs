//! `souk task`: programs inside a deal.

pub mod follow;
mod list;
mod logs;
pub mod plan;
mod result;
mod run;
pub mod save;
mod show;
mod stop;
pub mod upload;
pub mod verdict;

use clap::Subcommand;
use protocol::Hash;

use super::client::Client;
use super::context::Context;
use super::error::CliError;
use super::ids;

/// Run programs inside a deal.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Send a program and its inputs to the supplier, watch it run, check and keep what it made.
    Run(Box<run::Run>),
    /// The node's own tasks, newest first.
    List(list::List),
    /// All about one task.
    Show(show::Show),
    /// What a task wrote.
    Logs(logs::Logs),
    /// The receipt of a task that is over, and its outputs.
    Result(result::Result),
    /// Stop a task.
    Stop(stop::Stop),
}

impl Task {
    /// Runs it.
    pub fn run(self, context: &Context) -> std::result::Result<(), CliError> {
        match self {
            Task::Run(command) => command.run(context),
            Task::List(command) => command.run(context),
            Task::Show(command) => command.run(context),
            Task::Logs(command) => command.run(context),
            Task::Result(command) => command.run(context),
            Task::Stop(command) => command.run(context),
        }
    }
}

/// The task that `text` names.
pub fn resolve(context: &Context, client: &Client, text: &str) -> std::result::Result<Hash, CliError> {
    let known = || Ok(client.tasks()?.into_iter().map(|task| task.id).collect());
    ids::resolve(text, "task", &context.command("task list"), known)
}
