//! Nodes on hot keys that trade in the name of a cold owner, and heads signed by one signature.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use protocol::wire::{self, GOSSIP_MAX};
use protocol::{Entry, Hash, Mandate, Rejected, Scope, Side, talk::OrdersMessage};

use crate::deals::{DealState, EndReason};
use crate::effect::{Answer, Effect, Event, Refused};
use crate::input::Input;
use crate::world::people::{Person, capacity, draft, market, order};
use crate::world::{START_MS, World};

/// A world in which `peer` trades for a cold owner until so many seconds after the beginning.
fn acting(world: &mut World, peer: usize, scope: Scope, seconds: u64) -> Person {
    let owner = Person::new(1_000 + peer as u64);
    let start_s = START_MS / 1000;
    world.peers[peer].person.act_for(&owner, scope, (start_s - 60, start_s + seconds));
    world.crash(peer);
    world.restart(peer);
    owner
}

fn told(world: &World, peer: usize, is_it: impl Fn(&Event) -> bool) -> usize {
    world.peers[peer].told.iter().filter(|event| is_it(event)).count()
}

#[test]
fn two_cold_owners_trade_through_hot_keys_from_order_to_end() {
    let mut world = World::new(3, 1);
    let (supplier, consumer) = (acting(&mut world, 0, Scope::ALL, 86_000), acting(&mut world, 1, Scope::ALL, 86_000));
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 200));
    let deal = world.strike(1);
    assert_eq!((deal.terms.supplier(), deal.terms.consumer()), (supplier.address, consumer.address));
    let hot = |world: &World, peer: usize| world.peers[peer].person.address;
    assert_eq!((deal.peer, world.deal(0, DealState::Running).peer), (hot(&world, 0), hot(&world, 1)));
    let struck = deal.struck().unwrap();
    for authority in [&struck.supplier, &struck.consumer] {
        assert!(authority.delegation.is_some());
    }
    // Only who signed for the consumer may talk about it, and the consumer itself.
    let now = world.now;
    let served = world.deal(0, DealState::Running);
    assert!(served.serves(&hot(&world, 1), now) && served.serves(&consumer.address, now));
    assert!(!served.serves(&hot(&world, 2), now) && !served.serves(&supplier.address, now));
    world.run(30_000);
    let acknowledged = world.deal(0, DealState::Running).acknowledged.unwrap();
    assert!(acknowledged.0.elapsed_s > 10 && acknowledged.1.delegation.is_some());
    assert!(!world.peers[2].market.book().fills().is_empty(), "strangers took the lots off");
    world.end_deal(1, deal.id).unwrap();
    world.run(500);
    let over = world.deal(0, DealState::Cancelled);
    assert!(over.end.unwrap().1.delegation.is_some());
    assert_eq!(world.offer(2, 0, Side::Ask), None, "the hot key offers nothing in its own name");
}

#[test]
fn what_a_delegate_signs_ends_with_its_delegation_and_then_nothing_is_signed() {
    let mut world = World::new(2, 2);
    acting(&mut world, 0, Scope::ALL, 101);
    let id = world.place(0, draft(Side::Ask, 100));
    let ends = market().epoch_start_ms(world.peers[0].market.book().head(&id).unwrap().entry.epochs().1);
    assert!((START_MS + 99_000..=START_MS + 101_000).contains(&ends), "{ends}");
    assert_eq!(told(&world, 0, |event| matches!(event, Event::DelegationEnds { .. })), 1);
    world.run(98_000);
    assert_eq!(world.book(1), [id], "nothing was refused by those who hear it");
    world.run(10_000);
    assert!(world.book(1).is_empty());
    for result in [world.try_place(0, draft(Side::Ask, 100)), world.withdraw(0, id)] {
        assert!(matches!(result, Err(Refused::DelegationOver | Refused::UnknownOrder)), "{result:?}");
    }
    assert_eq!(world.try_place(0, draft(Side::Bid, 100)), Err(Refused::DelegationOver));
    assert_eq!(told(&world, 0, |event| matches!(event, Event::DelegationOver { .. })), 1);
    assert!(world.peers[1].judged.values().all(|verdict| *verdict != crate::Verdict::Reject));
}

