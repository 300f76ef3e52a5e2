//! Explanations of small books: what each kind says.

use super::*;
use crate::clearing::explain::{Miss, Rivalry, What};
use crate::sealed::LEFT_OUT;

fn owned(mut order: Order, owner: u8, lots: u32) -> SealedOrder {
    order.lots = lots;
    whole(order, owner, owner.into())
}

fn rivalry(why: Why) -> Rivalry {
    match why {
        Why::Price(rivalry) => rivalry,
        other => panic!("no rivalry: {other:?}"),
    }
}

/// What an ask at 100 of owner 1 and a bid at 100 of owner 2 miss, and what each could change.
#[track_caller]
fn check(change: fn(&mut Order, &mut Order), misses: &[Miss], of_ask: Option<Change>, of_bid: Option<Change>) {
    let (mut ask, mut bid) = (ask(100), bid(100));
    change(&mut ask, &mut bid);
    let owner = if bid.tag == Hash([1; 32]) { 1 } else { 2 };
    let orders = [whole(ask, 1, 0), whole(bid, owner, 1)];
    for (at, change) in [of_ask, of_bid].into_iter().enumerate() {
        let said = explained(&orders, at);
        assert_eq!((&said.why, said.fitting.orders), (&Why::Unfit, 0));
        assert_eq!(said.closest.unwrap().misses, misses);
        assert_eq!(said.change, change);
        assert!(said.obstacles.iter().all(|one| one.orders == 1 && one.alone == u32::from(said.obstacles.len() == 1)));
    }
}

#[test]
fn what_two_orders_miss_is_named_with_what_either_could_change() {
    let one = Address([1; 20]);
    let (two, three) = (Address([2; 20]), Address([3; 20]));
    let hash = Metric::CpuHash as u16;
    let rate = |value| Some(Change::Capacity { metric: hash, value });
    let short = Miss::Capacity { metric: hash, wanted: 10_000_000, offered: 9_000_000 };
    check(|ask, _| ask.capacity = capacity(9), core::slice::from_ref(&short), rate(10_000_000), rate(9_000_000));
    let none = Miss::Capacity { metric: Metric::GpuMem as u16, wanted: 5, offered: 0 };
    let gpu = |value| Some(Change::Capacity { metric: Metric::GpuMem as u16, value });
    check(|_, bid| bid.capacity = Capacity::new([(Metric::GpuMem, 5)]), core::slice::from_ref(&none), gpu(5), None);
    let memory = Miss::Capacity { metric: Metric::MemSize as u16, wanted: 1024, offered: 0 };
    let poor = |ask: &mut Order, _: &mut Order| ask.capacity = Capacity::new([(Metric::CpuHash, 9_000_000)]);
    check(poor, &[short, memory], None, None);
    let span = |ask_s, bid_s| [Miss::Duration { ask_s, bid_s }];
    let (min, max) = (|seconds| Some(Change::DurationMin { seconds }), |seconds| Some(Change::DurationMax { seconds }));
    check(|ask, _| (ask.duration_min_s, ask.duration_max_s) = (5, 9), &span((5, 9), (10, 600)), max(10), min(9));
    check(|_, bid| (bid.duration_min_s, bid.duration_max_s) = (5, 9), &span((10, 600), (5, 9)), min(9), max(10));
    let billed = |seconds| Some(Change::BilledMin { seconds });
    let more = Miss::Billed { asked_s: 61, accepted_s: 60 };
    check(|ask, _| ask.billed_min_s = 61, &[more], billed(60), billed(61));
    let flags = |flags| Some(Change::Flags { flags });
    let network = Miss::Flags { wanted: Flags(3), allowed: Flags::OUTBOUND };
    let set = |ask: &mut Order, bid: &mut Order| (ask.flags, bid.flags) = (Flags::OUTBOUND, Flags(3));
    check(set, &[network], flags(Flags(3)), flags(Flags::OUTBOUND));
    let level = Some(Change::IdentityMin { level: Identity::Anonymous });
    let known = |of| Miss::Identity { of, required: Identity::Registered, level: Identity::Anonymous };
    check(|ask, _| ask.identity_min = Identity::Registered, &[known(Side::Bid)], level.clone(), None);
    check(|_, bid| bid.identity_min = Identity::Registered, &[known(Side::Ask)], None, level);
    let admit = |owner| Some(Change::Admit { owner });
    let excluded = |by, owner| [Miss::Excluded { by, owner }];
    check(|ask, _| ask.excluded = vec![Address([2; 20])], &excluded(Side::Ask, two), admit(two), None);
    check(|_, bid| bid.excluded = vec![Address([1; 20])], &excluded(Side::Bid, one), None, admit(one));
    let only = |by| [Miss::Counterparty { by, only: three }];
    check(|ask, _| ask.counterparty = Address([3; 20]), &only(Side::Ask), Some(Change::Anyone), None);
    check(|_, bid| bid.counterparty = Address([3; 20]), &only(Side::Bid), None, Some(Change::Anyone));
    check(|_, bid| bid.tag = Hash([1; 32]), &[Miss::SameOwner], None, None);
}

