//! Who trades: the exact maximum of total surplus, found by dividing classes at a price.

use alloc::vec;
use alloc::vec::Vec;

use protocol::Side;

use super::flow::{Among, Flow};
use super::prices::{OrderAt, tie_key};
use crate::sealed::{LEFT_OUT, SealedBook};
use crate::seed::Seed;

/// Who trades, and how many lots go from class to class; which ones meet is not decided here.
#[derive(Debug)]
pub(super) struct Winners<'a> {
    /// Lots of each ask that trade.
    pub ask_lots: Vec<u32>,
    /// Lots of each bid that trade.
    pub bid_lots: Vec<u32>,
    /// One way to serve the winners, class by class.
    pub flow: Flow<'a>,
}

/// An order whose fate is open; the key is its price, or its place among equals.
#[derive(Debug, Clone, Copy)]
struct Entry {
    key_high: u64,
    key_low: u64,
    order: u32,
    lots: u32,
}

impl Entry {
    fn new(key: u128, order: u32, lots: u32) -> Entry {
        Entry { key_high: (key >> 64) as u64, key_low: key as u64, order, lots }
    }

    fn key(&self) -> u128 {
        u128::from(self.key_high) << 64 | u128::from(self.key_low)
    }
}

/// A class while its level is sought.
#[derive(Debug, Clone, Copy)]
struct Seat {
    class: u32,
    /// Lots that trade for certain.
    won: u64,
    /// Its open orders `first..end`; `mid` parts them at the threshold.
    first: u32,
    mid: u32,
    end: u32,
}

/// Classes whose levels lie between the same bounds.
#[derive(Debug, Default)]
struct Part {
    bids: Vec<Seat>,
    asks: Vec<Seat>,
    /// All open orders have one price; keys are places among equals.
    is_tie: bool,
}

/// The orders of one side, by class; each class's are rearranged as it is divided.
#[derive(Debug)]
struct Pool {
    side: Side,
    entries: Vec<Entry>,
    won: Vec<u32>,
}

/// Finds who trades in `book`.
///
/// Weights separate by endpoint (`bid price - ask price`), and any two classes that fit may exchange any number of lots, so
/// the dual is an isotonic regression: every class has a level, a bid class never a higher one than an ask class that may
/// serve it. Bids above their class's level and asks below trade. Levels are found by dividing at a price: one flow
/// between what is wanted above and offered below it tells which classes lie higher (the smallest minimum cut) and which
/// do not, and each half goes on alone with the half of the orders that is still open (decomposition by parametric flow:
/// Gallo, Grigoriadis and Tarjan, 1989; Hochbaum and Queyranne, 2003). So every order is looked at a few times, and the
/// flow never sees orders, only classes.
///
/// Orders are ranked by price, at equal price asks before bids, then by [`Seed::rank`] and place; no two are equal, so who
/// trades is unique, and does not depend on how classes or orders are told apart or gone through.
pub(super) fn winners<'a>(book: &'a SealedBook, seed: &Seed) -> Winners<'a> {
    let (asks, bids) = (&book.classes.asks, &book.classes.bids);
    let (ask_pool, ask_seats) = Pool::of(book, Side::Ask, asks.len());
    let (bid_pool, bid_seats) = Pool::of(book, Side::Bid, bids.len());
    let mut search = Search {
        book,
        seed,
        asks: ask_pool,
        bids: bid_pool,
        flow: Flow::new(&book.classes.fits, bids.len(), asks.len()),
    };
    let mut parts = vec![Part { bids: bid_seats, asks: ask_seats, is_tie: false }];
    while let Some(part) = parts.pop() {
        search.divide(part, &mut parts);
    }
    Winners { ask_lots: search.asks.won, bid_lots: search.bids.won, flow: search.flow }
}

struct Search<'a, 's> {
    book: &'a SealedBook,
    seed: &'s Seed,
    asks: Pool,
    bids: Pool,
    flow: Flow<'a>,
}

