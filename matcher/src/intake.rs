//! The one door: heads and deals from anywhere are screened cheaply, verified by effect, admitted, and judged.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::talk::{DealMessage, OrdersMessage, PAGE_MAX, Response};
use protocol::wire::{self, GOSSIP_ENTRIES_MAX, GOSSIP_MAX};
use protocol::{Address, Entry, Hash, Recovery, Rejected, Side, StruckDeal};

use crate::book::Head;
use crate::effect::{Effect, Event, Topic, Verdict};
use crate::market::Market;
use crate::waiting::Next;

/// Bytes of entries in one page of the book, well under the response limit.
const PAGE_BYTES_MAX: usize = 700 * 1024;

impl Market {
    pub(crate) fn on_heard(&mut self, token: u64, topic: Topic, bytes: &[u8], now: u64) {
        match topic {
            Topic::Orders => match wire::decode::<OrdersMessage>(bytes, GOSSIP_MAX) {
                Ok(message) => self.on_heads(Some(token), message.0, now),
                Err(_) => self.judge(Some(token), Verdict::Reject),
            },
            Topic::Deals => match wire::decode::<DealMessage>(bytes, GOSSIP_MAX) {
                Ok(DealMessage::Struck(deal)) => self.on_struck_heard(Some(token), deal, now),
                Err(_) => self.judge(Some(token), Verdict::Reject),
            },
        }
    }

    /// Every check of an entry that costs no recovery. Gives its id and the recoveries it takes.
    pub(crate) fn screen(&self, entry: &Entry, now: u64) -> Result<(Hash, Vec<Recovery>), Rejected> {
        entry.check(&self.parameters)?;
        let (owner_slot, (from, expiry)) = (entry.place().1, entry.epochs());
        let soonest = self.parameters.epoch_at(now + u64::from(self.parameters.clock_tolerance_ms)) + 1;
        if expiry <= self.parameters.epoch_at(now) {
            return Err(Rejected::Expired);
        }
        if from > soonest {
            return Err(Rejected::Future);
        }
        if owner_slot >= self.parameters.slots_per_owner {
            return Err(Rejected::Slot);
        }
        let id = entry.id(&self.domain);
        self.book.judge(entry, &id)?;
        let (first, second) = entry.recoveries(&self.domain, now / 1000)?;
        Ok((id, core::iter::once(first).chain(second).collect()))
    }

    pub(crate) fn on_heads(&mut self, token: Option<u64>, entries: Vec<Entry>, now: u64) {
        let heard = entries.len();
        let cap = if token.is_some() { GOSSIP_ENTRIES_MAX } else { PAGE_MAX };
        if heard == 0 || heard > cap {
            return self.judge(token, Verdict::Reject);
        }
        if self.waiting.is_full() {
            return self.judge(token, Verdict::Ignore);
        }
        let mut is_faulty = false;
        let mut fresh = Vec::new();
        let mut work = Vec::new();
        for entry in entries {
            match self.screen(&entry, now) {
                Ok((_, recoveries)) => {
                    fresh.push((entry, recoveries.len()));
                    work.extend(recoveries);
                }
                Err(rejected) => is_faulty |= rejected.is_senders_fault(),
            }
        }
        if fresh.is_empty() {
            return self.judge(token, if is_faulty { Verdict::Reject } else { Verdict::Ignore });
        }
        let ticket = self.waiting.add(Next::Heads { token, entries: fresh, heard, is_faulty });
        self.effects.push(Effect::Recover { ticket, work });
    }

    pub(crate) fn on_heads_verified(
        &mut self,
        token: Option<u64>,
        (entries, heard): (Vec<(Entry, usize)>, usize),
        mut is_faulty: bool,
        verdicts: &[bool],
    ) {
        let mut verdicts = verdicts.iter();
        let mut admitted = Vec::new();
        for (entry, recoveries) in entries {
            let is_valid = verdicts.by_ref().take(recoveries).filter(|&&good| good).count() == recoveries;
            is_faulty |= !is_valid;
            if is_valid && self.admit(entry.clone()).is_ok() {
                admitted.push(entry);
            }
        }
        let verdict = match (is_faulty, admitted.len() * 2 >= heard) {
            (true, _) => Verdict::Reject,
            (false, true) => Verdict::Accept,
            (false, false) => Verdict::Ignore,
        };
        self.judge(token, verdict);
        if token.is_some() && verdict != Verdict::Accept && !admitted.is_empty() {
            self.publish_heads(admitted);
        }
    }

