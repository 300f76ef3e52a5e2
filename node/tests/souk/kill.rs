//! A supplier dies in the middle of a task: SIGKILL, as a power cut would. Nobody waits for it, and nothing it promised
//! is lost.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::nodes::{House, Node, list};

/// Counts for ever: traps nothing, ends nothing.
const ENDLESS: &str = r#"(module (memory (export "memory") 1) (func (export "_start") (loop br 0)))"#;

fn program(house: &House, text: &str) -> String {
    let path = house.folder.path().join("program.wasm");
    std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Processes whose working folder lies in `folder`: a node's tasks.
fn running_in(folder: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path().join("cwd"));
    folders.filter_map(|link| std::fs::read_link(link).ok()).filter(|cwd| cwd.starts_with(folder)).collect()
}

fn task_state(node: &Node, id: &str) -> String {
    node.ok(&["task", "show", id])["state"].as_str().unwrap().to_owned()
}

#[test]
fn a_killed_supplier_fails_the_task_frees_the_bid_and_still_knows_its_order_and_deal() {
    let mut house = House::new();
    let endless = program(&house, ENDLESS);
    // The first node is where later ones begin, and this one stays.
    let consumer = house.node("consumer");
    let mut supplier = house.node("supplier");
    let ask = supplier.offer("60", "0.01SNM/h");
    consumer.bid("30m");
    let deal = consumer.deal("running");
    let deal_id = deal["id"].as_str().unwrap();
    let task = consumer.ok(&["task", "run", "--detach", "--program", &endless]);
    let task_id = task["id"].as_str().unwrap().to_owned();
    consumer.wait("the task runs", |node| task_state(node, &task_id) == "running");

    assert_eq!(running_in(&supplier.data).len(), 1, "the task has a process of its own");
    let killed = Instant::now();
    supplier.kill();
    consumer.wait("the task has failed", |node| task_state(node, &task_id) == "failed");
    let took = killed.elapsed();
    let failed = consumer.ok(&["task", "show", &task_id]);
    assert_eq!(failed["failure"]["code"], "supplier_silent", "{failed:#}");
    // Three heartbeats of a second, and the time it takes to look on a busy machine.
    assert!(took < Duration::from_secs(12), "the consumer needed {took:?}");
    consumer.wait("the task's process is gone with its node", |_| running_in(&supplier.data).is_empty());
    assert_eq!(consumer.ok(&["deal", "show", deal_id])["reason"], "supplier_silent");

    let other = house.node("other");
    other.offer("60", "0.02SNM/h");
    let second = consumer.deal("running");
    assert_ne!(second["id"], deal["id"]);
    assert_ne!(second["terms"]["ask"]["owner"], deal["terms"]["ask"]["owner"]);

    supplier.start();
    let asks = list(&supplier.ok(&["ask", "list"]));
    assert_eq!(asks.len(), 1, "the order survived: {asks:?}");
    assert_eq!(asks[0]["slot"], ask["slot"]);
    supplier.wait("it hears that the deal is over", |node| node.ok(&["deal", "show", deal_id])["state"] == "cancelled");
    let kept = supplier.ok(&["deal", "show", deal_id]);
    assert_eq!(kept["terms"], deal["terms"]);
    assert!(kept["consumer_signature"].is_object() && kept["supplier_signature"].is_object());
}

#[test]
fn a_killed_consumer_still_knows_its_bid_its_deal_and_its_verified_task() {
    let mut house = House::new();
    let hello = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 8) "hello\n")
        (func (export "_start")
            (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 6))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))))"#;
    let hello = program(&house, hello);
    let supplier = house.node("supplier");
    let mut consumer = house.node("consumer");
    supplier.offer("60", "0.01SNM/h");
    consumer.bid("30m");
    let deal = consumer.deal("running");
    let task = consumer.ok(&["task", "run", "--program", &hello])["task"].clone();
    assert_eq!(task["receipt"]["is_verified"], true, "{task:#}");
    consumer.kill();
    consumer.start();
    assert_eq!(consumer.deal("running")["id"], deal["id"], "the deal goes on");
    let kept = consumer.ok(&["task", "show", task["id"].as_str().unwrap()]);
    assert_eq!(kept["receipt"], task["receipt"]);
    let over = consumer.ok(&["deal", "cancel", deal["id"].as_str().unwrap()]);
    assert_eq!(over["state"], "cancelled");
    supplier.wait("the supplier hears it", |node| {
        node.ok(&["deal", "show", deal["id"].as_str().unwrap()])["state"] == "cancelled"
    });
}
