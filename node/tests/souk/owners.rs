//! Owners without a node: a cold key lets a node's hot key trade for it, and a wallet's signed orders are handed in.

use std::path::{Path, PathBuf};

use protocol::hash::hex_decode;
use protocol::signature::address_of;
use protocol::{Address, Authority, Cancel, Domain, Hash, Price, Signature, Typed, keccak256};
use secp256k1::ecdsa::RecoverableSignature;
use secp256k1::{Message, SecretKey};
use serde_json::{Value, json};

use crate::nodes::{House, Node, list, ok, souk};

/// Does nothing, well.
const NOTHING: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;

fn address(data: &Path) -> String {
    ok(data, &["key", "show"])["address"].as_str().unwrap().to_owned()
}

/// A fresh cold key of this name lets the node's key act for it: the owner's address, and the file that says so.
fn delegate(house: &House, node: &Node, name: &str, more: &[&str]) -> (String, PathBuf) {
    let (cold, file) = (house.folder.path().join(name), house.folder.path().join(format!("{name}.json")));
    ok(&cold, &["key", "new", "--insecure-unencrypted"]);
    let (to, market) = (address(&node.data), house.market.to_str().unwrap());
    let words = ["key", "delegate", "--to", &to, "--market", market, "--out", file.to_str().unwrap()];
    ok(&cold, &[&words[..], more].concat());
    (address(&cold), file)
}

fn adopt(house: &House, node: &Node, file: &Path) -> (i32, Value) {
    node.souk(&["key", "adopt", file.to_str().unwrap(), "--market", house.market.to_str().unwrap()])
}

fn own(house: &House, node: &Node) -> String {
    let (_, document) = node.souk(&["key", "adopt", "--own", "--market", house.market.to_str().unwrap()]);
    code(&document).to_owned()
}

fn code(document: &Value) -> &str {
    document["error"]["code"].as_str().unwrap_or("none")
}

#[test]
fn cold_owners_trade_through_the_hot_keys_of_their_nodes() {
    let mut house = House::new();
    let (mut supplier, mut consumer) = (house.folder_of("supplier"), house.folder_of("consumer"));
    let (seller, seller_file) = delegate(&house, &supplier, "seller", &["--for", "2h"]);
    let (buyer, buyer_file) = delegate(&house, &consumer, "buyer", &[]);
    assert_eq!(code(&adopt(&house, &consumer, &seller_file).1), "delegation_of_other_key");
    assert_eq!(adopt(&house, &supplier, &seller_file).1["owner"], *seller);
    assert_eq!(adopt(&house, &consumer, &buyer_file).0, 0);
    house.begin(&mut supplier);
    house.begin(&mut consumer);
    let status = supplier.ok(&["node", "status"]);
    assert_eq!((&status["address"], &status["key"]), (&json!(seller), &json!(address(&supplier.data))));
    assert_eq!(status["delegation"]["scope"], "all");

    supplier.offer("60", "0.01SNM/h");
    consumer.bid("30m");
    let deal = consumer.deal("running");
    assert_eq!((&deal["terms"]["ask"]["owner"], &deal["terms"]["bid"]["owner"]), (&json!(seller), &json!(buyer)));
    supplier.deal("running");
    let program = house.folder.path().join("nothing.wasm");
    std::fs::write(&program, wat::parse_str(NOTHING).unwrap()).unwrap();
    let task = consumer.ok(&["task", "run", "--program", program.to_str().unwrap()])["task"].clone();
    assert_eq!(task["receipt"]["is_verified"], true, "{task:#}");
    let delegation = &task["receipt"]["authority"]["delegation"][0];
    assert_eq!((&delegation["owner"], &delegation["delegate"]), (&json!(seller), &json!(address(&supplier.data))));

    // The name stays while something stands in it, also over a restart.
    assert_eq!(own(&house, &supplier), "data_folder_in_use");
    supplier.kill();
    assert_eq!(own(&house, &supplier), "offers_stand");
    supplier.start();
    assert_eq!(supplier.ok(&["node", "status"])["address"], *seller);
    supplier.ok(&["ask", "cancel", "--all"]);
    supplier.kill();
    assert_eq!(own(&house, &supplier), "deals_run");
    supplier.start();
    let id = deal["id"].as_str().unwrap();
    consumer.ok(&["deal", "cancel", id]);
    supplier.deal("cancelled");
    supplier.kill();
    assert_eq!(own(&house, &supplier), "none");
    supplier.start();
    assert_eq!(supplier.ok(&["node", "status"])["address"], json!(address(&supplier.data)));
    assert_eq!(
        supplier.ok(&["deal", "show", id])["state"],
        "cancelled",
        "what was traded for the owner is still known"
    );
}

