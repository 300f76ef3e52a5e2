//! Strategies for any word of the protocol, sensible or not.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use protocol::bulk::BulkProof;
use protocol::equivocation::{Equivocation, Word};
use protocol::reconcile::{Salt, Sketch};
use protocol::talk::{Bytes, DealMessage, Hello, Item, Refusal, Request, Response, Summary, Synced};
use protocol::talk::{TaskNews, TaskRefusal, TaskState};
use protocol::{
    Acknowledgement, Address, Authority, Cancel, Capacity, DealEnd, DealTerms, Delegation, EndCause, Entry, Flags,
    Hash, Identity, Limits, MarketId, Metering, Metric, Order, OrderRef, Outcome, Price, ProgramKind, Receipt,
    Rejected, Scope, Side, Signature, Signed, StruckDeal, Task, TaskFile,
};

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash)
}

fn address() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>().prop_map(Address)
}

/// Small numbers have other encodings than large ones.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..300u64, any::<u64>()]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z/]{1,12}", any::<String>()]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..300).prop_map(Bytes)
}

fn capacity() -> impl Strategy<Value = Capacity> {
    let score = (prop::sample::select(Metric::ALL), number());
    vec(score, 0..6).prop_map(Capacity::new)
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Ask), Just(Side::Bid)]
}

fn identity() -> impl Strategy<Value = Identity> {
    use Identity::{Anonymous, Identified, Professional, Registered};
    prop::sample::select(vec![Anonymous, Registered, Identified, Professional])
}

pub fn order() -> impl Strategy<Value = Order> {
    let whose = (side(), address(), any::<u16>(), number());
    let what = (capacity(), any::<u32>(), any::<u128>().prop_map(Price), any::<[u32; 3]>(), number(), number());
    let whom = (address(), vec(address(), 0..4), identity(), any::<u32>().prop_map(Flags), hash());
    (whose, what, whom).prop_map(|(whose, what, whom)| Order {
        side: whose.0,
        owner: whose.1,
        slot: whose.2,
        version: whose.3,
        capacity: what.0,
        lots: what.1,
        price: what.2,
        duration_min_s: what.3[0],
        duration_max_s: what.3[1],
        billed_min_s: what.3[2],
        from_epoch: what.4,
        expiry_epoch: what.5,
        counterparty: whom.0,
        excluded: whom.1,
        identity_min: whom.2,
        flags: whom.3,
        tag: whom.4,
    })
}

pub fn cancel() -> impl Strategy<Value = Cancel> {
    let fields = (address(), any::<u16>(), number(), number(), number());
    fields.prop_map(|(owner, slot, version, from_epoch, expiry_epoch)| Cancel {
        owner,
        slot,
        version,
        from_epoch,
        expiry_epoch,
    })
}

fn signature() -> impl Strategy<Value = Signature> {
    (any::<[u8; 32]>(), any::<[u8; 32]>(), any::<u8>()).prop_map(|(r, s, v)| {
        let mut bytes = [v; 65];
        bytes[..32].copy_from_slice(&r);
        bytes[32..64].copy_from_slice(&s);
        Signature(bytes)
    })
}

fn delegation() -> impl Strategy<Value = Delegation> {
    let fields = (address(), address(), any::<u32>(), number(), number(), hash());
    fields.prop_map(|(owner, delegate, scope, not_before, not_after, market)| Delegation {
        owner,
        delegate,
        scope: Scope(scope),
        not_before,
        not_after,
        market: MarketId(market),
    })
}

fn authority() -> impl Strategy<Value = Authority> {
    let bulk = (any::<u8>(), vec(hash(), 0..7)).prop_map(|(index, siblings)| BulkProof { index, siblings });
    let delegation = (delegation(), signature()).prop_map(Box::new);
    (signature(), option::of(bulk), option::of(delegation)).prop_map(|(signature, bulk, delegation)| Authority {
        signature,
        bulk: bulk.map(Box::new),
        delegation,
    })
}

pub fn entry() -> impl Strategy<Value = Entry> {
    let order = (order(), authority()).prop_map(|(body, authority)| Entry::Order(Signed { body, authority }));
    let cancel = (cancel(), authority()).prop_map(|(body, authority)| Entry::Cancel(Signed { body, authority }));
    prop_oneof![order, cancel]
}

fn order_ref() -> impl Strategy<Value = OrderRef> {
    let fields = (hash(), address(), any::<u16>(), number(), any::<u32>(), any::<u32>());
    fields.prop_map(|(id, owner, slot, version, first_lot, lots)| OrderRef {
        id,
        owner,
        slot,
        version,
        first_lot,
        lots,
    })
}

