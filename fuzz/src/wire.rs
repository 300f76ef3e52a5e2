//! Bytes from the wire: whatever decodes must encode to exactly these bytes again, in every word of the protocol.

use core::fmt::Debug;

use protocol::Entry;
use protocol::reconcile::{Estimator, MultisetHash, SymbolBytes};
use protocol::talk::{DealMessage, OrdersMessage, Request, Response};
use protocol::wire::{decode, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads the bytes as each word.
pub fn run(bytes: &[u8]) {
    is_canonical::<Entry>(bytes);
    is_canonical::<OrdersMessage>(bytes);
    is_canonical::<DealMessage>(bytes);
    is_canonical::<Request>(bytes);
    is_canonical::<Response>(bytes);
    is_canonical::<SymbolBytes>(bytes);
    is_canonical::<(MultisetHash, Estimator)>(bytes);
}

fn is_canonical<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    if let Ok(value) = decode::<T>(bytes, bytes.len()) {
        assert_eq!(encode(&value), bytes, "{value:?}");
    }
}
