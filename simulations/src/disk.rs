//! A peer's disk: what survives a crash. Own records are on it at once; of the replicated set, what came and went in the
//! last second is lost, as the node writes it behind. Reads nothing that it was not told to keep.

use std::collections::BTreeMap;

use matcher::{Change, Deal, Input, Kept, Record, Standing};
use protocol::Hash;

/// One disk.
#[derive(Debug, Default)]
pub struct Disk {
    standings: BTreeMap<u16, Standing>,
    deals: BTreeMap<Hash, Deal>,
    kept: BTreeMap<Hash, Kept>,
    /// Changes of the replicated set that are not written yet: as many as a second brings.
    unwritten: Vec<Change>,
    /// Whether what is kept will ever be read: only where the peer may crash and come back with it.
    is_read_later: bool,
    is_full: bool,
}

/// Nothing more can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Disk {
    /// An empty disk. Unless it `is_read_later`, it takes no memory.
    pub fn new(is_read_later: bool) -> Disk {
        Disk { is_read_later, ..Disk::default() }
    }

    /// Room runs out, or is there again.
    pub fn set_full(&mut self, is_full: bool) {
        self.is_full = is_full;
    }

    /// Writes one own record, now.
    ///
    /// # Errors
    /// [`Full`]: the node ends, since what cannot be stored is not promised.
    pub fn store(&mut self, record: &Record) -> Result<(), Full> {
        if self.is_full {
            return Err(Full);
        }
        if self.is_read_later {
            match record {
                Record::Standing(standing) => drop(self.standings.insert(standing.slot, (**standing).clone())),
                Record::Gone { slot } => drop(self.standings.remove(slot)),
                Record::Deal(deal) => drop(self.deals.insert(deal.id, (**deal).clone())),
                Record::DealGone { id } => drop(self.deals.remove(id)),
            }
        }
        Ok(())
    }

    /// Takes changes to be written with the next second.
    pub fn keep(&mut self, changes: Vec<Change>) {
        if self.is_read_later {
            self.unwritten.extend(changes);
        }
    }

    /// A second went by: what waits is written.
    ///
    /// # Errors
    /// [`Full`], if anything waits.
    pub fn write(&mut self) -> Result<(), Full> {
        if self.is_full && !self.unwritten.is_empty() {
            return Err(Full);
        }
        for change in self.unwritten.drain(..) {
            match change {
                Change::In(id, kept) => drop(self.kept.insert(id, kept)),
                Change::Out(id) => drop(self.kept.remove(&id)),
            }
        }
        Ok(())
    }

    /// The process dies: what was not written is lost.
    pub fn crash(&mut self) {
        self.unwritten.clear();
    }

    /// The disk is replaced by an empty one.
    pub fn lose(&mut self) {
        *self = Disk { is_read_later: self.is_read_later, is_full: self.is_full, ..Disk::default() };
    }

    /// What the next life begins with.
    pub fn read(&self) -> Input {
        Input::Restore {
            kept: self.kept.iter().map(|(id, kept)| (*id, kept.to_item())).collect(),
            standings: self.standings.values().cloned().collect(),
            deals: self.deals.values().cloned().collect(),
        }
    }

    /// Records and things on it.
    pub fn len(&self) -> usize {
        self.standings.len() + self.deals.len() + self.kept.len()
    }

    /// Whether there is nothing on it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(slot: u16) -> Record {
        Record::Gone { slot }
    }

    #[test]
    fn what_was_not_written_before_a_crash_is_lost_and_a_full_disk_takes_nothing() {
        let mut disk = Disk::new(true);
        disk.keep(vec![Change::Out(Hash([1; 32]))]);
        assert_eq!(disk.write(), Ok(()));
        disk.keep(vec![Change::Out(Hash([2; 32]))]);
        disk.crash();
        disk.set_full(true);
        assert_eq!(disk.write(), Ok(()), "nothing waits");
        disk.keep(vec![Change::Out(Hash([2; 32]))]);
        assert_eq!((disk.write(), disk.store(&gone(1))), (Err(Full), Err(Full)));
        disk.set_full(false);
        assert_eq!((disk.write(), disk.store(&gone(1))), (Ok(()), Ok(())));
    }
}
