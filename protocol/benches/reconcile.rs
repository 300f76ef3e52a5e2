//! What a repair costs in bytes and time, beside negentropy's range-based reconciliation and the least that is possible.
//! `cargo bench -p protocol`; figures of one run come from the same machine and the same sets.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark talks to the person who started it")]

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use divan::{Bencher, black_box};
use negentropy::{Id, Negentropy, NegentropyStorageVector};
use protocol::reconcile::{Decoder, Difference, Progress, SYMBOLS_HEARTBEAT, SYMBOLS_MAX, Salt, Sketch};
use protocol::{Hash, wire};

const SALT: Salt = Salt([3; 16]);
/// Ids that both sides hold.
const SHARED: u64 = 1_000_000;
/// Symbols that neighbours keep warm.
const WARM: usize = 2_048;
/// Repairs that our figures are the mean of.
const REPAIRS: u64 = 10;
/// Bytes of a short id in the request for what is missing.
const WANTED: usize = 4;

fn main() {
    divan::main();
    // Only `cargo bench` says so; test runners list the benchmarks above, or run each once.
    if std::env::args().any(|word| word == "--bench") {
        heartbeats();
        repairs();
    }
}

#[divan::bench]
fn insert_into_2048_warm_symbols(bencher: Bencher) {
    let mut sketch = Sketch::new(SALT, WARM);
    let mut number = 0;
    bencher.bench_local(|| {
        number += 1;
        sketch.insert(black_box(&id(0, number)));
    });
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn build_from_a_million_ids(bencher: Bencher) {
    bencher.bench(|| sketch(WARM, black_box(&SHARED_IDS)));
}

#[divan::bench(args = [10, 100, 1_000, 10_000])]
fn decode(bencher: Bencher, count: u64) {
    let (here, there) = differing(0, count);
    let symbols = (count as usize * 3 / 2 + 40).min(SYMBOLS_MAX);
    let (own, theirs) = (sketch(symbols, &here), sketch(symbols, &there));
    let bytes = theirs.encode(0, symbols);
    bencher.bench(|| {
        let progress = Decoder::new(&own).feed(black_box(&bytes), &own).unwrap();
        assert!(matches!(progress, Progress::Done(found) if found.len() == count as usize));
    });
}

static SHARED_IDS: LazyLock<Vec<Hash>> = LazyLock::new(|| (0..SHARED).map(|number| id(1, number)).collect());

/// Ids that look random, and are the same in every run.
fn id(seed: u64, number: u64) -> Hash {
    let mut state = seed << 40 | number;
    let mut id = Hash::ZERO;
    for part in id.0.chunks_exact_mut(8) {
        state = (state ^ state >> 31).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xd6e8_feb8_6659_fd93);
        part.copy_from_slice(&(state ^ state >> 32).to_le_bytes());
    }
    id
}

/// `count` ids, half of them of each side.
fn differing(round: u64, count: u64) -> (Vec<Hash>, Vec<Hash>) {
    let ids = |range: std::ops::Range<u64>| range.map(|number| id(2 + round, number)).collect();
    (ids(0..count / 2), ids(count / 2..count))
}

fn sketch(symbols: usize, ids: &[Hash]) -> Sketch {
    let mut sketch = Sketch::new(SALT, symbols);
    ids.iter().for_each(|id| sketch.insert(id));
    sketch
}

/// How often a heartbeat's symbols are enough.
fn heartbeats() {
    const ROUNDS: u64 = 20_000;
    println!("\nSolved by the {SYMBOLS_HEARTBEAT} symbols of a heartbeat, of {ROUNDS} each:");
    for count in 1..=5 {
        let is_solved = |round: &u64| {
            let (here, there) = differing(round * 8 + count, count);
            let (own, theirs) = (sketch(SYMBOLS_HEARTBEAT, &here), sketch(SYMBOLS_HEARTBEAT, &there));
            let progress = Decoder::new(&own).feed(&theirs.encode(0, SYMBOLS_HEARTBEAT), &own).unwrap();
            progress != Progress::More
        };
        let solved = (0..ROUNDS).filter(is_solved).count();
        println!("  {count} differing: {:6.2} %", solved as f64 * 100.0 / ROUNDS as f64);
    }
}

/// What one way to repair cost, in all.
#[derive(Default)]
struct Cost {
    fixed: usize,
    symbols: usize,
    asking: usize,
    wanted: usize,
    rounds: usize,
    time: Duration,
}

