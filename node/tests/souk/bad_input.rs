//! What users get wrong against a running node: each a code, a sentence, exit code 1, and the node goes on.

use crate::nodes::House;

#[test]
fn wrong_orders_are_refused_with_a_code_and_the_node_goes_on() {
    let mut house = House::new();
    let node = house.node("node");
    let ask = |more: &[&str]| [&["ask", "create"], more].concat().iter().map(ToString::to_string).collect::<Vec<_>>();
    let bid = |more: &[&str]| [&["bid", "create"], more].concat().iter().map(ToString::to_string).collect::<Vec<_>>();
    let price = ["--price", "1SNM/h"];
    let ten = ["--for", "10m"];
    for (words, code) in [
        (ask(&price), "not_measured"),
        (bid(&[&price[..], &ten, &["--want", "cpu.hash=30Mhash/h"]].concat()), "bad_unit"),
        (bid(&[&price[..], &ten, &["--want", "cpu.speed=3"]].concat()), "unknown_metric"),
        (bid(&[&["--price", "0SNM/h"][..], &ten, &["--want", "mem.size=1GiB"]].concat()), "bad_price"),
        (
            bid(&[&["--price", "999999999999999999999999SNM/s"][..], &ten, &["--want", "mem.size=1GiB"]].concat()),
            "bad_price",
        ),
        (bid(&[&price[..], &["--for", "0m"], &["--want", "mem.size=1GiB"]].concat()), "bad_duration"),
        (bid(&[&price[..], &ten].concat()), "usage"),
        (vec!["deal".into(), "cancel".into(), "0x00".into()], "unknown_deal"),
        (vec!["ask".into(), "cancel".into(), "0x12".into()], "unknown_order"),
        (vec!["task".into(), "show".into(), "0x12".into()], "unknown_task"),
        (vec!["task".into(), "run".into(), "--program".into(), "/nowhere.wasm".into()], "file_not_found"),
    ] {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (exit, document) = node.souk(&words);
        assert_eq!((exit, document["error"]["code"].as_str()), (1, Some(code)), "{words:?}: {document:#}");
        assert!(!document["error"]["message"].as_str().unwrap_or_default().is_empty());
    }
    node.offer("50", "0.01SNM/h");
    let beyond = ["ask", "create", "--price", "1SNM/h", "--offer", "mem.size=900GiB"];
    assert_eq!(node.souk(&beyond).1["error"]["code"], "beyond_measured");
}
