//! Whole markets beside suppliers that offer for next to nothing and answer no proposal: what consumers lose by them.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use protocol::{Address, Side};

use crate::input::Draft;
use crate::world::people::draft;
use crate::world::{Faults, World};

/// Honest suppliers.
const SUPPLIERS: usize = 80;
/// Nodes whose users place bids.
const CONSUMERS: usize = 12;
/// Bids that arrive in each epoch.
const ARRIVALS: usize = 6;
const EPOCHS: usize = 50;
/// A deal runs for ten epochs.
const RUNS_S: u32 = 20;

/// A market and what its users want.
struct Run {
    world: World,
    /// Honest suppliers.
    suppliers: usize,
    /// Suppliers that anybody took for silent though they are not, at any time.
    wronged: BTreeSet<Address>,
}

fn wish(side: Side, price: u128, lots: u32) -> Draft {
    let mut wish = draft(side, price);
    (wish.lots, wish.duration_max_s, wish.billed_min_s) = (lots, RUNS_S, 10);
    (wish.life_s, wish.is_renewed) = (600, side == Side::Ask);
    wish
}

impl Run {
    /// Consumers, honest suppliers, and silent ones that offer so many lots each for next to nothing. The others want and
    /// ask the same whether or not silent ones are there.
    fn new(suppliers: usize, (silent, lots): (usize, u32), faults: Faults) -> Run {
        let mut world = World::new(CONSUMERS + suppliers + silent, 7);
        world.faults = faults;
        let mut prices = World::new(0, 5);
        for supplier in CONSUMERS..CONSUMERS + suppliers {
            world.begin_to_place(supplier, wish(Side::Ask, 50 + u128::from(prices.random(100)), 2));
        }
        for supplier in CONSUMERS + suppliers..world.peers.len() {
            world.silent.insert(supplier);
            world.begin_to_place(supplier, wish(Side::Ask, 1, lots));
        }
        world.run_to_epoch(100);
        Run { world, suppliers, wronged: BTreeSet::new() }
    }

    /// Lets so many epochs go by, with bids that arrive in each.
    fn trade(&mut self, epochs: usize) {
        let honest: Vec<Address> =
            self.world.peers[CONSUMERS..CONSUMERS + self.suppliers].iter().map(|peer| peer.person.address).collect();
        let mut wants = World::new(0, 11);
        for epoch in 0..epochs {
            for bid in 0..ARRIVALS {
                let price = 100 + u128::from(wants.random(100));
                self.world.begin_to_place((epoch * ARRIVALS + bid) % CONSUMERS, wish(Side::Bid, price, 1));
            }
            self.world.run_to_epoch(100);
            let market = &self.world.peers[0].market;
            self.wronged.extend(honest.iter().filter(|supplier| market.conduct().is_silent(supplier)));
        }
    }

    /// Surplus of all deals that were struck, and how many.
    fn traded(&self) -> (u128, usize) {
        let suppliers = &self.world.peers[CONSUMERS..CONSUMERS + self.suppliers];
        let costs: BTreeMap<Address, u128> = suppliers
            .iter()
            .map(|peer| {
                let ask = peer.market.standings().next().unwrap();
                (peer.person.address, ask.draft.price.0)
            })
            .collect();
        let mut sum = (0, 0);
        for consumer in &self.world.peers[..CONSUMERS] {
            for deal in consumer.market.deals().filter(|deal| deal.started_ms > 0) {
                let bids = consumer.market.standings().find(|bid| bid.slot == deal.terms.bid.slot);
                let worth = bids.filter(|bid| bid.first_version <= deal.terms.bid.version).map(|bid| bid.draft.price.0);
                sum.0 += worth.expect("the wish is still known") - costs[&deal.terms.supplier()];
                sum.1 += 1;
            }
        }
        sum
    }
}

const CALM: Faults = Faults { lost: 0, repeated: 0, delay_ms: 20 };

