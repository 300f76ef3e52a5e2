//! Why an order did not trade: on a market of two nodes, each loser of one epoch is told what would have made it win.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::nodes::{House, Node, SOUK};

/// An order that loses, and what is said of it: the kind of reason, the change, and a part of the text.
struct Loser {
    words: &'static [&'static str],
    why: &'static str,
    change: Value,
    text: &'static str,
}

fn losers(supplier: &str) -> Vec<(Loser, Vec<String>)> {
    let loser = |words, why, change, text| (Loser { words, why, change, text }, Vec::new());
    let mut losers = vec![
        loser(
            &["--price", "0.04SNM/h", "--want", "mem.size=32MiB", "--for", "10m"],
            "price",
            json!("price"),
            "went to bids of 0.05SNM/h or more.\nIt would have traded at 0.05",
        ),
        loser(
            &["--price", "1SNM/h", "--want", "mem.size=900GiB", "--for", "10m"],
            "unfit",
            json!({"kind": "capacity", "metric": "mem.size", "value": 64}),
            "no ask fits it.\nIt would have traded with --want mem.size=64MiB.",
        ),
        loser(
            &["--price", "1SNM/h", "--want", "mem.size=32MiB", "--for", "3h"],
            "unfit",
            json!({"kind": "duration_min", "seconds": 3600}),
            "It would have traded with --at-least 1h.",
        ),
        loser(
            &["--price", "1SNM/h", "--want", "mem.size=900GiB", "--for", "3h"],
            "unfit",
            Value::Null,
            "No change of one thing alone would have made it trade.",
        ),
        loser(
            &["--price", "1SNM/h", "--want", "mem.size=32MiB", "--for", "10m"],
            "unfit",
            json!({"kind": "admit", "owner": supplier}),
            "2 asks are excluded by it",
        ),
    ];
    losers[4].1 = vec!["--except".into(), supplier.into()];
    losers
}

/// What people see: `souk WORDS` without `--json`.
fn text(node: &Node, words: &[&str]) -> String {
    let mut command = Command::new(SOUK);
    command.args(words).arg("--data").arg(&node.data).stdin(Stdio::null());
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

fn id(placed: &Value) -> String {
    placed["id"].as_str().unwrap().to_owned()
}

#[test]
fn every_loser_of_an_epoch_is_told_what_would_have_made_it_win() {
    let mut house = House::new();
    let (supplier, consumer) = (house.node("supplier"), house.node("consumer"));
    let owner = supplier.ok(&["key", "show"])["address"].as_str().unwrap().to_owned();
    let cleared = |node: &Node| node.souk(&["market", "epoch"]).1["epoch"].as_u64();
    consumer.wait("an epoch is cleared", |node| cleared(node).is_some());
    let before = cleared(&consumer).unwrap().to_string();

    let losers = losers(&owner);
    let place = |(loser, more): &(Loser, Vec<String>)| {
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        id(&consumer.ok(&[&["bid", "create"], loser.words, &more].concat()))
    };
    let ids: Vec<String> = losers.iter().map(place).collect();
    let winner = ["bid", "create", "--price", "0.05SNM/h", "--want", "mem.size=32MiB", "--for", "10m"];
    let winner = id(&consumer.ok(&winner));
    let early = consumer.souk(&["bid", "explain", &ids[0], "--epoch", &before]).1;
    assert_eq!(early["error"]["code"], "not_in_epoch", "{early:#}");

    // Only once every bid stands is there something to win, so that all compete in the same epoch.
    supplier.ok(&["bench", "--share", "60"]);
    let sell = |price| ["ask", "create", "--offer", "mem.size=64MiB", "--price", price, "--min-billed", "1s"];
    let dear = id(&supplier.ok(&sell("2SNM/h")));
    let stand = |node: &Node| {
        let is_explained = |id: &String| node.souk(&["bid", "explain", id]).0 == 0;
        ids.iter().chain([&winner]).all(is_explained) && node.souk(&["ask", "explain", &dear]).0 == 0
    };
    consumer.wait("the bids and the dear ask were in an epoch", stand);
    let cheap = id(&supplier.ok(&sell("0.01SNM/h")));
    let epoch = consumer.deal("running")["terms"]["epoch"].to_string();

    let explain = |side: &str, id: &str| consumer.ok(&[side, "explain", id, "--epoch", &epoch]);
    for ((loser, _), id) in losers.iter().zip(&ids) {
        let said = explain("bid", &id[..12]);
        assert_eq!((&said["why"]["kind"], &said["traded"]), (&json!(loser.why), &json!(0)), "{said:#}");
        match &loser.change {
            Value::String(kind) => assert_eq!(&said["change"]["kind"], kind, "{said:#}"),
            change => assert_eq!(&said["change"], change, "{said:#}"),
        }
        let shown = text(&consumer, &["bid", "explain", id, "--epoch", &epoch]);
        assert!(shown.contains(loser.text), "{shown}");
        assert!(shown.starts_with(&format!("This bid did not trade in epoch {epoch}: ")), "{shown}");
    }
    let said = explain("bid", &winner);
    assert_eq!((&said["why"]["kind"], &said["partners"][0]["lots"]["id"]), (&json!("whole"), &json!(cheap)));
    let said = explain("ask", &dear);
    assert_eq!(
        (&said["why"]["kind"], &said["why"]["marginal"]["order"]),
        (&json!("price"), &json!(ids[0])),
        "{said:#}"
    );
    let shown = text(&consumer, &["ask", "explain", &dear, "--epoch", &epoch]);
    assert!(shown.contains("2 bids fit it, but the best that is left for it pays 0.04SNM/h."), "{shown}");
}
