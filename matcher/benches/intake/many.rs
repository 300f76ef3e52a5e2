//! What a machine takes of its own among a thousand in one process that share a quiet book, and what one admission costs a
//! machine that many neighbours compare with. Judges nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use matcher::{Effect, Input, Market, Outcome, SealCache, SealKey, SealedBook, Topic};
use protocol::reconcile::Salt;
use protocol::talk::{Request, Response, Synced};
use protocol::{Address, Hash};

use crate::memory::requested;
use crate::speed::seconds;
use crate::words::{NOW_MS, Signing, market, messages, unsigned};

/// Orders of the quiet book.
const ORDERS: usize = 10_000;
const MACHINES: usize = 300;
/// Epochs in which nothing happens before the bytes are counted.
const QUIET_EPOCHS: u64 = 40;
/// Machines that go when bytes are counted.
const GOING: usize = 50;

/// The sealed books of the running epoch.
#[derive(Debug, Default)]
struct Seals(Mutex<BTreeMap<SealKey, Arc<SealedBook>>>);

impl SealCache for Seals {
    fn find(&self, key: &SealKey) -> Option<Arc<SealedBook>> {
        self.0.lock().unwrap().get(key).cloned()
    }

    fn keep(&self, key: SealKey, book: &Arc<SealedBook>) {
        let mut kept = self.0.lock().unwrap();
        kept.retain(|known, _| known.epoch >= key.epoch);
        kept.insert(key, book.clone());
    }
}

fn address(number: usize) -> Address {
    let mut address = [9; 20];
    address[..8].copy_from_slice(&number.to_be_bytes());
    Address(address)
}

/// A machine with so many neighbours.
fn machine(number: usize, neighbours: usize) -> Market {
    let mut machine = Market::new(market(), address(number));
    for peer in 0..neighbours {
        let salt = Salt([(number % 251) as u8 ^ (peer as u8).rotate_left(4); 16]);
        machine.handle(Input::PeerUp { peer: address(1_000_000 + peer), salt, is_outbound: peer < 8 }, NOW_MS);
    }
    machine
}

/// Everything in a message is taken for good.
fn believe(machine: &mut Market, token: u64, bytes: Vec<u8>, now: u64) {
    let heard = Input::Heard { from: address(1_000_000), token, topic: Topic::Orders, bytes };
    for effect in machine.handle(heard, now) {
        if let Effect::Recover { ticket, work } = effect {
            machine.handle(Input::Recovered { ticket, verdicts: vec![true; work.len()] }, now);
        }
    }
}

/// A tick among neighbours that hold the same; the clearing is made once for all.
fn tick(machine: &mut Market, outcomes: &mut BTreeMap<Hash, Outcome>, now: u64) {
    for effect in machine.handle(Input::Tick, now) {
        match effect {
            Effect::Clear { book } => {
                let outcome = outcomes.entry(book.root).or_insert_with(|| Outcome::of(book.clone())).clone();
                machine.handle(Input::Cleared { epoch: book.epoch, outcome: Some(outcome) }, now);
            }
            Effect::Send { ticket, request, .. } => {
                let Request::Sync(summary) = *request else { continue };
                let answer = Response::Synced { sealed: summary.sealed, synced: Synced::Equal };
                machine.handle(Input::Answered { ticket, result: Ok(Box::new(answer)) }, now);
            }
            _ => {}
        }
    }
}

