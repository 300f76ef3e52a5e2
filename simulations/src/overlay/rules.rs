//! How gossip is set: what the scenario says of the mesh, and what the node fixes beside it. Scores are integers in
//! millionths.

use crate::engine::{MS, Nanos, SECOND};
use crate::scenario::Mesh;

/// A score or a part of one, in millionths.
pub type Score = i64;

/// One point of score.
pub const POINT: Score = 1_000_000;

/// The settings of all overlays of one run: those of `node/src/net/behaviour.rs` and `limits.rs`, and gossipsub's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Mesh degree that is sought.
    pub degree: usize,
    /// Below it, peers are grafted.
    pub degree_low: usize,
    /// From it on, peers are pruned.
    pub degree_high: usize,
    /// Peers that this one dialed, of a mesh.
    pub degree_out: usize,
    /// Peers that lazy gossip goes to at least; or a quarter of those outside the mesh.
    pub lazy: usize,
    /// Between heartbeats.
    pub heartbeat: Nanos,
    /// Heartbeats for which a message can be asked for.
    pub history: u32,
    /// Of these, heartbeats in which it is told.
    pub history_gossip: u32,
    /// Whether what a peer itself publishes goes to all neighbours.
    pub is_flood_publish: bool,
    /// Messages of more bytes than this on the wire are announced by IDONTWANT; `u32::MAX` for none.
    pub announce_above_bytes: u32,
    /// Whether neighbours are scored.
    pub is_scored: bool,
    /// How long a message is known to have been seen.
    pub seen_for: Nanos,
    /// How long a pruned peer is not grafted again.
    pub prune_backoff: Nanos,
    /// A graft that comes so soon after a prune counts twice.
    pub graft_flood: Nanos,
    /// After so many heartbeats, better peers are grafted if the mesh is poor.
    pub opportunistic_beats: u32,
    /// How many.
    pub opportunistic_peers: usize,
    /// Best peers that are kept when there are too many.
    pub retained: usize,
    /// How often one peer is sent the same message when it asks.
    pub resent_max: u8,
    /// IHAVEs of one peer that are looked at between heartbeats.
    pub ihaves_max: u32,
    /// Ids that one peer is asked for between heartbeats, and that one IHAVE tells.
    pub ids_max: usize,
    /// Bytes of control messages in one frame; a longer one is an error of the decoder and lost.
    pub control_bytes_max: u32,
    /// Until a message that was asked for must have come.
    pub promise: Nanos,
    /// IDONTWANTs of one peer that are remembered.
    pub unwanted_max: usize,
    /// For how long.
    pub unwanted_for: Nanos,
    /// What the node itself allows one peer.
    pub limits: Limits,
    /// What nearness is worth: points of the nearest peer.
    pub near_score: Score,
    /// Round trip from which on a peer is far and gains nothing.
    pub near: Nanos,
    /// How a mesh that is too large or too small chooses.
    pub choice: Choice,
}

/// How a mesh chooses among peers of equal standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// As gossipsub does: at random, but for the few of best score that are kept.
    Random,
    /// A peer grafts some of those that it dialed and no others, unless its mesh is below the low mark: the nearest ones, and
    /// any. Others graft it as well, so a mesh is about twice that. Not what gossipsub does: a policy to compare with.
    Dialed {
        /// The nearest.
        near: usize,
        /// Of the others.
        any: usize,
    },
}

/// The node's own limits for one peer, beyond gossipsub's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Messages a second that bring nothing new or are invalid.
    pub worthless_rate: u32,
    /// The same at once.
    pub worthless_burst: u32,
    /// Bytes a second.
    pub bytes_rate: u32,
    /// The same at once.
    pub bytes_burst: u32,
    /// What a message counts for at least.
    pub message_cost_min: u32,
    /// Faults after which a peer is left alone.
    pub faults_max: u32,
    /// For how long.
    pub refusal: Nanos,
    /// What one fault takes from the score.
    pub fault_score: Score,
    /// Peers at one address beyond which all of them lose score.
    pub peers_per_place: u32,
}

impl Rules {
    /// The rules of a scenario.
    pub fn new(mesh: &Mesh) -> Rules {
        Rules {
            degree: mesh.degree as usize,
            degree_low: mesh.degree_low as usize,
            degree_high: mesh.degree_high as usize,
            degree_out: mesh.degree_out as usize,
            lazy: mesh.lazy as usize,
            heartbeat: Nanos::from(mesh.heartbeat_ms.max(1)) * MS,
            history: mesh.history,
            history_gossip: mesh.history_gossip.min(mesh.history),
            is_flood_publish: mesh.is_flood_publish,
            announce_above_bytes: if mesh.announce_from_bytes == 0 { u32::MAX } else { mesh.announce_from_bytes },
            is_scored: mesh.is_scored,
            seen_for: 60 * SECOND,
            prune_backoff: 60 * SECOND,
            graft_flood: 10 * SECOND,
            opportunistic_beats: 60,
            opportunistic_peers: 2,
            retained: 4,
            resent_max: 3,
            ihaves_max: 10,
            ids_max: 5_000,
            control_bytes_max: 16 * 1024,
            promise: 3 * SECOND,
            unwanted_max: 10_000,
            unwanted_for: 3 * SECOND,
            limits: Limits::default(),
            near_score: 10 * POINT,
            near: 100 * MS,
            choice: Choice::Random,
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            worthless_rate: 100,
            worthless_burst: 500,
            bytes_rate: 1024 * 1024,
            bytes_burst: 4 * 1024 * 1024,
            message_cost_min: 1_024,
            faults_max: 16,
            refusal: 600 * SECOND,
            fault_score: -10 * POINT,
            peers_per_place: 64,
        }
    }
}
