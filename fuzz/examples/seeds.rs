//! Writes the first inputs of every fuzz target to `corpus/`, the same every time: `cargo run --release --example seeds`.
//! What fuzzing finds beside them is added by hand, minimised.

use std::path::PathBuf;
use std::{fs, io};

use protocol::reconcile::{SYMBOLS_HEARTBEAT, Salt, Sketch};
use protocol::talk::{Bytes, DealMessage, Hello, Item, OrdersMessage, Request, Response, Summary, Synced};
use protocol::wire::encode;
use protocol::{
    Acknowledgement, Authority, Cancel, DealEnd, DealTerms, EndCause, Entry, Equivocation, Flags, Hash, Identity,
    Order, OrderRef, Price, Rejected, Side, Signed, StruckDeal,
};
use souk_fuzz::market::play;
use souk_fuzz::people::{START_MS, capacity, market, person, signature};

/// Bytes that are kept of each kind of run that `market` looks for.
const RUNS: usize = 3;

fn main() -> io::Result<()> {
    save("wire", &words())?;
    save("reconcile", &(0..12).map(|seed| noise(seed, 400 + 200 * seed as usize)).collect::<Vec<_>>())?;
    save("market", &runs())
}

fn save(target: &str, inputs: &[Vec<u8>]) -> io::Result<()> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "corpus", target].iter().collect();
    fs::create_dir_all(&folder)?;
    inputs.iter().enumerate().try_for_each(|(at, bytes)| fs::write(folder.join(format!("seed-{at:02}")), bytes))
}

/// Bytes that look random (SplitMix64).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Runs in which this machine sells, buys, sees deals of others, remembers a proof, and is told what neighbours sealed.
fn runs() -> Vec<Vec<u8>> {
    let mut found: [Vec<Vec<u8>>; 5] = Default::default();
    for seed in 0..200_000 {
        let bytes = noise(seed, 1_200);
        let machine = play(&bytes);
        let runs = |side| machine.deals().any(|deal| deal.side == side && deal.started_ms > 0);
        let mut agreements = machine.clearings().filter_map(|clearing| machine.agreement(clearing.epoch));
        let kinds = [
            runs(Side::Ask),
            runs(Side::Bid),
            !machine.book().fills().is_empty(),
            !machine.book().proofs().is_empty(),
            agreements.any(|agreement| agreement.took_ms.is_some()),
        ];
        for (kept, _) in found.iter_mut().zip(kinds).filter(|(kept, is_so)| *is_so && kept.len() < RUNS) {
            kept.push(bytes.clone());
        }
        if found.iter().all(|kept| kept.len() == RUNS) {
            break;
        }
    }
    println!("runs that sell, buy, see, prove, agree: {:?}", found.each_ref().map(Vec::len));
    found.concat()
}

fn order(side: Side) -> Entry {
    let epoch = market().epoch_at(START_MS);
    let body = Order {
        side,
        owner: person(1),
        slot: 0,
        version: START_MS,
        capacity: capacity(1),
        lots: 2,
        price: Price(100),
        duration_min_s: 60,
        duration_max_s: 600,
        billed_min_s: 60,
        from_epoch: epoch,
        expiry_epoch: epoch + 60,
        counterparty: person(2),
        excluded: vec![person(3)],
        identity_min: Identity::Registered,
        flags: Flags::OUTBOUND,
        tag: Hash([7; 32]),
    };
    Entry::Order(Signed { body, authority: authority() })
}

fn authority() -> Authority {
    Authority::own(signature())
}

fn struck() -> StruckDeal {
    let side = |number| OrderRef {
        id: Hash([number; 32]),
        owner: person(number),
        slot: 0,
        version: START_MS,
        first_lot: 0,
        lots: 1,
    };
    let terms = DealTerms {
        ask: side(1),
        bid: side(2),
        price: Price(100),
        duration_s: 600,
        billed_min_s: 60,
        epoch: market().epoch_at(START_MS),
        sealed_root: Hash([8; 32]),
        open_before: START_MS / 1000 + 30,
    };
    StruckDeal { terms, supplier: authority(), consumer: authority() }
}

/// One of many kinds of word, as it travels.
fn words() -> Vec<Vec<u8>> {
    let (ask, bid) = (order(Side::Ask), order(Side::Bid));
    let body = Cancel { owner: person(1), slot: 1, version: 2, from_epoch: 3, expiry_epoch: 4 };
    let cancel = Entry::Cancel(Signed { body, authority: authority() });
    let deal = Hash([5; 32]);
    let hello = Hello { market: market().id(), protocol_version: 1, agent: "souk".into(), heads: 3, salt: deal };
    let mut sketch = Sketch::new(Salt([1; 16]), 16);
    sketch.insert(&deal);
    let summary = Summary {
        epoch: 7,
        sealed: Some((6, deal)),
        count: sketch.len(),
        hash: sketch.hash(),
        estimator: sketch.estimator(),
        symbols: sketch.encode(0, SYMBOLS_HEARTBEAT),
    };
    let mut other = struck();
    other.terms.price = Price(101);
    let proof = Box::new(Equivocation::of(Side::Ask, (&struck(), &other), &market()).expect("one lot, two deals"));
    let items = vec![Item::Entry(ask.clone()), Item::Deal(Box::new(struck())), Item::Proof(proof.clone())];
    let synced = |synced| Response::Synced { sealed: None, synced };
    let requests = [
        Request::Sync(Box::new(summary)),
        Request::Symbols { epoch: 7, from: 16, count: 32 },
        Request::Exchange { items: items.clone(), wants: vec![1, u32::MAX] },
        Request::Hello(hello.clone()),
        Request::Book { after: Some((person(1), 3)) },
        Request::Propose { orders: Box::new((ask.clone(), bid.clone())), terms: struck().terms, consumer: authority() },
        Request::EndDeal(DealEnd { deal, cause: EndCause::Failed, elapsed_s: 9 }, authority()),
        Request::Heartbeat { deal, acknowledgement: Some((Acknowledgement { deal, elapsed_s: 9 }, authority())) },
        Request::PutChunk { task: deal, content: deal, offset: 300, bytes: Bytes(vec![1, 2, 3]) },
    ];
    let responses = [
        synced(Synced::Equal),
        synced(Synced::Lacking(items.clone())),
        synced(Synced::Symbols { symbols: sketch.encode(0, 8), total: 16 }),
        synced(Synced::TooFar { lacking: 600 }),
        Response::Symbols(sketch.encode(8, 8)),
        Response::Items(items),
        Response::Hello(hello),
        Response::Book { entries: vec![ask.clone(), cancel.clone()], is_more: true, deals: vec![struck()] },
        Response::Countersigned(authority()),
        Response::Declined(Rejected::NotMatched),
        Response::Needs(vec![deal]),
    ];
    let mut words = vec![
        encode(&ask),
        encode(&cancel),
        encode(&OrdersMessage(vec![ask, bid, cancel])),
        encode(&DealMessage::Struck(Box::new(struck()))),
        encode(&DealMessage::Equivocation(proof)),
        encode(&sketch.encode(0, 16)),
        encode(&(sketch.hash(), sketch.estimator())),
    ];
    words.extend(requests.iter().map(encode));
    words.extend(responses.iter().map(encode));
    words
}
