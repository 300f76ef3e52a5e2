//! `souk key`: the account that a node is.

mod adopt;
mod delegate;
mod export;
mod import;
mod new;
mod show;

use clap::Subcommand;
use protocol::quantity::display_seconds;
use protocol::{Address, Delegation};
use serde::Serialize;

use super::context::Context;
use super::error::CliError;
use crate::api::words::DelegationWord;

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
    /// Let the key of a node trade in this key's name, for a time.
    Delegate(delegate::Delegate),
    /// Trade in the name of an owner who delegated to this node's key.
    Adopt(adopt::Adopt),
}

impl Key {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Key::New(command) => command.run(context),
            Key::Show(command) => command.run(context),
            Key::Import(command) => command.run(context),
            Key::Export(command) => command.run(context),
            Key::Delegate(command) => command.run(context),
            Key::Adopt(command) => command.run(context),
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

/// In whose name the node of a folder trades.
#[derive(Debug, Serialize)]
struct DelegatedWord {
    /// The node's own key.
    key: Address,
    /// In whose name it trades.
    owner: Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    delegation: Option<DelegationWord>,
}

impl DelegatedWord {
    fn new(key: Address, delegation: Option<&Delegation>) -> DelegatedWord {
        let delegation = delegation.map(DelegationWord::from);
        DelegatedWord { key, owner: delegation.as_ref().map_or(key, |delegation| delegation.owner), delegation }
    }

    fn text(&self) -> String {
        match &self.delegation {
            None => format!("{} trades in its own name", self.key),
            Some(word) => format!("{} trades for {}, {}", self.key, self.owner, until(word, super::table::now_ms())),
        }
    }

    /// What to do soon, if the delegation is about to end or is over.
    fn warning(&self, now_ms: u64) -> Option<String> {
        self.delegation.as_ref().and_then(|word| ending(word, now_ms))
    }
}

const DAY_MS: u64 = 86_400_000;

/// How much longer a delegation lasts, and for what.
pub fn until(word: &DelegationWord, now_ms: u64) -> String {
    match word.ends_ms.checked_sub(now_ms).filter(|left_ms| *left_ms > 0) {
        Some(left_ms) if left_ms > 2 * DAY_MS => format!("{} days more ({})", left_ms / DAY_MS, word.scope),
        Some(left_ms) => format!("{} more ({})", display_seconds(left_ms / 1000), word.scope),
        None => format!("not any more: the delegation ended {} ago", display_seconds((now_ms - word.ends_ms) / 1000)),
    }
}

/// A delegation with less than a day left is worth a warning.
pub fn ending(word: &DelegationWord, now_ms: u64) -> Option<String> {
    let key = word.delegate;
    (word.ends_ms < now_ms.saturating_add(DAY_MS)).then(|| {
        format!(
            "the delegation has less than a day left: ask the owner for `souk key delegate --to {key}`, then adopt it"
        )
    })
}