fn terms() -> impl Strategy<Value = DealTerms> {
    let fields = (order_ref(), order_ref(), any::<u128>(), any::<u32>(), any::<u32>(), number(), hash(), number());
    fields.prop_map(|(ask, bid, price, duration_s, billed_min_s, epoch, sealed_root, open_before)| DealTerms {
        ask,
        bid,
        price: Price(price),
        duration_s,
        billed_min_s,
        epoch,
        sealed_root,
        open_before,
    })
}

fn struck() -> impl Strategy<Value = StruckDeal> {
    let fields = (terms(), authority(), authority());
    fields.prop_map(|(terms, supplier, consumer)| StruckDeal { terms, supplier, consumer })
}

fn deal_end() -> impl Strategy<Value = DealEnd> {
    let cause = prop_oneof![Just(EndCause::Cancelled), Just(EndCause::Failed)];
    (hash(), cause, number()).prop_map(|(deal, cause, elapsed_s)| DealEnd { deal, cause, elapsed_s })
}

fn acknowledgement() -> impl Strategy<Value = Acknowledgement> {
    (hash(), number()).prop_map(|(deal, elapsed_s)| Acknowledgement { deal, elapsed_s })
}

pub fn deal_message() -> impl Strategy<Value = DealMessage> {
    prop_oneof![
        struck().prop_map(|deal| DealMessage::Struck(Box::new(deal))),
        equivocation().prop_map(|proof| DealMessage::Equivocation(Box::new(proof))),
    ]
}

fn file() -> impl Strategy<Value = TaskFile> {
    (text(), hash(), number()).prop_map(|(path, content, size)| TaskFile { path, content, size })
}

fn metering() -> impl Strategy<Value = Metering> {
    (text(), any::<u32>(), hash()).prop_map(|(name, version, cost_table)| Metering { name, version, cost_table })
}

fn limits() -> impl Strategy<Value = Limits> {
    any::<[u64; 4]>().prop_map(|[gas, memory, output, wall_ms]| Limits { gas, memory, output, wall_ms })
}

fn task() -> impl Strategy<Value = Task> {
    use ProgramKind::{OpenclPipeline, WasiCommand, WasiComponent};
    let kind = prop::sample::select(vec![WasiCommand, WasiComponent, OpenclPipeline]);
    let what = (hash(), number(), kind, hash(), hash());
    let lists = (vec(text(), 0..4), vec((text(), text()), 0..4), vec(file(), 0..4), vec(text(), 0..4));
    (what, lists, limits(), metering()).prop_map(|(what, lists, limits, metering)| Task {
        deal: what.0,
        number: what.1,
        kind: what.2,
        program: what.3,
        arguments: lists.0,
        environment: lists.1,
        inputs: lists.2,
        outputs: lists.3,
        limits,
        metering,
        seed: what.4,
    })
}

fn receipt() -> impl Strategy<Value = Receipt> {
    use Outcome::{Exited, OutOfGas, SandboxFailed, Trapped};
    let outcome = prop::sample::select(vec![Exited, Trapped, OutOfGas, SandboxFailed]);
    let files = (vec(file(), 0..4), file(), file());
    let figures = (outcome, any::<u32>(), number(), number(), number());
    (vec(hash(), 5), files, figures, metering()).prop_map(|(hashes, files, figures, metering)| Receipt {
        deal: hashes[0],
        task: hashes[1],
        program: hashes[2],
        arguments: hashes[3],
        inputs: hashes[4],
        outputs: files.0,
        stdout: files.1,
        stderr: files.2,
        outcome: figures.0,
        code: figures.1,
        gas: figures.2,
        gas_limit: figures.3,
        metering,
        wall_ms: figures.4,
    })
}

fn hello() -> impl Strategy<Value = Hello> {
    (hash(), any::<u32>(), text(), number(), hash()).prop_map(|(market, protocol_version, agent, heads, salt)| Hello {
        market: MarketId(market),
        protocol_version,
        agent,
        heads,
        salt,
    })
}

/// The sketch of a few ids.
fn sketch() -> impl Strategy<Value = Sketch> {
    (hash(), vec(hash(), 0..20)).prop_map(|(salt, ids)| {
        let mut sketch = Sketch::new(Salt::of_pair(&salt, &salt), 64);
        ids.iter().for_each(|id| sketch.insert(id));
        sketch
    })
}

fn summary() -> impl Strategy<Value = Summary> {
    (sketch(), number(), option::of((number(), hash()))).prop_map(|(sketch, epoch, sealed)| Summary {
        epoch,
        sealed,
        count: sketch.len(),
        hash: sketch.hash(),
        estimator: sketch.estimator(),
        symbols: sketch.encode(0, 16),
    })
}