#[test]
fn a_deal_whose_consumer_may_not_sign_any_more_ends_by_its_silence() {
    let mut world = World::new(2, 3);
    acting(&mut world, 1, Scope::ALL, 60);
    world.place(0, draft(Side::Ask, 100));
    world.place(1, draft(Side::Bid, 200));
    let deal = world.strike(1);
    world.run(62_000);
    assert_eq!(world.end_deal(1, deal.id), Err(Refused::DelegationOver));
    let period_ms = u64::from(market().billing_period_s) * 1000;
    world.run(period_ms + 10_000);
    assert_eq!(world.states(0), [(DealState::Failed, Some(EndReason::ConsumerSilent))]);
    assert_eq!(world.running(1), 0);
}

#[test]
fn what_a_delegation_does_not_cover_is_refused_to_the_user_and_never_signed() {
    let mut world = World::new(2, 4);
    acting(&mut world, 0, Scope(Scope::ASK.0 | Scope::BID.0), 86_000);
    let id = world.place(0, draft(Side::Ask, 100));
    assert_eq!(world.withdraw(0, id), Err(Refused::OutOfScope(Scope::CANCEL)));
    world.place(1, draft(Side::Bid, 200));
    world.run(6_000);
    assert!(
        world
            .states(1)
            .iter()
            .all(|state| *state == (DealState::Failed, Some(EndReason::Declined(Rejected::Delegation))))
    );
    assert!(!world.states(1).is_empty(), "it was proposed, and declined");
}

/// Every head that this input has signed: the effects, then what is published once signed and recovered.
fn published(world: &mut World, peer: usize, input: Input) -> (usize, usize, Vec<Vec<Entry>>) {
    let now = world.now;
    let person = world.peers[peer].person.clone();
    let market = &mut world.peers[peer].market;
    let (mut signatures, mut recoveries, mut messages) = (0, 0, Vec::new());
    let mut inputs = vec![input];
    while let Some(input) = inputs.pop() {
        for effect in market.handle(input, now) {
            match effect {
                Effect::Sign { ticket, digest } => {
                    signatures += 1;
                    inputs.push(Input::Signed { ticket, signature: person.sign(&digest) });
                }
                Effect::Recover { ticket, work } => {
                    recoveries += work.len();
                    let verdicts = work.iter().map(|work| work.run().is_ok()).collect();
                    inputs.push(Input::Recovered { ticket, verdicts });
                }
                Effect::Publish { bytes, .. } => {
                    messages.push(wire::decode::<OrdersMessage>(&bytes, GOSSIP_MAX).unwrap().0);
                }
                _ => {}
            }
        }
    }
    (signatures, recoveries, messages)
}

fn list(count: usize) -> Vec<crate::Draft> {
    (0..count).map(|number| draft(if number % 2 == 0 { Side::Ask } else { Side::Bid }, 100)).collect()
}

#[test]
fn a_list_is_signed_once_and_every_entry_verifies_alone() {
    for (seed, count) in [(10, 2), (11, 3), (12, 17), (13, 63), (14, 64)] {
        for is_delegate in [false, true] {
            let mut world = World::new(1, seed);
            if is_delegate {
                acting(&mut world, 0, Scope::ALL, 86_000);
            }
            let (signatures, recoveries, messages) =
                published(&mut world, 0, Input::PlaceList { user: 1, drafts: list(count) });
            assert_eq!((signatures, recoveries), (1, 1 + usize::from(is_delegate)));
            assert_eq!(messages.len(), 1, "{count} small orders fit into one message");
            assert_eq!(messages[0].len(), count);
            for entry in &messages[0] {
                entry.check(&market()).unwrap();
                let recoveries = entry.recoveries(&market().domain(), world.now / 1000).unwrap();
                recoveries.0.run().unwrap();
                recoveries.1.map_or(Ok(()), |second| second.run()).unwrap();
                assert!(entry.authority().bulk.is_some());
            }
        }
    }
}

#[test]
fn a_single_head_is_signed_by_itself() {
    let mut world = World::new(1, 20);
    let (.., messages) = published(&mut world, 0, Input::PlaceList { user: 1, drafts: list(1) });
    assert_eq!(messages[0][0].authority().bulk, None);
}

