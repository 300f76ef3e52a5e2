//! From a sealed book to its document and back: nothing of it is lost, and a large one takes no longer than it may.
#![allow(clippy::print_stderr, reason = "the large one ends with its figures")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use matcher::{Head, Proven, SealedBook, SealedOrder, clear};
use protocol::signature::address_of;
use protocol::{
    Address, Authority, Capacity, Entry, Flags, Hash, Identity, Metric, Order, Parameters, Price, Side, Signature,
    Signed, Typed, keccak256,
};
use secp256k1::ecdsa::RecoverableSignature;
use secp256k1::{Message, PublicKey, SecretKey};

use super::*;
use crate::api::export::document;

const EPOCH: u64 = 850_000_000;
/// Orders of one owner.
const SLOTS: u64 = 64;

/// Order `number` of a market of a few hundred kinds of machines, signed by its owner alone.
fn order(number: u64, market: &Parameters) -> SealedOrder {
    let dice = keccak256(&[b"order", &number.to_be_bytes()]).0;
    let seed = keccak256(&[b"owner", &(number / SLOTS).to_be_bytes()]);
    let secret = SecretKey::from_secret_bytes(seed.0).unwrap();
    let side = if (number / SLOTS).is_multiple_of(2) { Side::Ask } else { Side::Bid };
    let (hash, memory) = (1 + u64::from(dice[0] % 16), 1 + u64::from(dice[1] % 16));
    let metrics = [(Metric::CpuThreads, 4), (Metric::CpuHash, hash * 1_000_000), (Metric::MemSize, memory * 1024)];
    let lots = 1 + u32::from(dice[2] % 8);
    let order = Order {
        side,
        owner: address_of(&PublicKey::from_secret_key(&secret)),
        slot: (number % SLOTS) as u16,
        version: number + 1,
        capacity: Capacity::new(metrics),
        lots,
        price: Price(1_000_000_000_000 + u128::from(dice[3]) * 1_000_000_000),
        duration_min_s: 60,
        duration_max_s: 3_600,
        billed_min_s: 60,
        from_epoch: EPOCH - 10,
        expiry_epoch: EPOCH + 1_000,
        counterparty: Address::ZERO,
        excluded: Vec::new(),
        identity_min: Identity::Anonymous,
        flags: Flags::default(),
        tag: Hash::ZERO,
    };
    let id = market.domain().digest(&order.struct_hash());
    let signed = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(id.0), &secret);
    let (recovery, bytes) = signed.serialize_compact();
    let authority = Authority::own(Signature::from_compact(&bytes, recovery.to_u8()));
    let entry = Entry::Order(Signed { body: order, authority });
    SealedOrder { head: Arc::new(Head { entry, id }), open: vec![(0, lots)].into(), identity: Identity::Anonymous }
}

fn proven(orders: u64, market: &Parameters) -> Proven {
    let orders = (0..orders).map(|number| order(number, market)).collect();
    let book = SealedBook::new(market.id(), EPOCH, orders);
    let clearing = clear(&book, book.seed());
    Proven { book: book.into(), clearing }
}

#[test]
fn what_is_exported_comes_back_whole() {
    let market = Parameters::new("test", Hash::ZERO);
    let proven = proven(1_000, &market);
    let bytes = serde_json::to_vec(&document(market.clone(), &proven)).unwrap();
    let (claimed, clearing) = sealed_file::parse("FILE", &bytes).unwrap();
    assert_eq!((&claimed.parameters, claimed.epoch, claimed.len()), (&market, EPOCH, 1_000));
    assert_eq!(clearing, proven.clearing);
    let (book, signatures) = sealed(claimed).unwrap();
    assert_eq!((book.root, signatures), (proven.book.root, 1_000));
    assert!(!clearing.pairs.is_empty(), "something is matched");
    assert_eq!((audit::examine(&book, &clearing), audit::repeat(&book, &clearing)), (Ok(()), Ok(())));
}

/// What a full market takes: its figures stand in docs/benchmarks.md.
#[test]
#[ignore = "a hundred thousand signatures are made and recovered"]
fn a_hundred_thousand_orders_are_verified_within_a_minute() {
    const ORDERS: u64 = 100_000;
    let market = Parameters::new("test", Hash::ZERO);
    let proven = proven(ORDERS, &market);
    let mut last = Instant::now();
    let mut lap = |what: &str| {
        eprintln!("{what}: {} ms", last.elapsed().as_millis());
        last = Instant::now();
    };
    let began = Instant::now();
    let bytes = serde_json::to_vec(&document(market, &proven)).unwrap();
    lap(&format!("write {} bytes", bytes.len()));
    let (claimed, clearing) = sealed_file::parse("FILE", &bytes).unwrap();
    lap("parse");
    let screened = claimed.screen().unwrap();
    lap("check every order");
    let work: Vec<Recovery> = screened.work().copied().collect();
    let failed = signatures::first_failed(&work);
    lap(&format!("recover {} signatures", work.len()));
    let book = screened.sealed(failed).unwrap();
    lap("seal");
    assert_eq!(audit::examine(&book, &clearing), Ok(()));
    lap("check the certificate");
    assert_eq!(audit::repeat(&book, &clearing), Ok(()));
    lap(&format!("clear again: {} matches of {} classes", clearing.pairs.len(), book.class_counts().0));
    assert!(began.elapsed() < Duration::from_secs(60));
}
