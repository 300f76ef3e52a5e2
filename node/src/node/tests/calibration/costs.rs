//! What one step of the machine costs in processor time here: the simulator charges it, so that what it says does not depend
//! on the machine it runs on. Knows no network.

use std::thread;
use std::time::{Duration, Instant};

use matcher::{Effect, Input, Market, Topic};
use protocol::talk::{OrdersMessage, Request};
use protocol::wire::{self, GOSSIP_MAX};
use protocol::{Address, Hash, Parameters, Recovery, keccak256};

use super::super::owners::Owner;
use crate::keys::Key;

/// In an epoch's middle, so that no step seals by accident.
const NOW_MS: u64 = 1_700_000_000_200;
const NEIGHBOUR: Address = Address([9; 20]);

/// A name and nanoseconds.
pub type Cost = (&'static str, u64);

/// The comment at the file's head: where and when it was measured, and how to do it again.
pub fn head() -> String {
    let system = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = system.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("an unknown processor");
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let day = std::process::Command::new("date").args(["-u", "+%Y-%m-%d"]).output().map(|output| output.stdout);
    let day = String::from_utf8_lossy(&day.unwrap_or_default()).trim().to_string();
    format!(
        "# What one step of a node costs, in nanoseconds of one core: medians. Measured on {day} on {cores} cores of {}\n\
         # by: cargo xtask calibrate\n",
        processor.trim_start_matches(['\t', ' ', ':'])
    )
}

fn market() -> Parameters {
    Parameters::new("costs", Hash::ZERO)
}

/// The middle of what `work` says it took.
fn median(times: usize, mut work: impl FnMut(usize) -> Duration) -> u64 {
    let mut all: Vec<Duration> = (0..times).map(&mut work).collect();
    all.sort_unstable();
    all[all.len() / 2].as_nanos() as u64
}

fn timed<R>(work: impl FnOnce() -> R) -> (R, Duration) {
    let began = Instant::now();
    let result = work();
    (result, began.elapsed())
}

/// Messages of `size` orders each, of owners that sign each order by itself.
fn messages(count: u16, size: u16) -> Vec<Vec<u8>> {
    let epoch = market().epoch_to_sign(NOW_MS);
    (0..count).map(|number| Owner::new(2 * number + 1).message(0..size, epoch, &market()).1).collect()
}

fn hear(machine: &mut Market, bytes: Vec<u8>) -> (Vec<Effect>, Duration) {
    timed(|| machine.handle(Input::Heard { from: NEIGHBOUR, token: 1, topic: Topic::Orders, bytes }, NOW_MS))
}

fn recovery(effects: Vec<Effect>) -> (u64, Vec<Recovery>) {
    let of = |effect| match effect {
        Effect::Recover { ticket, work } => Some((ticket, work)),
        _ => None,
    };
    effects.into_iter().find_map(of).expect("what is new has to be recovered")
}

fn recovered(machine: &mut Market, (ticket, work): (u64, Vec<Recovery>)) -> Duration {
    let verdicts = vec![true; work.len()];
    timed(|| machine.handle(Input::Recovered { ticket, verdicts }, NOW_MS)).1
}

/// A machine with so many orders in its book, 50 of each owner.
fn filled(orders: usize) -> Market {
    let mut machine = Market::new(market(), Address([1; 20]));
    for bytes in messages((orders / 50) as u16, 50) {
        let work = recovery(hear(&mut machine, bytes).0);
        recovered(&mut machine, work);
    }
    assert_eq!(machine.book().len(), orders);
    machine
}

pub fn words() -> Vec<Cost> {
    let bytes = messages(1, 1).remove(0);
    let OrdersMessage(entries) = wire::decode(&bytes, GOSSIP_MAX).unwrap();
    let domain = market().domain();
    let (_, work) = recovery(hear(&mut filled(0), bytes.clone()).0);
    let key = Key::from_bytes(&keccak256(&[b"costs"]).0).unwrap();
    let digest = keccak256(&[b"digest"]);
    vec![
        ("recover_one_signature", median(2_000, |_| timed(|| work[0].run().unwrap()).1)),
        ("sign", median(2_000, |_| timed(|| key.sign(&digest)).1)),
        ("hash_one_order", median(2_000, |_| timed(|| entries[0].id(&domain)).1)),
        (
            "decode_message_of_one_order",
            median(2_000, |_| timed(|| wire::decode::<OrdersMessage>(&bytes, GOSSIP_MAX)).1),
        ),
    ]
}

pub fn hearing() -> Vec<Cost> {
    let mut costs = Vec::new();
    let names = [
        (1, 500, ["heard_1_fresh", "recovered_1", "heard_1_duplicate"]),
        (64, 60, ["heard_64_fresh", "recovered_64", "heard_64_duplicate"]),
    ];
    for (size, count, [fresh, verified, duplicate]) in names {
        let (mut machine, all) = (filled(0), messages(count, size));
        let mut spans = [const { Vec::new() }; 3];
        for bytes in all {
            let (effects, heard) = hear(&mut machine, bytes.clone());
            let verified = recovered(&mut machine, recovery(effects));
            let again = hear(&mut machine, bytes).1;
            spans.iter_mut().zip([heard, verified, again]).for_each(|(all, span)| all.push(span));
        }
        for (name, spans) in [fresh, verified, duplicate].into_iter().zip(spans) {
            costs.push((name, median(spans.len(), |at| spans[at])));
        }
    }
    costs
}

pub fn ticks() -> Vec<Cost> {
    let mut costs = Vec::new();
    let epoch_ms = u64::from(market().epoch_ms);
    for (orders, tick, clear) in [
        (0, "tick_with_empty_book", "end_epoch_with_empty_book"),
        (1_000, "tick_with_1000_orders", "end_epoch_with_1000_orders"),
        (10_000, "tick_with_10000_orders", "end_epoch_with_10000_orders"),
    ] {
        let mut machine = filled(orders);
        machine.handle(Input::Tick, NOW_MS);
        costs.push((tick, median(1_000, |_| timed(|| machine.handle(Input::Tick, NOW_MS)).1)));
        let mut now = NOW_MS + epoch_ms;
        machine.handle(Input::Tick, now);
        let clearing = median(15, |_| {
            now += epoch_ms;
            timed(|| machine.handle(Input::Tick, now)).1
        });
        costs.push((clear, clearing));
    }
    costs
}

/// A heartbeat between two neighbours that hold the same 1,000 orders.
pub fn heartbeats() -> Vec<Cost> {
    let (mut here, mut there) = (filled(1_000), filled(1_000));
    let salt = protocol::reconcile::Salt::of_pair(&Hash::ZERO, &Hash([1; 32]));
    for (machine, is_outbound) in [(&mut here, true), (&mut there, false)] {
        machine.handle(Input::PeerUp { peer: NEIGHBOUR, salt, is_outbound }, NOW_MS);
    }
    let (mut made, mut answered, mut now) = (Vec::new(), Vec::new(), NOW_MS);
    while made.len() < 100 {
        now += 50;
        let (effects, span) = timed(|| here.handle(Input::Tick, now));
        there.handle(Input::Tick, now);
        let sent = effects.into_iter().find_map(|effect| match effect {
            Effect::Send { ticket, request, .. } if matches!(*request, Request::Sync(_)) => Some((ticket, request)),
            _ => None,
        });
        let Some((ticket, request)) = sent else { continue };
        made.push(span);
        let asked = Input::Asked { from: NEIGHBOUR, token: 1, request };
        let (effects, span) = timed(|| there.handle(asked, now));
        answered.push(span);
        let response = effects.into_iter().find_map(|effect| match effect {
            Effect::Respond { response, .. } => Some(response),
            _ => None,
        });
        here.handle(Input::Answered { ticket, result: Ok(response.expect("it answers")) }, now);
    }
    vec![
        ("tick_that_makes_one_heartbeat", median(100, |at| made[at])),
        ("answer_one_heartbeat", median(100, |at| answered[at])),
    ]
}
