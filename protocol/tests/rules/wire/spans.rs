//! A message of orders is taken entry by entry exactly if it is taken as a whole, whatever was done to its bytes.

use proptest::prelude::*;
use protocol::bulk::BulkProof;
use protocol::talk::OrdersMessage;
use protocol::wire::{self, ENTRY_MAX, GOSSIP_ENTRIES_MAX, GOSSIP_MAX};
use protocol::{Address, Authority, Cancel, Entry, Hash, Order, Rejected, Scope, Signed};

use crate::arbitrary;
use crate::keys::{CONSUMER, CONSUMERS_DELEGATE, SUPPLIER};
use crate::words;

fn apart(bytes: &[u8]) -> Result<Vec<Entry>, Rejected> {
    wire::spans::entries(bytes)?.map(wire::spans::Span::entry).collect()
}

fn whole(bytes: &[u8]) -> Result<Vec<Entry>, Rejected> {
    wire::decode::<OrdersMessage>(bytes, GOSSIP_MAX).map(|message| message.0)
}

/// The number at `at`, which takes one byte, in a form of `width` more bytes.
fn lengthened(bytes: &[u8], at: usize, width: u32) -> Vec<u8> {
    let mut long = vec![250 + width.ilog2() as u8, bytes[at]];
    long.resize(1 + width as usize, 0);
    [&bytes[..at], &long, &bytes[at + 1..]].concat()
}

/// Every part of an authority at once.
fn authority() -> Authority {
    let domain = words::chainless().domain();
    let delegation = words::delegation(CONSUMER.address(), CONSUMERS_DELEGATE.address(), Scope::BID, &domain);
    let signature = SUPPLIER.sign(&domain, &Hash::ZERO);
    let bulk = BulkProof { index: 1, siblings: vec![Hash([3; 32]); 2] };
    Authority { signature, bulk: Some(bulk.into()), delegation: Some((delegation, signature).into()) }
}

/// An order all of whose numbers but the price, the epochs and the delegation's times take one byte.
fn order() -> Order {
    let mut order = Order { excluded: vec![Address([5; 20]), Address([6; 20])], ..words::ask() };
    (order.lots, order.duration_min_s, order.duration_max_s, order.billed_min_s) = (4, 60, 70, 80);
    order
}

/// What takes one byte in a message of that order alone, and where it is.
fn places(order: &Order) -> Vec<(&'static str, usize)> {
    let mut places = vec![("count", 0), ("variant", 1), ("side", 2)];
    let mut at = 3 + 20;
    let mut take = |name, len: usize| {
        if len == 1 {
            places.push((name, at));
        }
        at += len;
    };
    let len = |number: u128| wire::encode(&number).len();
    take("slot", 1);
    take("version", 1);
    take("scores", 1);
    for score in order.capacity.scores() {
        take("metric", len(score.metric.into()));
        take("value", len(score.value.into()));
    }
    take("lots", 1);
    take("price", len(order.price.0));
    ["duration_min_s", "duration_max_s", "billed_min_s"].into_iter().for_each(|name| take(name, 1));
    take("from_epoch", len(order.from_epoch.into()));
    take("expiry_epoch", len(order.expiry_epoch.into()));
    take("counterparty", 20);
    take("excluded", 1);
    take("the excluded", 40);
    take("identity_min", 1);
    take("flags", 1);
    take("tag and signature", 32 + 65);
    take("bulk", 1);
    take("index, which is a byte and no number", 1);
    take("siblings", 1);
    take("the siblings", 64);
    take("delegation", 1);
    take("owner and delegate", 40);
    take("scope", 1);
    places
}

#[test]
fn a_number_of_one_byte_in_any_longer_form_is_refused_wherever_it_stands() {
    let order = order();
    let bytes =
        wire::encode(&OrdersMessage(vec![Entry::Order(Signed { body: order.clone(), authority: authority() })]));
    assert!(apart(&bytes).is_ok());
    let places = places(&order);
    assert_eq!(bytes[places.last().unwrap().1], Scope::BID.0 as u8, "the places are those of the layout");
    for (name, at) in places {
        for width in [2, 4, 8, 16] {
            let long = lengthened(&bytes, at, width);
            assert_eq!(apart(&long), Err(Rejected::Encoding), "{name} in {width} bytes");
            assert!(whole(&long).is_err(), "{name} in {width} bytes");
        }
    }
}