    /// Takes a verified entry into the book and tells.
    pub(crate) fn admit(&mut self, entry: Entry) -> Result<Arc<Head>, Rejected> {
        let head = self.book.admit(entry)?;
        let (owner, slot, _) = head.entry.place();
        let side = head.order().map(|order| order.side);
        self.effects.push(Effect::Tell(Event::HeadAdmitted { id: head.id, owner, slot, side }));
        Ok(head)
    }

    pub(crate) fn publish_heads(&mut self, entries: Vec<Entry>) {
        let bytes = wire::encode(&OrdersMessage(entries));
        self.effects.push(Effect::Publish { topic: Topic::Orders, bytes });
    }

    pub(crate) fn on_struck_heard(&mut self, token: Option<u64>, deal: Box<StruckDeal>, now: u64) {
        let id = deal.terms.id(&self.domain);
        let terms = &deal.terms;
        let is_sane = terms.ask.lots == terms.bid.lots && terms.ask.lots > 0 && terms.duration_s > 0;
        if self.book.has_deal(&id) || terms.epoch > self.parameters.epoch_at(now) + 1 || self.waiting.is_full() {
            return self.judge(token, Verdict::Ignore);
        }
        let sides = [Side::Ask, Side::Bid].map(|side| deal.by(side).recoveries(&self.domain, now / 1000));
        let [Ok((ask, ask_owner)), Ok((bid, bid_owner))] = sides else { return self.judge(token, Verdict::Reject) };
        if !is_sane {
            return self.judge(token, Verdict::Reject);
        }
        let work = [Some(ask), ask_owner, Some(bid), bid_owner].into_iter().flatten().collect();
        let ticket = self.waiting.add(Next::Struck { token, deal });
        self.effects.push(Effect::Recover { ticket, work });
    }

    pub(crate) fn on_struck_verified(&mut self, token: Option<u64>, deal: StruckDeal, is_valid: bool, now: u64) {
        if !is_valid {
            return self.judge(token, Verdict::Reject);
        }
        let id = deal.terms.id(&self.domain);
        let is_new = !self.book.has_deal(&id);
        self.judge(token, if is_new { Verdict::Accept } else { Verdict::Ignore });
        if !is_new {
            return;
        }
        let (supplier, consumer) = (deal.terms.supplier(), deal.terms.consumer());
        let countersignature = deal.supplier.clone();
        self.book.fill(deal);
        if consumer == self.owner {
            self.strike_as_consumer(&id, countersignature, now);
        } else {
            self.effects.push(Effect::Tell(Event::Struck { deal: id, supplier, consumer, is_own: false }));
        }
    }

    pub(crate) fn judge(&mut self, token: Option<u64>, verdict: Verdict) {
        if let Some(token) = token {
            self.effects.push(Effect::Judge { token, verdict });
        }
    }

    /// One page of the book, and with the last one the deals that take lots off it.
    pub(crate) fn book_page(&self, after: Option<(Address, u16)>) -> Response {
        let mut entries: Vec<Entry> = Vec::new();
        let mut bytes = 0;
        let mut is_more = false;
        let mut last_place = after;
        for head in self.book.heads_after(after) {
            let (owner, slot, _) = head.entry.place();
            let is_new_slot = last_place != Some((owner, slot));
            if is_new_slot && (entries.len() + 4 > PAGE_MAX || bytes > PAGE_BYTES_MAX) {
                is_more = true;
                break;
            }
            last_place = Some((owner, slot));
            bytes += wire::encode(&head.entry).len();
            entries.push(head.entry.clone());
        }
        let deals = if is_more { Vec::new() } else { self.book.deals().take(PAGE_MAX).cloned().collect() };
        Response::Book { entries, is_more, deals }
    }

    pub(crate) fn on_book_page(&mut self, from: Address, response: Response, now: u64) {
        let Response::Book { entries, is_more, deals } = response else { return };
        if entries.len() > PAGE_MAX || deals.len() > PAGE_MAX {
            return;
        }
        let last = entries.last().map(|entry| (entry.place().0, entry.place().1));
        if !entries.is_empty() {
            self.on_heads(None, entries, now);
        }
        for deal in deals {
            self.on_struck_heard(None, Box::new(deal), now);
        }
        if let (true, Some(after)) = (is_more, last) {
            self.ask_for_book(from, Some(after));
        }
    }

    pub(crate) fn ask_for_book(&mut self, from: Address, after: Option<(Address, u16)>) {
        let ticket = self.waiting.add(Next::BookPage { from });
        let request = Box::new(protocol::talk::Request::Book { after });
        self.effects.push(Effect::Send { ticket, to: from, request });
    }
}
