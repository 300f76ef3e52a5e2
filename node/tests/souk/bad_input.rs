//! What users get wrong against a running node: each a code, a sentence, exit code 1, and the node goes on.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::nodes::{House, Node};

/// One HTTP request as it stands on the wire: status and JSON body.
fn ask(node: &Node, head: &str, body: &str) -> (u16, serde_json::Value) {
    let read = |name: &str| std::fs::read_to_string(node.data.join(name)).unwrap().trim().to_owned();
    let (address, token) = (read("api.addr"), read("api.token"));
    let mut stream = TcpStream::connect(&address).unwrap();
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    // The node may refuse before it has read everything.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let status = answer.split(' ').nth(1).unwrap_or_default().parse().unwrap_or_default();
    let document = answer.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
    (status, document.unwrap_or_default())
}

#[test]
fn what_the_api_refuses_has_one_shape() {
    let mut house = House::new();
    let node = house.node("node");
    let unknown = format!("0x{}", "7".repeat(64));
    for (head, body, status, code) in [
        ("POST /v1/tasks", "{\"deal\":7", 422, "bad_request"),
        ("POST /v1/tasks", "not json", 400, "bad_request"),
        ("POST /v1/orders", "{\"side\":\"ask\"}", 422, "bad_request"),
        ("DELETE /v1/status", "", 405, "wrong_method"),
        ("GET /v1/orders?side=both", "", 400, "bad_request"),
        ("GET /v1/nothing", "", 404, "no_such_route"),
        ("GET /v1/deals/zz", "", 400, "bad_id"),
        ("GET /v1/epochs/1", "", 404, "unknown_epoch"),
        ("GET /v1/orders/zz/explain", "", 400, "bad_id"),
        (&format!("GET /v1/orders/{unknown}/explain"), "", 404, "unknown_order"),
        (&format!("GET /v1/orders/{unknown}/explain?epoch=1"), "", 404, "unknown_epoch"),
        (&format!("GET /v1/orders/{unknown}/explain?epoch=99999999999"), "", 409, "not_cleared"),
        (&format!("GET /v1/orders/{unknown}/explain?epoch=last"), "", 400, "bad_request"),
    ] {
        let (found, document) = ask(&node, head, body);
        assert_eq!((found, document["error"]["code"].as_str()), (status, Some(code)), "{head} {body}: {document:#}");
    }
    assert_eq!(ask(&node, "GET /v1/status", "").0, 200, "the node goes on");
}

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
        (vec!["bid".into(), "explain".into(), "0x12".into()], "unknown_order"),
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