#[test]
fn a_machine_that_comes_back_or_renews_signs_and_verifies_all_at_once() {
    let mut world = World::new(1, 21);
    world.ask_user(0, |user| Input::PlaceList { user, drafts: list(64) }).unwrap();
    let standings: Vec<_> = world.peers[0].market.standings().cloned().collect();
    world.peers[0].market = world.peers[0].person.market();
    let input = Input::Restore { kept: vec![], standings: standings.clone(), deals: vec![] };
    let (signatures, recoveries, messages) = published(&mut world, 0, input);
    assert_eq!((signatures, recoveries, messages.len()), (0, 1, 1), "nothing to sign anew");
    // Four fifths of their life later all are renewed.
    world.now += 3_000_000;
    let (signatures, _, messages) = published(&mut world, 0, Input::Tick);
    assert_eq!((signatures, messages.len()), (1, 1));
    assert_eq!(messages[0].len(), 64);
    // Back after a long sleep: everything has expired, and is offered again by one signature.
    world.now += 90_000_000;
    world.peers[0].market = world.peers[0].person.market();
    let input = Input::Restore { kept: vec![], standings, deals: vec![] };
    let (signatures, _, messages) = published(&mut world, 0, input);
    assert_eq!((signatures, messages.concat().len()), (1, 64));
}

#[test]
fn a_list_gets_a_slot_for_each_or_none_and_an_answer_for_each() {
    let mut world = World::new(2, 22);
    world.place(0, draft(Side::Ask, 100));
    let place = |world: &mut World, drafts| world.ask_user(0, |user| Input::PlaceList { user, drafts });
    assert_eq!(place(&mut world, list(64)), Err(Refused::NoFreeSlot(64)));
    assert_eq!(world.peers[0].market.standings().count(), 1);
    let mut drafts = list(63);
    drafts[5].price = protocol::Price(0);
    drafts[6].capacity = capacity(1_000);
    let Ok(Answer::PlacedList(answers)) = place(&mut world, drafts) else { panic!("refused") };
    assert_eq!(answers[5], Err(Refused::Rejected(Rejected::PriceZero)));
    assert!(matches!(answers[6], Err(Refused::BeyondMeasured { .. })));
    let ids: BTreeSet<Hash> = answers.iter().flatten().map(|placed| placed.id).collect();
    assert_eq!(ids.len(), 61);
    world.run(1_000);
    assert!(ids.iter().all(|id| world.book(1).contains(id)));
    for drafts in [vec![], list(65)] {
        assert!(matches!(place(&mut world, drafts), Err(Refused::Rejected(_))));
    }
}

#[test]
fn the_owners_newer_word_takes_a_slot_and_the_node_gives_it_up_for_good() {
    let mut world = World::new(2, 23);
    let owner = acting(&mut world, 0, Scope::ALL, 86_000);
    let mine = world.place(0, draft(Side::Ask, 100));
    let mut ask = order(Side::Ask, 500, market().epoch_at(world.now));
    ask.version = world.now + 10_000;
    let theirs = owner.entry(ask);
    let id = theirs.id(&market().domain());
    let answer = world.ask_user(0, |user| Input::Submit { user, entries: vec![theirs] });
    assert_eq!(answer, Ok(Answer::Submitted(vec![Ok(id)])));
    assert_eq!(world.peers[0].market.standings().count(), 0);
    assert_eq!(told(&world, 0, |event| matches!(event, Event::Superseded { slot: 0, .. })), 1);
    assert_eq!(world.withdraw(0, mine), Err(Refused::UnknownOrder));
    // What the owner signed elsewhere keeps its slot from new orders.
    world.place(0, draft(Side::Ask, 100));
    assert_eq!(world.peers[0].market.standings().next().unwrap().slot, 1);
    world.run(10_000);
    assert!(world.book(1).contains(&id));
    world.crash(0);
    world.restart(0);
    world.run(2_000);
    assert_eq!(world.peers[0].market.standings().count(), 1, "also after a restart");
}

#[test]
fn a_renewed_delegation_lets_offers_live_on() {
    let mut world = World::new(2, 24);
    let owner = acting(&mut world, 0, Scope::ALL, 101);
    world.place(0, draft(Side::Ask, 100));
    let start_s = START_MS / 1000;
    world.peers[0].person.act_for(&owner, Scope::ALL, (start_s, start_s + 10_000));
    world.crash(0);
    world.restart(0);
    world.run(150_000);
    assert_eq!(world.book(1).len(), 1);
    let head = world.peers[1].market.book().heads_after(None).next().unwrap();
    let delegation = head.entry.authority().delegation.clone().unwrap();
    assert_eq!(Mandate::delegated(delegation.0, delegation.1).ends_s(), Some(start_s + 10_000));
}
