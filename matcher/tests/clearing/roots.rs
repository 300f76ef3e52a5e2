//! The roots of many books, committed: equal on every machine, in every build, in whatever order the orders came.
//! `UPDATE_EXPECT=1 cargo test -p matcher --release --test clearing roots -- --include-ignored` writes them anew.

use std::fmt::Write as _;
use std::thread;

use expect_test::expect_file;
use matcher::{Clearing, clear};
use protocol::{hash::hex_encode, keccak256, wire};

use crate::books::{Random, book, small_orders};

/// Books in the table of single roots.
const BOOKS: u64 = 1_000;
/// Books of the long table, and how many share a line.
const MANY: u64 = 1_000_000;
const BLOCK: u64 = 10_000;
/// The table's books are not those of other tests.
const FIRST: u64 = 1 << 40;

/// The clearing of a seed, its orders having come in one of many ways.
fn cleared(seed: u64, shuffle: u64) -> Clearing {
    let mut orders = small_orders(FIRST + seed);
    Random(shuffle).shuffle(&mut orders);
    let book = book(FIRST + seed, orders);
    clear(&book, book.seed())
}

/// Half of the root, and of a hash over the whole clearing with its certificate.
fn line(seed: u64) -> String {
    let clearing = cleared(seed, 0);
    for shuffle in 1..4 {
        assert_eq!(cleared(seed, shuffle), clearing, "seed {seed} after shuffle {shuffle}");
    }
    let whole = keccak256(&[&wire::encode(&clearing)]);
    format!("{seed} {} {}\n", hex_encode(&clearing.root.0[..8]), hex_encode(&whole.0[..8]))
}

#[test]
fn the_roots_of_a_thousand_books_are_the_committed_ones_however_the_orders_came() {
    let table: String = (0..BOOKS).map(line).collect();
    expect_file!["roots.txt"].assert_eq(&table);
}

#[test]
#[ignore = "a minute of every processor; `cargo xtask nightly` runs it"]
fn the_roots_of_a_million_books_are_the_committed_ones() {
    let blocks: Vec<u64> = (0..MANY / BLOCK).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let hash = |block: &u64| {
        let seeds = block * BLOCK..(block + 1) * BLOCK;
        let roots: Vec<u8> = seeds.flat_map(|seed| cleared(seed, seed).root.0).collect();
        hex_encode(&keccak256(&[&roots]).0[..16])
    };
    let hashes: Vec<String> = thread::scope(|scope| {
        let parts = blocks.chunks(blocks.len().div_ceil(threads));
        let running: Vec<_> =
            parts.map(|part| scope.spawn(move || part.iter().map(hash).collect::<Vec<_>>())).collect();
        running.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    let mut table = String::new();
    for (block, hash) in hashes.iter().enumerate() {
        writeln!(table, "{} {hash}", block as u64 * BLOCK).unwrap();
    }
    expect_file!["million.txt"].assert_eq(&table);
}
