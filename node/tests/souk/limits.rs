//! Every limit of the design, in the dump of a node that runs.
//!
//! ```text
//! That each is kept at its door is shown where the door is:
//!   order bytes                                       protocol/tests/rules/signed.rs
//!   life, lots, slots                                 protocol/tests/rules/order.rs
//!   slots of an owner, clock tolerance, 64 entries    matcher/src/market/tests/{gossip,offers}.rs
//!   live heads                                        matcher/src/book/tests.rs
//!   message bytes, worthless gossip, bytes of gossip  node/src/net/tests/gossip.rs
//!   connections, places for our own dials             node/src/net/tests/{limits,known}.rs
//!   request, response, time, rate                     node/src/net/tests/requests.rs
//!   relays                                            node/src/net/tests/relay.rs
//!   known peers                                       node/src/net/known.rs, node/src/peer_records.rs
//!   program, streams                                  sandbox/tests/jobs/bounds.rs
//!   recoveries                                        node/src/engine/carry.rs
//!   API body                                          here
//! ```

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::nodes::{House, souk};

const MIB: u64 = 1 << 20;
const KIB: u64 = 1 << 10;

/// DESIGN 14, line by line.
const LIMITS: [(&str, u64); 34] = [
    ("order.bytes", 4 * KIB),
    ("gossip.message", 60 * KIB),
    ("gossip.entries", 64),
    ("order.slots", 64),
    ("book.heads", 100_000),
    ("order.life", 24 * 3600),
    ("gossip.worthless.rate", 100),
    ("gossip.worthless.burst", 500),
    ("gossip.bytes.rate", MIB),
    ("gossip.bytes.burst", 4 * MIB),
    ("clock.tolerance", 100),
    ("connections", 110),
    ("connections.inbound", 88),
    ("connections.pending.inbound", 32),
    ("connections.pending.outbound", 32),
    ("connections.chosen", 8),
    ("connections.chosen.near", 4),
    ("gossip.ids", 400),
    ("gossip.mesh", 8),
    ("gossip.mesh.low", 6),
    ("gossip.mesh.high", 10),
    ("gossip.mesh.outbound", 3),
    ("gossip.address", 64),
    ("peers.known", 1024),
    ("request.bytes", 256 * KIB),
    ("response.bytes", MIB),
    ("request.time", 10),
    ("api.body", MIB),
    ("task.program", 64 * MIB),
    ("task.stream", MIB),
    ("relay.used", 2),
    ("relay.reservations", 64),
    ("relay.circuits", 32),
    ("relay.circuit.bytes", 128 * MIB),
];

fn by_name(document: &Value) -> BTreeMap<String, u64> {
    let limits = document.as_array().unwrap();
    let pair = |limit: &Value| (limit["name"].as_str().unwrap().to_owned(), limit["value"].as_u64().unwrap());
    let found: BTreeMap<String, u64> = limits.iter().map(pair).collect();
    assert_eq!(found.len(), limits.len(), "every name once");
    assert!(limits.iter().all(|limit| !limit["then"].as_str().unwrap().is_empty()), "what happens there is said");
    found
}

#[test]
fn every_limit_of_the_design_is_in_force_in_the_running_nodes_dump() {
    let mut house = House::new();
    let node = house.node("node");
    let limits = by_name(&node.ok(&["node", "limits"]));
    for (name, value) in LIMITS {
        assert_eq!(limits.get(name), Some(&value), "{name}");
    }
    let cores = std::thread::available_parallelism().unwrap().get() as u64;
    assert_eq!(limits["machine.recoveries"], (cores / 2).max(1), "on half of {cores} cores");
    assert!((limits["connections"] - limits["connections.inbound"]) * 5 >= limits["connections"]);
    assert!(limits["gossip.bytes.burst"] / limits["gossip.bytes.least"] <= limits["gossip.queue"]);
    assert!(limits["gossip.bytes.burst"] <= limits["gossip.bytes.rate"] * limits["gossip.wait.others"]);
}

/// The dump is of the node that runs: another market has other limits.
#[test]
fn the_dump_says_what_the_nodes_own_market_says() {
    let mut house = House::new();
    let text = std::fs::read_to_string(&house.market).unwrap();
    let other = text.replace("heads_max = 100000", "heads_max = 777");
    let other = other.replace("slots_per_owner = 64", "slots_per_owner = 3");
    std::fs::write(&house.market, &other).unwrap();
    // Other parameters are another market, and the refusal names both.
    let file = house.market.to_str().unwrap();
    let (_, refused) = souk(&house.folder.path().join("nobody"), &["market", "join", file]);
    let message = refused["error"]["message"].as_str().unwrap().replace(',', " ");
    let ids: Vec<&str> = message.split_whitespace().filter(|word| word.starts_with("0x")).collect();
    let [said, own] = ids[..] else { panic!("{refused:#}") };
    std::fs::write(&house.market, other.replace(said, own)).unwrap();
    let limits = by_name(&house.node("node").ok(&["node", "limits"]));
    assert_eq!((limits["book.heads"], limits["order.slots"]), (777, 3));
}

#[test]
fn a_body_above_one_mebibyte_is_refused_and_one_at_it_is_read() {
    let mut house = House::new();
    let node = house.node("node");
    let read = |name: &str| std::fs::read_to_string(node.data.join(name)).unwrap().trim().to_owned();
    let (address, token) = (read("api.addr"), read("api.token"));
    for (length, status, code) in [(MIB, 400, "wrong_bytes"), (MIB + 1, 413, "too_large")] {
        let mut stream = TcpStream::connect(&address).unwrap();
        let content = "0".repeat(64);
        let head = format!(
            "PUT /v1/files/{content}?offset=0&last=true HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // The node may refuse before it has read everything.
        let _ = stream.write_all(&vec![7; length as usize]);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{length}: {answer}");
        assert!(answer.contains(code), "{length}: {answer}");
    }
    assert_eq!(node.souk(&["node", "status"]).0, 0, "the node goes on");
}
