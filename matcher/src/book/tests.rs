//! The book alone: slots, staircases, fills and the bound, whatever the order of arrival.

mod sharing;
mod stakes;

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use protocol::{Address, DealTerms, Entry, Hash, OrderRef, Price, Rejected, Side};

use super::{Book, STEPS_MAX};
use crate::clearing::clear;
use crate::world::people::{Person, market, order, struck};

const EPOCH: u64 = 1_000;

fn book(heads_max: u32) -> Book {
    let mut book = Book::new(market().domain(), heads_max);
    book.look_from(EPOCH - 1);
    book
}

fn id(entry: &Entry) -> Hash {
    entry.id(&market().domain())
}

/// An ask in `slot` of a person, `version` and price told apart by their numbers.
fn entry(person: &Person, slot: u16, version: u64, (from, expiry): (u64, u64)) -> Entry {
    let mut ask = order(Side::Ask, u128::from(100 + version), from);
    (ask.slot, ask.version, ask.expiry_epoch) = (slot, version, expiry);
    person.entry(ask)
}

fn deal(ask: &Entry, bid: &Entry, (first_lot, lots): (u32, u32), people: (&Person, &Person)) -> protocol::StruckDeal {
    let side = |entry: &Entry, owner: Address| {
        let (_, slot, version) = entry.place();
        OrderRef { id: id(entry), owner, slot, version, first_lot, lots }
    };
    let terms = DealTerms {
        ask: side(ask, people.0.address),
        bid: side(bid, people.1.address),
        price: Price(100),
        duration_s: 600,
        billed_min_s: 60,
        epoch: EPOCH,
        sealed_root: Hash::ZERO,
        open_before: 1,
    };
    struck(&terms, people.0, people.1)
}

fn ids(book: &Book) -> Vec<Hash> {
    book.heads_after(None).map(|head| head.id).collect()
}

/// Everything that the properties shuffle: heads of three owners in two slots each, cancels among them, and deals.
fn everything() -> (Vec<Entry>, Vec<protocol::StruckDeal>) {
    let people: Vec<Person> = (0..3).map(Person::new).collect();
    let mut entries = Vec::new();
    for (number, person) in people.iter().enumerate() {
        for slot in 0..2 {
            for version in 1..4u64 {
                let from = EPOCH - 1 + (version + number as u64) % 3;
                let mut ask = order(if slot == 0 { Side::Ask } else { Side::Bid }, 100 + u128::from(version), from);
                (ask.slot, ask.version, ask.lots) = (slot, version, 4);
                entries.push(person.entry(ask));
            }
        }
        entries.push(person.cancel(0, 3, (EPOCH + 1, EPOCH + 200)));
    }
    let deals = [(0, 1, (0, 2)), (1, 2, (1, 2)), (2, 0, (3, 1)), (0, 2, (0, 2))]
        .map(|(a, b, lots)| deal(&entries[a * 7], &entries[b * 7 + 3], lots, (&people[a], &people[b])));
    (entries, deals.to_vec())
}

