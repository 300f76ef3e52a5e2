//! Clearings that come late, never, false, or at other times than those of others.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use protocol::{Hash, Rejected, Side};

use crate::deals::{DealState, EndReason};
use crate::effect::{Answer, Effect, Event};
use crate::history::Outcome;
use crate::input::Input;
use crate::sealed::SealedBook;
use crate::world::World;
use crate::world::people::{draft, market};

/// An ask of the first and a bid of the second peer, just before the end of the first epoch in which both count: that
/// epoch, and the ids.
fn about_to_match(world: &mut World) -> (u64, Hash, Hash) {
    world.run_to_epoch(100);
    let ask = world.place(0, draft(Side::Ask, 100));
    let Ok(Answer::Placed { id, from_epoch, .. }) = world.try_place(1, draft(Side::Bid, 150)) else {
        panic!("not placed");
    };
    world.run(market().epoch_start_ms(from_epoch + 1) - 50 - world.now);
    (from_epoch, ask, id)
}

fn slow(world: &mut World, peers: &[usize], clearing_ms: Option<u64>) {
    world.clearing_ms = peers.iter().map(|peer| (*peer, clearing_ms)).collect();
}

/// The epochs that this peer was told to be cleared, and those told to be skipped.
fn told(world: &World, peer: usize) -> (Vec<u64>, Vec<u64>) {
    let told = world.peers[peer].told.iter();
    let cleared = told.clone().filter_map(|event| match event {
        Event::Cleared { epoch, .. } => Some(*epoch),
        _ => None,
    });
    let skipped = told.filter_map(|event| match event {
        Event::Skipped { epoch, .. } => Some(*epoch),
        _ => None,
    });
    (cleared.collect(), skipped.collect())
}

#[test]
fn a_deal_is_struck_also_if_every_clearing_takes_its_time() {
    for (clearing_ms, soonest_ms) in [(0, 0), (700, 700), (3_000, 3_000)] {
        let mut world = World::new(3, 1);
        slow(&mut world, &[0, 1, 2], Some(clearing_ms));
        let (epoch, ..) = about_to_match(&mut world);
        assert!(world.run_until(15_000, |world| world.running(1) > 0), "{clearing_ms}: {:?}", world.states(1));
        let deal = world.deal(1, DealState::Running);
        let after_ms = deal.started_ms - market().epoch_start_ms(deal.terms.epoch + 1);
        assert!(after_ms >= soonest_ms && after_ms < soonest_ms + 2_500, "{clearing_ms}: after {after_ms} ms");
        assert!(deal.terms.epoch >= epoch);
        world.run(500);
        assert!((0..3).all(|peer| world.peers[peer].market.book().fills().deal(&deal.id).is_some()));
    }
}

#[test]
fn deals_live_and_are_struck_while_every_clearing_takes_five_seconds() {
    let mut world = World::new(4, 2);
    about_to_match(&mut world);
    let deal = world.strike(1);
    slow(&mut world, &[0, 1, 2, 3], Some(5_000));
    world.run(30_000);
    world.place(2, draft(Side::Ask, 100));
    world.place(3, draft(Side::Bid, 150));
    assert!(world.run_until(16_000, |world| world.running(3) == 1), "{:?}", world.states(3));
    for peer in [0, 1] {
        let lives = world.deal(peer, DealState::Running);
        assert_eq!(lives.id, deal.id);
        let served_s = (world.now - lives.started_ms) / 1000;
        assert!(lives.acknowledged_s() + 6 >= served_s, "{} of {served_s} s", lives.acknowledged_s());
        assert!(world.now - lives.heard_ms <= 6_000, "heard {} ms ago", world.now - lives.heard_ms);
    }
    assert_eq!((world.running(2), world.running(3)), (1, 1));
}