/// Surplus and deals beside silent suppliers, in hundredths of what they are without their offers.
fn share(suppliers: usize, silent: usize, lots: u32) -> (u128, usize) {
    let traded = |silent: usize| {
        let mut run = Run::new(suppliers, (silent, lots), CALM);
        run.trade(EPOCHS);
        assert_eq!(run.wronged, BTreeSet::new(), "of {silent} silent ones");
        run.traded()
    };
    let (with, without) = (traded(silent), traded(0));
    assert!(without.1 > ARRIVALS * EPOCHS / 2, "{without:?}");
    (100 * with.0 / without.0, 100 * with.1 / without.1)
}

#[test]
fn a_fifth_of_silent_suppliers_with_few_lots_costs_less_than_a_tenth() {
    assert!(share(SUPPLIERS, 20, 2).0 > 90);
}

#[test]
fn a_fifth_of_silent_suppliers_with_very_many_lots_costs_less_than_a_tenth() {
    assert!(share(SUPPLIERS, 20, 1 << 20).0 > 90);
}

#[test]
fn one_silent_supplier_with_very_many_lots_costs_less_than_a_tenth() {
    assert!(share(SUPPLIERS, 1, 1 << 20).0 > 90);
}

/// All honest lots are let nearly all the time: bids that wait meet nobody but the silent ones.
#[test]
fn where_supply_is_scarce_silent_suppliers_cost_less_than_a_tenth_too() {
    assert!(share(SUPPLIERS / 4, 1, 1 << 20).0 > 90);
    assert!(share(SUPPLIERS / 4, 5, 1 << 20).0 > 90);
}

/// More silent suppliers than an order can leave out, twice over: bids name suppliers that strike.
#[test]
fn a_flood_of_silent_suppliers_costs_less_than_a_fifth() {
    assert!(share(SUPPLIERS, 40, 1 << 20).0 > 80);
}

#[test]
fn where_nobody_is_silent_nobody_is_taken_for_it_though_messages_are_lost() {
    let mut run = Run::new(SUPPLIERS, (0, 0), Faults { lost: 10, repeated: 5, delay_ms: 100 });
    run.trade(30);
    assert_eq!(run.wronged, BTreeSet::new());
    assert!(run.traded().1 > 100);
}

/// Three bidders outbid everyone for the cheapest supplier and never propose. It is left out, and asked again when the
/// window is over.
#[test]
fn a_supplier_that_is_framed_is_not_left_out_for_long() {
    let mut world = World::new(6, 3);
    world.begin_to_place(0, wish(Side::Ask, 50, 1));
    world.begin_to_place(1, wish(Side::Ask, 120, 1));
    world.run_to_epoch(100);
    let framed = world.peers[0].person.address;
    // Bids that nobody's machine stands behind: signed, gossiped, and left at that.
    let frame = |world: &mut World, framer: u64| {
        let from = crate::world::people::market().epoch_at(world.now);
        let mut bid = crate::world::people::order(Side::Bid, 1_000, from);
        (bid.lots, bid.counterparty, bid.expiry_epoch) = (1, framed, from + 1);
        (bid.duration_max_s, bid.billed_min_s) = (RUNS_S, 10);
        let bid = crate::world::people::Person::new(100 + framer).entry(bid);
        let bytes = crate::world::people::orders_message(&[bid]);
        for peer in 0..6 {
            world.gossip(5, peer, crate::effect::Topic::Orders, bytes.clone());
        }
    };
    for framer in 0..3 {
        frame(&mut world, framer);
        world.run_to_epoch(100);
    }
    let is_framed = |world: &World| world.peers[2].market.conduct().is_silent(&framed);
    assert!(world.run_until(6_000, is_framed), "three that never proposed");
    world.begin_to_place(2, wish(Side::Bid, 200, 1));
    let deal = world.strike(2);
    assert_ne!(deal.terms.supplier(), framed);
    assert!(world.run_until(140_000, |world| !is_framed(world)), "the window is over");
    world.begin_to_place(3, wish(Side::Bid, 200, 1));
    assert_eq!(world.strike(3).terms.supplier(), framed);
}
