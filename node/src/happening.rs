//! What happens in a node, for whoever watches: the machine's events and the edges' own.

use protocol::{Address, Hash};
use serde::Serialize;

/// One thing that happened, and when.
#[derive(Debug, Clone, Serialize)]
pub struct Happened {
    /// By the node's clock, unix ms.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happening {
    /// A task is over.
    Task {
        /// Its id.
        task: Hash,
        /// `done` or `failed`.
        state: &'static str,
        /// The outcome's or the failure's code.
        outcome: String,
    },
    /// A peer of this market connected.
    PeerUp {
        /// Who.
        peer: Address,
    },
    /// A peer is gone.
    PeerDown {
        /// Who.
        peer: Address,
    },
    /// A peer does not belong here.
    PeerRefused {
        /// Who.
        peer: Address,
        /// The refusal's code.
        code: &'static str,
        /// For people.
        why: String,
    },
    /// The machine says so.
    #[serde(untagged)]
    Market(matcher::Event),
}
