//! People, orders and deals out of bytes: plausible ones most of the time, else with numbers at which arithmetic breaks.
//! Signatures have the right form and are nobody's: the target decides what recovers.

use std::collections::BTreeMap;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use matcher::Draft;
use protocol::equivocation::Word;
use protocol::{
    Address, Authority, Cancel, Capacity, DealTerms, Entry, Equivocation, Flags, Hash, Identity, Metric, Order,
    OrderRef, Parameters, Price, Side, Signature, Signed, StruckDeal,
};

/// When every run begins: the first millisecond of an epoch.
pub const START_MS: u64 = 1_700_000_000_000;
/// How many owners there are, the machine's own among them.
pub const PEOPLE: u8 = 4;

/// The market of all runs; its book is small, so that it fills up.
pub fn market() -> Parameters {
    Parameters { heads_max: 40, ..Parameters::new("fuzz", Hash::ZERO) }
}

/// The owner with this number; 0 is the machine's own.
pub fn person(number: u8) -> Address {
    Address([number + 1; 20])
}

/// Anyone.
pub fn anyone(source: &mut Unstructured) -> Result<Address> {
    Ok(person(source.int_in_range(0..=PEOPLE - 1)?))
}

/// A peer: mostly one of the owners, else one of more than the machine compares with.
pub fn peer(source: &mut Unstructured) -> Result<Address> {
    if source.ratio(1, 4)? { Ok(person(source.int_in_range(0..=40)?)) } else { anyone(source) }
}

/// Stakes of some owners, some of them so high that sums of them overflow.
pub fn stakes(source: &mut Unstructured) -> Result<BTreeMap<Address, u128>> {
    let mut stake = || Ok((anyone(source)?, u128::MAX >> source.int_in_range(0u8..=127)?));
    (0..3).map(|_| stake()).collect()
}

/// A signature of the right form.
pub fn signature() -> Signature {
    let mut bytes = [1; 65];
    bytes[64] = 27;
    Signature(bytes)
}

/// A word of the right form, seldom of a wrong one.
pub fn word(source: &mut Unstructured) -> Result<Authority> {
    let is_bad = source.ratio(1, 32)?;
    Ok(Authority::own(if is_bad { Signature([0; 65]) } else { signature() }))
}

/// A number around now, in epochs or seconds, a small one, or one at which arithmetic breaks.
pub fn number(source: &mut Unstructured, now: u64) -> Result<u64> {
    let near = source.int_in_range(0..=40)?;
    Ok(match source.int_in_range(0u8..=9)? {
        0..=3 => market().epoch_at(now) + near % 5,
        4..=5 => now / 1000 + near,
        6 => near,
        7 => u64::MAX - near % 2,
        8 => u64::MAX / 1000 + near % 3,
        _ => source.arbitrary()?,
    })
}

fn small(source: &mut Unstructured) -> Result<u32> {
    Ok(match source.int_in_range(0u8..=7)? {
        0..=3 => source.int_in_range(0..=4)?,
        4 => 600,
        5 => u32::MAX,
        6 => 1 << 20,
        _ => source.arbitrary()?,
    })
}

fn side(source: &mut Unstructured) -> Result<Side> {
    Ok(if source.arbitrary()? { Side::Ask } else { Side::Bid })
}

/// What one lot is in plausible orders.
pub fn capacity(lots: u64) -> Capacity {
    Capacity::new([(Metric::CpuHash, 10_000_000 * lots), (Metric::MemSize, 64 * lots)])
}

fn price(source: &mut Unstructured) -> Result<Price> {
    Ok(Price(match source.int_in_range(0u8..=7)? {
        0..=5 => source.int_in_range(90..=110)?,
        6 => u128::MAX / (1 << 53),
        _ => source.arbitrary()?,
    }))
}

/// An order of anyone.
pub fn order(source: &mut Unstructured, now: u64) -> Result<Order> {
    let epoch = market().epoch_to_sign(now);
    let mut order = Order {
        side: side(source)?,
        owner: anyone(source)?,
        slot: source.int_in_range(0..=3)?,
        version: now,
        capacity: capacity(1),
        lots: source.int_in_range(1..=5)?,
        price: price(source)?,
        duration_min_s: 60,
        duration_max_s: 600,
        billed_min_s: 60,
        from_epoch: epoch,
        expiry_epoch: epoch + source.int_in_range(1..=60)?,
        counterparty: Address::ZERO,
        excluded: vec![],
        identity_min: Identity::Anonymous,
        flags: Flags::default(),
        tag: Hash::ZERO,
    };
    if source.ratio(1, 4)? {
        break_order(&mut order, source, now)?;
    }
    Ok(order)
}

