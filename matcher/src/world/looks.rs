//! What a test sees of the peers: their deals, what they last cleared, what stands in their books.

use alloc::vec::Vec;

use protocol::{Hash, Side};

use super::people::market;
use super::{Peer, World};
use crate::deals::{Deal, DealState, EndReason};

impl World {
    /// The only deal of this peer in `state`.
    pub fn deal(&self, peer: usize, state: DealState) -> Deal {
        let deals: Vec<&Deal> = self.peers[peer].market.deals().filter(|deal| deal.state == state).collect();
        assert_eq!(deals.len(), 1, "deals in {state:?}: {:?}", self.states(peer));
        deals[0].clone()
    }

    pub fn states(&self, peer: usize) -> Vec<(DealState, Option<EndReason>)> {
        self.peers[peer].market.deals().map(|deal| (deal.state, deal.reason)).collect()
    }

    pub fn running(&self, peer: usize) -> usize {
        self.peers[peer].market.deals().filter(|deal| deal.state == DealState::Running).count()
    }

    /// Runs until this peer has a running deal, and gives it.
    pub fn strike(&mut self, peer: usize) -> Deal {
        assert!(self.run_until(10_000, |world| world.running(peer) > 0), "no deal: {:?}", self.states(peer));
        self.deal(peer, DealState::Running)
    }

    /// What this peer last cleared.
    pub fn root(&self, peer: usize) -> (u64, Hash, Hash) {
        let clearing = self.peers[peer].market.clearings().next_back().unwrap();
        (clearing.epoch, clearing.sealed_root, clearing.root)
    }

    /// What stands in this peer's book: ids, in order.
    pub fn book(&self, peer: usize) -> Vec<Hash> {
        self.peers[peer].market.book().heads_after(None).map(|head| head.id).collect()
    }

    /// The order that counts now in this peer's slot, as the peer `at` sees it: its lots and its price.
    pub fn offer(&self, at: usize, of: usize, side: Side) -> Option<(u32, u128)> {
        let running = market().epoch_at(self.now);
        let owner = self.peers[of].person.address;
        let book = self.peers[at].market.book();
        let mut heads = book.effective(running + 1).filter(|head| head.entry.place().0 == owner);
        let head = heads.find(|head| head.order().is_some_and(|order| order.side == side))?;
        let open = book.open_lots(head, running + 1).iter().map(|(first, end)| end - first).sum();
        head.order().map(|order| (open, order.price.0))
    }
}

impl Peer {
    /// A peer whose machine is gone can be spoken to again, in the test's own name.
    pub fn revive(&mut self) {
        self.is_up = true;
    }
}