pub fn equivocation() -> impl Strategy<Value = Equivocation> {
    let word = || (terms(), authority()).prop_map(|(terms, authority)| Word { terms, authority });
    let side = prop::sample::select(vec![Side::Ask, Side::Bid]);
    (side, word(), word()).prop_map(|(side, first, second)| Equivocation { side, first, second })
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let item = prop_oneof![
        entry().prop_map(Item::Entry),
        struck().prop_map(|deal| Item::Deal(deal.into())),
        equivocation().prop_map(|proof| Item::Proof(proof.into())),
    ];
    vec(item, 0..4)
}

fn synced() -> impl Strategy<Value = Synced> {
    prop_oneof![
        Just(Synced::Equal),
        Just(Synced::NotNow),
        items().prop_map(Synced::Lacking),
        (sketch(), any::<u32>()).prop_map(|(sketch, total)| Synced::Symbols { symbols: sketch.encode(0, 40), total }),
        number().prop_map(|lacking| Synced::TooFar { lacking }),
    ]
}

pub fn request() -> impl Strategy<Value = Request> {
    let propose = (entry(), entry(), terms(), authority()).prop_map(|(ask, bid, terms, consumer)| Request::Propose {
        orders: Box::new((ask, bid)),
        terms,
        consumer,
    });
    let beat = (hash(), option::of((acknowledgement(), authority())));
    let put = (hash(), hash(), number(), bytes());
    prop_oneof![
        hello().prop_map(Request::Hello),
        option::of((address(), any::<u16>())).prop_map(|after| Request::Book { after }),
        summary().prop_map(|summary| Request::Sync(summary.into())),
        (number(), any::<u32>(), any::<u32>()).prop_map(|(epoch, from, count)| Request::Symbols { epoch, from, count }),
        (items(), vec(any::<u32>(), 0..9)).prop_map(|(items, wants)| Request::Exchange { items, wants }),
        propose,
        (deal_end(), authority()).prop_map(|(end, authority)| Request::EndDeal(end, authority)),
        beat.prop_map(|(deal, acknowledgement)| Request::Heartbeat { deal, acknowledgement }),
        (task(), authority()).prop_map(|(task, authority)| Request::RunTask(task, authority)),
        put.prop_map(|(task, content, offset, bytes)| Request::PutChunk { task, content, offset, bytes }),
        (hash(), number(), number()).prop_map(|(task, stdout_from, stderr_from)| Request::FollowTask {
            task,
            stdout_from,
            stderr_from
        }),
        (hash(), hash(), number()).prop_map(|(task, content, offset)| Request::GetChunk { task, content, offset }),
        hash().prop_map(|task| Request::StopTask { task }),
    ]
}

fn news() -> impl Strategy<Value = TaskNews> {
    use TaskState::{Done, Queued, Running, Waiting};
    let state = prop::sample::select(vec![Waiting, Queued, Running, Done]);
    (state, bytes(), bytes(), text(), option::of((receipt(), authority())))
        .prop_map(|(state, stdout, stderr, detail, receipt)| TaskNews { state, stdout, stderr, detail, receipt })
}

fn refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        hash().prop_map(|theirs| Refusal::OtherMarket { theirs: MarketId(theirs) }),
        any::<u32>().prop_map(|theirs| Refusal::OtherVersion { theirs }),
    ]
}

pub fn response() -> impl Strategy<Value = Response> {
    let rejected = || prop::sample::select(vec![Rejected::Encoding, Rejected::Terms, Rejected::RateLimit]);
    let no = prop_oneof![
        Just(TaskRefusal::NoDeal),
        rejected().prop_map(TaskRefusal::Malformed),
        Just(TaskRefusal::WrongBytes),
    ];
    let book = (vec(entry(), 0..4), any::<bool>(), vec(struck(), 0..3));
    prop_oneof![
        hello().prop_map(Response::Hello),
        refusal().prop_map(Response::Refused),
        book.prop_map(|(entries, is_more, deals)| Response::Book { entries, is_more, deals }),
        (option::of((number(), hash())), synced()).prop_map(|(sealed, synced)| Response::Synced { sealed, synced }),
        sketch().prop_map(|sketch| Response::Symbols(sketch.encode(3, 50))),
        items().prop_map(Response::Items),
        authority().prop_map(Response::Countersigned),
        rejected().prop_map(Response::Declined),
        any::<bool>().prop_map(|is_running| Response::Alive { is_running }),
        vec(hash(), 0..5).prop_map(Response::Needs),
        news().prop_map(|news| Response::News(Box::new(news))),
        bytes().prop_map(Response::Chunk),
        Just(Response::Done),
        no.prop_map(Response::TaskRefused),
    ]
}
