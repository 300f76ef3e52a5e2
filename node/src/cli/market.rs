//! `souk market`: make, join and watch one.

mod book;
mod epoch;
mod equivocations;
mod export;
mod init;
mod join;
mod sealed_file;
mod submit;
mod verify;
mod watch;

use clap::Subcommand;

pub(crate) use epoch::neighbours;

use super::context::Context;
use super::error::CliError;

/// Make, join and watch a market.
#[derive(Debug, Subcommand)]
pub enum Market {
    /// Write the file of a new market.
    Init(init::Init),
    /// Make a market's file the one that `souk node run` uses.
    Join(join::Join),
    /// All live orders.
    Book(book::Book),
    /// A clearing: its roots and matches, and which neighbours sealed the same.
    Epoch(epoch::Epoch),
    /// All that it takes to check a past epoch elsewhere: its signed orders and its clearing.
    Export(export::Export),
    /// Whether a past epoch was cleared as it had to be, without believing any node.
    Verify(verify::Verify),
    /// Owners that are proven to have signed the same lots twice.
    Equivocations(equivocations::Equivocations),
    /// Hand in orders and cancels that somebody else signed, at most 64 at once.
    Submit(submit::Submit),
    /// What happens, as it happens; with --json one document a line.
    Watch(watch::Watch),
}

impl Market {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Market::Init(command) => command.run(context),
            Market::Join(command) => command.run(context),
            Market::Book(command) => command.run(context),
            Market::Epoch(command) => command.run(context),
            Market::Export(command) => command.run(context),
            Market::Verify(command) => command.run(context),
            Market::Equivocations(command) => command.run(context),
            Market::Submit(command) => command.run(context),
            Market::Watch(command) => command.run(context),
        }
    }
}