fn break_order(order: &mut Order, source: &mut Unstructured, now: u64) -> Result<()> {
    match source.int_in_range(0u8..=9)? {
        0 => order.version = number(source, now)?,
        1 => order.from_epoch = number(source, now)?,
        2 => order.expiry_epoch = number(source, now)?,
        3 => order.lots = small(source)?,
        4 => (order.duration_min_s, order.duration_max_s) = (small(source)?, small(source)?),
        5 => order.billed_min_s = small(source)?,
        6 => order.capacity = Capacity::new([(Metric::CpuHash, source.arbitrary()?)]),
        7 => order.counterparty = anyone(source)?,
        8 => order.excluded = vec![anyone(source)?],
        _ => order.flags = Flags(source.arbitrary()?),
    }
    Ok(())
}

/// A head of anyone: mostly an order, else an empty slot.
pub fn entry(source: &mut Unstructured, now: u64) -> Result<Entry> {
    let (order, authority) = (order(source, now)?, word(source)?);
    if !source.ratio(1, 8)? {
        return Ok(Entry::Order(Signed { body: order, authority }));
    }
    let Order { owner, slot, version, from_epoch, expiry_epoch, .. } = order;
    Ok(Entry::Cancel(Signed { body: Cancel { owner, slot, version, from_epoch, expiry_epoch }, authority }))
}

/// What a user wants.
pub fn draft(source: &mut Unstructured, now: u64) -> Result<Draft> {
    let order = order(source, now)?;
    Ok(Draft {
        side: order.side,
        capacity: order.capacity,
        lots: order.lots,
        price: order.price,
        duration_min_s: order.duration_min_s,
        duration_max_s: order.duration_max_s,
        billed_min_s: order.billed_min_s,
        counterparty: order.counterparty,
        excluded: order.excluded,
        identity_min: order.identity_min,
        flags: order.flags,
        tag: order.tag,
        life_s: if source.ratio(1, 8)? { small(source)? } else { 60 },
        is_renewed: source.arbitrary()?,
    })
}

/// Terms between two known orders, or between nothing at all.
pub fn terms(source: &mut Unstructured, now: u64, known: &[Order], ids: &[Hash]) -> Result<DealTerms> {
    let mut lots = || -> Result<OrderRef> {
        let at = source.int_in_range(0..=known.len())?;
        let (first_lot, lots) = (source.int_in_range(0..=2)?, source.int_in_range(0..=3)?);
        let nothing = OrderRef { id: Hash::ZERO, owner: anyone(source)?, slot: 0, version: 1, first_lot, lots };
        Ok(known.get(at).map_or(nothing, |order| OrderRef {
            id: ids[at],
            owner: order.owner,
            slot: order.slot,
            version: order.version,
            first_lot,
            lots,
        }))
    };
    let (ask, bid) = (lots()?, lots()?);
    let (duration_s, billed_min_s) = if source.ratio(1, 8)? { (small(source)?, small(source)?) } else { (600, 60) };
    Ok(DealTerms {
        ask,
        bid,
        price: price(source)?,
        duration_s,
        billed_min_s,
        epoch: number(source, now)?,
        sealed_root: Hash::ZERO,
        open_before: number(source, now)?,
    })
}

/// Words of one owner on `deal` and on one much like it: a proof, unless they are bent.
pub fn proof(deal: StruckDeal, source: &mut Unstructured) -> Result<Equivocation> {
    let mut other = deal.clone();
    other.terms.price = price(source)?;
    if source.ratio(1, 4)? {
        (other.terms.epoch, other.terms.duration_s) = (source.arbitrary()?, small(source)?);
    }
    let side = side(source)?;
    let word = |deal: StruckDeal| Word { terms: deal.terms.clone(), authority: deal.by(side).authority };
    let made = Equivocation::of(side, (&deal, &other), &market());
    Ok(made.unwrap_or(Equivocation { side, first: word(deal), second: word(other) }))
}
