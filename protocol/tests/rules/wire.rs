//! Any word survives the wire, and any bytes are either one word's only form or refused.

mod spans;

use std::fmt::Debug;

use proptest::prelude::*;
use protocol::talk::{DealMessage, Hello, OrdersMessage, PAGE_MAX, Request, Response};
use protocol::wire::{self, REQUEST_MAX, RESPONSE_MAX};
use protocol::{Authority, Cancel, Entry, Order, Rejected, Signed};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::arbitrary;
use crate::keys::SUPPLIER;
use crate::words;

fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> Result<(), TestCaseError> {
    let bytes = wire::encode(value);
    prop_assert_eq!(&wire::decode::<T>(&bytes, RESPONSE_MAX).unwrap(), value);
    prop_assert_eq!(wire::decode::<T>(&bytes, bytes.len() - 1), Err(Rejected::TooLarge));
    let cut = wire::decode::<T>(&bytes[..bytes.len() - 1], RESPONSE_MAX);
    prop_assert_eq!(cut, Err(Rejected::Encoding));
    let longer = [&bytes[..], &[0]].concat();
    prop_assert_eq!(wire::decode::<T>(&longer, RESPONSE_MAX), Err(Rejected::Encoding));
    Ok(())
}

fn is_canonical<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> Result<(), TestCaseError> {
    match wire::decode::<T>(bytes, REQUEST_MAX) {
        Ok(value) => prop_assert_eq!(wire::encode(&value), bytes),
        Err(reason) => prop_assert_eq!(reason, Rejected::Encoding),
    }
    Ok(())
}

fn is_canonical_as_anything(bytes: &[u8]) -> Result<(), TestCaseError> {
    is_canonical::<Entry>(bytes)?;
    is_canonical::<OrdersMessage>(bytes)?;
    is_canonical::<DealMessage>(bytes)?;
    is_canonical::<Request>(bytes)?;
    is_canonical::<Response>(bytes)?;
    is_canonical::<Hello>(bytes)
}

proptest! {
    #[test]
    fn orders_and_cancels_survive_the_wire(order in arbitrary::order(), cancel in arbitrary::cancel()) {
        survives::<Order>(&order)?;
        survives::<Cancel>(&cancel)?;
    }

    #[test]
    fn entries_survive_the_wire(entry in arbitrary::entry()) {
        survives::<Entry>(&entry)?;
    }

    #[test]
    fn requests_survive_the_wire(request in arbitrary::request()) {
        survives::<Request>(&request)?;
    }

    #[test]
    fn responses_survive_the_wire(response in arbitrary::response()) {
        survives::<Response>(&response)?;
    }

    #[test]
    fn deal_messages_survive_the_wire(message in arbitrary::deal_message()) {
        survives::<DealMessage>(&message)?;
    }

    #[test]
    fn any_bytes_are_canonical_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        is_canonical_as_anything(&bytes)?;
    }

    /// Bytes that are nearly right reach deeper than random ones.
    #[test]
    fn bytes_that_are_nearly_a_word_are_canonical_or_refused(
        request in arbitrary::request(),
        response in arbitrary::response(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for mut bytes in [wire::encode(&request), wire::encode(&response)] {
            for (place, byte) in &changes {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            is_canonical_as_anything(&bytes)?;
        }
    }

    /// A small number also has the form 251, low byte, high byte, which bincode alone would take.
    #[test]
    fn a_small_number_in_a_longer_form_is_refused(entry in arbitrary::entry(), place: prop::sample::Index) {
        let mut bytes = wire::encode(&entry);
        let place = place.index(bytes.len());
        bytes.splice(place..=place, [251, bytes[place], 0]);
        is_canonical::<Entry>(&bytes)?;
    }
}

/// The limit of a decode counts fields at their size in memory, which is more than on the wire for small numbers.
#[test]
fn the_fullest_page_of_the_smallest_orders_decodes() {
    let signature = SUPPLIER.sign(&words::chainless().domain(), &protocol::Hash::ZERO);
    let body = Order { version: 0, lots: 0, billed_min_s: 0, from_epoch: 0, expiry_epoch: 0, ..words::ask() };
    let entry = Entry::Order(Signed { body, authority: Authority::own(signature) });
    for count in [PAGE_MAX, RESPONSE_MAX / (wire::encode(&entry).len() + 1)] {
        let page = Response::Book { entries: vec![entry.clone(); count], is_more: true, deals: vec![] };
        let bytes = wire::encode(&page);
        assert!(bytes.len() <= RESPONSE_MAX);
        assert_eq!(wire::decode(&bytes, RESPONSE_MAX), Ok(page), "{count} entries");
    }
}
