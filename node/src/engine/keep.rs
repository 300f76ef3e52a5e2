//! Keeps the replicated set on the disk, behind the loop: what came and went is written about once a second. Decides
//! nothing about the set, and holds up what is promised for one commit of a bounded size at most.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use matcher::{Change, Kept};
use protocol::{Hash, wire};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle, block_in_place, spawn_blocking};

use crate::store::{self, Store, StoreError, Table};

/// How often what waits is written.
pub(crate) const EVERY: Duration = Duration::from_secs(1);
/// Changes of one commit, some 30 ms of a busy disk; more of them follow in further commits.
const BATCH_MAX: usize = 1_024;
/// Changes that wait for the disk; at the bound the loop writes the oldest before it goes on.
const WAITING_MAX: usize = 16_384;

/// What has to become of one id on the disk.
#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    /// The disk does not have it yet.
    Added(Kept),
    /// The disk has it, and gets it anew.
    Replaced(Kept),
    /// The disk has it.
    Removed,
}

/// Changes that are not written yet, at most one an id: what came and went meanwhile leaves nothing.
#[derive(Debug, Default)]
struct Backlog {
    /// By id, with the number of the first change.
    wanted: BTreeMap<Hash, (u64, Wanted)>,
    /// By that number: the oldest are written first.
    by_age: BTreeMap<u64, Hash>,
    last: u64,
}

impl Backlog {
    fn len(&self) -> usize {
        self.wanted.len()
    }

    /// Adds a change. Changes of one id alternate, so the first one tells whether the disk has it.
    fn add(&mut self, change: Change) {
        let (id, kept) = match change {
            Change::In(id, kept) => (id, Some(kept)),
            Change::Out(id) => (id, None),
        };
        let (number, before) = match self.wanted.remove(&id) {
            Some((number, before)) => (number, Some(before)),
            None => {
                self.last += 1;
                (self.last, None)
            }
        };
        let wanted = match (before, kept) {
            (None | Some(Wanted::Added(_)), Some(kept)) => Wanted::Added(kept),
            (Some(Wanted::Removed | Wanted::Replaced(_)), Some(kept)) => Wanted::Replaced(kept),
            (None | Some(Wanted::Removed | Wanted::Replaced(_)), None) => Wanted::Removed,
            (Some(Wanted::Added(_)), None) => {
                self.by_age.remove(&number);
                return;
            }
        };
        self.wanted.insert(id, (number, wanted));
        self.by_age.insert(number, id);
    }

    /// Takes the oldest changes, at most `max`.
    fn take(&mut self, max: usize) -> Vec<(Hash, Wanted)> {
        let mut batch = Vec::with_capacity(max.min(self.len()));
        while batch.len() < max
            && let Some((_, id)) = self.by_age.pop_first()
        {
            batch.extend(self.wanted.remove(&id).map(|(_, wanted)| (id, wanted)));
        }
        batch
    }

    fn oldest(&self) -> Option<u64> {
        self.by_age.first_key_value().map(|(number, _)| *number)
    }
}

/// The backlog and the commit that is under way; there is one at a time, so that changes of an id stay in their order.
pub(crate) struct Keeping {
    store: Arc<Store>,
    backlog: Backlog,
    writing: Option<JoinHandle<Result<(), StoreError>>>,
    /// Changes of that commit.
    written: usize,
    /// Changes up to this number are to be written without waiting for the next second.
    due: u64,
    /// Everything that is not on the disk yet, for whoever asks.
    unkept: Arc<AtomicUsize>,
}

impl Keeping {
    /// Nothing to write yet. `unkept` will tell how many changes are not on the disk.
    pub(crate) fn new(store: Arc<Store>, unkept: Arc<AtomicUsize>) -> Keeping {
        Keeping { store, backlog: Backlog::default(), writing: None, written: 0, due: 0, unkept }
    }

    /// Takes changes to be written soon; blocks for a commit or two if too many wait.
    ///
    /// # Errors
    /// [`StoreError`] if a commit failed.
    pub(crate) fn add(&mut self, changes: Vec<Change>) -> Result<(), StoreError> {
        for change in changes {
            self.backlog.add(change);
            if self.backlog.len() >= WAITING_MAX {
                block_in_place(|| Handle::current().block_on(self.write_one()))?;
            }
        }
        self.go_on();
        Ok(())
    }

    /// A second went by: what waits now is to be written.
    pub(crate) fn on_second(&mut self) {
        self.due = self.backlog.last;
        self.go_on();
    }

    /// Ends with the commit that is under way; never, if there is none.
    ///
    /// # Errors
    /// [`StoreError`] if it failed.
    pub(crate) async fn settled(&mut self) -> Result<(), StoreError> {
        let Some(writing) = &mut self.writing else { return pending().await };
        // Not taken out before it has ended: this may be dropped halfway and asked again.
        let ended = writing.await;
        self.on_settled(ended)?;
        self.go_on();
        Ok(())
    }

    /// Writes all that waits.
    ///
    /// # Errors
    /// [`StoreError`] if a commit failed.
    pub(crate) async fn finish(&mut self) -> Result<(), StoreError> {
        while self.writing.is_some() || self.backlog.len() > 0 {
            self.write_one().await?;
        }
        Ok(())
    }

    /// Starts a commit if there is work for one and none is under way.
    fn go_on(&mut self) {
        let is_due = self.backlog.oldest().is_some_and(|oldest| oldest <= self.due);
        if self.writing.is_none() && (is_due || self.backlog.len() >= BATCH_MAX) {
            self.start();
        }
        self.unkept.store(self.backlog.len() + self.written, Ordering::Relaxed);
    }

    fn start(&mut self) {
        let (store, batch) = (self.store.clone(), self.backlog.take(BATCH_MAX));
        self.written = batch.len();
        self.writing = Some(spawn_blocking(move || store.commit(&rows(batch))));
    }

    /// Waits for the commit that is under way, if any, then makes one of the oldest that wait.
    async fn write_one(&mut self) -> Result<(), StoreError> {
        if let Some(writing) = &mut self.writing {
            let ended = writing.await;
            self.on_settled(ended)?;
        }
        if self.backlog.len() > 0 {
            self.start();
        }
        Ok(())
    }

    fn on_settled(&mut self, ended: Result<Result<(), StoreError>, JoinError>) -> Result<(), StoreError> {
        (self.writing, self.written) = (None, 0);
        self.unkept.store(self.backlog.len(), Ordering::Relaxed);
        // The store catches panics of its database; what ends without a word has not written.
        ended.unwrap_or_else(|error| Err(self.store.failed(error.to_string())))
    }
}

/// What a commit makes of a batch. Bodies are encoded here, off the loop.
fn rows(batch: Vec<(Hash, Wanted)>) -> Vec<store::Change> {
    let row = |(id, wanted): (Hash, Wanted)| match wanted {
        Wanted::Added(kept) | Wanted::Replaced(kept) => put(id, &kept),
        Wanted::Removed => store::Change::Delete { table: Table::Book, key: id.0.to_vec() },
    };
    batch.into_iter().map(row).collect()
}

/// How one thing of the replicated set is stored: under its id, in the bytes that peers send each other.
pub fn put(id: Hash, kept: &Kept) -> store::Change {
    store::Change::Put { table: Table::Book, key: id.0.to_vec(), value: wire::encode(&kept.to_item()) }
}

#[cfg(test)]
mod tests;
