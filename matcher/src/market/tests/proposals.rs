//! What a supplier countersigns, and what it never does.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use protocol::talk::{Request, Response};
use protocol::{DealTerms, EndCause, Entry, Hash, Price, Rejected, Side};

use crate::clearing::Match;
use crate::deals::{DealState, EndReason};
use crate::input::Input;
use crate::world::World;
use crate::world::people::{capacity, claim, draft, market};

/// A world where this node's clearing holds a match of peer 0's ask with peer 1's bid, and peer 1 has not proposed it:
/// its machine is gone, its key is here.
fn matched(seed: u64) -> (World, Match, Entry, Entry) {
    let mut world = World::new(3, seed);
    world.run_to_epoch(100);
    let ask = world.place(0, draft(Side::Ask, 100));
    let bid = world.place(1, draft(Side::Bid, 150));
    world.run(200);
    let entries = [ask, bid].map(|id| world.peers[0].market.book().head(&id).unwrap().entry.clone());
    world.crash(1);
    world.run_to_epoch(100);
    let found = world.peers[0].market.clearings().next_back().unwrap().matches[0].clone();
    let [ask, bid] = entries;
    (world, found, ask, bid)
}

fn terms(world: &World, found: &Match) -> DealTerms {
    let (epoch, sealed_root, _) = world.root(0);
    DealTerms {
        ask: found.ask,
        bid: found.bid,
        price: found.price,
        duration_s: found.duration_s,
        billed_min_s: found.billed_min_s,
        epoch,
        sealed_root,
        open_before: world.now / 1000 + 30,
    }
}

/// What peer 0 answers to these terms, proposed by peer `from` with peer 1's signature.
fn propose(world: &mut World, from: usize, terms: DealTerms, orders: (&Entry, &Entry)) -> Option<Response> {
    let consumer = claim(&terms, &world.peers[1].person);
    let orders = Box::new((orders.0.clone(), orders.1.clone()));
    world.peers[1].revive();
    world.request(from, 0, Request::Propose { orders, terms, consumer })
}

#[test]
fn a_supplier_countersigns_what_its_own_clearing_holds_once() {
    let (mut world, found, ask, bid) = matched(1);
    let terms = terms(&world, &found);
    let first = propose(&mut world, 1, terms.clone(), (&ask, &bid));
    assert!(matches!(first, Some(Response::Countersigned(_))), "{first:?}");
    let deal = world.deal(0, DealState::Running);
    world.run(3_000);
    assert_eq!(propose(&mut world, 1, terms.clone(), (&ask, &bid)), first, "asked again, it says the same");
    assert_eq!(world.deal(0, DealState::Running).started_ms, deal.started_ms);
    world.end_deal(0, deal.id).unwrap();
    let again = propose(&mut world, 1, terms, (&ask, &bid));
    assert_eq!(again, Some(Response::Declined(Rejected::TooLate)));
    assert_eq!(world.running(0), 0, "a deal that is over does not rise again");
}

#[test]
fn a_supplier_declines_whatever_its_own_clearing_does_not_hold() {
    type Change = fn(&mut DealTerms);
    let cases: [(Change, Rejected); 14] = [
        (|terms| terms.price = Price(102), Rejected::NotMatched),
        (|terms| terms.price = Price(99), Rejected::Terms),
        (|terms| terms.price = Price(u128::MAX), Rejected::Terms),
        (|terms| terms.epoch -= 1, Rejected::Terms),
        (|terms| terms.epoch = u64::MAX, Rejected::Terms),
        (|terms| terms.duration_s = 10, Rejected::Terms),
        (|terms| terms.billed_min_s = 0, Rejected::Terms),
        (|terms| terms.ask.lots = 2, Rejected::LotsTaken),
        (|terms| terms.ask.first_lot = u32::MAX, Rejected::Terms),
        (|terms| terms.bid.lots = u32::MAX, Rejected::Terms),
        (|terms| terms.ask.id = Hash::ZERO, Rejected::Stale),
        (|terms| terms.open_before = u64::MAX, Rejected::TooLate),
        (|terms| terms.open_before = 0, Rejected::TooLate),
        (|terms| terms.ask.version = 0, Rejected::Terms),
    ];
    for (number, (change, rejected)) in cases.into_iter().enumerate() {
        let (mut world, found, ask, bid) = matched(2);
        let mut terms = terms(&world, &found);
        change(&mut terms);
        let response = propose(&mut world, 1, terms, (&ask, &bid));
        assert_eq!(response, Some(Response::Declined(rejected)), "case {number}");
        assert_eq!(world.peers[0].market.deals().count(), 0);
    }
}