/// Bytes of each machine over what all share.
pub fn memory(neighbours: usize) {
    let all = messages(&unsigned(ORDERS, Signing::Single), 64);
    let seals = Arc::new(Seals::default());
    let fill = |number: usize| {
        let mut machine = machine(number, neighbours).with_seals(seals.clone());
        all.iter().zip(0..).for_each(|(message, token)| believe(&mut machine, token, message.clone(), NOW_MS));
        assert_eq!(machine.book().len(), ORDERS);
        machine
    };
    let bare = requested();
    let mut first = fill(0);
    let alone = requested().wrapping_sub(bare);
    first.fold();
    let mut others = Vec::with_capacity(MACHINES);
    let mut steps = vec![];
    for number in 1..=MACHINES {
        let mut machine = fill(number);
        assert!(machine.share(&first));
        others.push(machine);
    }
    let epoch_ms = u64::from(market().epoch_ms);
    let mut taken = 0.0;
    for epoch in 1..=QUIET_EPOCHS {
        let now = NOW_MS + epoch * epoch_ms;
        let mut outcomes = BTreeMap::new();
        tick(&mut first, &mut outcomes, now);
        taken += seconds(|| {
            for machine in &mut others {
                // Twice, so that what was sealed is said and heard.
                tick(machine, &mut outcomes, now);
                tick(machine, &mut outcomes, now + epoch_ms / 2);
            }
        });
        if [1, 10, QUIET_EPOCHS].contains(&epoch) {
            // What a machine takes of its own is what goes with it: the first one has all that is shared.
            let before = requested();
            others.truncate(others.len() - GOING);
            steps.push((epoch, before.wrapping_sub(requested()) / GOING));
        }
    }
    println!("\nbytes of its own of each of {MACHINES} machines that share a book of {ORDERS} orders");
    println!("{neighbours} neighbours each; alone, just filled, it would be {alone}");
    steps.iter().for_each(|(name, bytes)| println!("after {name:>2} quiet epochs     {bytes:>10}"));
    let each = taken * 1e6 / (QUIET_EPOCHS as usize * (MACHINES - GOING)) as f64;
    println!("{:24} {each:>10.1} us", "an epoch of one machine");
}

/// Nanoseconds from the bytes of one order to its verdict, its recovery aside.
pub fn admission(neighbours: usize) {
    let all = messages(&unsigned(ORDERS, Signing::Single), 1);
    let mut best = [f64::MAX; 4];
    for _ in 0..5 {
        let mut machine = machine(0, neighbours);
        let mut work = vec![];
        let mut times = [0.0; 4];
        let mut inputs: Vec<Input> = all.iter().zip(0..).map(|(bytes, token)| heard(bytes, token)).collect();
        // In steps of 64, so that each part is long enough to be timed and no bound is met.
        while !inputs.is_empty() {
            let rest = inputs.split_off(inputs.len().min(64));
            let copies: Vec<Input> = inputs.iter().map(again).collect();
            let mut effects = Vec::with_capacity(64);
            times[0] += seconds(|| inputs.drain(..).for_each(|input| effects.push(machine.handle(input, NOW_MS))));
            work.extend(effects.drain(..).flatten().filter_map(|effect| match effect {
                Effect::Recover { ticket, work } => Some(Input::Recovered { ticket, verdicts: vec![true; work.len()] }),
                _ => None,
            }));
            times[1] += seconds(|| work.drain(..).for_each(|input| effects.push(machine.handle(input, NOW_MS))));
            times[2] += seconds(|| effects.clear());
            times[3] += seconds(|| copies.into_iter().for_each(|input| drop(machine.handle(input, NOW_MS))));
            inputs = rest;
        }
        assert_eq!(machine.book().len(), ORDERS);
        best.iter_mut().zip(times).for_each(|(best, time)| *best = best.min(time * 1e9 / ORDERS as f64));
    }
    let [heard, recovered, dropped, copy] = best;
    println!(
        "{neighbours:>2} neighbours: heard {heard:.0} ns, recovered {recovered:.0} ns, its effects dropped {dropped:.0} ns; a copy {copy:.0} ns"
    );
}

fn heard(bytes: &[u8], token: u64) -> Input {
    Input::Heard { from: address(1_000_000), token, topic: Topic::Orders, bytes: bytes.to_vec() }
}

/// The same from another peer.
fn again(input: &Input) -> Input {
    match input {
        Input::Heard { token, topic, bytes, .. } => {
            Input::Heard { from: address(1_000_001), token: *token, topic: *topic, bytes: bytes.clone() }
        }
        _ => unreachable!("only what is heard comes again"),
    }
}
