//! Life on a market of a few nodes: refusals between markets, programs of every bad kind, restarts, what users see.

use std::process::Stdio;

use crate::nodes::{House, Node, list};

fn run(node: &Node, house: &House, text: &str, more: &[&str]) -> serde_json::Value {
    let path = house.folder.path().join("guest.wasm");
    let bytes = wat::parse_str(text).unwrap_or_else(|_| text.as_bytes().to_vec());
    std::fs::write(&path, bytes).unwrap();
    let words = [&["task", "run", "--program", path.to_str().unwrap()], more].concat();
    let (code, document) = node.souk(&words);
    assert_eq!(code, 1, "{document:#}");
    document
}

fn code(document: &serde_json::Value) -> &str {
    document["error"]["code"].as_str().unwrap_or("none")
}

#[test]
fn every_bad_program_gets_its_own_outcome_and_the_supplier_goes_on() {
    let mut house = House::new();
    let (supplier, consumer) = (house.node("supplier"), house.node("consumer"));
    supplier.offer("60", "0.01SNM/h");
    consumer.bid("30m");
    consumer.deal("running");
    let start = |body: &str| format!(r#"(module (memory (export "memory") 1) (func (export "_start") {body}))"#);
    for (program, more, expected) in [
        ("not wasm at all".to_owned(), &[][..], "program_refused"),
        (r#"(module (import "env" "evil" (func)) (func (export "_start")))"#.into(), &[], "program_refused"),
        (r#"(module (func (export "other")))"#.into(), &[], "program_refused"),
        (start("unreachable"), &[], "trapped"),
        (start("(loop br 0)"), &["--time", "1s"], "out_of_time"),
        (
            r#"(module (memory (export "memory") 1) (func (export "_start")
                (loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable))"#
                .into(),
            &["--memory", "16MiB"],
            "out_of_memory",
        ),
        (
            r#"(module (memory (export "memory") 4096) (func (export "_start")))"#.into(),
            &["--memory", "16MiB"],
            "out_of_memory",
        ),
        (
            r#"(module (memory (export "memory") 1) (func $f (call $f)) (func (export "_start") (call $f)))"#.into(),
            &[],
            "stack_overflow",
        ),
        (start(""), &["--output", "missing.txt"], "output_missing"),
        (start(""), &["--memory", "900GiB"], "beyond_deal"),
        (start(""), &["--output", "../out"], "bad_path"),
    ] {
        let document = run(&consumer, &house, &program, more);
        assert_eq!(code(&document), expected, "{program}: {document:#}");
    }
    let tasks = list(&supplier.ok(&["task", "list"]));
    assert!(tasks.len() >= 6, "the supplier served them all: {tasks:#?}");
    assert_eq!(supplier.ok(&["node", "status"])["deals_running"], 1);
}

#[test]
fn a_bid_that_no_supplier_can_meet_waits_and_does_no_harm() {
    let mut house = House::new();
    let (supplier, consumer) = (house.node("supplier"), house.node("consumer"));
    supplier.offer("60", "0.01SNM/h");
    let bid = ["bid", "create", "--want", "gpu.mem=80GiB", "--price", "1SNM/h", "--for", "10m"];
    consumer.ok(&bid);
    let seen = |node: &Node| list(&node.ok(&["bid", "list"])).len() == 1;
    consumer.wait("the bid stands", seen);
    let cleared = |node: &Node| node.souk(&["market", "epoch"]).1["epoch"].as_u64();
    consumer.wait("an epoch is cleared", |node| cleared(node).is_some());
    let first = cleared(&consumer).unwrap();
    consumer.wait("two more epochs are cleared", |node| cleared(node).is_some_and(|epoch| epoch > first + 1));
    assert!(list(&consumer.ok(&["deal", "list"])).is_empty());
}

#[test]
fn two_nodes_on_one_folder_or_one_port_are_told_so() {
    let mut house = House::new();
    let node = house.node("node");
    let second = |listen: &str, data: &std::path::Path| {
        let mut command = std::process::Command::new(crate::nodes::SOUK);
        command.args(["node", "run", "--json", "--no-mdns", "--api", "127.0.0.1:0", "--listen", listen]);
        command.arg("--data").arg(data).arg("--market").arg(&house.market).stdin(Stdio::null());
        let output = command.output().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), document["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let free = "/ip4/127.0.0.1/udp/0/quic-v1";
    assert_eq!(second(free, &node.data), (Some(1), "data_folder_in_use".into()));
    let other = house.folder.path().join("other");
    crate::nodes::ok(&other, &["key", "new", "--insecure-unencrypted"]);
    let listeners = node.ok(&["node", "status"])["listeners"][0].as_str().unwrap().to_owned();
    let taken = listeners.split("/p2p/").next().unwrap();
    assert_eq!(second(taken, &other), (Some(1), "port_in_use".into()));
    std::fs::write(other.join("souk.redb"), b"garbage, not a store").unwrap();
    assert_eq!(second(free, &other), (Some(1), "store_corrupt".into()));
}

#[test]
fn a_node_of_another_market_is_refused_and_both_go_on() {
    let (mut house, mut foreign) = (House::new(), House::new());
    let here = house.node("here");
    let address = here.ok(&["node", "status"])["listeners"][0].as_str().unwrap().to_owned();
    let there = foreign.node_from("there", &address);
    there.wait("the refusal is in the log", |node| node.log().contains("another market"));
    assert_eq!(list(&there.ok(&["node", "peers"])).len(), 0);
    assert_eq!(list(&here.ok(&["node", "peers"])).len(), 0);
    let friend = house.node("friend");
    friend.wait("a node of the same market is welcome", |node| list(&node.ok(&["node", "peers"])).len() == 1);
}

#[test]
fn a_banned_peer_is_cut_off_and_stays_out_after_a_restart() {
    let mut house = House::new();
    let mut first = house.node("first");
    let second = house.node("second");
    let peers = |node: &Node| list(&node.souk(&["node", "peers"]).1).len();
    first.wait("they are connected", |node| peers(node) == 1);
    let address = second.ok(&["key", "show"])["address"].as_str().unwrap().to_owned();
    first.ok(&["node", "ban", &address]);
    first.wait("the peer is cut off", |node| peers(node) == 0);
    first.kill();
    first.start();
    assert_eq!(list(&first.ok(&["node", "ban"])), [&*address]);
    let here = first.ok(&["node", "status"])["listeners"][0].as_str().unwrap().to_owned();
    assert_eq!(second.souk(&["node", "connect", &here]).0, 1, "it is not let in");
    first.ok(&["node", "unban", &address]);
    second.wait("it is let in again", |node| node.souk(&["node", "connect", &here]).0 == 0);
    assert_eq!(peers(&first), 1);
}
