//! What terms must be like to follow from two orders.

use protocol::deal::{duration, is_feasible};
use protocol::{Capacity, DealTerms, Domain, Flags, Hash, Metric, Order, OrderRef, Price, Rejected};

use crate::words::{self, EPOCH};
use crate::{Fine, Row, accept_each, refuse_each};

fn domain() -> Domain {
    words::settled("rules").domain()
}

fn check(terms: &DealTerms) -> Result<(), Rejected> {
    terms.check(&words::ask(), &words::bid(), &domain())
}

#[test]
fn each_bad_change_of_the_terms_is_refused() {
    const NO: Rejected = Rejected::Terms;
    let rows: &[Row<DealTerms>] = &[
        ("sides swapped", |t| std::mem::swap(&mut t.ask, &mut t.bid), NO),
        ("another ask", |t| t.ask.id = Hash::ZERO, NO),
        ("another bid", |t| t.bid.id = Hash::ZERO, NO),
        ("another supplier", |t| t.ask.owner = t.bid.owner, NO),
        ("another consumer", |t| t.bid.owner = t.ask.owner, NO),
        ("another slot", |t| t.ask.slot += 1, NO),
        ("another version", |t| t.bid.version += 1, NO),
        ("no lots", |t| (t.ask.lots, t.bid.lots) = (0, 0), NO),
        ("more lots than the bid has", |t| (t.ask.lots, t.bid.lots) = (3, 3), NO),
        ("lots beyond the ask's", |t| t.ask.first_lot = 3, NO),
        ("lots that overflow", |t| t.ask.first_lot = u32::MAX, NO),
        ("fewer lots on one side", |t| t.ask.lots = 1, NO),
        ("a price below the ask's", |t| t.price = Price(words::ask().price.0 - 1), NO),
        ("a price above the bid's", |t| t.price = Price(words::bid().price.0 + 1), NO),
        ("a shorter time", |t| t.duration_s -= 1, NO),
        ("a longer time", |t| t.duration_s += 1, NO),
        ("more billed", |t| t.billed_min_s += 1, NO),
        ("less billed", |t| t.billed_min_s -= 1, NO),
        ("an epoch before both", |t| t.epoch = EPOCH - 1, NO),
        ("an epoch after both", |t| t.epoch = EPOCH + 1_800, NO),
    ];
    refuse_each(&words::terms(&words::ask(), &words::bid(), &domain()), rows, check);
}

#[test]
fn terms_at_a_limit_are_accepted() {
    let rows: &[Fine<DealTerms>] = &[
        ("the ask's price", |t| t.price = words::ask().price),
        ("the bid's price", |t| t.price = words::bid().price),
        ("the ask's last lots", |t| t.ask.first_lot = 2),
        ("one lot", |t| (t.ask.lots, t.bid.lots) = (1, 1)),
        ("the last epoch", |t| t.epoch = EPOCH + 1_799),
        ("any sealed root", |t| t.sealed_root = Hash::ZERO),
    ];
    accept_each(&words::terms(&words::ask(), &words::bid(), &domain()), rows, check);
}

#[test]
fn terms_of_one_market_are_not_those_of_another() {
    let (ask, bid) = (words::ask(), words::bid());
    let terms = words::terms(&ask, &bid, &domain());
    assert_eq!(terms.check(&ask, &bid, &words::chainless().domain()), Err(Rejected::Terms));
}

/// What was changed, and the change to ask and bid.
type Pair = (&'static str, fn(&mut Order, &mut Order));

/// Terms are made anew for each pair, so that only the pair is wrong.
#[test]
fn orders_that_do_not_fit_have_no_terms() {
    let rows: &[Pair] = &[
        ("too little capacity", |a, _| a.capacity = Capacity::new([(Metric::CpuF64, 12_000_000_000)])),
        ("a metric that the ask lacks", |_, b| b.capacity = Capacity::new([(Metric::GpuMem, 1)])),
        ("no common duration", |a, _| a.duration_min_s = 3_601),
        ("no common duration the other way", |a, _| (a.duration_min_s, a.duration_max_s) = (60, 599)),
        ("more billed than the bid accepts", |a, _| a.billed_min_s = 61),
        ("a flag that the ask lacks", |_, b| b.flags = Flags::INBOUND),
        ("an excluded supplier", |a, b| b.excluded = vec![a.owner]),
        ("an excluded consumer", |a, b| a.excluded = vec![b.owner]),
        ("another counterparty", |a, _| a.counterparty = words::owners(1)[0]),
        ("an ask that trades with itself", |a, b| b.owner = a.owner),
    ];
    for (what, change) in rows {
        let (mut ask, mut bid) = (words::ask(), words::bid());
        change(&mut ask, &mut bid);
        let mut terms = words::terms(&ask, &bid, &domain());
        terms.duration_s = duration(&ask, &bid).unwrap_or(3_600);
        terms.billed_min_s = ask.billed_min_s;
        assert!(!is_feasible(&ask, &bid), "{what}");
        assert_eq!(terms.check(&ask, &bid, &domain()), Err(Rejected::Terms), "{what}");
    }
    assert!(is_feasible(&words::ask(), &words::bid()));
}

#[test]
fn ranges_of_lots_overlap_where_they_share_one() {
    let range =
        |first_lot, lots| OrderRef { first_lot, lots, ..words::terms(&words::ask(), &words::bid(), &domain()).ask };
    for (one, other, is_overlap) in [
        ((0, 2), (2, 2), false),
        ((0, 3), (2, 2), true),
        ((1, 1), (0, 4), true),
        ((5, 0), (0, 9), false),
        ((u32::MAX, 2), (u32::MAX - 1, 2), true),
    ] {
        let (one, other) = (range(one.0, one.1), range(other.0, other.1));
        assert_eq!((one.overlaps(&other), other.overlaps(&one)), (is_overlap, is_overlap), "{one:?} {other:?}");
    }
}
