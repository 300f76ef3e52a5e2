//! What stands in for sockets when a test needs delays that it knows, and what it learns of traffic and gossip on the way.
//! Knows no order and no plan.

mod alarm;
mod cable;
mod ear;
mod lane;

pub(crate) use cable::{Cables, Lateness};
pub(crate) use ear::{Ear, Heard};

use std::sync::Arc;

use cable::Cable;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, Transport};
use libp2p::core::upgrade::Version;
use libp2p::{PeerId, tls, yamux};
use tokio::sync::mpsc;

use super::{Keypair, Net, NetConfig, NetEvent, NetLimits};
use crate::net::behaviour::Ground;
use crate::net::{NetError, start_on};

/// One node's end of the cables, and an ear in its gossip.
pub(crate) struct Rig {
    cable: Cable,
    pub(in crate::net) ear: Ear,
}

impl Rig {
    /// For the node with this number.
    pub(crate) fn new(cables: &Arc<Cables>, node: usize, ear: Ear) -> Rig {
        Rig { cable: Cable::new(cables.clone(), node), ear }
    }

    /// The cables, secured and divided as TCP is.
    pub(in crate::net) fn transport(self, keypair: &Keypair) -> Boxed<(PeerId, StreamMuxerBox)> {
        let secured = self.cable.upgrade(Version::V1Lazy).authenticate(tls::Config::new(keypair).unwrap());
        let divided = secured.multiplex(yamux::Config::default());
        divided.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))).boxed()
    }
}

/// Starts a mesh on cables; all else is as on sockets.
pub(crate) async fn start(
    config: NetConfig,
    limits: NetLimits,
    rig: Rig,
) -> Result<(Net, mpsc::Receiver<NetEvent>), NetError> {
    start_on(config, limits, Ground { rig: Some(rig) }).await
}
