//! The one document that `souk devnet --json` prints.

use std::path::PathBuf;

use protocol::{Address, Hash, MarketId};
use serde::Serialize;

use super::timeline::StepWord;
use crate::api::words::{BenchWord, DealWord, OrderWord, ReceiptWord, TaskWord};
use crate::cli::task::save::Saved;

/// What happened.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The five nodes.
    pub nodes: Vec<NodeWord>,
    /// The market they are in.
    pub market: MarketWord,
    /// What the suppliers measured.
    pub bench: Vec<SupplierBench>,
    /// What they offered.
    pub asks: Vec<OrderWord>,
    /// What the consumer wanted.
    pub bid: OrderWord,
    /// The clearing on all five nodes.
    pub epoch: EpochRoots,
    /// The deal after it was cancelled.
    pub deals: Vec<DealWord>,
    /// The task in it.
    pub tasks: Vec<TaskWord>,
    /// The supplier's statements.
    pub receipts: Vec<ReceiptWord>,
    /// The first output that was kept, if the program left one.
    pub output: Option<Saved>,
    /// All of them.
    pub outputs: Vec<Saved>,
    /// The steps with their milliseconds.
    pub timeline: Vec<StepWord>,
}

/// One node.
#[derive(Debug, Clone, Serialize)]
pub struct NodeWord {
    /// `supplier-1` and so on.
    pub name: &'static str,
    /// `supplier`, `consumer` or `observer`.
    pub role: &'static str,
    /// Its account.
    pub address: Address,
    /// Where peers reach it.
    pub listeners: Vec<String>,
    /// Where its API is.
    pub api: String,
    /// Its data folder.
    pub data: PathBuf,
}

/// The market.
#[derive(Debug, Clone, Serialize)]
pub struct MarketWord {
    /// Its id.
    pub id: MarketId,
    /// Its name.
    pub name: String,
    /// `none`: nothing is paid.
    pub chain: String,
    /// What that means for people.
    pub chain_text: String,
}

/// What one supplier measured.
#[derive(Debug, Clone, Serialize)]
pub struct SupplierBench {
    /// Which node.
    pub name: &'static str,
    /// Its measurement.
    #[serde(flatten)]
    pub bench: BenchWord,
}

/// One clearing as every node computed it.
#[derive(Debug, Clone, Serialize)]
pub struct EpochRoots {
    /// Which.
    pub epoch: u64,
    /// Orders that took part.
    pub orders: usize,
    /// Matches that came of it.
    pub matches: usize,
    /// Each node's own result.
    pub roots: Vec<RootWord>,
    /// Whether all are the same.
    pub are_equal: bool,
}

/// One node's result.
#[derive(Debug, Clone, Serialize)]
pub struct RootWord {
    /// Which node.
    pub name: &'static str,
    /// Root of the matches.
    pub root: Hash,
    /// Root of the set that was cleared.
    pub sealed_root: Hash,
}