#[test]
fn a_bid_is_told_what_it_would_have_had_to_pay_and_whom_it_would_have_replaced() {
    let orders = [owned(ask(10), 1, 1), owned(bid(20), 2, 1), owned(bid(15), 3, 1), owned(bid(12), 4, 1)];
    let rivals = rivalry(explained(&orders, 2).why);
    assert_eq!((rivals.marginal.owner, rivals.marginal.price, rivals.holders_in_all), (Address([2; 20]), Price(20), 1));
    assert_eq!(rivals.holders, [rivals.marginal]);
    let needed = rivals.needed.unwrap();
    assert!((20..=21).contains(&needed.0), "the rank decides at 20");
    assert_eq!(explained(&orders, 2).change, Some(Change::Price { price: needed }));
}

#[test]
fn a_bid_is_told_of_the_room_that_others_could_make() {
    // The bid of 40 could go to the dearer, larger ask, which does not fit the bid of 15.
    let small = |order: Order, size| Order { capacity: capacity(size), ..order };
    let far = |order: Order, price| Order { price: Price(price), excluded: vec![Address([4; 20])], ..order };
    let orders = [
        owned(small(ask(10), 5), 1, 1),
        owned(far(ask(10), 30), 2, 1),
        owned(small(bid(40), 5), 3, 1),
        owned(small(bid(15), 5), 4, 1),
    ];
    let said = explained(&orders, 3);
    assert_eq!(said.fitting.orders, 1);
    assert_eq!((said.obstacles[0].what, said.obstacles[0].alone), (What::ExcludedByAsk, 1));
    let rivals = rivalry(said.why);
    assert_eq!((rivals.marginal.owner, rivals.needed), (Address([2; 20]), Some(Price(30))));
    assert_eq!(rivals.holders[0].owner, Address([3; 20]));
}

#[test]
fn an_ask_is_told_at_what_price_it_would_have_sold() {
    let orders = [owned(ask(10), 1, 1), owned(ask(22), 2, 1), owned(bid(25), 3, 1)];
    let rivals = rivalry(explained(&orders, 1).why);
    assert_eq!((rivals.marginal.owner, rivals.marginal.side), (Address([1; 20]), Side::Ask));
    assert!((9..=10).contains(&rivals.needed.unwrap().0));
    let orders = [owned(ask(30), 1, 1), owned(bid(25), 3, 1)];
    let rivals = rivalry(explained(&orders, 0).why);
    assert_eq!((rivals.marginal.side, rivals.needed, rivals.holders_in_all), (Side::Bid, Some(Price(25)), 0));
}

#[test]
fn of_equal_prices_the_rank_is_said_to_decide() {
    let orders = [owned(ask(10), 1, 1), owned(bid(20), 2, 1), owned(bid(20), 3, 1)];
    let said = [1, 2].map(|at| explained(&orders, at));
    let lost = said.iter().find(|said| said.traded == 0).unwrap();
    assert_eq!(lost.change, Some(Change::Price { price: Price(21) }));
    assert!(matches!(&lost.why, Why::Tie(rivalry) if rivalry.marginal.price == Price(20)), "{lost:?}");
}

#[test]
fn a_trade_names_partner_and_price_and_a_part_of_it_what_was_scarce() {
    let orders = [owned(ask(10), 1, 2), owned(bid(20), 2, 5)];
    let (ask, bid) = (explained(&orders, 0), explained(&orders, 1));
    assert_eq!((ask.traded, ask.why, ask.change), (2, Why::Whole, None));
    assert_eq!((ask.partners[0].lots.id, ask.partners[0].price), (orders[1].head.id, Price(20)));
    assert_eq!((bid.traded, bid.lots, bid.why, bid.change), (2, 5, Why::Scarce, None));
    assert_eq!((bid.partners[0].lots.id, bid.fitting.lots), (orders[0].head.id, 2));
}

#[test]
fn who_stands_alone_or_is_left_out_is_told_so() {
    let orders = [owned(ask(10), 1, 1), owned(bid(20), 2, 1)];
    assert_eq!(explained(&orders[..1], 0).why, Why::Alone);
    let (mut book, clearing) = book_of(&[orders[1].clone(), owned(ask(30), 1, 1)]);
    book.bid.class[0] = LEFT_OUT;
    let said = explain(&book, &clearing, &orders[1].head.id).unwrap();
    assert_eq!((said.why, said.change), (Why::LeftOut, None));
    assert_eq!(explain(&book, &clearing, &orders[0].head.id), None);
}

#[test]
fn the_closest_of_many_lacks_the_fewest_things_and_of_these_the_least() {
    let sized = |size, owner, price| owned(Order { capacity: capacity(size), ..ask(price) }, owner, 1);
    let two = owned(Order { capacity: capacity(9), billed_min_s: 90, ..ask(5) }, 5, 1);
    let orders = [sized(3, 1, 5), sized(8, 2, 70), sized(8, 3, 60), sized(5, 4, 5), two, owned(bid(65), 6, 1)];
    let said = explained(&orders, 5);
    assert_eq!(said.closest.unwrap().owner, Address([3; 20]), "as close as the dearer one");
    let counts: Vec<_> = said.obstacles.iter().map(|one| (one.what, one.orders, one.alone)).collect();
    assert_eq!(counts, [(What::Capacity, 5, 4), (What::Billed, 1, 0)]);
    let change = Change::Capacity { metric: Metric::CpuHash as u16, value: 8_000_000 };
    assert_eq!(said.change, Some(change));
}