impl Search<'_, '_> {
    fn divide(&mut self, mut part: Part, parts: &mut Vec<Part>) {
        let open = |seats: &[Seat]| seats.iter().map(|seat| (seat.end - seat.first) as usize).sum::<usize>();
        if open(&part.bids) + open(&part.asks) <= 1 {
            return self.conclude(&part);
        }
        if !self.split(&mut part) {
            self.rank(&mut part);
            return parts.push(part);
        }
        let (bids, asks) = (classes(&part.bids), classes(&part.asks));
        let among = Among { bids: &bids, asks: &asks };
        self.flow.reset(among);
        for seat in &part.bids {
            let above = self.bids.lots(seat.mid, seat.end);
            self.flow.need[seat.class as usize] = seat.won + above;
        }
        for seat in &part.asks {
            let below = self.asks.lots(seat.first, seat.mid);
            self.flow.room[seat.class as usize] = seat.won + below;
        }
        self.flow.run(among);
        let (mut high, mut low) = (Part::like(&part), Part::like(&part));
        for mut seat in part.bids {
            if self.flow.is_short(seat.class) {
                seat.first = seat.mid;
                high.bids.push(seat);
            } else {
                seat.won += self.bids.win(seat.mid, seat.end);
                seat.end = seat.mid;
                low.bids.push(seat);
            }
        }
        for mut seat in part.asks {
            if self.flow.is_sought(seat.class) {
                seat.won += self.asks.win(seat.first, seat.mid);
                seat.first = seat.mid;
                high.asks.push(seat);
            } else {
                seat.end = seat.mid;
                low.asks.push(seat);
            }
        }
        parts.extend([high, low].into_iter().filter(|part| !part.bids.is_empty() || !part.asks.is_empty()));
    }

    /// Parts every class's open orders at a price with orders on both sides of it; false if all have the same.
    fn split(&mut self, part: &mut Part) -> bool {
        let middle = middle(self.sample(part));
        for threshold in [Some(middle), middle.checked_sub(1)].into_iter().flatten() {
            let (mut below, mut above) = (0, 0);
            let sides = [(&mut part.bids, &mut self.bids), (&mut part.asks, &mut self.asks)];
            for (seats, pool) in sides {
                for seat in seats.iter_mut() {
                    seat.mid = pool.divide(seat.first, seat.end, threshold);
                    below += seat.mid - seat.first;
                    above += seat.end - seat.mid;
                }
            }
            if below > 0 && above > 0 {
                return true;
            }
        }
        false
    }

    /// Keys of some of the open orders, spread evenly; which ones changes nothing but the time.
    fn sample(&self, part: &Part) -> Vec<u128> {
        const SAMPLE: usize = 63;
        let open = part.bids.iter().chain(&part.asks).map(|seat| (seat.end - seat.first) as usize).sum::<usize>();
        let step = (open / SAMPLE).max(1);
        let mut sample = Vec::with_capacity(2 * SAMPLE);
        let mut at = step / 2;
        for (seats, pool) in [(&part.bids, &self.bids), (&part.asks, &self.asks)] {
            for seat in seats {
                let entries = &pool.entries[seat.first as usize..seat.end as usize];
                while at < entries.len() {
                    sample.push(entries[at].key());
                    at += step;
                }
                at -= entries.len();
            }
        }
        sample
    }

    /// Gives open orders of one price their places among equals.
    fn rank(&mut self, part: &mut Part) {
        assert!(!part.is_tie, "no two orders have the same place");
        part.is_tie = true;
        for (seats, pool) in [(&part.bids, &mut self.bids), (&part.asks, &mut self.asks)] {
            for seat in seats {
                for entry in &mut pool.entries[seat.first as usize..seat.end as usize] {
                    let key = tie_key(self.book, self.seed, OrderAt { side: pool.side, place: entry.order });
                    *entry = Entry::new(key, entry.order, entry.lots);
                }
            }
        }
    }

