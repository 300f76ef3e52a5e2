//! The record alone: what counts as a miss, for how long, and how much is kept.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::{Address, Hash, OrderRef, Price};

use super::{BIDS_MAX, Conduct, OUTCOMES_MAX, OUTCOMES_OF_ONE_MAX, SWEPT_MAX, WINDOW_EPOCHS};
use crate::clearing::{Match, Surplus};
use crate::fills::Fills;
use crate::history::Cleared;
use crate::world::people::{Person, market, struck, terms};

/// The ask of supplier `supplier` meets version `bid` of a bid of consumer `consumer`.
type Met = (u32, u32, u32);

const NONE: [u32; 0] = [];

fn address(kind: u8, number: u32) -> Address {
    let mut address = Address([kind; 20]);
    address.0[..4].copy_from_slice(&number.to_be_bytes());
    address
}

fn supplier(number: u32) -> Address {
    address(1, number)
}

fn id(kind: u8, number: u32) -> Hash {
    let mut id = Hash([kind; 32]);
    id.0[..4].copy_from_slice(&number.to_be_bytes());
    id
}

fn cleared(epoch: u64, met: &[Met]) -> Cleared {
    let side = |id, owner| OrderRef { id, owner, slot: 0, version: 1, first_lot: 0, lots: 1 };
    let matches = met.iter().map(|&(supplier, consumer, bid)| Match {
        ask: side(id(1, supplier), address(1, supplier)),
        bid: side(id(2, bid), address(2, consumer)),
        price: Price(100),
        duration_s: 600,
        billed_min_s: 60,
    });
    let (sealed_root, root, surplus) = (Hash::ZERO, Hash::ZERO, Surplus::default());
    Cleared { epoch, sealed_root, root, orders: 0, surplus, matches: matches.collect() }
}

/// The deals of these matches; nobody recovers signatures here.
fn deals(epoch: u64, met: &[Met]) -> Fills {
    let (mut fills, signer) = (Fills::new(market().domain()), Person::new(1));
    for &(supplier, consumer, bid) in met {
        let parties = ((id(1, supplier), address(1, supplier)), (id(2, bid), address(2, consumer)));
        let deal = Arc::new(struck(&terms(epoch, parties.0, parties.1), &signer, &signer));
        fills.fill((deal.terms.id(&market().domain()), &deal), &|_| Some(8)).unwrap();
    }
    fills
}

fn silent(conduct: &Conduct) -> Vec<u32> {
    let number = |owner: &Address| (0..200).find(|&number| supplier(number) == *owner).unwrap();
    conduct.silent().map(number).collect()
}

/// What is known after these epochs, each with its matches and those of them that were struck.
fn after(epochs: &[(u64, &[Met], &[Met])]) -> Conduct {
    let mut conduct = Conduct::default();
    for (epoch, met, struck) in epochs {
        conduct.take(&cleared(*epoch, met), &deals(*epoch, struck));
    }
    conduct
}

#[test]
fn two_consumers_whose_matches_come_to_nothing_make_a_supplier_silent_and_one_does_not() {
    assert_eq!(silent(&after(&[(1, &[(1, 1, 1), (1, 2, 2), (2, 3, 3)], &[])])), [1]);
    let one = after(&[(1, &[(1, 1, 1)], &[]), (2, &[(1, 1, 2)], &[]), (3, &[(1, 1, 3), (1, 1, 4)], &[])]);
    assert_eq!(silent(&one), NONE, "one consumer counts once");
}

#[test]
fn a_bid_counts_in_the_first_epoch_in_which_it_misses_with_all_its_suppliers() {
    let conduct =
        after(&[(1, &[(1, 1, 1), (2, 1, 1)], &[]), (2, &[(3, 1, 1)], &[]), (3, &[(1, 2, 2), (3, 2, 2)], &[])]);
    assert_eq!(silent(&conduct), [1], "the third met a bid that was bound, and one that was not");
    let conduct = after(&[(1, &[(1, 1, 1), (2, 1, 1)], &[]), (2, &[(1, 2, 2), (2, 2, 2)], &[])]);
    assert_eq!(silent(&conduct), [1, 2]);
}

#[test]
fn a_supplier_that_strikes_with_as_many_as_it_misses_with_is_not_silent() {
    let met = [(1, 1, 1), (1, 2, 2), (1, 3, 3), (1, 4, 4)];
    assert_eq!(silent(&after(&[(1, &met, &met[..2])])), NONE);
    assert_eq!(silent(&after(&[(1, &met, &met[..1])])), [1]);
    assert!(after(&[(1, &met, &met[..1])]).has_struck(&supplier(1)));
    // The newest match with a consumer is what counts of it.
    assert_eq!(silent(&after(&[(1, &met, &met[..2]), (2, &[(1, 1, 5)], &[])])), [1]);
    assert_eq!(silent(&after(&[(1, &met, &met[..1]), (2, &[(1, 2, 5)], &[(1, 2, 5)])])), NONE);
}

