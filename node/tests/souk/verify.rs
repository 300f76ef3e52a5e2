//! A past epoch checked elsewhere: exported by a node that runs, verified when none does, and every change to it found.

use std::path::{Path, PathBuf};

use protocol::{Address, Domain, MarketId, Order, Typed};
use serde_json::{Value, json};

use crate::nodes::{House, Node, SOUK, list, ok, souk};

/// What a test changes in a document.
type Change = fn(&mut Value);

fn code(document: &Value) -> &str {
    document["error"]["code"].as_str().unwrap_or("none")
}

/// Two nodes whose ask and bid met in an epoch, and its number.
fn traded(house: &mut House) -> (Node, Node, String) {
    let (supplier, consumer) = (house.node("supplier"), house.node("consumer"));
    supplier.offer("60", "0.01SNM/h");
    consumer.bid("30m");
    let epoch = consumer.deal("running")["terms"]["epoch"].as_u64().unwrap().to_string();
    supplier.wait("its clearing is kept too", |node| node.souk(&["market", "epoch", &epoch]).0 == 0);
    (supplier, consumer, epoch)
}

fn exported(node: &Node, epoch: &str, path: &Path) -> Value {
    node.ok(&["market", "export", "--epoch", epoch, "--out", path.to_str().unwrap()])
}

/// Verifies the text with no node and no joined market: exit code and document.
fn verify(house: &House, text: &str, more: &[&str]) -> (i32, Value) {
    let file = house.folder.path().join("changed.json");
    std::fs::write(&file, text).unwrap();
    souk(&nobody(house), &[&["market", "verify", "--book", file.to_str().unwrap()], more].concat())
}

fn nobody(house: &House) -> PathBuf {
    house.folder.path().join("nobody")
}

#[test]
fn an_exported_epoch_is_verified_when_no_node_runs() {
    let mut house = House::new();
    let (mut supplier, mut consumer, epoch) = traded(&mut house);
    let (one, other) = (house.folder.path().join("one.json"), house.folder.path().join("other.json"));
    let told = exported(&supplier, &epoch, &one);
    assert_eq!((told["epoch"].to_string(), &told["orders"]), (epoch.clone(), &json!(2)), "{told:#}");
    exported(&consumer, &epoch, &other);
    let text = std::fs::read_to_string(&one).unwrap();
    assert_eq!(text, std::fs::read_to_string(&other).unwrap(), "both nodes tell the same");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(supplier.ok(&["market", "export", "--epoch", &epoch]), document, "without a file it is on stdout");

    let again = ["market", "export", "--out", one.to_str().unwrap()];
    let (exit, refused) = supplier.souk(&again);
    assert_eq!((exit, code(&refused)), (1, "file_exists"), "{refused:#}");
    assert!(refused["error"]["next"].as_str().unwrap().contains("--force"), "{refused:#}");
    assert_eq!(std::fs::read_to_string(&one).unwrap(), text);
    let last = |node: &Node| node.ok(&["market", "epoch"])["epoch"].as_u64();
    supplier.wait("a later epoch is the last", |node| last(node) > epoch.parse().ok());
    supplier.ok(&[&again[..], &["--force"]].concat());
    assert_ne!(std::fs::read_to_string(&one).unwrap(), text, "the last epoch is another");
    let (exit, unknown) = supplier.souk(&["market", "export", "--epoch", "1"]);
    assert_eq!((exit, code(&unknown)), (1, "unknown_epoch"), "{unknown:#}");

    // The epoch of the match, and without a number the last one.
    let told = consumer.ok(&["market", "epoch", &epoch]);
    let found = consumer.ok(&["market", "verify", "--epoch", &epoch]);
    let last = consumer.ok(&["market", "verify"]);
    assert!(last["epoch"].as_u64() > found["epoch"].as_u64(), "{last:#}");
    supplier.stop();
    consumer.stop();
    assert_eq!(code(&consumer.souk(&["market", "verify"]).1), "node_not_running");

    let market = house.market.to_str().unwrap();
    let (exit, verified) = verify(&house, &text, &["--market", market]);
    assert_eq!(exit, 0, "{verified:#}");
    for key in ["epoch", "orders", "sealed_root", "root", "surplus"] {
        assert_eq!(verified[key], told[key], "{key}: {verified:#}");
        assert_eq!(verified[key], found[key], "{key}: {found:#}");
    }
    assert_eq!(list(&told["matches"]).len(), 1, "{told:#}");
    let is_there = |key: &str| verified[key].clone();
    let counts = ["matches", "lots", "asks", "bids", "signatures"].map(is_there);
    assert_eq!(counts, [1, 1, 1, 1, 2].map(Value::from), "{verified:#}");
    // 1 and 0.01 SNM an hour, each in whole wei a second.
    assert!(verified["surplus_text"].as_str().unwrap().starts_with("0.99"), "{verified:#}");
    assert_eq!((&verified["is_known_market"], &verified["is_cleared_again"]), (&json!(true), &json!(true)));
    let (_, certified) = verify(&house, &text, &["--certificate-only"]);
    assert_eq!((&certified["root"], &certified["is_cleared_again"]), (&told["root"], &json!(false)), "{certified:#}");
    assert!(!nobody(&house).join("souk.redb").exists());
}