#[test]
fn one_book_is_cleared_at_a_time_and_of_those_that_wait_the_newest() {
    let mut world = World::new(1, 3);
    world.run_to_epoch(0);
    slow(&mut world, &[0], Some(5_000));
    let first = market().epoch_at(world.now);
    world.run(30_900);
    let (cleared, skipped) = told(&world, 0);
    let cleared: Vec<u64> = cleared.into_iter().filter(|epoch| *epoch >= first).map(|epoch| epoch - first).collect();
    let skipped: Vec<u64> = skipped.into_iter().map(|epoch| epoch - first).collect();
    // The first is sealed after 2 s and in after 7; by then the third is sealed, after 12 the fifth, after 17 the eighth.
    assert_eq!(cleared, [0, 2, 4, 7, 9], "every five seconds one");
    assert_eq!(skipped, [1, 3, 5, 6, 8, 10, 11, 13]);
    assert_eq!(world.peers[0].market.last_sealed().map(|(epoch, _)| epoch - first), Some(14), "each is sealed");
}

#[test]
fn a_clearing_that_never_comes_is_given_up_and_later_epochs_are_cleared() {
    let mut world = World::new(2, 4);
    let (epoch, ask, _) = about_to_match(&mut world);
    slow(&mut world, &[0, 1], None);
    world.run(28_000);
    slow(&mut world, &[], None);
    assert_eq!((told(&world, 0).0.last(), world.running(1)), (Some(&(epoch - 1)), 0));
    let deal = world.strike(1);
    assert_eq!((deal.terms.epoch, deal.terms.ask.id), (epoch + 15, ask));
    let (cleared, skipped) = told(&world, 0);
    assert_eq!(cleared[cleared.len() - 2..], [epoch - 1, epoch + 15]);
    assert_eq!(skipped[skipped.len() - 2..], [epoch, epoch + 14], "what was under way, and what waited");
    world.run(4_000);
    assert_eq!((world.root(0), world.root(0).0), (world.root(1), market().epoch_at(world.now) - 1));
}

#[test]
fn peers_whose_clearings_come_at_different_times_agree_and_trade() {
    for (supplier_ms, consumer_ms, other_ms) in [(0, 3_000, 700), (3_000, 0, 700), (700, 50, 5_000)] {
        let mut world = World::new(3, 5);
        world.meet_all();
        let (epoch, ask, bid) = about_to_match(&mut world);
        world.clearing_ms = [supplier_ms, consumer_ms, other_ms].map(Some).into_iter().enumerate().collect();
        world.run(1_000);
        for peer in 0..3 {
            let agreement = world.peers[peer].market.agreement(epoch).unwrap();
            assert!(
                agreement.took_ms.is_some_and(|took_ms| took_ms < 500),
                "agreed before it is cleared: {agreement:?}"
            );
        }
        world.run(7_000);
        for peer in [0, 1] {
            let deal = world.deal(peer, DealState::Running);
            assert_eq!((deal.terms.epoch, deal.terms.ask.id, deal.terms.bid.id), (epoch, ask, bid));
            let sealed_ms = market().epoch_start_ms(epoch + 1);
            assert!(deal.started_ms - sealed_ms >= supplier_ms.max(consumer_ms), "{supplier_ms} and {consumer_ms}");
        }
        let roots = (0..3).map(|peer| world.peers[peer].market.clearing(epoch).unwrap().root);
        assert_eq!(roots.collect::<Vec<_>>(), vec![world.peers[0].market.clearing(epoch).unwrap().root; 3]);
        assert_eq!(world.states(1).len(), 1, "nothing is proposed twice");
    }
}

/// The ask is renewed while its match is being found, and the version that was matched leaves the book.
#[test]
fn a_late_match_of_a_renewed_ask_becomes_one_deal() {
    let mut world = World::new(2, 6);
    let (epoch, ask, bid) = about_to_match(&mut world);
    slow(&mut world, &[0, 1], Some(5_000));
    world.run(100);
    world.renew(0, 0);
    world.renew(1, 0);
    world.run(4_800);
    for peer in [0, 1] {
        let heads = [ask, bid].map(|id| world.peers[peer].market.book().head(&id).is_some());
        assert_eq!((heads, world.states(peer).len()), ([false; 2], 0), "gone, and not matched yet");
    }
    let deal = world.strike(1);
    assert_eq!((deal.terms.epoch, deal.terms.ask.id, deal.terms.bid.id), (epoch, ask, bid));
    world.run(30_000);
    assert_eq!((world.states(0).len(), world.states(1).len()), (1, 1), "the new versions are not matched on top");
    assert_eq!(world.offer(1, 0, Side::Ask).map_or(0, |(lots, _)| lots), 0);
}