/// Where the consumer's book lacks an order that the supplier's has, the lots of others are numbered differently.
#[test]
fn a_supplier_countersigns_other_lots_of_a_match_than_those_it_numbered_and_not_more_of_them() {
    let mut world = World::new(3, 6);
    world.input(0, Input::Measured(capacity(10).times(4).unwrap()));
    world.run_to_epoch(100);
    let mut offer = draft(Side::Ask, 100);
    offer.lots = 4;
    let ask = world.place(0, offer);
    let mut wish = draft(Side::Bid, 150);
    wish.lots = 3;
    let bid = world.place(1, wish);
    world.place(2, draft(Side::Bid, 151));
    world.run(200);
    let [ask, bid] = [ask, bid].map(|id| world.peers[0].market.book().head(&id).unwrap().entry.clone());
    world.crash(1);
    world.crash(2);
    world.run_to_epoch(100);
    let found = world.peers[0].market.clearings().next_back().unwrap().matches.clone();
    let found = found.iter().find(|found| found.bid.lots == 3).expect("the bid for three lots is served");
    let mut terms = terms(&world, found);
    terms.ask.first_lot = if found.ask.first_lot == 0 { 1 } else { 0 };
    terms.open_before -= 1;
    let response = propose(&mut world, 1, terms, (&ask, &bid));
    assert!(matches!(response, Some(Response::Countersigned(_))), "{response:?}");
}

#[test]
fn a_supplier_hears_proposals_from_the_consumer_alone_and_with_its_signature() {
    let (mut world, found, ask, bid) = matched(3);
    let terms = terms(&world, &found);
    let stranger = propose(&mut world, 2, terms.clone(), (&ask, &bid));
    assert_eq!(stranger, Some(Response::Declined(Rejected::NotAParty)));
    let consumer = claim(&terms, &world.peers[2].person);
    let orders = Box::new((ask.clone(), bid.clone()));
    world.peers[1].revive();
    let forged = world.request(1, 0, Request::Propose { orders, terms: terms.clone(), consumer });
    assert_eq!(forged, Some(Response::Declined(Rejected::Signer)));
    let mut cancel = bid.clone();
    if let Entry::Order(order) = &bid {
        cancel = world.peers[1].person.cancel(order.body.slot, order.body.version, (terms.epoch, terms.epoch + 5));
    }
    let odd = propose(&mut world, 1, terms, (&ask, &cancel));
    assert_eq!(odd, Some(Response::Declined(Rejected::Terms)));
}

#[test]
fn a_supplier_lets_no_more_than_it_measured() {
    let mut world = World::new(3, 4);
    world.run_to_epoch(100);
    let mut wish = draft(Side::Ask, 100);
    wish.lots = 2;
    world.place(0, wish);
    // It turns out to be slower than it said: there is room for one lot.
    world.input(0, Input::Measured(capacity(10)));
    world.place(1, draft(Side::Bid, 150));
    world.place(2, draft(Side::Bid, 150));
    world.run_to_epoch(500);
    assert_eq!(world.running(0), 1);
    let mut states = [world.states(1), world.states(2)].concat();
    states.sort_by_key(|(state, _)| *state as u8);
    let declined = EndReason::Declined(Rejected::Overcommitted);
    assert_eq!(states, vec![(DealState::Running, None), (DealState::Failed, Some(declined))]);
}

#[test]
fn the_same_lots_are_never_let_twice() {
    let (mut world, found, ask, bid) = matched(5);
    let mut terms = terms(&world, &found);
    assert!(matches!(propose(&mut world, 1, terms.clone(), (&ask, &bid)), Some(Response::Countersigned(_))));
    terms.open_before += 1;
    let again = propose(&mut world, 1, terms.clone(), (&ask, &bid));
    assert_eq!(again, Some(Response::Declined(Rejected::LotsTaken)));
    let deal = world.deal(0, DealState::Running);
    world.end_deal(0, deal.id).unwrap();
    let after = propose(&mut world, 1, terms, (&ask, &bid));
    assert_eq!(after, Some(Response::Declined(Rejected::LotsTaken)), "a struck deal took them for good");
}

