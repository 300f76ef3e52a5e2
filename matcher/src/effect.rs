//! What a [`Market`](crate::Market) wants done. The caller does it in the given order and decides nothing.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::talk::{Request, Response};
use protocol::{Address, Hash, Recovery, Rejected, Scope, Score, Side};
use serde::{Deserialize, Serialize};

use crate::book::Change;
use crate::deals::{Deal, EndReason};
use crate::maker::Standing;
use crate::sealed::SealedBook;

/// The two gossip topics of a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// Asks, bids and empty slots.
    Orders,
    /// Struck and ended deals.
    Deals,
}

/// What becomes of a gossip message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Good and new: passed on.
    Accept,
    /// Not passed on; nobody's fault.
    Ignore,
    /// Not passed on, and it costs the sender.
    Reject,
}

/// Something that must survive a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// An own offer, by slot.
    Standing(Box<Standing>),
    /// An own offer is gone.
    Gone {
        /// Its slot.
        slot: u16,
    },
    /// An own deal, by id.
    Deal(Box<Deal>),
    /// An own deal is long over, and forgotten.
    DealGone {
        /// Its id.
        id: Hash,
    },
}

/// Where a placed order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its id.
    pub id: Hash,
    /// Its slot.
    pub slot: u16,
    /// Its version.
    pub version: u64,
    /// The first epoch it counts for.
    pub from_epoch: u64,
}

/// The good news for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The order stands in the own book and is on its way to all others.
    Placed {
        /// Its id.
        id: Hash,
        /// Its slot.
        slot: u16,
        /// Its version.
        version: u64,
        /// The first epoch it counts for.
        from_epoch: u64,
    },
    /// What became of each order of a list, in its order.
    PlacedList(Vec<Result<Placed, Refused>>),
    /// What became of each entry that was handed in, in their order: its id where it entered the book and is on its way
    /// to all others.
    Submitted(Vec<Result<Hash, Rejected>>),
    /// The slot is empty.
    Withdrawn {
        /// Its number.
        slot: u16,
    },
    /// The deal is over.
    DealOver(Box<Deal>),
}

/// Why a user's wish is not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The order breaks a rule of the market.
    #[error("{0}")]
    Rejected(Rejected),
    /// All slots are taken.
    #[error("all {0} slots are taken: withdraw an order first")]
    NoFreeSlot(u16),
    /// Nothing was measured yet.
    #[error("this machine has not been measured: run `souk bench` first")]
    NotMeasured,
    /// One metric exceeds what was measured.
    #[error("{wanted} is more than was measured ({measured})")]
    BeyondMeasured {
        /// What the ask needs in all its lots.
        wanted: Score,
        /// What is there.
        measured: Score,
    },
    /// No such order of this node.
    #[error("no live order of this node has this id")]
    UnknownOrder,
    /// No such deal of this node.
    #[error("no deal of this node has this id")]
    UnknownDeal,
    /// The deal is over already.
    #[error("this deal is over already")]
    DealOver,
    /// This node acts by a delegation whose time is over, or has not begun.
    #[error("the delegation that this node trades under is not in force any more")]
    DelegationOver,
    /// This node acts by a delegation that does not cover this.
    #[error("the delegation that this node trades under does not cover `{0}`")]
    OutOfScope(Scope),
    /// Too much is going on.
    #[error("too many requests at once: try again in a moment")]
    Busy,
}

impl Refused {
    /// The stable code, part of the API.
    pub fn code(&self) -> &'static str {
        match self {
            Refused::Rejected(rejected) => rejected.code(),
            Refused::NoFreeSlot(_) => "no_free_slot",
            Refused::NotMeasured => "not_measured",
            Refused::BeyondMeasured { .. } => "beyond_measured",
            Refused::UnknownOrder => "unknown_order",
            Refused::UnknownDeal => "unknown_deal",
            Refused::DealOver => "deal_over",
            Refused::DelegationOver => "delegation_over",
            Refused::OutOfScope(_) => "out_of_scope",
            Refused::Busy => "busy",
        }
    }
}

