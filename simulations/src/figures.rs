//! What a run came to: figures, one row an epoch, and what broke. Plain data for reports, tests and sweeps.

use std::collections::BTreeMap;

use protocol::Hash;
use serde::{Deserialize, Serialize};

pub mod glossary;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was run.
    pub scenario: String,
    /// Peers, those of attackers included.
    pub nodes: u32,
    /// The seed.
    pub seed: u64,
    /// Virtual seconds, the warm-up included.
    pub seconds: u64,
    /// Of everything that happened, in order: the same for the same scenario, nodes, seed and commit on every machine.
    pub trace_hash: Hash,
    /// Events that happened.
    pub events: u64,
    /// What was measured.
    pub figures: Figures,
    /// What must hold and did not, the first ones first; empty in a good run.
    pub broken: Vec<Broken>,
    /// One row an epoch.
    pub rows: Vec<Row>,
}

/// Percentiles of some times in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many were measured.
    pub count: u64,
    /// The middle.
    pub p50: f64,
    /// 90 of 100 are at most this.
    pub p90: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// What was measured after the warm-up, over honest peers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// From an order's signing to its admission at another peer.
    pub delivery_ms: Percentiles,
    /// From an order's signing to its arrival at 99 % of the peers that were up.
    pub reach99_ms: Percentiles,
    /// The same, as a multiple of the direct latency from its origin that 99 % of the peers are within.
    pub reach99_over_direct: f64,
    /// Deliveries that should have been and were, in millionths.
    pub delivered_ppm: u64,
    /// Orders that were in a peer's book when it sealed the first epoch that they count for, in millionths.
    pub in_time_ppm: u64,
    /// Copies of a gossip message that a peer received.
    pub copies: f64,
    /// Peers times epochs that were sealed.
    pub node_epochs: u64,
    /// Of these, those with the sealed root of most peers, in millionths.
    pub agreed_ppm: u64,
    /// From an epoch's end until the last peer has heard from all neighbours that they sealed the same.
    pub agreement_ms: Percentiles,
    /// Orders placed.
    pub orders: u64,
    /// Matches that the most common clearings made.
    pub matches: u64,
    /// Deals that both signed.
    pub struck: u64,
    /// From a bid's placement to the countersignature of its first deal.
    pub placed_to_struck_ms: Percentiles,
    /// Deals by how they ended.
    pub ended: BTreeMap<String, u64>,
    /// Surplus of struck deals in percent of what one book of all orders would have cleared.
    pub surplus_percent: f64,
    /// Bytes that a peer sent a second, on average.
    pub sent_bytes_per_s: f64,
    /// The same, for the peer that sent most.
    pub sent_bytes_per_s_max: f64,
    /// Time that a peer's loop computed, in percent, on average.
    pub loop_percent: f64,
    /// The same, for the busiest peer.
    pub loop_percent_max: f64,
    /// Peers that honest peers cut off although they were honest.
    pub honest_banned: u64,
    /// What strategies reached, by the names that they give.
    pub cheats: BTreeMap<String, f64>,
}

/// Something that must hold and did not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// The check's name.
    pub check: String,
    /// Milliseconds after the start.
    pub at_ms: u64,
    /// Peers that show it.
    pub peers: Vec<u32>,
    /// What was seen, in a sentence.
    pub seen: String,
}

/// One epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub epoch: u64,
    /// Seconds after the start at which it ended.
    pub second: f64,
    /// Peers that sealed it.
    pub sealed: u32,
    /// Of these, those with the most common root.
    pub agreed: u32,
    /// Orders in the most common sealed set.
    pub orders: u32,
    /// Matches in it.
    pub matches: u32,
    /// Deals struck until now.
    pub struck: u64,
    /// Median of deliveries in it.
    pub delivery_p50_ms: f64,
    /// 99 of 100 deliveries in it.
    pub delivery_p99_ms: f64,
    /// Copies a delivery.
    pub copies: f64,
    /// Bytes that a peer sent a second, on average.
    pub sent_bytes_per_s: f64,
    /// Time that a peer's loop computed, in percent, on average.
    pub loop_percent: f64,
    /// Surplus of what was struck in it.
    pub surplus: f64,
    /// Surplus of what one book of all orders would have cleared.
    pub surplus_optimum: f64,
    /// Peers that are up.
    pub up: u32,
}