#[test]
fn what_is_withdrawn_while_its_match_is_found_is_not_dealt_in() {
    for (owner, expected) in [(0, vec![EndReason::Declined(Rejected::Stale)]), (1, vec![])] {
        let mut world = World::new(2, 7);
        let (_, ask, bid) = about_to_match(&mut world);
        slow(&mut world, &[0, 1], Some(5_000));
        world.run(100);
        world.withdraw(owner, if owner == 0 { ask } else { bid }).unwrap();
        world.run(15_000);
        let reasons: Vec<EndReason> = world.states(1).into_iter().filter_map(|(_, reason)| reason).collect();
        assert_eq!((reasons, world.running(0), world.running(1)), (expected, 0, 0));
    }
}

/// A machine whose epoch has just ended, and the book that it wants cleared.
fn sealed(seed: u64) -> (World, Arc<SealedBook>) {
    let mut world = World::new(2, seed);
    about_to_match(&mut world);
    slow(&mut world, &[0, 1], None);
    let now = world.now + 50;
    let effects = world.peers[0].market.handle(Input::Tick, now);
    let book = effects.into_iter().find_map(|effect| match effect {
        Effect::Clear { book } => Some(book),
        _ => None,
    });
    world.now = now;
    (world, book.unwrap())
}

#[test]
fn only_the_clearing_that_is_under_way_counts_and_only_once() {
    let (mut world, book) = sealed(8);
    let now = world.now;
    let machine = &mut world.peers[0].market;
    let of = |epoch| Some(Outcome::of(SealedBook::new(book.market, epoch, book.asks.clone()).into()));
    let last = machine.clearings().count();
    for (epoch, outcome) in [
        (book.epoch, of(book.epoch)),
        (book.epoch, of(book.epoch + 1)),
        (book.epoch + 1, of(book.epoch + 1)),
        (book.epoch - 1, of(book.epoch - 1)),
        (book.epoch + 1, Some(Outcome::of(book.clone()))),
        (u64::MAX, of(u64::MAX)),
        (0, None),
        (u64::MAX, None),
    ] {
        let effects = machine.handle(Input::Cleared { epoch, outcome }, now);
        assert!(effects.is_empty() && machine.clearings().count() == last, "{epoch}: {effects:?}");
    }
    let true_one = || Input::Cleared { epoch: book.epoch, outcome: Some(Outcome::of(book.clone())) };
    let effects = machine.handle(true_one(), now);
    assert!(matches!(effects[..], [Effect::Tell(Event::Cleared { matches: 1, .. })]), "{effects:?}");
    assert!(machine.handle(true_one(), now).is_empty());
    assert!(Arc::ptr_eq(&machine.proven().next_back().unwrap().book, &book), "the book is shared");
}

#[test]
fn a_book_that_cannot_be_cleared_is_skipped_and_who_waited_for_it_is_told() {
    let (mut world, book) = sealed(9);
    // The consumer has cleared it, and proposes what it found.
    slow(&mut world, &[0], None);
    world.run(500);
    assert_eq!(world.states(1), [(DealState::Proposed, None)], "it is held");
    let effects = world.peers[0].market.handle(Input::Cleared { epoch: book.epoch, outcome: None }, world.now);
    assert!(
        matches!(effects[..], [Effect::Tell(Event::Skipped { epoch, .. }), Effect::Respond { .. }] if epoch == book.epoch),
        "{effects:?}"
    );
    slow(&mut world, &[], None);
    world.run_to_epoch(100);
    assert_eq!(world.root(0).0, book.epoch + 1, "the next one is cleared");
}

#[test]
fn a_clearing_of_an_earlier_life_is_lost_and_the_next_epochs_go_on() {
    let mut world = World::new(2, 10);
    let (epoch, ..) = about_to_match(&mut world);
    slow(&mut world, &[0, 1], Some(3_000));
    world.run(1_000);
    world.crash(0);
    world.restart(0);
    slow(&mut world, &[], None);
    let deal = world.strike(1);
    assert!(deal.terms.epoch > epoch, "the supplier knows nothing of what it sealed before");
    assert!(world.peers[0].market.clearing(epoch).is_none());
}
