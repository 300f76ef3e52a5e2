//! The heads by id, kept by the first eight bytes of it. Whoever grinds ids that begin alike costs a little more memory
//! and nothing else.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use protocol::Hash;

use super::Head;

/// Heads by id.
#[derive(Debug, Default)]
pub(super) struct Ids {
    by_prefix: BTreeMap<u64, Arc<Head>>,
    /// Heads whose prefix was taken when they came.
    twins: BTreeMap<Hash, Arc<Head>>,
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
        match self.by_prefix.contains_key(&head.id.prefix_u64()) {
            true => drop(self.twins.insert(head.id, head)),
            false => drop(self.by_prefix.insert(head.id.prefix_u64(), head)),
        }
    }

    pub(super) fn remove(&mut self, id: &Hash) {
        let prefix = id.prefix_u64();
        if self.twins.remove(id).is_none() && self.by_prefix.get(&prefix).is_some_and(|head| head.id == *id) {
            self.by_prefix.remove(&prefix);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Head>> {
        self.by_prefix.values().chain(self.twins.values())
    }
}
