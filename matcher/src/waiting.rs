//! What the machine does next when a costly thing that it asked for comes back.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use protocol::{Acknowledgement, Address, Authority, DealEnd, Entry, Hash, StruckDeal};

use crate::deals::Proposal;
use crate::maker::Standing;

/// Things that peers started and that are still under way; beyond it peers' messages are ignored.
const FOREIGN_MAX: usize = 1024;

/// A continuation.
#[derive(Debug)]
pub(crate) enum Next {
    /// Heads from peers, and how many recoveries each takes.
    Heads { token: Option<u64>, entries: Vec<(Entry, usize)>, heard: usize, is_faulty: bool },
    /// A struck deal from peers.
    Struck { token: Option<u64>, deal: Box<StruckDeal> },
    /// A proposal to this node as a supplier.
    Proposal { token: u64, proposal: Box<Proposal> },
    /// A peer's word that a deal ends.
    EndHeard { token: u64, end: DealEnd, authority: Box<Authority> },
    /// A consumer's word on served time.
    Acknowledged { acknowledgement: Acknowledgement, authority: Box<Authority> },
    /// A supplier's countersignature.
    Countersigned { deal: Hash, authority: Box<Authority> },
    /// An own head is being signed.
    SignHead { user: Option<u64>, standing: Box<Standing> },
    /// An own head is being verified, by the same door as everyone's.
    OwnHead { user: Option<u64>, standing: Box<Standing> },
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
    /// A page of the book was asked for.
    BookPage { from: Address },
}

impl Next {
    fn is_foreign(&self) -> bool {
        matches!(
            self,
            Next::Heads { .. }
                | Next::Struck { .. }
                | Next::Proposal { .. }
                | Next::EndHeard { .. }
                | Next::Acknowledged { .. }
        )
    }
}

/// Continuations by ticket. What peers start is bounded here; what this node starts is bounded by its slots, deals
/// and connections.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    last_ticket: u64,
    foreign: usize,
    pending: BTreeMap<u64, Next>,
}

impl Waiting {
    /// Whether one more thing that a peer started would be too many.
    pub(crate) fn is_full(&self) -> bool {
        self.foreign >= FOREIGN_MAX
    }

    /// Keeps a continuation and gives its ticket.
    pub(crate) fn add(&mut self, next: Next) -> u64 {
        self.last_ticket += 1;
        self.foreign += usize::from(next.is_foreign());
        self.pending.insert(self.last_ticket, next);
        self.last_ticket
    }

    /// Takes the continuation out; each ticket works once.
    pub(crate) fn take(&mut self, ticket: u64) -> Option<Next> {
        let next = self.pending.remove(&ticket)?;
        self.foreign -= usize::from(next.is_foreign());
        Some(next)
    }
}
