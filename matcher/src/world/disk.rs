//! The disk of one peer: what survives a crash. Own records are on it at once; of the replicated set, the newest changes
//! are lost.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use protocol::talk::Item;
use protocol::{Hash, wire};

use crate::book::Change;
use crate::deals::Deal;
use crate::effect::Record;
use crate::input::Input;
use crate::maker::Standing;

#[derive(Default)]
pub struct Disk {
    standings: BTreeMap<u16, Vec<u8>>,
    deals: BTreeMap<Hash, Vec<u8>>,
    kept: BTreeMap<Hash, Vec<u8>>,
    /// Changes that are not written yet.
    unwritten: VecDeque<Change>,
    /// How many changes wait to be written at any time.
    pub lag: usize,
}

impl Disk {
    pub fn store(&mut self, record: Record) {
        match record {
            Record::Standing(standing) => drop(self.standings.insert(standing.slot, wire::encode(&*standing))),
            Record::Gone { slot } => drop(self.standings.remove(&slot)),
            Record::Deal(deal) => drop(self.deals.insert(deal.id, wire::encode(&*deal))),
            Record::DealGone { id } => drop(self.deals.remove(&id)),
        }
    }

    pub fn keep(&mut self, changes: Vec<Change>) {
        self.unwritten.extend(changes);
        while self.unwritten.len() > self.lag {
            match self.unwritten.pop_front().unwrap() {
                Change::In(id, kept) => drop(self.kept.insert(id, wire::encode(&kept.to_item()))),
                Change::Out(id) => drop(self.kept.remove(&id)),
            }
        }
    }

    /// What was not written is lost.
    pub fn crash(&mut self) {
        self.unwritten.clear();
    }

    pub fn kept_ids(&self) -> Vec<Hash> {
        self.kept.keys().copied().collect()
    }

    /// What the next life begins with.
    pub fn read(&self) -> Input {
        let read = |bytes: &Vec<u8>| wire::decode::<Standing>(bytes, 1 << 20).unwrap();
        let standings = self.standings.values().map(read).collect();
        let read = |bytes: &Vec<u8>| wire::decode::<Deal>(bytes, 1 << 20).unwrap();
        let deals = self.deals.values().map(read).collect();
        let read = |(id, bytes): (&Hash, &Vec<u8>)| (*id, wire::decode::<Item>(bytes, 1 << 20).unwrap());
        let kept = self.kept.iter().map(read).collect();
        Input::Restore { kept, standings, deals }
    }
}