proptest! {
    #[test]
    fn any_order_of_arrival_any_repetition_and_any_loss_repaired_later_ends_in_the_same_book(
        order in prop::collection::vec(0usize..25, 0..80), all in Just((0..25).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let (entries, deals) = everything();
        let fill = |book: &mut Book, arrivals: &[usize]| {
            for &at in arrivals {
                match at.checked_sub(entries.len()) {
                    None => drop(book.admit(entries[at].clone())),
                    Some(deal) => drop(book.fill(deals[deal % deals.len()].clone())),
                }
            }
        };
        let (mut one, mut other) = (book(100), book(100));
        fill(&mut one, &(0..25).collect::<Vec<_>>());
        // Some arrive, many of them twice; the rest comes late.
        fill(&mut other, &order);
        fill(&mut other, &all);
        prop_assert_eq!(ids(&one), ids(&other));
        for epoch in [EPOCH, EPOCH + 1, EPOCH + 2] {
            let (here, there) = (one.seal(epoch), other.seal(epoch));
            prop_assert_eq!(here.root, there.root);
            prop_assert_eq!(clear(&here, here.seed()), clear(&there, there.seed()));
        }
        for cleared in [&mut one, &mut other] {
            cleared.prune(EPOCH + 1);
        }
        prop_assert_eq!(ids(&one), ids(&other));
    }

    #[test]
    fn a_full_book_keeps_the_same_heads_whatever_came_first(arrivals in Just((0..30u16).collect::<Vec<_>>()).prop_shuffle()) {
        let owner = Person::new(1);
        let entries: Vec<Entry> =
            (0..30).map(|slot| entry(&owner, slot, 1, (EPOCH, EPOCH + 10 + u64::from(slot % 7)))).collect();
        let mut expected: Vec<(u64, Hash)> = entries.iter().map(|entry| (entry.epochs().1, id(entry))).collect();
        expected.sort_unstable();
        expected.truncate(10);
        let mut full = book(10);
        for at in arrivals {
            let _ = full.admit(entries[usize::from(at)].clone());
        }
        let mut kept: Vec<(u64, Hash)> =
            full.heads_after(None).map(|head| (head.entry.epochs().1, head.id)).collect();
        kept.sort_unstable();
        prop_assert_eq!(kept, expected);
    }

    #[test]
    fn open_lots_are_what_no_deal_took(ranges in prop::collection::vec((0u32..12, 1u32..6), 0..8)) {
        let (supplier, consumer) = (Person::new(1), Person::new(2));
        let mut ask = order(Side::Ask, 100, EPOCH);
        ask.lots = 10;
        let ask = supplier.entry(ask);
        let bid = consumer.entry(order(Side::Bid, 100, EPOCH));
        let mut book = book(10);
        let head = book.admit(ask.clone()).unwrap();
        let mut taken = [false; 20];
        for range in ranges {
            let _ = book.fill(deal(&ask, &bid, range, (&supplier, &consumer)));
            taken[range.0 as usize..(range.0 + range.1) as usize].fill(true);
        }
        let mut open = [false; 20];
        for (first, end) in book.open_lots(&head, EPOCH + 1) {
            prop_assert!(first < end && end <= 10);
            open[first as usize..end as usize].fill(true);
        }
        for lot in 0..10 {
            prop_assert_eq!(open[lot], !taken[lot]);
        }
        prop_assert_eq!(book.open_lots(&head, EPOCH), vec![(0, 10)], "a deal counts from the epoch after its own");
    }
}

#[test]
fn what_is_signed_for_the_next_epoch_leaves_the_running_one() {
    let owner = Person::new(1);
    let mut book = book(10);
    let (now, next) = (entry(&owner, 0, 1, (EPOCH, EPOCH + 9)), owner.cancel(0, 2, (EPOCH + 1, EPOCH + 9)));
    book.admit(next).unwrap();
    book.admit(now.clone()).unwrap();
    let asks = |book: &Book, epoch| book.seal(epoch).asks.iter().map(|ask| ask.head.id).collect::<Vec<_>>();
    assert_eq!(asks(&book, EPOCH), [id(&now)]);
    assert_eq!(asks(&book, EPOCH + 1), []);
    book.prune(EPOCH + 1);
    assert_eq!(book.len(), 1);
}

#[test]
fn an_expired_ask_is_not_sealed() {
    let owner = Person::new(1);
    let mut book = book(10);
    book.admit(entry(&owner, 0, 1, (EPOCH, EPOCH + 2))).unwrap();
    assert_eq!([EPOCH - 1, EPOCH, EPOCH + 1, EPOCH + 2].map(|epoch| book.seal(epoch).len()), [0, 1, 1, 0]);
}

#[test]
fn a_lower_version_is_stale_and_equal_versions_fall_to_the_lower_id() {
    let owner = Person::new(1);
    let mut lives = [entry(&owner, 0, 5, (EPOCH, EPOCH + 9)), entry(&owner, 0, 5, (EPOCH, EPOCH + 8))];
    lives.sort_by_key(id);
    for order in [[0, 1], [1, 0]] {
        let mut book = book(10);
        order.iter().for_each(|&at| drop(book.admit(lives[at].clone())));
        assert_eq!(ids(&book), [id(&lives[0])]);
        let older = book.admit(entry(&owner, 0, 4, (EPOCH, EPOCH + 9)));
        assert_eq!(older.unwrap_err(), Rejected::Stale);
        assert_eq!(book.admit(lives[0].clone()).unwrap_err(), Rejected::Duplicate);
        assert_eq!(book.top_version(owner.address, 0), 5);
    }
}

#[test]
fn a_slot_tells_few_first_epochs_apart() {
    let owner = Person::new(1);
    let mut book = book(100_000);
    for step in 0..1_000 {
        let _ = book.admit(entry(&owner, 0, step, (EPOCH + 3 - 1_000 + step, EPOCH + 50)));
        assert!(book.len() <= STEPS_MAX);
    }
}

#[test]
fn in_a_full_book_a_new_version_that_would_be_the_last_leaves_the_old_one_alone() {
    let owner = Person::new(1);
    let mut full = book(2);
    let old = entry(&owner, 0, 1, (EPOCH, EPOCH + 5));
    full.admit(old.clone()).unwrap();
    full.admit(entry(&owner, 1, 1, (EPOCH, EPOCH + 5))).unwrap();
    let next = full.admit(entry(&owner, 0, 2, (EPOCH + 1, EPOCH + 50)));
    assert_eq!(next.unwrap_err(), Rejected::BookFull);
    assert!(full.head(&id(&old)).is_some());
    let instead = entry(&owner, 0, 2, (EPOCH, EPOCH + 50));
    full.admit(instead.clone()).unwrap();
    assert!(full.head(&id(&instead)).is_some(), "what replaces takes no room");
}

#[test]
fn a_deal_is_kept_as_long_as_one_of_its_orders_stands() {
    let (supplier, consumer) = (Person::new(1), Person::new(2));
    let mut book = book(10);
    let ask = entry(&supplier, 0, 1, (EPOCH, EPOCH + 500));
    let bid = consumer.entry(order(Side::Bid, 100, EPOCH));
    book.fill(deal(&ask, &bid, (0, 1), (&supplier, &consumer))).unwrap();
    book.admit(ask).unwrap();
    assert!(book.seal(EPOCH + 1).is_empty(), "its lots are off the book also if the deal came first");
    book.prune(EPOCH + 400);
    assert_eq!(book.fills().len(), 1);
    book.prune(EPOCH + 600);
    assert_eq!((book.fills().len(), book.len()), (0, 0));
}