#[test]
fn people_read_what_was_checked_in_facts_and_sentences() {
    let mut house = House::new();
    let (supplier, _consumer, epoch) = traded(&mut house);
    let run = |words: &[&str]| {
        let output = std::process::Command::new(SOUK).args(words).arg("--data").arg(&supplier.data).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = run(&["market", "verify", "--epoch", &epoch]);
    for line in ["orders         2 (1 ask, 1 bid)", "matches        1 of 1 lot", "certificate    holds, checked in"] {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    assert!(text.contains("cleared again  to the same matches, surplus and root, in"), "{text}");
    assert!(text.contains("Every order was signed by its owner or a delegate"), "{text}");
    let text = run(&["market", "epoch", &epoch]);
    assert!(text.contains("surplus") && text.contains("0.99") && text.contains("prices"), "{text}");
}

/// The document's own market, for forgers who mend ids.
fn domain(document: &Value) -> Domain {
    let market: MarketId = serde_json::from_value(document["market"].clone()).unwrap();
    Domain::new(market, 0, Address::ZERO)
}

fn mend_id(document: &mut Value, side: &str) {
    let order: Order = serde_json::from_value(document[side][0]["body"].clone()).unwrap();
    document[side][0]["id"] = json!(domain(document).digest(&order.struct_hash()));
}

fn flip(value: &mut Value) {
    let mut text = value.as_str().unwrap().to_owned();
    let last = if text.pop() == Some('0') { '1' } else { '0' };
    text.push(last);
    *value = json!(text);
}

/// The first half of a signature: the second must stay low, the last byte 27 or 28.
fn flip_signature(value: &mut Value) {
    let text = value.as_str().unwrap();
    let digit = if text.as_bytes()[40] == b'7' { "8" } else { "7" };
    *value = json!([&text[..40], digit, &text[41..]].concat());
}

fn increment(value: &mut Value) {
    let number: u128 = value.as_str().unwrap().parse().unwrap();
    *value = json!((number + 1).to_string());
}

const CHANGES: &[(&str, &str, Change)] = &[
    ("an order's price", "order_id_differs", |all| increment(&mut all["asks"][0]["body"]["price"])),
    ("a price and the id", "wrong_signer", |all| {
        increment(&mut all["asks"][0]["body"]["price"]);
        mend_id(all, "asks");
    }),
    ("an order's lots", "bad_lots", |all| all["bids"][0]["body"]["lots"] = json!(0)),
    ("an order's life", "not_in_epoch", |all| {
        all["bids"][0]["body"]["expiry_epoch"] = all["epoch"].clone();
        all["bids"][0]["body"]["from_epoch"] = json!(all["epoch"].as_u64().unwrap() - 1);
        mend_id(all, "bids");
    }),
    ("a signature", "wrong_signer", |all| flip_signature(&mut all["bids"][0]["authority"]["signature"])),
    ("a signature's form", "bad_signature_form", |all| flip(&mut all["bids"][0]["authority"]["signature"])),
    ("a side", "wrong_side", |all| {
        let (asks, bids) = (all["asks"].take(), all["bids"].take());
        (all["asks"], all["bids"]) = (bids, asks);
    }),
    ("an order twice", "orders_unsorted", |all| {
        let ask = all["asks"][0].clone();
        all["asks"].as_array_mut().unwrap().push(ask);
    }),
    ("more open lots", "bad_open_lots", |all| all["asks"][0]["open"] = json!([[0, 1_000_000]])),
    ("no open lots", "bad_open_lots", |all| all["asks"][0]["open"] = json!([])),
    ("an identity", "bad_identity", |all| all["asks"][0]["identity"] = json!("identified")),
    ("an order left out", "clearing_of_other_book", |all| all["bids"] = json!([])),
    ("an order left out and not counted", "sealed_root_differs", |all| {
        all["bids"] = json!([]);
        all["clearing"]["orders"] = json!(1);
    }),
    ("the epoch", "clearing_of_other_book", |all| all["epoch"] = json!(all["epoch"].as_u64().unwrap() + 1)),
    ("the sealed root", "sealed_root_differs", |all| flip(&mut all["clearing"]["sealed_root"])),
    ("the seed", "seed_differs", |all| flip(&mut all["clearing"]["seed"])),
    ("a pair's price", "root_differs", |all| increment(&mut all["clearing"]["pairs"][0]["price"])),
    ("a pair's lots", "root_differs", |all| all["clearing"]["pairs"][0]["lots"] = json!(2)),
    ("a pair", "root_differs", |all| all["clearing"]["pairs"] = json!([])),
    ("the root", "root_differs", |all| flip(&mut all["clearing"]["root"])),
    ("a parameter", "market_id_mismatch", |all| all["parameters"]["heads_max"] = json!(1)),
    ("the market", "market_id_mismatch", |all| flip(&mut all["market"])),
    ("the version", "other_version", |all| all["version"] = json!(2)),
    ("the format", "other_format", |all| all["format"] = json!("souk-market")),
    ("one more member", "bad_book", |all| all["deals"] = json!([])),
    ("one member less", "bad_book", |all| drop(all.as_object_mut().unwrap().remove("clearing"))),
    ("a word for a number", "bad_book", |all| all["asks"][0]["body"]["slot"] = json!("zero")),
];

#[test]
fn every_change_to_an_exported_epoch_is_named() {
    let mut house = House::new();
    let (supplier, _consumer, epoch) = traded(&mut house);
    let path = house.folder.path().join("epoch.json");
    exported(&supplier, &epoch, &path);
    let text = std::fs::read_to_string(&path).unwrap();
    let honest: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(verify(&house, &honest.to_string(), &[]).0, 0, "the order of members does not matter");
    let refuse = |what: &str, text: &str, more: &[&str], expected: &str| {
        let (exit, document) = verify(&house, text, more);
        assert_eq!((exit, code(&document)), (1, expected), "{what}: {document:#}");
        assert!(document["error"]["next"].is_string(), "{what} has a next step: {document:#}");
    };
    for (what, expected, change) in CHANGES {
        let mut changed = honest.clone();
        change(&mut changed);
        assert_ne!(changed, honest, "{what} is changed");
        refuse(what, &changed.to_string(), &[], expected);
    }
    refuse("half of it", &text[..text.len() / 2], &[], "file_truncated");
    refuse("all but its end", &text[..text.len() - 1], &[], "file_truncated");
    refuse("nothing", "", &[], "file_truncated");
    refuse("something else", "a letter to the editor", &[], "not_json");
    refuse("more after it", &format!("{text}{text}"), &[], "not_json");
    let foreign = House::new();
    refuse("another market", &text, &["--market", foreign.market.to_str().unwrap()], "other_market");
    // The market that was joined counts where none is named.
    ok(&nobody(&house), &["market", "join", foreign.market.to_str().unwrap()]);
    refuse("another joined market", &text, &[], "other_market");
    let (exit, document) = souk(&nobody(&house), &["market", "verify", "--book", "/nowhere.json"]);
    assert_eq!((exit, code(&document)), (1, "file_not_found"), "{document:#}");
}
