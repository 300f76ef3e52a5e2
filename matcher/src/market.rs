//! [`Market`]: joins book, clearing, offers and deals. `handle` is the one way in.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::reconcile::Salt;
use protocol::talk::{Request, Response};
use protocol::{Address, Capacity, Domain, Hash, Mandate, Memo, Parameters, Recovery, Rejected, Signature};

use crate::book::{Book, Quota};
use crate::deals::{Deal, Deals, Proposal};
use crate::effect::Effect;
use crate::epoch::Epochs;
use crate::history::{Cleared, History, Proven};
use crate::input::{Input, Unanswered};
use crate::maker::{Maker, Standing};
use crate::mandate::Warned;
use crate::recent::Recent;
use crate::restore::beyond;
use crate::sharing::SealCache;
use crate::sync::Sync;
use crate::waiting::{Next, Waiting, Wanted};

/// One peer's view of one market.
#[derive(Debug)]
pub struct Market {
    pub(crate) parameters: Parameters,
    pub(crate) domain: Domain,
    pub(crate) owner: Address,
    pub(crate) mandate: Mandate,
    pub(crate) warned: Warned,
    pub(crate) book: Book,
    pub(crate) maker: Maker,
    pub(crate) deals: Deals,
    pub(crate) waiting: Waiting,
    pub(crate) measured: Option<Capacity>,
    pub(crate) epochs: Epochs,
    pub(crate) effects: Vec<Effect>,
    pub(crate) sync: Sync,
    pub(crate) recent: Recent,
    pub(crate) memo: Memo,
    pub(crate) history: History,
    /// Sealed books of other machines in this process; a node has none.
    pub(crate) seals: Option<Arc<dyn SealCache>>,
}

impl Market {
    /// A peer with an empty book that trades as `owner`, whose key it has. `parameters` must have passed their check.
    pub fn new(parameters: Parameters, owner: Address) -> Market {
        Market::acting(parameters, Mandate::own(owner))
    }

    /// As [`Market::new`], in the name that `mandate` says.
    pub fn acting(parameters: Parameters, mandate: Mandate) -> Market {
        let domain = parameters.domain();
        Market {
            book: Book::with_quota(domain, parameters.heads_max, Quota::of(&parameters)),
            domain,
            parameters,
            owner: mandate.owner(),
            warned: Warned::default(),
            maker: Maker::default(),
            deals: Deals::default(),
            waiting: Waiting::default(),
            measured: None,
            epochs: Epochs::default(),
            effects: Vec::new(),
            sync: Sync::default(),
            recent: Recent::new(&mandate.owner()),
            memo: Memo::new(&domain),
            history: History::default(),
            seals: None,
            mandate,
        }
    }

    /// Takes what happened at `now` (unix ms) and returns what to do, in order.
    pub fn handle(&mut self, input: Input, now: u64) -> Vec<Effect> {
        self.book.look_from(self.parameters.epoch_at(now).saturating_sub(1));
        let mut stored = BTreeSet::new();
        match input {
            Input::Tick => self.on_tick(now),
            Input::Restore { kept, standings, deals } => stored = self.on_restore(kept, (standings, deals), now),
            Input::Entropy(entropy) => self.recent.seed(&entropy),
            Input::Checkpoint { stakes } => self.book.restake(stakes),
            Input::Measured(capacity) => self.measured = Some(capacity),
            Input::Place { user, draft } => self.on_place(user, *draft, now),
            Input::PlaceList { user, drafts } => self.on_place_list(user, drafts, now),
            Input::Submit { user, entries } => self.on_submit(user, entries, now),
            Input::Withdraw { user, order } => self.on_withdraw(user, &order, now),
            Input::EndDeal { user, deal } => self.on_end_deal(user, &deal, now),
            Input::Heard { from, token, topic, bytes } => self.on_heard((from, token), topic, &bytes, now),
            Input::Asked { from, token, request } => self.on_asked(from, token, *request, now),
            Input::Answered { ticket, result } => self.on_answered(ticket, result.map(|response| *response), now),
            Input::Recovered { ticket, verdicts } => self.on_recovered(ticket, &verdicts, now),
            Input::Cleared { epoch, outcome } => self.on_cleared(epoch, outcome, now),
            Input::Signed { ticket, signature } => self.on_signed(ticket, signature, now),
            Input::PeerUp { peer, salt, is_outbound } => self.on_peer_up(peer, (salt, is_outbound), now),
            Input::PeerDown(peer) => {
                self.sync.part(&peer, &self.book);
                self.waiting.forget_page_of(&peer);
            }
        }
        self.mend_offers(now);
        self.sign_heads();
        self.settle(&stored);
        core::mem::take(&mut self.effects)
    }

