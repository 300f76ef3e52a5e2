//! What happened at a desk since it was last asked: plain data for measuring and checking. `run` takes it at least once an
//! epoch, so it holds what one epoch brings.

use std::sync::Arc;

use matcher::{Deal, EndReason, SealKey, SealedBook};
use protocol::{DealTerms, Hash, Side};

use crate::engine::Nanos;

/// An order entered the book.
#[derive(Debug, Clone, Copy)]
pub struct Admitted {
    /// The first bytes of its id.
    pub order: u64,
    /// When.
    pub at: Nanos,
    /// Whether this peer signed it.
    pub is_own: bool,
}

/// An epoch was sealed.
#[derive(Debug, Clone)]
pub struct Seal {
    /// Which.
    pub epoch: u64,
    /// Its root.
    pub root: Hash,
    /// Of what was in the book: peers with the same key must have the same root.
    pub key: Option<SealKey>,
    /// What was sealed.
    pub book: Arc<SealedBook>,
    /// When.
    pub at: Nanos,
}

/// A deal of this peer was struck.
#[derive(Debug, Clone)]
pub struct Struck {
    /// Its id.
    pub id: Hash,
    /// On which side this peer is.
    pub side: Side,
    /// What was agreed.
    pub terms: DealTerms,
    /// When the consumer's order was placed, if this is the order's first deal.
    pub placed: Option<Nanos>,
    /// When.
    pub at: Nanos,
}

impl Struck {
    pub(super) fn of(deal: &Deal, placed: Option<Nanos>, at: Nanos) -> Struck {
        Struck { id: deal.id, side: deal.side, terms: deal.terms.clone(), placed, at }
    }
}

/// Everything that happened.
#[derive(Debug, Default)]
pub struct Log {
    /// Orders that entered the book.
    pub admitted: Vec<Admitted>,
    /// Epochs that were sealed.
    pub sealed: Vec<Seal>,
    /// Epochs that were cleared: sealed root, root.
    pub cleared: Vec<(u64, Hash, Hash)>,
    /// Epochs on which all neighbours agreed, and after how many milliseconds.
    pub agreed: Vec<(u64, u64)>,
    /// Own deals that were struck.
    pub struck: Vec<Struck>,
    /// Why own deals were over.
    pub over: Vec<EndReason>,
    /// Faults of peers, and what each was.
    pub blamed: Vec<(u32, &'static str)>,
    /// Peers that this one's overlay left alone for their faults.
    pub left_alone: Vec<u32>,
    /// Epochs that were never cleared.
    pub skipped: u64,
    /// Owners that were proven to have signed the same lots twice.
    pub equivocations: u64,
}
