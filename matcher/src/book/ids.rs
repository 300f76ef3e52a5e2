//! The heads by id, kept by the first eight bytes of it. Whoever grinds ids that begin alike costs a little more memory
//! and nothing else.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use protocol::Hash;

use super::Head;
use super::fingerprint::{Fingerprint, Prints};
use crate::layered::Layered;

/// Heads by id.
#[derive(Debug, Default)]
pub(super) struct Ids {
    by_prefix: Layered<u64, Arc<Head>>,
    /// Heads whose prefix was taken when they came.
    twins: BTreeMap<Hash, Arc<Head>>,
    prints: Prints,
}

impl Ids {
    pub(super) fn len(&self) -> usize {
        self.by_prefix.len() + self.twins.len()
    }

    pub(super) fn find(&self, id: &Hash) -> Option<&Arc<Head>> {
        let by_prefix = self.by_prefix.get(&id.prefix_u64()).filter(|head| head.id == *id);
        // Nearly always there are no twins.
        by_prefix.or_else(|| if self.twins.is_empty() { None } else { self.twins.get(id) })
    }

    /// Adds a head that is not here.
    pub(super) fn insert(&mut self, head: Arc<Head>) {
        self.prints.add(print(&head), head.entry.epochs().0);
        match self.by_prefix.contains_key(&head.id.prefix_u64()) {
            true => drop(self.twins.insert(head.id, head)),
            false => self.by_prefix.insert(head.id.prefix_u64(), head),
        }
    }

    pub(super) fn remove(&mut self, id: &Hash) {
        let prefix = id.prefix_u64();
        let twin = if self.twins.is_empty() { None } else { self.twins.remove(id) };
        let gone = twin.or_else(|| {
            self.by_prefix.get(&prefix).filter(|head| head.id == *id)?;
            self.by_prefix.remove(&prefix)
        });
        if let Some(head) = gone {
            self.prints.take(print(&head), head.entry.epochs().0);
        }
    }

    /// What tells these heads from others, by the epochs from which they count.
    pub(super) fn prints(&self) -> &Prints {
        &self.prints
    }

    /// No epoch before `epoch` will be sealed again.
    pub(super) fn settle(&mut self, epoch: u64) {
        self.prints.settle(epoch);
    }

    /// Whether there are heads whose ids begin alike: which of them is a twin is a matter of who came first.
    pub(super) fn has_twins(&self) -> bool {
        !self.twins.is_empty()
    }

    /// Makes all of it a base that others may share.
    pub(super) fn fold(&mut self) {
        self.by_prefix.fold();
    }

    /// Shares what `other` holds, which must be the same, without twins.
    pub(super) fn share(&mut self, other: &Ids) {
        self.by_prefix.adopt(&other.by_prefix);
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Head>> {
        self.by_prefix.values().chain(self.twins.values())
    }
}

fn print(head: &Head) -> Fingerprint {
    Fingerprint::of(&head.id, [head.entry.authority()])
}
