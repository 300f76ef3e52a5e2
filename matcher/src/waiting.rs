//! What the machine does next when a costly thing that it asked for comes back.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use protocol::bulk::BulkProof;
use protocol::{Acknowledgement, Address, Authority, DealEnd, Equivocation, Hash, StruckDeal};

use crate::deals::Proposal;
use crate::intake::{Fresh, Message};
use crate::maker::{OwnHead, Recovered};
use crate::submit::Submitted;
use crate::sync::Batch;

/// Gossip messages under way; beyond it more are ignored.
const GOSSIP_MAX: usize = 1024;
/// Requests about deals under way, so that a flood of gossip cannot keep a deal from ending; beyond it more are
/// declined.
const REQUESTS_MAX: usize = 1024;
/// Of both together, for one peer.
const PER_PEER_MAX: usize = 128;

/// Things and the number of recoveries that each takes.
pub(crate) type Counted<T> = Vec<(T, usize)>;

/// A place in the book from which the next page starts, and how many pages may still follow.
pub(crate) type NextPage = ((Address, u16), u32);

/// A continuation.
#[derive(Debug)]
pub(crate) enum Next {
    /// Heads from gossip.
    Heads { message: Message, fresh: Fresh },
    /// A struck deal from gossip.
    Struck { token: u64, deal: Box<StruckDeal> },
    /// A proof against an owner.
    Proof { token: Option<u64>, proof: Box<Equivocation> },
    /// What a peer sent of its book, and the page to ask for then.
    Items { from: Address, batch: Batch, then: Option<NextPage> },
    /// A proposal to this node as a supplier.
    Proposal { token: u64, proposal: Box<Proposal> },
    /// A peer's word that a deal ends.
    EndHeard { token: u64, end: DealEnd, authority: Box<Authority> },
    /// A consumer's word on served time.
    Acknowledged { acknowledgement: Acknowledgement, authority: Box<Authority> },
    /// A supplier's countersignature.
    Countersigned { deal: Hash, authority: Box<Authority> },
    /// Own heads are being verified, by the same door as everyone's.
    OwnHeads { heads: Recovered },
    /// What a user handed in.
    Submission { user: u64, submitted: Submitted },
    /// Own heads are being signed: a single one, or the leaves of one tree with their proofs.
    SignHeads { heads: Vec<OwnHead>, proofs: Vec<BulkProof> },
    /// An own proposal is being signed.
    SignProposal { deal: Hash },
    /// An own countersignature is being made.
    SignCounter { deal: Hash, token: u64 },
    /// An own early end is being signed.
    SignEnd { user: Option<u64>, end: DealEnd },
    /// An own acknowledgement is being signed.
    SignAcknowledgement { acknowledgement: Acknowledgement },
    /// A proposal is with the supplier.
    Proposed { deal: Hash },
    /// A heartbeat is with the supplier.
    Beat { deal: Hash },
    /// The end of a deal is on its way.
    EndSent { deal: Hash },
    /// A comparison goes on; the things that were asked for, and the epoch in which.
    Compared { peer: Address, wants: usize, epoch: u64 },
    /// A page of the book was asked for.
    PageAsked { from: Address, after: Option<(Address, u16)>, pages_left: u32 },
}

/// What a continuation waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// So many verdicts.
    Verdicts(usize),
    /// A signature.
    Signature,
    /// A peer's answer.
    Answer,
}

impl Next {
    fn is_gossip(&self) -> bool {
        matches!(self, Next::Heads { .. } | Next::Struck { .. } | Next::Proof { .. })
    }
}

#[derive(Debug)]
struct Pending {
    next: Next,
    wanted: Wanted,
    /// The peer that started it, if one did.
    peer: Option<Address>,
}

/// Continuations by ticket. What peers start is bounded here; what this node starts is bounded by its slots, deals
/// and connections.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    last_ticket: u64,
    gossip: usize,
    requests: usize,
    by_peer: BTreeMap<Address, usize>,
    pending: BTreeMap<u64, Pending>,
}

impl Waiting {
    /// Whether one more gossip message of `peer` would be too many.
    pub(crate) fn is_gossip_full(&self, peer: &Address) -> bool {
        self.gossip >= GOSSIP_MAX || self.is_peer_full(peer)
    }

    /// Whether one more request of `peer` would be too many.
    pub(crate) fn is_full(&self, peer: &Address) -> bool {
        self.requests >= REQUESTS_MAX || self.is_peer_full(peer)
    }

    fn is_peer_full(&self, peer: &Address) -> bool {
        self.by_peer.get(peer).is_some_and(|&count| count >= PER_PEER_MAX)
    }

    /// How many submissions of users are being verified.
    pub(crate) fn submissions(&self) -> usize {
        self.pending.values().filter(|pending| matches!(pending.next, Next::Submission { .. })).count()
    }

    /// Keeps a continuation and gives its ticket. `peer` started it; without one, this node did.
    pub(crate) fn add(&mut self, next: Next, wanted: Wanted, peer: Option<Address>) -> u64 {
        self.last_ticket += 1;
        if let Some(peer) = peer {
            *self.by_peer.entry(peer).or_default() += 1;
            *self.count_of(next.is_gossip()) += 1;
        }
        self.pending.insert(self.last_ticket, Pending { next, wanted, peer });
        self.last_ticket
    }

    /// Takes the continuation out; each ticket works once, and only for what was asked for.
    pub(crate) fn take(&mut self, ticket: u64, came: Wanted) -> Option<Next> {
        if self.pending.get(&ticket)?.wanted != came {
            return None;
        }
        let Pending { next, peer, .. } = self.pending.remove(&ticket)?;
        if let Some(peer) = peer {
            *self.count_of(next.is_gossip()) -= 1;
            let count = self.by_peer.get_mut(&peer).expect("every pending peer is counted");
            *count -= 1;
            if *count == 0 {
                self.by_peer.remove(&peer);
            }
        }
        Some(next)
    }

    /// Whether a page of this peer's book is already on its way.
    pub(crate) fn has_page_of(&self, peer: &Address) -> bool {
        self.pending.values().any(
            |pending| matches!(&pending.next, Next::PageAsked { from, .. } | Next::Items { from, then: Some(_), .. } if from == peer),
        )
    }

    /// The peer is gone: the page that was asked for will not come.
    pub(crate) fn forget_page_of(&mut self, peer: &Address) {
        self.pending.retain(|_, pending| !matches!(&pending.next, Next::PageAsked { from, .. } if from == peer));
    }

    /// Whether the end of this deal is already on its way.
    pub(crate) fn has_end_of(&self, id: &Hash) -> bool {
        self.pending.values().any(|pending| matches!(&pending.next, Next::EndSent { deal } if deal == id))
    }

    fn count_of(&mut self, is_gossip: bool) -> &mut usize {
        if is_gossip { &mut self.gossip } else { &mut self.requests }
    }
}
