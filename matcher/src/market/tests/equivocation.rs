//! An owner that signs the same lots twice: the proof spreads, is remembered, and honest nodes give nobody one.

use alloc::vec::Vec;

use protocol::talk::DealMessage;
use protocol::{DealTerms, Equivocation, Hash, Rejected, Side, StruckDeal, wire};

use crate::effect::{Event, Topic, Verdict};
use crate::fills::Fills;
use crate::world::World;
use crate::world::people::{Person, deal_message, draft, market, order, orders_message, struck, terms};

/// Two deals of one supplier over the same lot, with two consumers.
fn twice(world: &World) -> (Person, [StruckDeal; 2]) {
    let people = [100, 101, 102].map(Person::new);
    let epoch = market().epoch_at(world.now);
    let open_before = world.now / 1000 + 30;
    let deal = |consumer: &Person, number: u8| {
        let mut terms = terms(epoch, (Hash([1; 32]), people[0].address), (Hash([number; 32]), consumer.address));
        terms.open_before = open_before;
        struck(&terms, &people[0], consumer)
    };
    let deals = [deal(&people[1], 2), deal(&people[2], 3)];
    let [supplier, ..] = people;
    (supplier, deals)
}

fn convicted(world: &World, peer: usize) -> Vec<protocol::Address> {
    let told = world.peers[peer].told.iter();
    told.filter_map(|event| match event {
        Event::Equivocated { owner, .. } => Some(*owner),
        _ => None,
    })
    .collect()
}

#[test]
fn two_deals_over_one_lot_convict_their_owner_on_every_peer_once() {
    let mut world = World::new(3, 30);
    world.cut(1, 2);
    let (supplier, deals) = twice(&world);
    for deal in &deals {
        assert_eq!(world.gossip(1, 0, Topic::Deals, deal_message(deal.clone())), Verdict::Accept);
    }
    world.run(200);
    for peer in 0..3 {
        assert_eq!(convicted(&world, peer), [supplier.address], "peer {peer}");
        assert!(world.peers[peer].market.book().proofs().has(&supplier.address));
    }
}

#[test]
fn a_proof_alone_convicts_and_one_that_proves_nothing_costs_its_sender() {
    let mut world = World::new(2, 31);
    let (supplier, deals) = twice(&world);
    let proof = Equivocation::of(Side::Ask, (&deals[0], &deals[1]), &market()).unwrap();
    let message = |proof: Equivocation| wire::encode(&DealMessage::Equivocation(proof.into()));
    let mut same = proof.clone();
    same.second = same.first.clone();
    let mut turned = proof.clone();
    core::mem::swap(&mut turned.first, &mut turned.second);
    let mut forged = proof.clone();
    forged.first.authority.signature.0[5] ^= 1;
    let mut other_side = proof.clone();
    other_side.side = Side::Bid;
    for bad in [same, turned, forged, other_side] {
        assert_eq!(world.gossip(1, 0, Topic::Deals, message(bad)), Verdict::Reject);
        assert!(convicted(&world, 0).is_empty());
    }
    assert_eq!(world.gossip(1, 0, Topic::Deals, message(proof.clone())), Verdict::Accept);
    assert_eq!(convicted(&world, 0), [supplier.address]);
    let mut again = deals[0].terms.clone();
    again.price.0 += 1;
    let third = struck(&again, &supplier, &Person::new(101));
    let weaker = Equivocation::of(Side::Ask, (&third, &deals[1]), &market()).unwrap();
    world.gossip(1, 0, Topic::Deals, message(weaker));
    assert_eq!(world.peers[0].market.book().proofs().all().count(), 1, "one proof an owner");
}

#[test]
fn deals_that_do_not_live_together_prove_nothing() {
    let world = World::new(1, 32);
    let (_, deals) = twice(&world);
    let shifted = |change: fn(&mut DealTerms)| {
        let mut terms = deals[1].terms.clone();
        change(&mut terms);
        struck(&terms, &Person::new(100), &Person::new(102))
    };
    let proves = |deal: &StruckDeal| Equivocation::of(Side::Ask, (&deals[0], deal), &market()).is_some();
    assert!(proves(&shifted(|terms| terms.epoch += 1)));
    assert!(!proves(&shifted(|terms| (terms.epoch, terms.open_before) = (terms.epoch + 400, terms.open_before + 800))));
    assert!(!proves(&shifted(|terms| terms.ask.first_lot = 1)));
    assert!(!proves(&shifted(|terms| terms.ask.id = Hash([9; 32]))));
    assert!(!proves(&deals[0]));
}