    /// What came into the replicated set and left it is kept by the caller too, who has `stored` already.
    pub(crate) fn settle(&mut self, stored: &BTreeSet<Hash>) {
        let changes = self.book.take_changes();
        self.sync.follow(&changes);
        let changes = beyond(stored, changes);
        if !changes.is_empty() {
            self.effects.push(Effect::Keep(changes));
        }
    }

    fn on_tick(&mut self, now: u64) {
        self.tick_epochs(now);
        self.tick_mandate(now);
        self.tick_deals(now);
        self.tick_maker(now);
        // What went with the epoch is not told to neighbours any more.
        self.settle(&BTreeSet::new());
        self.tick_sync(now);
    }

    fn on_asked(&mut self, from: Address, token: u64, request: Request, now: u64) {
        match request {
            Request::Book { after } => {
                let page = self.book_page(after);
                if matches!(&page, Response::Book { is_more: false, .. }) {
                    self.note_paged(&from);
                }
                self.respond(token, page);
            }
            Request::Sync(summary) => self.on_sync_asked((from, token), &summary, now),
            Request::Symbols { epoch, from: first, count } => {
                self.on_symbols_asked((from, token), (epoch, first, count));
            }
            Request::Exchange { items, wants } => self.on_exchange_asked((from, token), (items, wants), now),
            Request::Propose { orders, terms, consumer } => {
                let proposal = Proposal { from, bid: orders.1, terms, consumer };
                self.on_proposal(token, proposal, now);
            }
            Request::EndDeal(end, authority) => self.on_end_heard((from, token), end, authority, now),
            Request::Heartbeat { deal, acknowledgement } => {
                self.on_heartbeat((from, token), &deal, acknowledgement, now);
            }
            // Tasks and greetings are the caller's to serve; whoever passes them here gets a refusal.
            _ => self.respond(token, Response::Declined(Rejected::Encoding)),
        }
    }

    fn on_answered(&mut self, ticket: u64, result: Result<Response, Unanswered>, now: u64) {
        match self.waiting.take(ticket, Wanted::Answer) {
            Some(Next::Proposed { deal }) => self.on_proposal_answered(&deal, result, now),
            Some(Next::Beat { deal }) => {
                // Anything but a clear word says nothing about the deal.
                if let Ok(Response::Alive { is_running }) = result {
                    self.on_heartbeat_answered(&deal, is_running, now);
                }
            }
            Some(Next::EndSent { deal }) => self.on_end_answered(&deal, result),
            Some(Next::Compared { peer, wants, epoch }) => self.on_compared((peer, wants, epoch), result, now),
            Some(Next::PageAsked { from, after, pages_left }) => {
                if let Ok(response) = result {
                    self.on_book_page((from, after, pages_left), response, now);
                }
            }
            _ => {}
        }
    }

    fn on_recovered(&mut self, ticket: u64, verdicts: &[bool], now: u64) {
        let is_valid = verdicts.iter().all(|&good| good);
        match self.waiting.take(ticket, Wanted::Verdicts(verdicts.len())) {
            Some(Next::Heads { message, fresh }) => self.on_heads_verified(message, fresh, verdicts),
            Some(Next::Items { from, batch, then }) => {
                self.on_items_verified(from, batch, verdicts, now);
                self.ask_for_more(from, then);
            }
            Some(Next::OwnHeads { heads }) => self.on_own_heads_verified(heads, verdicts, now),
            Some(Next::Submission { user, submitted }) => self.on_submission_verified(user, submitted, verdicts),
            Some(Next::Struck { token, deal }) => self.on_struck_verified(Some(token), *deal, is_valid, now),
            Some(Next::Proof { token, proof }) => self.on_proof_verified(token, *proof, is_valid),
            Some(Next::Proposal { token, proposal }) => self.on_proposal_verified(token, *proposal, is_valid, now),
            Some(Next::EndHeard { token, end, authority }) => {
                self.on_end_verified(token, (end, authority), is_valid, now);
            }
            Some(Next::Acknowledged { acknowledgement, authority }) if is_valid => {
                self.on_acknowledged(acknowledgement, authority, now);
            }
            Some(Next::Countersigned { deal, authority }) => {
                self.on_countersignature_verified(&deal, *authority, is_valid, now);
            }
            _ => {}
        }
    }