#[test]
fn a_number_is_refused_in_every_form_but_its_shortest() {
    let entry = |version| {
        let body = Cancel { version, ..words::cancel() };
        Entry::Cancel(Signed { body, authority: authority() })
    };
    let at = 2 + 20 + 1;
    let message = |form: &[u8]| {
        let bytes = wire::encode(&OrdersMessage(vec![entry(0)]));
        [&bytes[..at], form, &bytes[at + 1..]].concat()
    };
    let ends = [250, 251, 255, 256, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, u64::MAX];
    for version in ends.into_iter().flat_map(|end| [end - 1, end]) {
        let mut taken = 0;
        for (mark, width) in [(None, 1), (Some(251), 2), (Some(252), 4), (Some(253), 8), (Some(254), 16)] {
            let le = u128::from(version).to_le_bytes();
            if le[width..].iter().any(|byte| *byte != 0) || (mark.is_none() && version > 250) {
                continue;
            }
            let bytes = message(&[mark.as_slice(), &le[..width]].concat());
            assert_eq!(apart(&bytes).ok(), whole(&bytes).ok(), "{version} in {width} bytes");
            taken += usize::from(apart(&bytes) == Ok(vec![entry(version)]));
        }
        assert_eq!(taken, 1, "{version} has one form");
    }
}

#[test]
fn bytes_behind_or_missing_and_counts_that_are_not_there_are_refused() {
    let body = words::cancel();
    let entry = Entry::Cancel(Signed { body, authority: authority() });
    for count in [1, 2, GOSSIP_ENTRIES_MAX] {
        let bytes = wire::encode(&OrdersMessage(vec![entry.clone(); count]));
        assert_eq!(apart(&bytes), Ok(vec![entry.clone(); count]));
        assert_eq!(apart(&[&bytes[..], &[0]].concat()), Err(Rejected::Encoding));
        assert_eq!(apart(&bytes[..bytes.len() - 1]), Err(Rejected::Encoding));
        for claimed in [0, count as u8 + 1, 250, 251, 255] {
            assert_eq!(apart(&[&[claimed], &bytes[1..]].concat()), Err(Rejected::Encoding), "{claimed} for {count}");
        }
    }
    let many = wire::encode(&OrdersMessage(vec![entry.clone(); GOSSIP_ENTRIES_MAX + 1]));
    assert_eq!(apart(&many), Err(Rejected::Encoding));
    let Entry::Cancel(mut long) = entry else { unreachable!() };
    long.authority.bulk = Some(BulkProof { index: 0, siblings: vec![Hash::ZERO; ENTRY_MAX / 32] }.into());
    let long = wire::encode(&OrdersMessage(vec![Entry::Cancel(long)]));
    assert_eq!(apart(&long), Err(Rejected::TooLarge));
}

/// What is done to the bytes of a message.
#[derive(Debug, Clone)]
enum Change {
    Set(u8),
    Insert(u8),
    Remove,
    Lengthen(u32),
    Cut,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<u8>().prop_map(Change::Set),
        prop::sample::select(vec![0, 1, 250, 251, 252, 253, 254]).prop_map(Change::Set),
        any::<u8>().prop_map(Change::Insert),
        Just(Change::Remove),
        prop::sample::select(vec![2, 4, 8, 16]).prop_map(Change::Lengthen),
        Just(Change::Cut),
    ]
}

proptest! {
    #[test]
    fn the_spans_of_a_message_are_its_entries(
        entries in proptest::collection::vec(arbitrary::entry(), 1..5),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), change()), 0..3),
    ) {
        let mut bytes = wire::encode(&OrdersMessage(entries));
        for (place, change) in changes {
            let at = place.index(bytes.len());
            match change {
                Change::Set(byte) => bytes[at] = byte,
                Change::Insert(byte) => bytes.insert(at, byte),
                Change::Remove if bytes.len() > 1 => drop(bytes.remove(at)),
                Change::Remove => bytes[at] ^= 1,
                Change::Lengthen(width) => bytes = lengthened(&bytes, at, width),
                Change::Cut => bytes.truncate(at.max(1)),
            }
        }
        prop_assert_eq!(apart(&bytes).ok(), whole(&bytes).ok());
    }

    /// Every place of a message, not only those that chance finds.
    #[test]
    fn no_byte_of_a_message_can_be_lengthened(entry in arbitrary::entry()) {
        let bytes = wire::encode(&OrdersMessage(vec![entry]));
        for at in 0..bytes.len() {
            let long = lengthened(&bytes, at, 2);
            prop_assert_eq!(apart(&long).ok(), whole(&long).ok(), "{}", at);
        }
    }
}