/// News for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A head entered the book.
    HeadAdmitted {
        /// Its id.
        id: Hash,
        /// Whose.
        owner: Address,
        /// Its slot.
        slot: u16,
        /// The side, or nothing for an empty slot.
        side: Option<Side>,
    },
    /// An epoch was sealed and cleared.
    Cleared {
        /// Which.
        epoch: u64,
        /// The sealed set's root.
        sealed_root: Hash,
        /// The clearing's root.
        root: Hash,
        /// Orders that took part.
        orders: usize,
        /// Matches found.
        matches: usize,
    },
    /// An epoch was sealed and is never cleared here: the clearing of an earlier one was still under way when a later one
    /// ended, it took too long itself, or it could not be made. Nothing is proposed of it, nor countersigned.
    Skipped {
        /// Which.
        epoch: u64,
        /// The sealed set's root.
        sealed_root: Hash,
    },
    /// Every neighbour sealed the same.
    Agreed {
        /// The epoch.
        epoch: u64,
        /// What all sealed.
        sealed_root: Hash,
        /// How many neighbours.
        neighbours: usize,
        /// How long after the epoch's end the last one had said so, in ms.
        took_ms: u64,
    },
    /// A neighbour sealed something else.
    Differed {
        /// The epoch.
        epoch: u64,
        /// Who.
        neighbour: Address,
        /// What was sealed here.
        ours: Hash,
        /// What it sealed.
        theirs: Hash,
    },
    /// This node proposed a deal.
    Proposed {
        /// Its id.
        deal: Hash,
        /// To whom.
        supplier: Address,
    },
    /// Both signatures are there; the clock runs.
    Struck {
        /// Its id.
        deal: Hash,
        /// Who sells.
        supplier: Address,
        /// Who buys.
        consumer: Address,
        /// Whether this node is one of them.
        is_own: bool,
    },
    /// An owner is proven to have signed the same lots twice.
    Equivocated {
        /// Who.
        owner: Address,
        /// On which side of both deals.
        side: Side,
        /// The two deals.
        deals: [Hash; 2],
    },
    /// Somebody else signed a newer head for one of this owner's slots: what this node offered in it is given up.
    Superseded {
        /// The slot.
        slot: u16,
        /// The newer version.
        version: u64,
    },
    /// The delegation that this node trades under ends within a day.
    DelegationEnds {
        /// In whose name it trades.
        owner: Address,
        /// The first second at which it no longer may, since 1970.
        not_after: u64,
    },
    /// The delegation that this node trades under is over: it signs nothing any more.
    DelegationOver {
        /// In whose name it traded.
        owner: Address,
        /// Since when, in seconds since 1970.
        not_after: u64,
    },
    /// An own deal is over.
    Over {
        /// Its id.
        deal: Hash,
        /// Why.
        reason: EndReason,
        /// Served seconds.
        elapsed_s: u64,
    },
}

/// One thing to do.
#[derive(Debug)]
pub enum Effect {
    /// Recover the signers, off the loop; answer with `Input::Recovered`.
    Recover {
        /// Comes back.
        ticket: u64,
        /// What to recover, and who it must be.
        work: Vec<Recovery>,
    },
    /// Clear a sealed book with [`Outcome::of`](crate::Outcome::of), off the loop; answer with `Input::Cleared`. There is
    /// one at a time, unless one was given up.
    Clear {
        /// Its epoch comes back.
        book: Arc<SealedBook>,
    },
    /// Sign with the node's key; answer with `Input::Signed`.
    Sign {
        /// Comes back.
        ticket: u64,
        /// What to sign.
        digest: Hash,
    },
    /// Tell gossip what to do with a message.
    Judge {
        /// From `Input::Heard`.
        token: u64,
        /// The verdict.
        verdict: Verdict,
    },
    /// Send a gossip message.
    Publish {
        /// Where.
        topic: Topic,
        /// What.
        bytes: Vec<u8>,
    },
    /// Ask a peer; answer with `Input::Answered`.
    Send {
        /// Comes back.
        ticket: u64,
        /// Whom.
        to: Address,
        /// What.
        request: Box<Request>,
    },
    /// Answer a peer.
    Respond {
        /// From `Input::Asked`.
        token: u64,
        /// The answer.
        response: Box<Response>,
    },
    /// Put on disk, before any later effect is carried out.
    Store(Record),
    /// Keep on disk what came and went of the replicated set, when there is time: what is lost comes from peers again.
    Keep(Vec<Change>),
    /// A peer did what no honest one does: it costs its standing.
    Blame {
        /// Who.
        peer: Address,
        /// What was wrong.
        why: Rejected,
    },
    /// Tell the user.
    Answer {
        /// From the input.
        user: u64,
        /// The answer.
        answer: Result<Answer, Refused>,
    },
    /// Tell whoever watches.
    Tell(Event),
}