#[test]
fn two_proposals_of_the_same_terms_at_once_strike_one_deal() {
    let (mut world, found, ask, bid) = matched(6);
    let terms = terms(&world, &found);
    let consumer = claim(&terms, &world.peers[1].person);
    let from = world.peers[1].person.address;
    let mut recoveries = vec![];
    for token in [1, 2] {
        let orders = Box::new((ask.clone(), bid.clone()));
        let request = Box::new(Request::Propose { orders, terms: terms.clone(), consumer: consumer.clone() });
        let effects = world.peers[0].market.handle(Input::Asked { from, token, request }, world.now);
        recoveries.extend(effects);
    }
    let mut signs = 0;
    let mut declined = 0;
    for effect in recoveries {
        let crate::Effect::Recover { ticket, work } = effect else { panic!("{effect:?}") };
        let verdicts = vec![true; work.len()];
        for effect in world.peers[0].market.handle(Input::Recovered { ticket, verdicts }, world.now) {
            signs += usize::from(matches!(effect, crate::Effect::Sign { .. }));
            declined += usize::from(matches!(effect, crate::Effect::Respond { token: 2, .. }));
        }
    }
    assert_eq!((signs, declined), (1, 1));
}

#[test]
fn a_declined_proposal_frees_the_lots_and_the_bid_goes_on_without_blame() {
    let mut world = World::new(3, 7);
    world.run_to_epoch(100);
    let cheap = world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 150));
    world.place(2, draft(Side::Ask, 120));
    // In the guard: the match stands, but the supplier no longer wants it.
    world.run(1_400);
    world.withdraw(0, cheap).unwrap();
    world.run_to_epoch(200);
    assert_eq!(world.states(1), vec![(DealState::Failed, Some(EndReason::Declined(Rejected::Stale)))]);
    let deal = world.strike(1);
    assert_eq!(deal.terms.supplier(), world.peers[2].person.address);
    let Entry::Order(bid) = &world.peers[1].market.standings().next().unwrap().entry else { panic!("empty") };
    assert_eq!(bid.body.excluded, [], "who merely saw another book is not left out");
}

/// The version that an epoch cleared is replaced while its match is being proposed; both nodes had dropped it by then.
#[test]
fn a_match_of_a_version_that_was_replaced_in_the_guard_still_becomes_a_deal() {
    for side in [Side::Ask, Side::Bid] {
        let mut world = World::new(2, 8);
        world.run_to_epoch(100);
        let mut wish = draft(Side::Ask, 100);
        wish.lots = 3;
        world.place(0, wish);
        world.place(1, draft(Side::Bid, 150));
        world.run(1_400);
        let peer = if side == Side::Ask { 0 } else { 1 };
        world.renew(peer, 0);
        world.run_to_epoch(300);
        assert_eq!((world.running(0), world.running(1)), (1, 1), "{side}");
        world.run(4_000);
        assert_eq!(world.offer(1, 0, Side::Ask), Some((2, 100)), "{side}");
        assert_eq!(world.offer(0, 1, Side::Bid).map_or(0, |(lots, _)| lots), 0, "{side}");
        assert_eq!((world.running(0), world.running(1)), (1, 1), "{side}");
    }
}

#[test]
fn a_consumer_that_cancels_before_the_answer_leaves_no_deal_behind() {
    let mut world = World::new(3, 9);
    world.run_to_epoch(100);
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 150));
    assert!(world.run_until(5_000, |world| world.peers[1].market.deals().count() > 0));
    let id = world.peers[1].market.deals().next().unwrap().id;
    world.end_deal(1, id).unwrap();
    world.run(6_000);
    assert_eq!(world.states(1).len(), 1);
    assert_eq!(world.running(0), 0, "{:?}", world.states(0));
    assert_eq!(world.offer(2, 0, Side::Ask), Some((1, 100)));
    assert_eq!(world.offer(2, 1, Side::Bid).map_or(0, |(lots, _)| lots), 0, "the cancelled bid lures nobody");
}

