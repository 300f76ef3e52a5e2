//! The disk of the machine: the replicated set as it is told, each change of which must be one. Knows no book.

use std::collections::BTreeMap;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use matcher::Change;
use protocol::Hash;
use protocol::talk::Item;

/// What was told to be in the set, by id.
#[derive(Default)]
pub struct Disk(BTreeMap<Hash, Item>);

impl Disk {
    /// What came must not have been there, and what went must have been.
    pub fn keep(&mut self, changes: Vec<Change>) {
        assert!(!changes.is_empty(), "nothing to keep");
        for change in changes {
            match change {
                Change::In(id, kept) => assert!(self.0.insert(id, kept.to_item()).is_none(), "{id} came twice"),
                Change::Out(id) => assert!(self.0.remove(&id).is_some(), "{id} went and was not there"),
            }
        }
    }

    /// A crash came before some of it was written.
    pub fn lose(&mut self, source: &mut Unstructured) -> Result<()> {
        if source.ratio(1, 2)? {
            let lost: u8 = source.arbitrary()?;
            self.0.retain(|id, _| id.0[0] & lost != lost);
        }
        Ok(())
    }

    /// All of it.
    pub fn read(&self) -> Vec<(Hash, Item)> {
        self.0.iter().map(|(id, item)| (*id, item.clone())).collect()
    }

    /// The ids of all of it.
    pub fn ids(&self) -> impl Iterator<Item = &Hash> {
        self.0.keys()
    }

    /// How much there is.
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }
}