    fn on_signed(&mut self, ticket: u64, signature: Signature, now: u64) {
        match self.waiting.take(ticket, Wanted::Signature) {
            Some(Next::SignHeads { heads, proofs }) => self.on_heads_signed(heads, proofs, signature, now),
            Some(Next::SignProposal { deal }) => self.on_proposal_signed(&deal, signature, now),
            Some(Next::SignCounter { deal, token }) => self.on_counter_signed(&deal, token, signature, now),
            Some(Next::SignEnd { user, end }) => self.on_end_signed(user, end, signature, now),
            Some(Next::SignAcknowledgement { acknowledgement }) => {
                self.on_acknowledgement_signed(acknowledgement, signature);
            }
            _ => {}
        }
    }

    /// Has signers recovered and goes on with `next`. `peer` started it; without one, this node did.
    pub(crate) fn recover(&mut self, peer: Option<Address>, next: Next, work: Vec<Recovery>) {
        let ticket = self.waiting.add(next, Wanted::Verdicts(work.len()), peer);
        self.effects.push(Effect::Recover { ticket, work });
    }

    /// Has `digest` signed and goes on with `next`.
    pub(crate) fn sign(&mut self, next: Next, digest: Hash) {
        let ticket = self.waiting.add(next, Wanted::Signature, None);
        self.effects.push(Effect::Sign { ticket, digest });
    }

    /// Asks a peer and goes on with `next`.
    pub(crate) fn ask(&mut self, to: Address, next: Next, request: Request) {
        let ticket = self.waiting.add(next, Wanted::Answer, None);
        self.effects.push(Effect::Send { ticket, to, request: Box::new(request) });
    }

    pub(crate) fn respond(&mut self, token: u64, response: Response) {
        self.effects.push(Effect::Respond { token, response: Box::new(response) });
    }

    fn on_peer_up(&mut self, peer: Address, terms: (Salt, bool), now: u64) {
        self.sync.meet(peer, terms, &self.book);
        let owed = |deal: &&Deal| deal.peer == peer && deal.end.is_some() && !deal.is_end_delivered;
        let owed: Vec<Hash> = self.deals.by_id.values().filter(owed).map(|deal| deal.id).collect();
        owed.iter().for_each(|deal| self.deliver_end(deal, now));
    }

    /// The market's parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The market's signing domain.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// In whose name this peer trades.
    pub fn owner(&self) -> Address {
        self.owner
    }

    /// In whose name its key signs, and for how long.
    pub fn mandate(&self) -> &Mandate {
        &self.mandate
    }

    /// What this machine can do, once measured.
    pub fn measured(&self) -> Option<&Capacity> {
        self.measured.as_ref()
    }

    /// The book.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Own offers, by slot, withdrawn ones included until they expire.
    pub fn standings(&self) -> impl Iterator<Item = &Standing> {
        self.maker.standings.values()
    }

    /// Own deals, by id.
    pub fn deals(&self) -> impl Iterator<Item = &Deal> {
        self.deals.by_id.values()
    }

    /// The own deal with this id.
    pub fn deal(&self, id: &Hash) -> Option<&Deal> {
        self.deals.by_id.get(id)
    }

    /// What the kept epochs came to, oldest first.
    pub fn clearings(&self) -> impl DoubleEndedIterator<Item = &Arc<Cleared>> {
        self.history.cleared()
    }

    /// What `epoch` came to, if it is kept.
    pub fn clearing(&self, epoch: u64) -> Option<&Arc<Cleared>> {
        self.clearings().rev().find(|cleared| cleared.epoch == epoch)
    }

    /// Sealed books and their clearings, of fewer epochs, oldest first.
    pub fn proven(&self) -> impl DoubleEndedIterator<Item = &Arc<Proven>> {
        self.history.proven()
    }

    /// The lots of an own offer that are neither let nor served.
    pub fn open_lots(&self, standing: &Standing) -> u32 {
        self.lots_left(standing)
    }
}

#[cfg(test)]
mod tests;
