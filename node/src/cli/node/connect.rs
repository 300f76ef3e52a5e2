//! `souk node connect`: connect the running node to a peer.

use clap::Args;

use crate::cli::context::Context;
use crate::cli::error::CliError;

/// Connect the running node to a peer.
#[derive(Debug, Args)]
pub struct Connect {
    /// Where the peer listens, ending in /p2p/ID.
    #[arg(value_name = "MULTIADDR")]
    multiaddr: String,
}

impl Connect {
    /// Asks the node.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let peer = context.client()?.connect(&self.multiaddr)?;
        context.answer(&serde_json::json!({"connected": peer}), |_| format!("connected to {peer}"))
    }
}
