//! What an earlier life of the node stored, read for the machine. Knows how each record lies on the disk, not what follows
//! from it.

use matcher::{Deal, Input, Standing};
use protocol::talk::Item;
use protocol::{Hash, wire};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RECORD_MAX;
use crate::store::{Store, StoreError, Table};

/// Reads everything.
///
/// The replicated set is not verified again: each value was when it came, and its checksum covers table, key and value,
/// so what is damaged or was moved does not load. Whoever can forge the checksum too owns the folder, and with it the
/// key's file, the token of the API and this node's own offers, which are trusted no less.
///
/// # Errors
/// [`StoreError`] if the disk cannot be read or holds something else.
pub fn restore(store: &Store) -> Result<Input, StoreError> {
    let kept = store.load_as(Table::Book, |key, value| {
        let id = Hash(key.try_into().ok()?);
        Some((id, decode::<Item>(value)?))
    })?;
    let standings = store.load_as(Table::Heads, |_, value| decode::<Standing>(value))?;
    let deals = store.load_as(Table::Deals, |_, value| decode::<Deal>(value))?;
    Ok(Input::Restore { kept, standings, deals })
}

fn decode<T: Serialize + DeserializeOwned>(value: &[u8]) -> Option<T> {
    wire::decode(value, RECORD_MAX).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use matcher::{Head, Kept};
    use protocol::{Address, Authority, Cancel, Entry, MarketId, Signature, Signed};

    use super::*;
    use crate::engine::keep::put;
    use crate::store::{Change, Damage, Identity};

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity { market: MarketId(Hash([7; 32])), owner: Address([9; 20]) };
        let store = Store::open(folder.path(), &identity).unwrap();
        (folder, store)
    }

    fn cancel() -> (Hash, Kept) {
        let body = Cancel { owner: Address([1; 20]), slot: 0, version: 5, from_epoch: 1, expiry_epoch: 2 };
        let entry = Entry::Cancel(Signed { body, authority: Authority::own(Signature([27; 65])) });
        let id = Hash([3; 32]);
        (id, Kept::Head(Arc::new(Head { entry, id })))
    }

    #[test]
    fn what_was_kept_is_handed_over_under_its_id() {
        let (_folder, store) = store();
        let (id, kept) = cancel();
        store.commit(&[put(id, &kept)]).unwrap();
        let Ok(Input::Restore { kept: items, standings, deals }) = restore(&store) else { panic!("it was refused") };
        assert_eq!(items, [(id, kept.to_item())]);
        assert!(standings.is_empty() && deals.is_empty());
    }

    #[test]
    fn a_whole_value_that_is_no_item_or_lies_under_no_id_is_damage_with_a_next_step() {
        let (id, kept) = cancel();
        let Change::Put { value, .. } = put(id, &kept) else { panic!("a put puts") };
        let longer = [&value[..], &[0]].concat();
        for (key, value) in [(&id.0[..], &b"no item"[..]), (&id.0, &longer), (&id.0, &[]), (&id.0[..31], &value)] {
            let (_folder, store) = store();
            let (key, value) = (key.to_vec(), value.to_vec());
            store.commit(&[Change::Put { table: Table::Book, key: key.clone(), value }]).unwrap();
            let Err(error) = restore(&store) else { panic!("it was believed") };
            assert!(error.to_string().contains("move it away to start"), "{error}");
            let StoreError::Corrupt { damage, .. } = error else { panic!("{error}") };
            assert_eq!(damage, Damage::Value { table: "book", key });
        }
    }
}
