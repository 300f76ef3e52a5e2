//! `souk key`: the account that a node is.

mod export;
mod import;
mod new;
mod show;

use clap::Subcommand;
use protocol::Address;
use serde::Serialize;

use super::context::Context;
use super::error::CliError;

/// The node's key, which is its Ethereum account.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Make a key.
    New(new::New),
    /// Show the key's address; needs no passphrase.
    Show(show::Show),
    /// Bring a key from a keystore file, or 64 hex digits from a file or stdin.
    Import(import::Import),
    /// Write the key out, for a backup or another wallet.
    Export(export::Export),
}

impl Key {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Key::New(command) => command.run(context),
            Key::Show(command) => command.run(context),
            Key::Import(command) => command.run(context),
            Key::Export(command) => command.run(context),
        }
    }
}

/// What is said of a key.
#[derive(Debug, Serialize)]
struct KeyWord {
    address: Address,
    path: String,
    is_encrypted: bool,
}

impl KeyWord {
    fn text(&self) -> String {
        let protection = if self.is_encrypted { "under its passphrase" } else { "NOT encrypted" };
        format!("{}\n  {} ({protection})", self.address, self.path)
    }
}