#[test]
fn a_delegation_that_is_over_is_neither_adopted_nor_traded_under() {
    let house = House::new();
    let node = house.folder_of("node");
    let (_, short) = delegate(&house, &node, "owner", &["--for", "1s"]);
    node.wait("the delegation is over", |node| code(&adopt(&house, node, &short).1) == "delegation_over");
    // One that was adopted in time: it is checked again at every start.
    std::fs::copy(&short, node.data.join("delegation.json")).unwrap();
    let market = house.market.to_str().unwrap();
    let run = ["node", "run", "--market", market, "--no-mdns", "--api", "127.0.0.1:0"];
    let (exit, document) = souk(&node.data, &run);
    assert_eq!((exit, code(&document)), (1, "delegation_over"), "{document:#}");
    assert!(document["error"]["next"].as_str().unwrap().contains("souk key adopt"), "{document:#}");
}

/// A wallet that knows no node.
struct Wallet(SecretKey);

impl Wallet {
    fn address(&self) -> Address {
        address_of(&self.0.public_key())
    }

    fn authority(&self, domain: &Domain, body: &impl Typed) -> Authority {
        let digest = domain.digest(&body.struct_hash());
        let signed = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(digest.0), &self.0);
        let (recovery, rs) = signed.serialize_compact();
        Authority::own(Signature::from_compact(&rs, recovery.to_u8()))
    }
}

#[test]
fn what_a_wallet_signed_is_handed_in_and_each_entry_gets_its_answer() {
    let mut house = House::new();
    let (node, other) = (house.node("node"), house.node("other"));
    let status = node.ok(&["node", "status"]);
    let market = Hash(hex_decode(status["market"]["id"].as_str().unwrap()).unwrap());
    let domain = Domain::new(protocol::MarketId(market), 0, Address::ZERO);
    let wallet = Wallet(SecretKey::from_secret_bytes(keccak256(&[b"a wallet"]).0).unwrap());
    let epoch = status["epoch"].as_u64().unwrap();
    let ask = protocol::Order {
        side: protocol::Side::Ask,
        owner: wallet.address(),
        slot: 0,
        version: 1,
        capacity: protocol::Capacity::new([(protocol::Metric::MemSize, 64)]),
        lots: 1,
        price: Price(1_000_000_000),
        duration_min_s: 60,
        duration_max_s: 3_600,
        billed_min_s: 60,
        from_epoch: epoch,
        expiry_epoch: epoch + 1_000,
        counterparty: Address::ZERO,
        excluded: Vec::new(),
        identity_min: protocol::Identity::Anonymous,
        flags: protocol::Flags(0),
        tag: Hash::ZERO,
    };
    let cancel =
        Cancel { owner: wallet.address(), slot: 1, version: 1, from_epoch: epoch, expiry_epoch: epoch + 1_000 };
    let word = |kind: &str, body: Value, authority: Authority| json!({"primaryType": kind, "body": body, "authority": authority});
    let good = word("Order", json!(ask), wallet.authority(&domain, &ask));
    let entries = json!([
        good,
        word("Cancel", json!(cancel), wallet.authority(&domain, &cancel)),
        word("Cancel", json!(Cancel { slot: 2, ..cancel.clone() }), wallet.authority(&domain, &ask)),
        {"primaryType": "Order", "body": {}, "authority": good["authority"]},
        "nonsense",
    ]);
    let file = house.folder.path().join("signed.json");
    std::fs::write(&file, entries.to_string()).unwrap();
    let (exit, document) = node.souk(&["market", "submit", file.to_str().unwrap()]);
    assert_eq!(exit, 1, "some are refused: {document:#}");
    let outcomes = list(&document);
    let codes: Vec<&str> = outcomes.iter().map(|outcome| outcome["error"]["code"].as_str().unwrap_or("in")).collect();
    assert_eq!(codes, ["in", "in", "wrong_signer", "bad_entry", "bad_entry"], "{outcomes:#?}");
    let is_told = |outcome: &Value| outcome["error"].is_null() || outcome["error"]["next"].is_string();
    assert!(outcomes.iter().all(is_told), "each says the next step: {outcomes:#?}");
    let id = outcomes[0]["id"].clone();
    let asks = |node: &Node| list(&node.ok(&["market", "book"])["asks"]);
    other.wait("it is in every book", |node| asks(node).iter().any(|ask| ask["id"] == id));
    assert!(list(&node.ok(&["ask", "list"])).is_empty(), "it is no offer of the node");
    std::fs::write(&file, good.to_string()).unwrap();
    let (exit, document) = node.souk(&["market", "submit", file.to_str().unwrap()]);
    assert_eq!((exit, code(&document)), (1, "duplicate"), "{document:#}");
}

#[test]
fn several_equal_orders_are_placed_at_once_or_not_at_all() {
    let mut house = House::new();
    let node = house.node("node");
    node.ok(&["bench", "--share", "60"]);
    let create = |count: &str| node.souk(&["ask", "create", "--price", "1SNM/h", "--count", count]);
    assert_eq!(list(&create("5").1).len(), 5);
    assert_eq!(code(&create("60").1), "no_free_slot");
    let asks = list(&node.ok(&["ask", "list"]));
    assert_eq!(asks.len(), 5);
    assert!(asks.iter().all(|ask| ask["capacity"] == asks[0]["capacity"]), "even shares of the machine");
}
