//! `souk node peers`: whom the running node is connected to. Addresses come from handshakes, builds from strangers.

use clap::Args;

use crate::api::words::PeerWord;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::table::table;

/// Whom the running node is connected to.
#[derive(Debug, Args)]
pub struct Peers {}

impl Peers {
    /// Asks the node.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let peers = context.client()?.peers()?;
        context.answer(&peers, |peers| text(peers))?;
        match peers.is_empty() {
            true => context.note("no peers yet: give `souk node run` a --bootstrap address, or wait for one to come"),
            false => Ok(()),
        }
    }
}

fn text(peers: &[PeerWord]) -> String {
    let row = |peer: &PeerWord| {
        let latency = peer.latency_ms.map_or("-".into(), |ms| format!("{ms} ms"));
        vec![
            peer.address.to_string(),
            peer.direction.clone(),
            latency,
            format!("{:.1}", peer.score),
            peer.agent.clone(),
            peer.multiaddr.clone(),
        ]
    };
    table(&["ADDRESS", "DIRECTION", "LATENCY", "SCORE", "BUILD", "AT"], &peers.iter().map(row).collect::<Vec<_>>())
}