    /// At most one order is open: it gets what the others leave it.
    fn conclude(&mut self, part: &Part) {
        let (bids, asks) = (classes(&part.bids), classes(&part.asks));
        let among = Among { bids: &bids, asks: &asks };
        self.flow.reset(among);
        part.bids.iter().for_each(|seat| self.flow.need[seat.class as usize] = seat.won);
        part.asks.iter().for_each(|seat| self.flow.room[seat.class as usize] = seat.won);
        self.flow.run(among);
        for seat in part.bids.iter().filter(|seat| seat.first < seat.end) {
            let (entry, class) = (self.bids.entries[seat.first as usize], seat.class as usize);
            self.flow.need[class] += u64::from(entry.lots);
            self.flow.run(among);
            self.bids.won[entry.order as usize] = left_of(entry.lots, &mut self.flow.need[class]);
        }
        for seat in part.asks.iter().filter(|seat| seat.first < seat.end) {
            let (entry, class) = (self.asks.entries[seat.first as usize], seat.class as usize);
            self.flow.room[class] += u64::from(entry.lots);
            self.flow.run(among);
            self.asks.won[entry.order as usize] = left_of(entry.lots, &mut self.flow.room[class]);
        }
        for seat in &part.bids {
            assert!(self.flow.need[seat.class as usize] == 0, "what is above the level is served");
        }
        for seat in &part.asks {
            assert!(self.flow.room[seat.class as usize] == 0, "what is below the level is taken");
        }
    }
}

/// What of `lots` is used up when `left` of the class's are not, and these are forgotten.
fn left_of(lots: u32, left: &mut u64) -> u32 {
    let unused = core::mem::take(left);
    lots - u32::try_from(unused).expect("only the open order's lots are left")
}

fn classes(seats: &[Seat]) -> Vec<u32> {
    seats.iter().map(|seat| seat.class).collect()
}

fn middle(mut sample: Vec<u128>) -> u128 {
    let half = sample.len() / 2;
    *sample.select_nth_unstable(half).1
}

impl Part {
    fn like(part: &Part) -> Part {
        Part { is_tie: part.is_tie, ..Part::default() }
    }
}

impl Pool {
    /// Orders sorted by class, and a seat for each class.
    fn of(book: &SealedBook, side: Side, classes: usize) -> (Pool, Vec<Seat>) {
        let columns = book.columns(side);
        let mut seats: Vec<Seat> =
            (0..classes as u32).map(|class| Seat { class, won: 0, first: 0, mid: 0, end: 0 }).collect();
        for &class in columns.class.iter().filter(|class| **class != LEFT_OUT) {
            seats[class as usize].mid += 1;
        }
        let mut total = 0;
        for seat in &mut seats {
            (seat.first, seat.end) = (total, total);
            total += seat.mid;
        }
        let mut entries = vec![Entry::new(0, 0, 0); total as usize];
        let rows = columns.price.iter().zip(&columns.lots).zip(&columns.class).zip(0..);
        for (((&price, &lots), &class), order) in rows.filter(|((_, class), _)| **class != LEFT_OUT) {
            let seat = &mut seats[class as usize];
            entries[seat.end as usize] = Entry::new(price, order, lots);
            seat.end += 1;
        }
        (Pool { side, entries, won: vec![0; columns.price.len()] }, seats)
    }

    /// Moves what is at most `threshold` to the front of `first..end`; returns where the rest begins.
    fn divide(&mut self, first: u32, end: u32, threshold: u128) -> u32 {
        let entries = &mut self.entries[first as usize..end as usize];
        let mut mid = 0;
        for at in 0..entries.len() {
            let is_below = entries[at].key() <= threshold;
            entries.swap(mid, at);
            mid += usize::from(is_below);
        }
        first + mid as u32
    }

    fn lots(&self, first: u32, end: u32) -> u64 {
        self.entries[first as usize..end as usize].iter().map(|entry| u64::from(entry.lots)).sum()
    }

    /// All of these orders trade whole; returns their lots.
    fn win(&mut self, first: u32, end: u32) -> u64 {
        let mut total = 0;
        for entry in &self.entries[first as usize..end as usize] {
            self.won[entry.order as usize] = entry.lots;
            total += u64::from(entry.lots);
        }
        total
    }
}
