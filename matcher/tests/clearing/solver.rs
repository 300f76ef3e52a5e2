//! Large books against an independent solver, which `solver.py` runs. Knows what is written for it and what it says.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs, process};

use matcher::SealedBook;

use crate::adversary::sound;
use crate::books::large;
use crate::judge::stable;
use crate::runs::count;

/// The book and its clearing as the head of `solver.py` says.
fn written(name: u64, book: &SealedBook) -> String {
    let clearing = sound(book);
    assert_eq!(stable(book, &clearing), Ok(()), "SOUK_SEED={name}");
    let (mut lots, mut paid) = (vec![0u64; book.bids.len()], vec![0u128; book.bids.len()]);
    for pair in &clearing.pairs {
        lots[pair.bid as usize] += u64::from(pair.lots);
        paid[pair.bid as usize] = pair.price.0;
    }
    let mut text = format!("book {name} {}\n", clearing.surplus);
    for ask in &book.asks {
        writeln!(text, "a {} {}", ask.order().price.0, ask.open_lots()).unwrap();
    }
    for (at, bid) in book.bids.iter().enumerate() {
        let mut nibbles = vec![0u8; book.asks.len().div_ceil(4)];
        for (ask, order) in book.asks.iter().enumerate() {
            nibbles[ask / 4] |= u8::from(order.may_serve(bid)) << (ask % 4);
        }
        let fits: String = nibbles.iter().rev().map(|nibble| format!("{nibble:x}")).collect();
        let (price, open) = (bid.order().price.0, bid.open_lots());
        writeln!(text, "b {price} {open} {fits} {} {}", lots[at], paid[at]).unwrap();
    }
    text
}

#[test]
fn two_hundred_large_books_have_the_surplus_and_the_prices_that_a_solver_finds() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clearing");
    let built = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let python = built.parent().unwrap().join("solver/bin/python");
    assert!(python.exists(), "the solver is not installed: run `cargo xtask test`, which does it");
    let only = env::var("SOUK_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let seeds = only.map_or(0..count(200), |seed| seed..seed + 1);
    let text: String = seeds.clone().map(|seed| written(seed, &large(seed))).collect();
    let path = built.join(format!("books-{}", process::id()));
    fs::write(&path, text).unwrap();
    let output = Command::new(python).arg(here.join("solver.py")).arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    fs::remove_file(&path).unwrap();
    let failed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{failed}\nif a package is missing, `cargo xtask test` installs it");
    assert!(said.ends_with(&format!("{} books solved\n", seeds.end - seeds.start)), "{said}");
}
