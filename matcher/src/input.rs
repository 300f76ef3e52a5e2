//! What can happen to a [`Market`](crate::Market). Nothing here says what to do about it.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use protocol::reconcile::Salt;
use protocol::talk::{Item, Request, Response};
use protocol::{Address, Capacity, Entry, Flags, Hash, Identity, Price, Side, Signature};
use serde::{Deserialize, Serialize};

use crate::deals::Deal;
use crate::effect::Topic;
use crate::history::Outcome;
use crate::maker::Standing;

/// What a user wants to sell or buy; the machine adds owner, slot, version and epochs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Ask or bid.
    pub side: Side,
    /// What one lot is; rounded by the machine, asks down and bids up.
    pub capacity: Capacity,
    /// How many lots.
    pub lots: u32,
    /// The limit price.
    pub price: Price,
    /// The shortest deal, in seconds.
    pub duration_min_s: u32,
    /// The longest deal, in seconds.
    pub duration_max_s: u32,
    /// Ask: seconds billed at least. Bid: the most it accepts as that.
    pub billed_min_s: u32,
    /// Only this owner; zero for anyone.
    pub counterparty: Address,
    /// Never these owners.
    pub excluded: Vec<Address>,
    /// The least identity level of the other side.
    pub identity_min: Identity,
    /// Network needs.
    pub flags: Flags,
    /// Free for the maker.
    pub tag: Hash,
    /// Life of one version in seconds.
    pub life_s: u32,
    /// Whether the node renews it before its life ends.
    pub is_renewed: bool,
}

/// Why a request to a peer brought no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// The peer cannot be found or reached, or the connection broke.
    Unreachable,
    /// No answer in time.
    Timeout,
}

/// One thing that happened.
#[derive(Debug)]
pub enum Input {
    /// Time went by.
    Tick,
    /// What an earlier life of this node stored; comes first if at all.
    Restore {
        /// The replicated set as `Effect::Keep` told it, each by its id. No signature is recovered again: whoever hands
        /// them in vouches that id and item are what they were.
        kept: Vec<(Hash, Item)>,
        /// Own offers.
        standings: Vec<Standing>,
        /// Own deals.
        deals: Vec<Deal>,
    },
    /// 32 random bytes that nobody else knows, once at the start: copies of messages are told by digests under a key
    /// made of them. Decides nothing that is signed or shared.
    Entropy(Hash),
    /// The stakes of all owners that have any, at a checkpoint of the chain: they rank heads in a full book and give
    /// more slots. Every peer must be given the same ones.
    Checkpoint {
        /// By owner, in wei.
        stakes: BTreeMap<Address, u128>,
    },
    /// What this machine can do was measured.
    Measured(Capacity),
    /// A user places an order.
    Place {
        /// Comes back in the answer.
        user: u64,
        /// What is wanted.
        draft: Box<Draft>,
    },
    /// A user places several orders at once, at most [`protocol::bulk::LEAVES_MAX`]: a slot for each or none for any.
    PlaceList {
        /// Comes back in the answer.
        user: u64,
        /// What is wanted.
        drafts: Vec<Draft>,
    },
    /// A user hands in what somebody else signed, at most [`protocol::wire::GOSSIP_ENTRIES_MAX`] of it.
    Submit {
        /// Comes back in the answer.
        user: u64,
        /// Signed orders and empty slots of anyone.
        entries: Vec<Entry>,
    },
    /// A user withdraws an own order.
    Withdraw {
        /// Comes back in the answer.
        user: u64,
        /// The order's id: any version of the slot that still stands.
        order: Hash,
    },
    /// A user ends an own deal.
    EndDeal {
        /// Comes back in the answer.
        user: u64,
        /// The deal's id.
        deal: Hash,
    },
    /// A gossip message.
    Heard {
        /// Who passed it on.
        from: Address,
        /// Comes back in the verdict.
        token: u64,
        /// Which topic.
        topic: Topic,
        /// The message.
        bytes: Vec<u8>,
    },
    /// A peer asks something.
    Asked {
        /// Who.
        from: Address,
        /// Comes back in the response.
        token: u64,
        /// What.
        request: Box<Request>,
    },
    /// The answer to an own request.
    Answered {
        /// The request's ticket.
        ticket: u64,
        /// What came back.
        result: Result<Box<Response>, Unanswered>,
    },
    /// The verdicts on asked-for recoveries, in their order.
    Recovered {
        /// The effect's ticket.
        ticket: u64,
        /// Whether each signer was the expected one.
        verdicts: Vec<bool>,
    },
    /// A sealed book that was to be cleared is. What is not the one under way is ignored.
    Cleared {
        /// The epoch of the effect's book.
        epoch: u64,
        /// What it came to, or nothing if it could not be cleared.
        outcome: Option<Outcome>,
    },
    /// A signature that was asked for.
    Signed {
        /// The effect's ticket.
        ticket: u64,
        /// The node key's signature.
        signature: Signature,
    },
    /// A peer of the same market connected.
    PeerUp {
        /// Who.
        peer: Address,
        /// Under which the two compare what they hold; new with each life of either.
        salt: Salt,
        /// Whether this node dialed.
        is_outbound: bool,
    },
    /// A peer is gone.
    PeerDown(Address),
}
