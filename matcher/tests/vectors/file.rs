//! The file of examples: how it is made, and the tests that hold it and the code together.

use std::path::PathBuf;
use std::sync::Once;

use crate::case::Case;
use crate::{books, random};

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "protocol", "vectors", "clearing.json"].iter().collect()
}

/// An order a line, so that a change of one is a change of one line.
fn text(cases: &[Case]) -> String {
    let one = |case: &Case| {
        let rest = serde_json::to_string(&Case { orders: vec![], ..case.clone() }).unwrap();
        let (head, tail) = rest.split_once("\"orders\":[]").unwrap();
        let orders: Vec<String> = case.orders.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
        format!("{head}\n\"orders\":[\n{}\n]{tail}", orders.join(",\n"))
    };
    format!("[\n{}\n]\n", cases.iter().map(one).collect::<Vec<_>>().join(",\n\n"))
}

/// The file, after it was written if that was asked for.
fn read() -> String {
    static BLESS: Once = Once::new();
    BLESS.call_once(|| {
        if std::env::var_os("SOUK_BLESS").is_some() {
            std::fs::write(path(), text(&books::all())).unwrap();
        }
    });
    std::fs::read_to_string(path()).unwrap()
}

fn kept() -> Vec<Case> {
    serde_json::from_str(&read()).unwrap()
}

#[test]
fn the_file_is_what_the_code_makes() {
    let (kept, made) = (read(), text(&books::all()));
    let line = kept.lines().zip(made.lines()).position(|(kept, made)| kept != made);
    assert!(kept == made, "vectors/clearing.json is not what the code makes, from line {line:?} (counted from 0) on");
}

#[test]
fn every_book_of_the_file_clears_to_what_it_says_and_is_verified() {
    let cases = kept();
    assert!(cases.len() >= 12);
    let wrong: Vec<String> = cases.iter().filter_map(|case| case.judge().err()).collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_book_with_any_field_changed_clears_to_another_root() {
    let cases = kept();
    let case = cases.iter().find(|case| case.name == books::PLAIN).unwrap();
    let changed = |change: &dyn Fn(&mut Case)| {
        let mut case = case.clone();
        change(&mut case);
        case.judge().is_err()
    };
    assert!(changed(&|case| case.epoch = "7".into()));
    assert!(changed(&|case| case.beacon = Some(protocol::Hash([7; 32]))));
    assert!(changed(&|case| case.market = protocol::Hash([7; 32])));
    assert!(changed(&|case| case.orders[0].open = vec![(0, 2)]));
    assert!(changed(&|case| case.orders[0].slot += 1));
    assert!(changed(&|case| case.expected.surplus = "1".into()));
    assert!(changed(&|case| case.expected.matches[0].5 = "1".into()));
    assert!(changed(&|case| case.expected.ranks.swap(0, 1)));
}

/// Writes more books of the same form for the implementation in Python, to the build's folder for temporary files.
#[test]
#[ignore = "writes a file for check_clearing.py"]
fn many_random_books_clear_to_what_is_verified_and_written() {
    let file: PathBuf = [env!("CARGO_TARGET_TMPDIR"), "clearing.json"].iter().collect();
    let cases = random::many(200);
    assert_eq!(cases.iter().filter_map(|case| case.judge().err()).collect::<Vec<_>>(), Vec::<String>::new());
    std::fs::write(file, text(&cases)).unwrap();
}
