//! A killed process loses nothing that it was told is safe, and leaves no half of a commit.

use super::*;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

const FOLDER: &str = "SOUK_TEST_CRASH_FOLDER";
const ROUNDS: u32 = 20;
/// The book is the window of so many commits.
const BOOK: u32 = 5;

/// Each commit writes its number to two tables and moves two more on.
fn changes(number: u32) -> [Change; 6] {
    let key = number.to_be_bytes();
    let previous = number.saturating_sub(1).to_be_bytes();
    [
        put(Table::Heads, &key, &[number as u8; 300]),
        put(Table::Deals, &key, &key),
        put(Table::Book, &key, &[number as u8; 500]),
        delete(Table::Book, &number.saturating_sub(BOOK).to_be_bytes()),
        delete(Table::Tasks, &previous),
        put(Table::Tasks, &key, b"the latest"),
    ]
}

/// How many commits the store holds, if each is there whole.
fn commits(folder: &Path) -> u32 {
    let store = Store::open(folder, &identity()).unwrap();
    let heads = store.load(Table::Heads).unwrap();
    let count = u32::try_from(heads.len()).unwrap();
    let heads_expected: Vec<_> = (1..=count).map(|n| row(&n.to_be_bytes(), &[n as u8; 300])).collect();
    let deals_expected: Vec<_> = (1..=count).map(|n| row(&n.to_be_bytes(), &n.to_be_bytes())).collect();
    assert!(heads == heads_expected, "a hole or a change in {count} commits");
    assert!(store.load(Table::Deals).unwrap() == deals_expected, "half a commit after {count}");
    let book = (1..=count).skip(count.saturating_sub(BOOK) as usize);
    let book_expected: Vec<_> = book.map(|n| row(&n.to_be_bytes(), &[n as u8; 500])).collect();
    assert!(store.load(Table::Book).unwrap() == book_expected, "half a batch of the book after {count}");
    let latest: Vec<_> = (count > 0).then(|| row(&count.to_be_bytes(), b"the latest")).into_iter().collect();
    assert_eq!(store.load(Table::Tasks).unwrap(), latest);
    count
}

/// Not a test of its own: what the child process of the test below runs.
#[test]
#[ignore = "the test below starts it in a process of its own"]
fn a_child_that_commits_until_it_is_killed() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let store = Store::open(folder, &identity()).unwrap();
    let mut number = u32::try_from(store.load(Table::Heads).unwrap().len()).unwrap();
    let mut out = io::stdout();
    loop {
        number += 1;
        store.commit(&changes(number)).unwrap();
        writeln!(out, "safe {number}").unwrap();
        out.flush().unwrap();
    }
}

/// Lets a child commit `acknowledged` times and `more` beyond, kills it, and returns the last number it called safe.
fn run_and_kill(folder: &Path, acknowledged: u32, more: Duration) -> u32 {
    let name = "store::tests::crash::a_child_that_commits_until_it_is_killed";
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut safe, mut seen) = (0, 0);
    let mut note = |line: io::Result<String>| {
        // The test harness writes lines of its own, and before the first number on the same line.
        if let Some(number) = line.ok().and_then(|line| line.rsplit_once("safe ")?.1.parse().ok()) {
            (safe, seen) = (number, seen + 1);
        }
        seen
    };
    while acknowledged > 0 && note(lines.next().expect("the child ended by itself")) < acknowledged {}
    std::thread::sleep(more);
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines {
        note(line);
    }
    safe
}

#[test]
fn a_killed_process_loses_no_acknowledged_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut total = 0;
    for round in 0..ROUNDS {
        // Moments that differ in every run; the numbers in a failure tell which it was.
        let random = getrandom::u32().unwrap();
        let (acknowledged, more) = (random % 16, Duration::from_micros(u64::from(random >> 8) % 10_000));
        let safe = run_and_kill(folder.path(), acknowledged, more);
        let held = commits(folder.path());
        assert!(held >= safe, "round {round} ({random}): {safe} was called safe, {held} are there");
        assert!(held >= total, "round {round} ({random}): {total} were there before, {held} are now");
        total = held;
    }
    assert!(total >= ROUNDS, "the children did next to nothing: {total} commits");
}
