//! `souk node`: run one, or ask one how it is.

mod ban;
mod connect;
mod limits;
mod peers;
mod run;
mod status;

use clap::Subcommand;

pub use status::metrics as node_metrics;

use super::context::Context;
use super::error::CliError;

/// Run a node, or ask one how it is.
#[derive(Debug, Subcommand)]
pub enum Node {
    /// Run a node until Ctrl-C or SIGTERM.
    Run(run::Run),
    /// How the running node is.
    Status(status::Status),
    /// Whom the running node is connected to.
    Peers(peers::Peers),
    /// The limits that the running node is under.
    Limits(limits::Limits),
    /// Connect the running node to a peer.
    Connect(connect::Connect),
    /// Keep an address out.
    Ban(ban::Ban),
    /// Let a banned address in again.
    Unban(ban::Unban),
}

impl Node {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Node::Run(command) => command.run(context),
            Node::Status(command) => command.run(context),
            Node::Peers(command) => command.run(context),
            Node::Limits(command) => command.run(context),
            Node::Connect(command) => command.run(context),
            Node::Ban(command) => command.run(context),
            Node::Unban(command) => command.run(context),
        }
    }
}
