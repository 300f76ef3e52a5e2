//! The asker's half of a comparison: heartbeats when they are due, symbols until the difference is peeled, the exchange.

use alloc::boxed::Box;
use alloc::vec::Vec;

use protocol::reconcile::{Decoder, Difference, Progress, SYMBOLS_HEARTBEAT, SymbolBytes};
use protocol::talk::{REQUEST_ITEMS_BYTES_MAX, Request, Response, Summary, Synced, WANTS_MAX};
use protocol::{Address, Rejected};

use super::{DIFFERENCE_SMALL, items_of};
use crate::input::Unanswered;
use crate::market::Market;
use crate::waiting::Next;

/// Heartbeats in an epoch; in its guard twice as many for the time.
const BEATS_PER_EPOCH: u32 = 4;
/// Symbols of a further chunk at least.
const STEP_MIN: usize = 16;
/// A neighbour that has not sealed yet what was sealed here is asked again so soon.
const LATE_MS: u64 = 100;
/// Of so many things that a neighbour showed, it must be able to serve one.
const SERVED_MIN: usize = 4;

impl Market {
    /// The epoch whose beginning the book has taken in.
    pub(crate) fn book_epoch(&self) -> Option<u64> {
        self.epochs.ended().map(|ended| ended + 1)
    }

    fn beat_interval_ms(&self, now: u64) -> u64 {
        let is_guard = self.parameters.epoch_to_sign(now) > self.parameters.epoch_at(now);
        let beats = if is_guard { 2 * BEATS_PER_EPOCH } else { BEATS_PER_EPOCH };
        u64::from(self.parameters.epoch_ms / beats).max(50)
    }

    /// Asks every neighbour that is due.
    pub(crate) fn tick_sync(&mut self, now: u64) {
        let epoch = self.parameters.epoch_at(now);
        if self.book_epoch() != Some(epoch) {
            return;
        }
        let next_ms = now.saturating_add(self.beat_interval_ms(now));
        let is_due = |neighbour: &super::Neighbour| {
            let is_wanted = (neighbour.is_chosen && now >= neighbour.due_ms) || neighbour.is_owing;
            is_wanted && !neighbour.is_asked && now >= neighbour.quiet_until_ms
        };
        let due: Vec<Address> =
            self.sync.neighbours.iter().filter(|(_, one)| is_due(one)).map(|(peer, _)| *peer).collect();
        let sealed = self.last_sealed();
        for peer in due {
            let Some(neighbour) = self.sync.neighbours.get_mut(&peer) else { continue };
            neighbour.due_ms = next_ms;
            neighbour.is_owing = false;
            let sketch = &neighbour.sketch;
            let summary = Summary {
                epoch,
                sealed,
                count: sketch.len(),
                hash: sketch.hash(),
                estimator: sketch.estimator(),
                symbols: sketch.encode(0, SYMBOLS_HEARTBEAT),
            };
            self.ask_neighbour(peer, Request::Sync(Box::new(summary)));
        }
    }

    fn ask_neighbour(&mut self, peer: Address, request: Request) {
        if let Some(neighbour) = self.sync.neighbours.get_mut(&peer) {
            neighbour.is_asked = true;
            let wants = match &request {
                Request::Exchange { wants, .. } => wants.len(),
                _ => 0,
            };
            let epoch = self.book_epoch().unwrap_or_default();
            self.ask(peer, Next::Compared { peer, wants, epoch }, request);
        }
    }