#[test]
fn proposals_of_an_epoch_that_is_not_cleared_yet_wait_and_a_flood_of_them_is_declined() {
    let (mut world, found, ask, bid) = matched(10);
    let mut early = terms(&world, &found);
    early.epoch += 1;
    let consumer = claim(&early, &world.peers[1].person);
    let from = world.peers[1].person.address;
    let mut declined = 0;
    for token in 0..100 {
        let request = Box::new(Request::Propose {
            orders: Box::new((ask.clone(), bid.clone())),
            terms: early.clone(),
            consumer: consumer.clone(),
        });
        let effects = world.peers[0].market.handle(Input::Asked { from, token, request }, world.now);
        declined += effects.len();
    }
    assert_eq!(declined, 36, "64 of one peer wait");
    let effects = world.peers[0].market.handle(Input::Tick, world.now + 2_000);
    let book = effects.into_iter().find_map(|effect| match effect {
        crate::Effect::Clear { book } => Some(book),
        crate::Effect::Recover { .. } => panic!("it is not cleared yet"),
        _ => None,
    });
    let outcome = crate::Outcome::of(book.unwrap());
    let cleared = Input::Cleared { epoch: early.epoch, outcome: Some(outcome) };
    let effects = world.peers[0].market.handle(cleared, world.now + 2_000);
    let answered = effects.iter().filter(|effect| matches!(effect, crate::Effect::Recover { .. })).count();
    assert_eq!(answered, 64, "the next epoch holds the same match");
}

#[test]
fn only_a_party_ends_a_deal_and_only_its_own_way() {
    let mut world = World::new(3, 11);
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 150));
    let deal = world.strike(1);
    let end = |cause, elapsed_s| protocol::DealEnd { deal: deal.id, cause, elapsed_s };
    let signed = |by: usize, end: &protocol::DealEnd, world: &World| {
        let digest = market().domain().digest(&protocol::Typed::struct_hash(end));
        Request::EndDeal(end.clone(), world.peers[by].person.authority(&digest))
    };
    let declined = |rejected| Some(Response::Declined(rejected));
    for (by, to, cause, expected) in [
        (2, 0, EndCause::Cancelled, declined(Rejected::Signer)),
        (0, 1, EndCause::Cancelled, declined(Rejected::NotAParty)),
        (1, 0, EndCause::Failed, declined(Rejected::NotAParty)),
        (2, 2, EndCause::Failed, declined(Rejected::UnknownDeal)),
    ] {
        let request = signed(by, &end(cause, 0), &world);
        assert_eq!(world.request(by, to, request), expected);
    }
    assert_eq!((world.running(0), world.running(1)), (1, 1));
    world.run(20_000);
    // Whoever carries it: the signature counts. What was acknowledged stays acknowledged, and time is not made up.
    let request = signed(1, &end(EndCause::Cancelled, 0), &world);
    assert_eq!(world.request(2, 0, request), Some(Response::Done));
    assert!(world.deal(0, DealState::Cancelled).elapsed_s >= 18);
    let request = signed(0, &end(EndCause::Failed, u64::MAX), &world);
    assert_eq!(world.request(0, 1, request), Some(Response::Done));
    let states: Vec<_> = world.peers[1].market.deals().map(|deal| deal.elapsed_s).collect();
    assert!(states.iter().all(|&elapsed_s| elapsed_s <= 22), "{states:?}");
}

#[test]
fn a_served_bid_proposes_nothing_more_while_its_slot_is_still_being_emptied() {
    let mut world = World::new(2, 12);
    world.run_to_epoch(100);
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 150));
    world.run_to_epoch(0);
    world.mute.insert(0);
    // In the guard: what empties the slot counts for the next epoch only.
    world.run(1_500);
    let id = world.deal(1, DealState::Proposed).id;
    world.end_deal(1, id).unwrap();
    world.run_to_epoch(300);
    assert_eq!(world.peers[1].market.clearings().next_back().unwrap().matches.len(), 1);
    assert_eq!(world.states(1), vec![(DealState::Cancelled, Some(EndReason::CancelledByConsumer))]);
}
