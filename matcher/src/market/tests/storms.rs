//! Many peers on a bad network: whatever is lost, repeated or late, the books come to agree.

use alloc::vec::Vec;

use proptest::prelude::*;
use protocol::{OrderRef, Side};

use crate::deals::DealState;
use crate::world::people::draft;
use crate::world::{Faults, World};

/// No lot of any order is in two deals that are live together on either side.
fn assert_no_lot_is_let_twice(world: &World) {
    for peer in 0..world.peers.len() {
        let live = world.peers[peer].market.deals().filter(|deal| deal.state == DealState::Running);
        let lots: Vec<OrderRef> = live.flat_map(|deal| [deal.terms.ask, deal.terms.bid]).collect();
        for (at, one) in lots.iter().enumerate() {
            assert!(lots[at + 1..].iter().all(|other| !one.overlaps(other)), "{one:?} is let twice");
        }
        let sold: u32 = world.peers[peer]
            .market
            .deals()
            .filter(|deal| deal.is_live() && deal.side == Side::Ask)
            .map(|deal| deal.lots())
            .sum();
        assert!(sold <= 10, "peer {peer} let {sold} lots of the ten that it measured");
    }
}

fn storm(world: &mut World, steps: u64) {
    let count = world.peers.len() as u64;
    for _ in 0..steps {
        let (peer, other) = (world.random(count) as usize, world.random(count) as usize);
        match world.random(12) {
            0..4 => {
                let side = if world.random(2) == 0 { Side::Ask } else { Side::Bid };
                let mut wish = draft(side, 80 + u128::from(world.random(60)));
                wish.lots = 1 + world.random(3) as u32;
                (wish.duration_min_s, wish.duration_max_s) = (1, 5 + world.random(30) as u32);
                wish.billed_min_s = 1;
                wish.is_renewed = world.random(2) == 0;
                wish.life_s = 20 + world.random(100) as u32;
                let _ = world.try_place(peer, wish);
            }
            4 => {
                let id = world.peers[peer].market.standings().next().map(|standing| standing.id);
                if let Some(id) = id {
                    let _ = world.withdraw(peer, id);
                }
            }
            5 => {
                let id = world.peers[peer].market.deals().find(|deal| deal.is_live()).map(|deal| deal.id);
                if let Some(id) = id {
                    let _ = world.end_deal(peer, id);
                }
            }
            6 if peer != other => world.cut(peer, other),
            7 => {
                world.crash(peer);
                world.run(500);
                world.restart(peer);
            }
            8 => world.heal(),
            _ => {
                let ms = world.random(3_000);
                world.run(ms);
            }
        }
        assert_no_lot_is_let_twice(world);
    }
}

/// A tenth of the usual cases: each is a long run.
fn config() -> ProptestConfig {
    let cases = ProptestConfig::default().cases / 10;
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn after_any_storm_the_books_and_the_roots_are_equal(seed: u64, lost in 0u64..60, repeated in 0u64..40) {
        let mut world = World::new(4, seed);
        world.faults = Faults { lost, repeated, delay_ms: 300 };
        storm(&mut world, 40);
        world.faults = Faults { lost: 0, repeated: 0, delay_ms: 20 };
        // Repair both ways, and a round more for what was struck meanwhile.
        for _ in 0..3 {
            world.heal();
            world.run(1_000);
        }
        world.run_to_epoch(100);
        world.run_to_epoch(100);
        let roots: Vec<_> = (0..4).map(|peer| world.root(peer)).collect();
        prop_assert!(roots.iter().all(|root| *root == roots[0]), "{roots:?}");
        let books: Vec<_> = (0..4).map(|peer| world.book(peer)).collect();
        prop_assert!(books.iter().all(|book| *book == books[0]), "{books:?}");
    }

    #[test]
    fn when_all_is_quiet_no_deal_is_left_on_one_side_alone(seed: u64) {
        let mut world = World::new(3, seed);
        world.faults = Faults { lost: 30, repeated: 10, delay_ms: 200 };
        storm(&mut world, 30);
        world.faults = Faults { lost: 0, repeated: 0, delay_ms: 20 };
        world.heal();
        world.run(200_000);
        for peer in 0..3 {
            for deal in world.peers[peer].market.deals().filter(|deal| deal.is_live()) {
                let other = world.peers.iter().find(|other| other.person.address == deal.peer).unwrap();
                let there = other.market.deal(&deal.id).map(|deal| deal.state);
                prop_assert!(deal.state == DealState::Proposed || there == Some(deal.state), "{deal:?} {there:?}");
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut world = World::new(3, 99);
        world.faults = Faults { lost: 20, repeated: 20, delay_ms: 100 };
        storm(&mut world, 30);
        (0..3).map(|peer| (world.book(peer), world.states(peer))).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}
