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
            peer.path.clone(),
            latency,
            format!("{:.1}", peer.score),
            peer.agent.clone(),
            peer.multiaddr.clone(),
        ]
    };
    let heads = ["ADDRESS", "DIRECTION", "PATH", "LATENCY", "SCORE", "BUILD", "AT"];
    table(&heads, &peers.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_peer_shows_where_it_is_who_it_is_and_how_it_is_reached() {
        let near = PeerWord {
            address: protocol::Address([1; 20]),
            peer_id: "16Uiu2A".into(),
            multiaddr: "/ip4/192.0.2.1/tcp/7626".into(),
            direction: "out".into(),
            path: "direct".into(),
            latency_ms: Some(12),
            score: 3.25,
            agent: "souk/0.1.0".into(),
        };
        let hidden = PeerWord {
            multiaddr: "/ip4/192.0.2.1/tcp/7626/p2p/16Uiu2A/p2p-circuit/p2p/16Uiu2B".into(),
            direction: "in".into(),
            path: "relayed".into(),
            latency_ms: None,
            score: -4.0,
            ..near.clone()
        };
        expect![[r#"
            ADDRESS                                     DIRECTION  PATH     LATENCY  SCORE  BUILD       AT
            0x0101010101010101010101010101010101010101  out        direct   12 ms    3.2    souk/0.1.0  /ip4/192.0.2.1/tcp/7626
            0x0101010101010101010101010101010101010101  in         relayed  -        -4.0   souk/0.1.0  /ip4/192.0.2.1/tcp/7626/p2p/16Uiu2A/p2p-circuit/p2p/16Uiu2B"#]].assert_eq(&text(&[near, hidden]));
    }
}
