//! How many new orders a core takes in, each arriving seven times. Every figure is the best of its rounds, taken in turn
//! with the bare recovery, so that a noisy machine harms both alike.

use matcher::{Effect, Input, Market, Topic};
use protocol::{Address, Entry, Recovery};
use rustix::time::{ClockId, clock_gettime};

use crate::words::{NOW_MS, Signing, market, messages, signed};

/// Orders of one round.
const ORDERS: usize = 6_400;
const ROUNDS: usize = 5;
/// How often each order arrives, from as many peers.
const ARRIVALS: usize = 7;
/// Earlier measurement on another machine: gossipsub 0.50.1 in strict mode, single orders of 300 bytes, duplicates included.
const STRICT_GOSSIPSUB: f64 = 1_277.0;

/// How the copies of an order arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copies {
    /// In the same message.
    Same,
    /// In other batches than the first time.
    Repacked,
}

struct Case {
    name: &'static str,
    signing: Signing,
    /// Orders in one message.
    size: usize,
    copies: Copies,
}

const CASES: [Case; 6] = [
    Case { name: "single, 64 a message", signing: Signing::Single, size: 64, copies: Copies::Same },
    Case { name: "single, 64, repacked", signing: Signing::Single, size: 64, copies: Copies::Repacked },
    Case { name: "single, 1 a message", signing: Signing::Single, size: 1, copies: Copies::Same },
    Case { name: "bulk, 64 a message", signing: Signing::Bulk, size: 64, copies: Copies::Same },
    Case { name: "bulk, 64, repacked", signing: Signing::Bulk, size: 64, copies: Copies::Repacked },
    Case { name: "bulk, 1 a message", signing: Signing::Bulk, size: 1, copies: Copies::Same },
];

pub fn run(only: &str) {
    let cases: Vec<&Case> = CASES.iter().filter(|case| case.name.contains(only)).collect();
    if cases.is_empty() {
        return;
    }
    let single = signed(ORDERS, Signing::Single);
    let bulk = signed(ORDERS, Signing::Bulk);
    let work = recoveries(&single);
    let mut raw = f64::MAX;
    let mut best = [f64::MAX; CASES.len()];
    for _ in 0..ROUNDS {
        raw = raw.min(seconds(|| assert!(work.iter().all(|recovery| recovery.run().is_ok()))));
        for (case, best) in cases.iter().zip(&mut best) {
            let entries = if case.signing == Signing::Single { &single } else { &bulk };
            let first = messages(entries, case.size);
            let later = match case.copies {
                Copies::Same => vec![first.clone(); ARRIVALS - 1],
                Copies::Repacked => (1..ARRIVALS).map(|arrival| repacked(entries, case.size, arrival)).collect(),
            };
            let mut market = Market::new(market(), Address([1; 20]));
            let taken = seconds(|| arrive(&mut market, &first, &later));
            assert_eq!(market.book().len(), ORDERS);
            *best = best.min(taken);
        }
    }
    let rate = |seconds: f64| ORDERS as f64 / seconds;
    println!("orders/s on one core, wire bytes to book, each order arriving {ARRIVALS} times, best of {ROUNDS} rounds");
    println!("{:24} {:>10} {:>10} {:>12}", "", "orders/s", "/ recovery", "/ strict*");
    let line = |name: &str, seconds: f64| {
        println!(
            "{name:24} {:>10.0} {:>10.2} {:>12.1}",
            rate(seconds),
            raw / seconds,
            rate(seconds) / STRICT_GOSSIPSUB
        );
    };
    line("bare recovery", raw);
    cases.iter().zip(best).for_each(|(case, seconds)| line(case.name, seconds));
    println!("* quoted, not measured here: strict-mode gossipsub, {STRICT_GOSSIPSUB} orders/s");
}

/// Processor seconds of this thread, which a busy machine does not take away.
pub fn seconds(work: impl FnOnce()) -> f64 {
    let time = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let start = time();
    work();
    time() - start
}

fn recoveries(entries: &[Entry]) -> Vec<Recovery> {
    let domain = market().domain();
    entries.iter().map(|entry| entry.recoveries(&domain, NOW_MS / 1000).unwrap().0).collect()
}

/// The same orders in batches that begin elsewhere, no two of which are alike.
fn repacked(entries: &[Entry], size: usize, arrival: usize) -> Vec<Vec<u8>> {
    let mut turned = entries.to_vec();
    turned.rotate_left(arrival * 9 % entries.len());
    messages(&turned, size)
}

/// Each message comes, its copies after it from other peers; recoveries are done at once.
fn arrive(market: &mut Market, first: &[Vec<u8>], later: &[Vec<Vec<u8>>]) {
    let mut token = 0;
    for number in 0..first.len() {
        for (peer, bytes) in std::iter::once(first).chain(later.iter().map(Vec::as_slice)).enumerate() {
            token += 1;
            let from = Address([peer as u8 + 2; 20]);
            let topic = Topic::Orders;
            let heard = Input::Heard { from, token, topic, bytes: bytes[number].clone() };
            carry_out(market, heard);
        }
    }
}

/// Does what the machine wants, as far as it has to do with signatures.
pub fn carry_out(market: &mut Market, input: Input) {
    for effect in market.handle(input, NOW_MS) {
        if let Effect::Recover { ticket, work } = effect {
            let verdicts = work.iter().map(|recovery| recovery.run().is_ok()).collect();
            market.handle(Input::Recovered { ticket, verdicts }, NOW_MS);
        }
    }
}
