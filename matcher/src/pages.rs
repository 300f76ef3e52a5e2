//! Anti-entropy by pages: what a peer that just connected is given of the book, and how such pages are taken in.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use protocol::talk::{PAGE_MAX, Request, Response};
use protocol::{Address, Entry, Hash, StruckDeal, wire};

use crate::book::STEPS_MAX;
use crate::intake::{Fresh, Screened};
use crate::market::Market;
use crate::waiting::{Counted, Next, NextPage};

/// Bytes of entries in one page of the book; with its deals still under the response limit.
const PAGE_BYTES_MAX: usize = 600 * 1024;
/// Entries that a page of an honest peer holds at least, unless it is the last.
const PAGE_ENTRIES_MIN: u32 = 64;

type Place = (Address, u16);

fn place(entry: &Entry) -> Place {
    let (owner, slot, _) = entry.place();
    (owner, slot)
}

/// Every so many epochs one neighbour is asked for its book.
const CATCH_UP_EPOCHS: u32 = 5;

/// Whom the book is compared with, in turn.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    pub(crate) up: BTreeSet<Address>,
    last: Option<Address>,
    due_ms: u64,
}

impl Market {
    /// One page of the book, and the deals that take lots off its heads.
    pub(crate) fn book_page(&self, after: Option<Place>) -> Response {
        let mut entries: Vec<Entry> = Vec::new();
        let mut ids: Vec<Hash> = Vec::new();
        let mut bytes = 0;
        let mut is_more = false;
        let mut last_place = after;
        for head in self.book.heads_after(after) {
            let here = place(&head.entry);
            let is_full = entries.len() + STEPS_MAX > PAGE_MAX || bytes > PAGE_BYTES_MAX;
            if last_place != Some(here) && is_full {
                is_more = true;
                break;
            }
            last_place = Some(here);
            bytes += wire::encode(&head.entry).len();
            entries.push(head.entry.clone());
            ids.push(head.id);
        }
        let deals = self.book.fills().of_orders(&ids, PAGE_MAX).iter().map(|deal| (**deal).clone()).collect();
        Response::Book { entries, is_more, deals }
    }

    /// Asks for the first page of a peer's book, unless one is on its way.
    pub(crate) fn ask_for_book(&mut self, peer: Address) {
        if !self.waiting.has_page_of(&peer) {
            let pages_left = self.parameters.heads_max / PAGE_ENTRIES_MIN + 2;
            self.ask_for_page(peer, None, pages_left);
        }
    }

    /// Gossip drops silently: now and then one neighbour after the other is asked for its whole book.
    pub(crate) fn tick_pages(&mut self, now: u64) {
        if now < self.neighbours.due_ms {
            return;
        }
        self.neighbours.due_ms = now.saturating_add(self.parameters.epoch_ms.saturating_mul(CATCH_UP_EPOCHS).into());
        let after = |peer: &&Address| self.neighbours.last.is_none_or(|last| **peer > last);
        let next = self.neighbours.up.iter().find(after).or_else(|| self.neighbours.up.first()).copied();
        self.neighbours.last = next;
        if let Some(peer) = next {
            self.ask_for_book(peer);
        }
    }

    pub(crate) fn ask_for_more(&mut self, peer: Address, then: Option<NextPage>) {
        if let Some((after, pages_left)) = then {
            self.ask_for_page(peer, Some(after), pages_left);
        }
    }

    fn ask_for_page(&mut self, from: Address, after: Option<Place>, pages_left: u32) {
        self.ask(from, Next::PageAsked { from, after, pages_left }, Request::Book { after });
    }

    /// A page came. The next one is asked for when this one is in the book, so that a peer gives no more work than one
    /// page at a time; a page that does not go on where the last one ended is dropped.
    pub(crate) fn on_book_page(
        &mut self,
        (from, after, pages_left): (Address, Option<Place>, u32),
        response: Response,
        now: u64,
    ) {
        let Response::Book { entries, is_more, deals } = response else { return };
        let is_ascending = entries.windows(2).all(|pair| place(&pair[0]) <= place(&pair[1]));
        let is_onward = after.is_none_or(|after| entries.first().is_none_or(|first| place(first) > after));
        if entries.len() > PAGE_MAX || deals.len() > PAGE_MAX || !is_ascending || !is_onward {
            return;
        }
        let last = entries.last().map(place).filter(|_| is_more && pages_left > 0);
        let then = last.map(|last| (last, pages_left.saturating_sub(1)));
        let Screened { fresh, mut work, .. } = self.screen_all(entries, now);
        let mut fresh_deals = Vec::new();
        for deal in deals {
            if let Ok(recoveries) = self.screen_deal(&deal, now) {
                fresh_deals.push((deal, recoveries.len()));
                work.extend(recoveries);
            }
        }
        match work.is_empty() {
            true => self.ask_for_more(from, then),
            false => self.recover(None, Next::Page { from, entries: fresh, deals: fresh_deals, then }, work),
        }
    }

    pub(crate) fn on_page_verified(
        &mut self,
        (entries, deals): (Fresh, Counted<StruckDeal>),
        verdicts: &[bool],
        now: u64,
    ) {
        let mut verdicts = verdicts.iter();
        self.admit_all(entries, &mut verdicts);
        for (deal, recoveries) in deals {
            let is_valid = verdicts.by_ref().take(recoveries).filter(|&&good| good).count() == recoveries;
            if is_valid {
                self.on_struck_verified(None, deal, true, now);
            }
        }
    }
}
