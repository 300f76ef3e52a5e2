//! `souk node ban` and `souk node unban`: disconnect an address and keep it out, also after a restart; without one, list who is kept out.

use clap::Args;
use protocol::Address;

use crate::cli::context::Context;
use crate::cli::error::CliError;

/// Disconnect an address and keep it out, also after a restart; without one, list who is kept out.
#[derive(Debug, Args)]
pub struct Ban {
    /// The peer's Ethereum address.
    address: Option<String>,
}

/// Let a banned address in again.
#[derive(Debug, Args)]
pub struct Unban {
    /// The peer's Ethereum address.
    address: String,
}

impl Ban {
    /// Asks the node.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        if let Some(text) = self.address {
            client.ban(&parse(&text)?)?;
        }
        let banned = client.banned()?;
        let lines = |banned: &Vec<Address>| match banned.is_empty() {
            true => "nobody is kept out".to_owned(),
            false => banned.iter().map(|address| format!("kept out: {address}")).collect::<Vec<_>>().join("\n"),
        };
        context.answer(&banned, lines)
    }
}

impl Unban {
    /// Asks the node.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        client.unban(&parse(&self.address)?)?;
        context.answer(&client.banned()?, |banned| format!("{} addresses are still kept out", banned.len()))
    }
}

fn parse(text: &str) -> Result<Address, CliError> {
    let wrong =
        |error| CliError::user("bad_address", format!("{text}: {error}")).next("souk node peers shows addresses");
    text.parse().map_err(wrong)
}
