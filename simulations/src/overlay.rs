//! One peer's gossip: gossipsub 1.1 with IDONTWANT as libp2p-gossipsub 0.50 does it in the node's configuration, and the
//! node's own limits around it. A pure machine: it gets frames, verdicts and heartbeats with the time, and returns what to
//! do. Knows neighbours by number and messages by name and size; not the network, nor what a message means.
//!
//! ```text
//!  heard(frame) --seen? limits?--> Deliver --judge(accept)--> Send to the mesh
//!                                          --judge(ignore, reject)--> nobody; what it costs the neighbour
//!  publish --> Send to the mesh (or to all)        heartbeat --> grafts, prunes, IHAVE, scores decay
//! ```

mod frame;
mod rules;

pub use frame::{Frame, Gossip, Message, MessageId, Topic};
pub use rules::{Choice, Limits, POINT, Rules, Score};

/// What the node makes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is sent on.
    Accept,
    /// It is not sent on, which may be nobody's fault.
    Ignore,
    /// It is not sent on, and whoever sent it should have known.
    Reject,
}

/// What an overlay wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Do<M> {
    /// A frame goes to a connected peer.
    Send {
        /// Whom.
        to: u32,
        /// What.
        frame: Frame<M>,
    },
    /// A message that was never seen before waits for [`Overlay::judge`].
    Deliver {
        /// Whoever sent it first.
        from: u32,
        /// It.
        message: M,
    },
    /// A peer did too much that no honest peer does: the connection is closed, and the peer left alone for a while. The
    /// overlay has forgotten it already, and [`Overlay::connect`] refuses it until then.
    LeaveAlone {
        /// Whom.
        peer: u32,
    },
}
