//! The book of others survives: killed or stopped, a node that finds no peers comes back with what it had. A disk that
//! cannot keep it ends the node.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::nodes::{House, Node, SOUK, list};

/// What a node shows of the book: live orders with their open lots, how many heads and deals.
fn shown(node: &Node) -> Value {
    let (book, status) = (node.ok(&["market", "book"]), node.ok(&["node", "status"]));
    json!({ "asks": book["asks"], "bids": book["bids"], "heads": status["heads"], "fills": status["fills"] })
}

fn count(node: &Node, what: &str) -> usize {
    shown(node)[what].as_array().map_or(0, Vec::len)
}

fn unkept(node: &Node) -> u64 {
    node.ok(&["node", "status"])["unkept"].as_u64().unwrap()
}

const GPU_BID: [&str; 7] = ["bid", "create", "--want", "gpu.mem=80GiB", "--price", "1SNM/h", "--for"];

#[test]
fn a_killed_node_without_peers_shows_the_orders_cancels_and_fills_of_others() {
    let mut house = House::new();
    let mut consumer = house.node("consumer");
    let mut supplier = house.node("supplier");
    let mut watcher = house.node("watcher");
    // Out of reach of the bid below, so that it stands.
    let dear = ["ask", "create", "--price", "9SNM/h", "--from", "1s", "--to", "1h", "--min-billed", "1s"];
    supplier.offer("30", "0.01SNM/h");
    supplier.ok(&dear);
    consumer.ok(&[&GPU_BID[..], &["10m"]].concat());
    let withdrawn = consumer.ok(&[&GPU_BID[..], &["20m"]].concat());
    watcher.wait("it sees both bids that nobody serves", |node| count(node, "bids") == 2);
    consumer.ok(&["bid", "cancel", withdrawn["id"].as_str().unwrap()]);
    consumer.bid("30m");
    consumer.deal("running");
    // One order of each side is filled and one stands; the fifth head is the empty slot of the withdrawn bid.
    let states = |of: &Value| {
        let mut states: Vec<String> = list(of).iter().map(|order| order["state"].to_string()).collect();
        states.sort();
        states
    };
    let is_settled = |node: &Node| {
        let now = shown(node);
        let is_half_filled = |side: &str| states(&now[side]) == [r#""filled""#, r#""live""#];
        let counts = (now["heads"].as_u64(), now["fills"].as_u64());
        is_half_filled("asks") && is_half_filled("bids") && counts == (Some(5), Some(1)) && unkept(node) == 0
    };
    watcher.wait("all of it is on its disk", is_settled);
    let before = shown(&watcher);
    watcher.kill();
    supplier.kill();
    consumer.kill();
    watcher.start();
    assert_eq!(list(&watcher.ok(&["node", "peers"])), Vec::<Value>::new());
    assert_eq!(shown(&watcher), before);
}

#[test]
fn a_node_that_is_stopped_writes_what_it_has_not_written_yet() {
    let mut house = House::new();
    let mut maker = house.node("maker");
    let mut watcher = house.node("watcher");
    for _ in 0..3 {
        for expected in 1..5 {
            maker.ok(&[&GPU_BID[..], &["10m"]].concat());
            watcher.wait("the bid arrives", |node| count(node, "bids") >= expected);
        }
        let before = shown(&watcher);
        watcher.stop();
        maker.kill();
        watcher.start();
        assert_eq!(shown(&watcher), before);
        maker.start();
    }
}

#[test]
fn a_disk_that_cannot_keep_the_book_ends_the_node_and_says_so() {
    let mut house = House::new();
    let maker = house.node("maker");
    let mut watcher = house.node("watcher");
    watcher.stop();
    maker.ok(&[&GPU_BID[..], &["10m"]].concat());
    // No file may be written beyond its first 8 KiB, as on a disk that is full.
    let script = r#"trap "" XFSZ; ulimit -f 16; exec "$0" "$@""#;
    let mut command = Command::new("sh");
    command.args(["-c", script, SOUK, "node", "run", "--json", "--no-mdns", "--exit-with-stdin"]);
    command.args(["--api", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]);
    command.arg("--data").arg(&watcher.data).arg("--market").arg(&house.market);
    let place = maker.ok(&["node", "status"])["listeners"][0].as_str().unwrap().to_owned();
    let mut child = command.args(["--bootstrap", &place]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (id, _stdin) = (child.id(), child.stdin.take());
    let (done, is_over) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || done.send(child.wait_with_output().unwrap()));
    let Ok(output) = is_over.recv_timeout(Duration::from_secs(30)) else {
        let _ = Command::new("kill").arg(id.to_string()).status();
        panic!("the node goes on without keeping the book");
    };
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["error"]["code"], "store_io", "{document:#}");
    assert!(document["error"]["next"].as_str().unwrap().contains("check the disk's space"), "{document:#}");
    // With room again it begins where it was.
    watcher.start();
    watcher.wait("the bid arrives and is kept", |node| count(node, "bids") == 1 && unkept(node) == 0);
}