#[test]
fn only_a_deal_of_the_two_owners_for_this_epoch_strikes_a_match() {
    let met = [(1, 1, 1), (1, 2, 2)];
    let mut conduct = Conduct::default();
    // Deals of another epoch, and of signers who own neither order.
    conduct.take(&cleared(2, &met), &deals(1, &met));
    assert_eq!(silent(&conduct), [1]);
    let (mut fills, person) = (Fills::new(market().domain()), Person::new(1));
    for (_, _, bid) in met {
        let deal = terms(1, (id(1, 1), supplier(9)), (id(2, bid), supplier(8)));
        let deal = Arc::new(struck(&deal, &person, &person));
        fills.fill((deal.terms.id(&market().domain()), &deal), &|_| Some(8)).unwrap();
    }
    let mut conduct = Conduct::default();
    conduct.take(&cleared(1, &met), &fills);
    assert_eq!(silent(&conduct), [1]);
}

#[test]
fn a_deal_that_arrives_late_was_no_miss() {
    let mut conduct = after(&[(1, &[(1, 1, 1), (1, 2, 2)], &[])]);
    conduct.hear(&terms(2, (id(1, 1), supplier(1)), (id(2, 1), address(2, 1))));
    assert_eq!(silent(&conduct), [1], "of another epoch");
    conduct.hear(&terms(1, (id(1, 1), supplier(1)), (id(2, 1), address(2, 1))));
    assert_eq!(silent(&conduct), NONE);
}

#[test]
fn after_the_window_nothing_is_known_of_a_supplier_and_nothing_is_kept() {
    let mut conduct = after(&[(1, &[(1, 1, 1), (1, 2, 2)], &[])]);
    conduct.take(&cleared(WINDOW_EPOCHS, &[]), &deals(1, &[]));
    assert_eq!(silent(&conduct), [1]);
    conduct.take(&cleared(WINDOW_EPOCHS + 1, &[]), &deals(1, &[]));
    assert_eq!((silent(&conduct), conduct.suppliers.len(), conduct.missed.len()), (Vec::new(), 0, 0));
    // Its bids are known for another window, longer than any stays bound.
    conduct.take(&cleared(WINDOW_EPOCHS + 2, &[(1, 1, 1), (1, 2, 2)]), &deals(1, &[]));
    assert_eq!(silent(&conduct), NONE);
    conduct.take(&cleared(WINDOW_EPOCHS + 3, &[(1, 1, 3), (1, 2, 4)]), &deals(1, &[]));
    assert_eq!(silent(&conduct), [1]);
}

#[test]
fn of_one_supplier_the_newest_outcomes_of_each_kind_are_kept() {
    let met: Vec<Met> = (0..300).map(|number| (1, number, number)).collect();
    let mut conduct = after(&[(1, &met, &[])]);
    assert_eq!(conduct.suppliers[&supplier(1)].counts(1), (OUTCOMES_OF_ONE_MAX, 0));
    let met: Vec<Met> = (300..400).map(|number| (1, number, number)).collect();
    for met in met.chunks(8) {
        conduct.take(&cleared(1, met), &deals(1, met));
    }
    assert_eq!(conduct.suppliers[&supplier(1)].counts(1).1, OUTCOMES_OF_ONE_MAX);
}

#[test]
fn whatever_is_matched_no_more_is_kept_than_the_bounds_say() {
    let mut conduct = Conduct::default();
    let mut number = 0;
    for epoch in 1..=6 {
        let met: Vec<Met> = (number..number + 60_000).map(|number| (number, number, number)).collect();
        number += 60_000;
        conduct.take(&cleared(epoch, &met), &Fills::new(market().domain()));
        let kept: usize = conduct.suppliers.values().map(|tally| tally.0.len()).sum();
        assert!(kept <= OUTCOMES_MAX && conduct.bids[0].len() <= BIDS_MAX, "{kept}");
        let known: BTreeSet<_> = conduct.suppliers.keys().copied().collect();
        assert!(conduct.missed.is_subset(&known));
    }
    assert!(conduct.bids[0].len() == BIDS_MAX, "bids beyond it count no miss");
    for epoch in 0..OUTCOMES_MAX.div_ceil(SWEPT_MAX) as u64 + 1 {
        conduct.take(&cleared(6 + WINDOW_EPOCHS + epoch, &[]), &Fills::new(market().domain()));
    }
    assert_eq!(conduct.suppliers.len(), 0, "all get their turn");
}