#[test]
fn an_order_keeps_the_same_deals_whatever_came_first() {
    let world = World::new(1, 33);
    let (supplier, deals) = twice(&world);
    let mut all: Vec<StruckDeal> = (0..6)
        .map(|number| {
            let mut terms = deals[0].terms.clone();
            terms.price.0 = 100 + number;
            struck(&terms, &supplier, &Person::new(101))
        })
        .collect();
    let kept = |deals: &[StruckDeal]| {
        let mut fills = Fills::new(market().domain());
        for deal in deals {
            let _ = fills.fill((deal.terms.id(&market().domain()), &deal.clone().into()), &|id| {
                (*id == Hash([1; 32])).then_some(1)
            });
        }
        fills.deals().map(|(id, _)| *id).collect::<Vec<_>>()
    };
    let first = kept(&all);
    assert_eq!(first.len(), 2, "one lot and one to spare");
    for turn in 0..6 {
        all.rotate_left(1);
        all.swap(0, turn);
        assert_eq!(kept(&all), first);
    }
}

/// A consumer whose proposal was declined offered the same lot of the same version to the next supplier: with the first
/// supplier's late countersignature, that made a proof against an honest node.
#[test]
fn a_bid_whose_proposal_came_to_nothing_is_signed_anew_before_it_is_offered_again() {
    let mut world = World::new(2, 34);
    world.place(0, draft(Side::Ask, 50));
    world.run_to_epoch(100);
    // The supplier seals without the bid, so it declines for a reason that may pass: nobody is left out for it.
    world.sever(0, 1);
    let bid = world.place(1, draft(Side::Bid, 100));
    let epoch_ms = u64::from(market().epoch_ms);
    world.run(epoch_ms - world.now % epoch_ms - 10);
    world.uncut(0, 1);
    world.run(9_000);
    let deals: Vec<_> = world.peers[1].market.deals().collect();
    let declined = |deal: &&&crate::Deal| deal.reason == Some(crate::EndReason::Declined(Rejected::NotMatched));
    let first = deals.iter().find(declined).unwrap_or_else(|| panic!("{:?}", world.states(1)));
    assert_eq!(first.terms.bid.id, bid);
    assert_eq!(deals.iter().filter(|deal| deal.terms.bid.id == bid).count(), 1, "no version was signed for twice");
    assert_eq!(world.running(1), 1, "and the next version is served: {:?}", world.states(1));
}

#[test]
fn a_convicted_owner_gets_no_deal_from_an_honest_supplier() {
    let mut world = World::new(2, 35);
    let (_, deals) = twice(&world);
    let mut cheat = deals[0].terms.clone();
    cheat.ask.owner = world.peers[1].person.address;
    let mut other = cheat.clone();
    other.price.0 += 1;
    let pair = [cheat, other].map(|terms| struck(&terms, &world.peers[1].person, &Person::new(101)));
    for deal in pair {
        world.gossip(1, 0, Topic::Deals, deal_message(deal));
    }
    assert_eq!(convicted(&world, 0), [world.peers[1].person.address]);
    world.place(0, draft(Side::Ask, 50));
    world.place(1, draft(Side::Bid, 100));
    world.run(5_000);
    assert_eq!((world.running(0), world.running(1)), (0, 0));
    let stranger = Person::new(110).entry(order(Side::Bid, 1, market().epoch_at(world.now)));
    assert_eq!(world.gossip(1, 0, Topic::Orders, orders_message(&[stranger])), Verdict::Accept);
}

/// A supplier held its answer back until the guard and declined then: the new version counted for the next epoch only, the
/// old one was matched once more, and the consumer signed the same lot again.
#[test]
fn a_lot_that_was_signed_for_is_not_signed_for_again_though_its_version_still_counts() {
    let mut world = World::new(2, 36);
    world.place(0, draft(Side::Ask, 50));
    let bid = world.place(1, draft(Side::Bid, 100));
    world.run_to_epoch(0);
    world.sever(0, 1);
    world.run(1_700);
    let deal = world.peers[1].market.deals().find(|deal| deal.consumer.is_some()).unwrap().id;
    let now = world.now;
    world.peers[1].market.finish(&deal, crate::EndReason::Declined(Rejected::NotMatched), 0, now);
    world.uncut(0, 1);
    world.run(8_000);
    let named = world.peers[1].market.deals().filter(|deal| deal.terms.bid.id == bid && deal.consumer.is_some());
    assert_eq!(named.count(), 1, "{:?}", world.states(1));
}