/// The table: both ways over the same million ids, and the bound.
fn repairs() {
    println!("\nBytes a difference; {SHARED} shared ids, half of the others on each side; ours: mean of {REPAIRS}");
    println!(
        "  fixed = count, hash, estimator; symbols = all that travel; asking = for chunks; wanted = {WANTED} B each"
    );
    println!(
        "  {:>6} | {:>6} = {:>5} + {:>7} + {:>6} + {:>6}  {:>6} {:>9} | {:>10} {:>6} {:>9} | {:>5}",
        "d",
        "ours",
        "fixed",
        "symbols",
        "asking",
        "wanted",
        "chunks",
        "solving",
        "negentropy",
        "rounds",
        "time",
        "bound"
    );
    let mut shared = sketch(SYMBOLS_MAX, &SHARED_IDS);
    for count in [10, 100, 1_000, 10_000] {
        let mut ours = Cost::default();
        for round in 0..REPAIRS {
            repair(&mut shared, &differing(round, count), &mut ours);
        }
        let theirs = negentropy(&differing(0, count));
        let each = |bytes: usize| bytes as f64 / (count * REPAIRS) as f64;
        println!(
            "  {count:>6} | {:>6.2} = {:>5.2} + {:>7.2} + {:>6.2} + {:>6.2}  {:>6.1} {:>6.2} ms | {:>10.1} {:>6} {:>6.1} ms | {:>5.2}",
            each(ours.fixed + ours.symbols + ours.asking + ours.wanted),
            each(ours.fixed),
            each(ours.symbols),
            each(ours.asking),
            each(ours.wanted),
            ours.rounds as f64 / REPAIRS as f64,
            ours.time.as_secs_f64() * 1e3 / REPAIRS as f64,
            theirs.symbols as f64 / count as f64,
            theirs.rounds,
            theirs.time.as_secs_f64() * 1e3,
            bound(count),
        );
    }
}

/// One repair as two neighbours do it: the heartbeat, chunks until it is solved, the request for what is missing.
fn repair(shared: &mut Sketch, (here, there): &(Vec<Hash>, Vec<Hash>), cost: &mut Cost) {
    here.iter().for_each(|id| shared.insert(id));
    let own = shared.clone();
    here.iter().for_each(|id| shared.remove(id));
    there.iter().for_each(|id| shared.insert(id));
    let theirs = shared.clone();
    there.iter().for_each(|id| shared.remove(id));
    cost.fixed += wire::encode(&(theirs.len(), theirs.hash(), theirs.estimator())).len();
    let estimate = own.estimator().difference(&theirs.estimator());
    let mut decoder = Decoder::new(&own);
    let mut chunk = theirs.encode(0, SYMBOLS_HEARTBEAT);
    loop {
        cost.symbols += wire::encode(&chunk).len();
        cost.rounds += 1;
        let start = Instant::now();
        let progress = decoder.feed(&chunk, &own).unwrap();
        let next = decoder.next_chunk(estimate);
        cost.time += start.elapsed();
        match progress {
            Progress::More => {
                cost.asking += wire::encode(&(decoder.symbols() as u32, next as u32)).len();
                chunk = theirs.encode(decoder.symbols(), next);
            }
            Progress::Done(Difference { here: found, there: wanted }) => {
                assert_eq!((found.len(), wanted.len()), (here.len(), there.len()));
                cost.wanted += WANTED * wanted.len();
                break;
            }
            Progress::GivenUp => panic!("more than the cap"),
        }
    }
}

/// The same sets by negentropy, without a limit to its frames; all timestamps equal, which shortens its messages.
fn negentropy((here, there): &(Vec<Hash>, Vec<Hash>)) -> Cost {
    let storage = |own: &[Hash]| {
        let mut storage = NegentropyStorageVector::with_capacity(SHARED_IDS.len() + own.len());
        for id in SHARED_IDS.iter().chain(own) {
            storage.insert(0, Id::from_byte_array(id.0)).unwrap();
        }
        storage.seal().unwrap();
        storage
    };
    let (own, theirs) = (storage(here), storage(there));
    let start = Instant::now();
    let mut asker = Negentropy::borrowed(&own, 0).unwrap();
    let mut answerer = Negentropy::borrowed(&theirs, 0).unwrap();
    let (mut have, mut need) = (Vec::new(), Vec::new());
    let mut cost = Cost::default();
    let mut message = Some(asker.initiate().unwrap());
    while let Some(question) = message {
        let answer = answerer.reconcile(&question).unwrap();
        cost.symbols += question.len() + answer.len();
        cost.rounds += 1;
        message = asker.reconcile_with_ids(&answer, &mut have, &mut need).unwrap();
    }
    cost.time = start.elapsed();
    assert_eq!((have.len(), need.len()), (here.len(), there.len()));
    cost
}

/// Bytes a difference without which `count` of 2^64 short ids cannot be told: log2 of the binomial, over 8 `count`.
fn bound(count: u64) -> f64 {
    let bits: f64 = (1..=count).map(|number| 64.0 - (number as f64).log2()).sum();
    bits / (8 * count) as f64
}