    pub(crate) fn on_compared(
        &mut self,
        (peer, wants, asked_in): (Address, usize, u64),
        result: Result<Response, Unanswered>,
        now: u64,
    ) {
        let epoch = self.parameters.epoch_at(now);
        let Some(neighbour) = self.sync.neighbours.get_mut(&peer) else { return };
        neighbour.is_asked = false;
        match result {
            Ok(Response::Synced { sealed, synced }) => {
                self.note_sealed(&peer, sealed, now);
                self.ask_late_sealer(&peer, now);
                self.on_synced(peer, synced, now);
            }
            // More symbols than the neighbour froze would be needed: the estimate was far too low.
            Ok(Response::Symbols(symbols)) if symbols.bytes.0.is_empty() => {
                self.give_up_round(&peer, Rejected::TooLarge, now);
            }
            Ok(Response::Symbols(symbols)) => self.feed(peer, &symbols, now),
            Ok(Response::Items(items)) => match items.is_empty() && wants >= SERVED_MIN && asked_in == epoch {
                // It showed ids that it cannot serve. All may have been replaced since: at an epoch's end, or because an owner
                // signs versions faster than a round takes. So it is no fault yet, but it is no use either.
                true => {
                    self.give_up_round(&peer, Rejected::Stale, now);
                }
                false => {
                    neighbour.strikes = if items.is_empty() { neighbour.strikes } else { 0 };
                    self.take_items(peer, items, None, now);
                }
            },
            // Silence, a busy peer, a snapshot that is gone: the next heartbeat begins afresh.
            _ => neighbour.decoder = None,
        }
    }

    /// A neighbour whose epoch ended a moment later is asked soon again what it sealed.
    fn ask_late_sealer(&mut self, peer: &Address, now: u64) {
        let ours = self.last_sealed();
        if let Some(neighbour) = self.sync.neighbours.get_mut(peer)
            && neighbour.sealed.map(|(epoch, _)| epoch) < ours.map(|(epoch, _)| epoch)
        {
            neighbour.due_ms = neighbour.due_ms.min(now.saturating_add(LATE_MS));
        }
    }

    fn on_synced(&mut self, peer: Address, synced: Synced, now: u64) {
        match synced {
            Synced::Equal => {
                if let Some(neighbour) = self.sync.neighbours.get_mut(&peer) {
                    neighbour.strikes = 0;
                }
            }
            Synced::NotNow => {}
            Synced::Lacking(items) => self.take_items(peer, items, None, now),
            Synced::TooFar { lacking } if lacking > DIFFERENCE_SMALL => self.page_from(peer, now),
            Synced::TooFar { .. } => {}
            Synced::Symbols { symbols, total } => {
                let Some(neighbour) = self.sync.neighbours.get_mut(&peer) else { return };
                neighbour.warm(total as usize, &self.book);
                neighbour.decoder = Some(Box::new(Decoder::new(&neighbour.sketch)));
                self.feed(peer, &symbols, now);
            }
        }
    }

    fn feed(&mut self, peer: Address, symbols: &SymbolBytes, now: u64) {
        let epoch = self.parameters.epoch_at(now);
        let Some(neighbour) = self.sync.neighbours.get_mut(&peer) else { return };
        let Some(mut decoder) = neighbour.decoder.take() else { return };
        match decoder.feed(symbols, &neighbour.sketch) {
            Ok(Progress::Done(difference)) => self.exchange(peer, &difference),
            Ok(Progress::More) => {
                let have = decoder.symbols();
                let count = decoder.next_chunk(0).max(STEP_MIN) as u32;
                neighbour.decoder = Some(decoder);
                self.ask_neighbour(peer, Request::Symbols { epoch, from: have as u32, count });
            }
            Ok(Progress::GivenUp) => {
                self.give_up_round(&peer, Rejected::TooLarge, now);
                self.page_from(peer, now);
            }
            Err(rejected) => self.strike(&peer, rejected, now),
        }
    }

    /// The difference is known: what the neighbour lacks goes to it, what is lacking here is asked for.
    fn exchange(&mut self, peer: Address, difference: &Difference) {
        let Some(neighbour) = self.sync.neighbours.get_mut(&peer) else { return };
        if difference.there.len() < SERVED_MIN {
            neighbour.strikes = 0;
        }
        if difference.is_empty() {
            return;
        }
        let ids = self.sync.find(&peer, &difference.here, &self.book);
        let items = items_of(&self.book, &ids, REQUEST_ITEMS_BYTES_MAX);
        let wants: Vec<u32> = difference.there.iter().take(WANTS_MAX).map(|short| *short as u32).collect();
        self.ask_neighbour(peer, Request::Exchange { items, wants });
    }
}
