//! Plain examples of every word that is signed, which the cases change as they need.

use protocol::{
    Acknowledgement, Address, Cancel, Capacity, DealEnd, DealTerms, Delegation, Domain, EndCause, Flags, Hash,
    Identity, Limits, Metering, Metric, Order, OrderRef, Outcome, Parameters, Price, ProgramKind, Receipt, Scope, Side,
    Task, TaskFile, Typed, keccak256,
};

use crate::keys::{CONSUMER, SUPPLIER};

/// The time at which the cases are judged.
pub const NOW_S: u64 = 1_750_000_000;
/// The epoch at that time, at 2 s an epoch.
pub const EPOCH: u64 = NOW_S / 2;

/// A market that settles on a chain; `salt` names it.
pub fn settled(name: &str) -> Parameters {
    let mut parameters = Parameters::new(name, keccak256(&[name.as_bytes()]));
    parameters.chain_id = 31_337;
    parameters.contract = "0x5FbDB2315678afecb367f032d93F642f64180aa3".parse().unwrap();
    parameters.checkpoint_depth = 6;
    parameters
}

/// A market without a chain.
pub fn chainless() -> Parameters {
    Parameters::new("vectors, no chain", Hash::ZERO)
}

/// Sells 4 lots.
pub fn ask() -> Order {
    Order {
        side: Side::Ask,
        owner: SUPPLIER.address(),
        slot: 0,
        version: 1,
        capacity: Capacity::new([(Metric::CpuF64, 12_000_000_000), (Metric::MemSize, 4_000)]),
        lots: 4,
        price: Price(5_555_555_555_556),
        duration_min_s: 60,
        duration_max_s: 86_400,
        billed_min_s: 60,
        from_epoch: EPOCH,
        expiry_epoch: EPOCH + 1_800,
        counterparty: Address::ZERO,
        excluded: vec![],
        identity_min: Identity::Anonymous,
        flags: Flags(0),
        tag: Hash::ZERO,
    }
}

/// The first second in which `order` no longer counts.
pub fn ends_s(order: &Order) -> u64 {
    order.expiry_epoch * 2
}

/// Buys 2 lots that [`ask`] dominates.
pub fn bid() -> Order {
    Order {
        side: Side::Bid,
        owner: CONSUMER.address(),
        slot: 3,
        version: 7,
        capacity: Capacity::new([(Metric::CpuF64, 10_000_000_000), (Metric::MemSize, 2_048)]),
        lots: 2,
        price: Price(8_000_000_000_000),
        duration_min_s: 600,
        duration_max_s: 3_600,
        ..ask()
    }
}

/// `count` owners that nobody is, ascending.
pub fn owners(count: u8) -> Vec<Address> {
    let mut all: Vec<Address> = (0..count).map(|n| keccak256(&[b"owner", &[n]])).map(first_20).collect();
    all.sort_unstable();
    all
}

fn first_20(hash: Hash) -> Address {
    Address(hash.0[..20].try_into().unwrap())
}

/// Empties the supplier's slot 0.
pub fn cancel() -> Cancel {
    Cancel { owner: SUPPLIER.address(), slot: 0, version: 2, from_epoch: EPOCH + 1, expiry_epoch: EPOCH + 1_800 }
}

/// Lets `delegate` act for `owner` for a day around [`NOW_S`].
pub fn delegation(owner: Address, delegate: Address, scope: Scope, domain: &Domain) -> Delegation {
    Delegation {
        owner,
        delegate,
        scope,
        not_before: NOW_S - 43_200,
        not_after: NOW_S + 43_200,
        market: domain.market(),
    }
}

/// What two orders agree on: two lots from the ask's second on, for the longest time.
pub fn terms(ask: &Order, bid: &Order, domain: &Domain) -> DealTerms {
    let side = |order: &Order, first_lot| OrderRef {
        id: domain.digest(&order.struct_hash()),
        owner: order.owner,
        slot: order.slot,
        version: order.version,
        first_lot,
        lots: 2,
    };
    DealTerms {
        ask: side(ask, 1),
        bid: side(bid, 0),
        price: Price(6_000_000_000_000),
        duration_s: 3_600,
        billed_min_s: 60,
        epoch: EPOCH,
        sealed_root: keccak256(&[b"sealed root"]),
        open_before: NOW_S + 30,
    }
}

/// The id of the deal of the plain ask and bid.
pub fn deal(domain: &Domain) -> Hash {
    terms(&ask(), &bid(), domain).id(domain)
}

/// An early end of that deal.
pub fn deal_end(cause: EndCause, domain: &Domain) -> DealEnd {
    DealEnd { deal: deal(domain), cause, elapsed_s: 1_234 }
}

/// A minute of that deal, served.
pub fn acknowledgement(domain: &Domain) -> Acknowledgement {
    Acknowledgement { deal: deal(domain), elapsed_s: 60 }
}

/// A file with a made-up content address.
pub fn file(path: &str, size: u64) -> TaskFile {
    TaskFile { path: path.into(), content: keccak256(&[path.as_bytes()]), size }
}

/// A task that uses every list.
pub fn task(domain: &Domain) -> Task {
    Task {
        deal: deal(domain),
        number: 1,
        kind: ProgramKind::WasiCommand,
        program: keccak256(&[b"program"]),
        arguments: vec!["--frames".into(), "1..10".into(), String::new(), "ünïcode 🎬".into()],
        environment: vec![("LANG".into(), "C.UTF-8".into()), ("EMPTY".into(), String::new())],
        inputs: vec![file("scene/main.blend", 1 << 33), file("textures/wood.png", 0)],
        outputs: vec!["out/0001.png".into(), "out/0002.png".into()],
        limits: Limits { gas: u64::MAX, memory: 1 << 32, output: 1 << 30, wall_ms: 60_000 },
        metering: Metering::wasmtime_fuel(48),
        seed: keccak256(&[b"seed"]),
    }
}

/// The receipt of that task.
pub fn receipt(domain: &Domain) -> Receipt {
    let task = task(domain);
    Receipt {
        deal: task.deal,
        task: task.id(domain),
        program: task.program,
        arguments: task.arguments_hash(),
        inputs: task.inputs_hash(),
        outputs: vec![file("out/0001.png", 70_000), file("out/0002.png", 70_001)],
        stdout: file("stdout", 12),
        stderr: file("stderr", 0),
        outcome: Outcome::Exited,
        code: 0,
        gas: 9_876_543_210,
        gas_limit: task.limits.gas,
        metering: task.metering,
        wall_ms: 5_400,
    }
}
