//! From a folder to a machine that is ready, with 100,000 signed orders of others on the disk: `cargo bench --workspace
//! --bench restart`. Without `--bench` it measures nothing, so that test runs pass it by.
#![allow(clippy::print_stdout, reason = "figures go to stdout")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use matcher::{Head, Kept, Market};
use protocol::signature::address_of;
use protocol::{Address, Authority, Capacity, Entry, Flags, Hash, Identity, Metric, Order, Parameters, Price, Side};
use protocol::{Signature, Signed, Typed, keccak256};
use secp256k1::ecdsa::RecoverableSignature;
use secp256k1::{Message, PublicKey, SecretKey};
use souk::engine;
use souk::store::{self, Store};

const ORDERS: u64 = 100_000;
/// Orders of one owner.
const SLOTS: u64 = 64;
/// Orders of one commit, as the node writes them.
const BATCH: usize = 1_024;
const ROUNDS: usize = 5;
const TARGET: Duration = Duration::from_secs(2);
const NOW_MS: u64 = 1_700_000_000_000;

fn main() {
    if std::env::args().any(|argument| argument == "--bench") {
        measure();
    }
}

fn measure() {
    let market = Parameters::new("bench", Hash::ZERO);
    let identity = store::Identity { market: market.id(), owner: Address([1; 20]) };
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let orders: Vec<(Hash, Kept)> = (0..ORDERS).map(|number| order(number, &market)).collect();
    println!("signed {ORDERS} orders in {:.1} s", began.elapsed().as_secs_f64());
    write(folder.path(), &identity, &orders);
    drop(orders);

    let mut rounds = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let store = Store::open(folder.path(), &identity).unwrap();
        let opened = Instant::now();
        let restore = engine::restore(&store).unwrap();
        let loaded = Instant::now();
        let mut machine = Market::new(market.clone(), identity.owner);
        let effects = machine.handle(restore, NOW_MS);
        let ready = Instant::now();
        assert!(effects.is_empty(), "a restart writes and recovers nothing");
        assert_eq!(machine.book().len() as u64, ORDERS);
        let spans = [opened - began, loaded - opened, ready - loaded, ready - began];
        rounds.iter_mut().zip(spans).for_each(|(all, span)| all.push(span));
    }
    let [opened, loaded, taken, all] = rounds.map(|spans| median(spans).as_millis());
    println!("medians of {ROUNDS} in ms: open and check every page {opened}, load and decode {loaded},");
    println!("the machine takes all in {taken}; {all} together, to reach: {}", TARGET.as_millis());
}

/// Writes them as the node does, and says how long its commits take.
fn write(folder: &Path, identity: &store::Identity, orders: &[(Hash, Kept)]) {
    let store = Store::open(folder, identity).unwrap();
    let mut commits = Vec::new();
    for batch in orders.chunks(BATCH) {
        let changes: Vec<store::Change> = batch.iter().map(|(id, kept)| engine::keep::put(*id, kept)).collect();
        let began = Instant::now();
        store.commit(&changes).unwrap();
        commits.push(began.elapsed());
    }
    let bytes = std::fs::metadata(folder.join("souk.redb")).unwrap().len();
    let longest = commits.iter().max().copied().unwrap_or_default();
    println!(
        "wrote them in commits of {BATCH}: median {:.0?}, longest {longest:.0?}; {} MiB on the disk",
        median(commits),
        bytes >> 20
    );
}

/// An ask of three metrics, signed by its owner alone.
fn order(number: u64, market: &Parameters) -> (Hash, Kept) {
    let seed = keccak256(&[b"owner", &(number / SLOTS).to_be_bytes()]);
    let secret = SecretKey::from_secret_bytes(seed.0).unwrap();
    let epoch = market.epoch_at(NOW_MS);
    let metrics = [(Metric::CpuThreads, 4), (Metric::CpuHash, 10_000_000), (Metric::MemSize, 4096)];
    let order = Order {
        side: Side::Ask,
        owner: address_of(&PublicKey::from_secret_key(&secret)),
        slot: (number % SLOTS) as u16,
        version: NOW_MS + number,
        capacity: Capacity::new(metrics),
        lots: 1 + (number % 8) as u32,
        price: Price(100 + u128::from(number)),
        duration_min_s: 60,
        duration_max_s: 3_600,
        billed_min_s: 60,
        from_epoch: epoch,
        expiry_epoch: epoch + 1_000,
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
    (id, Kept::Head(Arc::new(Head { entry, id })))
}

fn median(mut spans: Vec<Duration>) -> Duration {
    spans.sort_unstable();
    spans[spans.len() / 2]
}
