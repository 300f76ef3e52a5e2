//! What the mesh tells the node, and the tokens with which the node answers. Knows no connection.

use libp2p::gossipsub::MessageId;
use libp2p::request_response::ResponseChannel;
use libp2p::{Multiaddr, PeerId};
pub use matcher::{Topic, Verdict};
use protocol::Address;
use protocol::reconcile::Salt;
use protocol::talk::{Refusal, Request, Response};
use serde::Serialize;

use super::known::KnownPeer;

/// Names a gossip message that waits for its verdict.
#[derive(Debug, Clone)]
pub struct MessageToken {
    pub(super) message: MessageId,
    pub(super) from: PeerId,
}

/// The right to answer one request, once. Dropped unused, the asker sees a closed stream.
#[derive(Debug)]
pub struct ReplyToken {
    pub(super) channel: ResponseChannel<Response>,
}

/// Something that happened on the mesh.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the queue is short, and a request is taken apart at once")]
pub enum NetEvent {
    /// A gossip message. It goes no further before [`super::Net::judge`] says so.
    Gossip {
        /// Its topic.
        topic: Topic,
        /// At most `GOSSIP_MAX` bytes, not decoded.
        bytes: Vec<u8>,
        /// For the verdict.
        token: MessageToken,
        /// The neighbour that sent it on; not its author.
        from: Address,
    },
    /// A request of a welcomed peer; never `Hello`.
    Request {
        /// The peer, proven by its connection.
        from: Address,
        /// What it asks.
        request: Request,
        /// For the response, within ten seconds.
        reply: ReplyToken,
    },
    /// A peer is connected and in the same market; again if it comes back in another life.
    PeerUp {
        /// The peer.
        address: Address,
        /// Under which the two compare what they hold.
        salt: Salt,
        /// Whether this node dialed.
        is_outbound: bool,
    },
    /// A peer that was up is gone.
    PeerDown {
        /// The peer.
        address: Address,
    },
    /// A peer and we do not belong together; it is left alone for a while.
    Refused {
        /// The peer.
        address: Address,
        /// Where it is.
        multiaddr: Multiaddr,
        /// Why, with what stands at the other side.
        refusal: Refusal,
    },
    /// This node can be reached here.
    Listening(Multiaddr),
    /// A welcomed peer can be dialed there, in another life of the node as well.
    Known(KnownPeer),
}

/// Which side opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The peer did.
    Inbound,
    /// We did.
    Outbound,
}

/// A welcomed peer, as `souk node peers` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeerState {
    /// Who it is.
    pub address: Address,
    /// Its libp2p name.
    pub peer_id: String,
    /// Where it is.
    pub multiaddr: String,
    /// Who opened the connection.
    pub direction: Direction,
    /// Whether all that is said goes through a relay.
    pub is_relayed: bool,
    /// The last round trip, once measured.
    pub latency_ms: Option<f64>,
    /// Its standing in gossip: negative is bad.
    pub score: f64,
    /// Whether orders go to it directly.
    pub in_orders_mesh: bool,
    /// Its build, by its own word.
    pub agent: String,
    /// Live heads in its book when it said hello, by its own word.
    pub heads: u64,
}
