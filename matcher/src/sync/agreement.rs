//! Which neighbours sealed the same: observed, not assumed. Changes nothing about what is cleared.

use alloc::collections::{BTreeMap, VecDeque};

use protocol::talk::Sealed;
use protocol::{Address, Hash};

use crate::effect::{Effect, Event};
use crate::market::Market;

/// Epochs whose agreement is kept; the oldest goes.
const AGREEMENTS_MAX: usize = 256;

/// How one epoch's seal compares with the neighbours'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The epoch.
    pub epoch: u64,
    /// What was sealed here.
    pub sealed_root: Hash,
    /// What each neighbour said that it sealed; `None` as long as it has not.
    pub neighbours: BTreeMap<Address, Option<Hash>>,
    /// How long after the epoch's end the last neighbour had said the same, in ms; `None` unless all did.
    pub took_ms: Option<u64>,
}

impl Agreement {
    /// Neighbours that sealed the same.
    pub fn agree(&self) -> impl Iterator<Item = &Address> {
        self.neighbours.iter().filter(|(_, root)| **root == Some(self.sealed_root)).map(|(peer, _)| peer)
    }

    /// Neighbours that sealed something else, and what.
    pub fn differ(&self) -> impl Iterator<Item = (&Address, &Hash)> {
        let said = self.neighbours.iter().filter_map(|(peer, root)| root.as_ref().map(|root| (peer, root)));
        said.filter(|(_, root)| **root != self.sealed_root)
    }

    /// Neighbours that have not said yet.
    pub fn silent(&self) -> impl Iterator<Item = &Address> {
        self.neighbours.iter().filter(|(_, root)| root.is_none()).map(|(peer, _)| peer)
    }

    fn is_complete(&self) -> bool {
        !self.neighbours.is_empty() && self.agree().count() == self.neighbours.len()
    }
}

/// The agreements of the last epochs.
#[derive(Debug, Default)]
pub struct Agreements(VecDeque<Agreement>);

impl Agreements {
    /// The agreement on `epoch`.
    pub fn of(&self, epoch: u64) -> Option<&Agreement> {
        self.0.iter().rev().find(|one| one.epoch == epoch)
    }
}

impl Market {
    /// What was sealed last here, cleared or not yet: what neighbours are told.
    pub fn last_sealed(&self) -> Sealed {
        self.sync.agreements.0.back().map(|last| (last.epoch, last.sealed_root))
    }

    /// This node sealed `epoch`: its neighbours are asked at once what they did.
    pub(crate) fn begin_agreement(&mut self, epoch: u64, sealed_root: Hash, now: u64) {
        let said = |sealed: Sealed| sealed.filter(|(at, _)| *at == epoch).map(|(_, root)| root);
        let chosen = self.sync.neighbours.iter().filter(|(_, one)| one.is_chosen || said(one.sealed).is_some());
        let neighbours = chosen.map(|(peer, one)| (*peer, said(one.sealed))).collect();
        self.sync.agreements.0.push_back(Agreement { epoch, sealed_root, neighbours, took_ms: None });
        if self.sync.agreements.0.len() > AGREEMENTS_MAX {
            self.sync.agreements.0.pop_front();
        }
        self.sync.hurry(now);
        self.sync.begin_epoch(&self.book);
        self.look_at_agreement(epoch, now);
    }

    /// A neighbour says what it sealed last.
    pub(crate) fn note_sealed(&mut self, peer: &Address, sealed: Sealed, now: u64) {
        let Some(neighbour) = self.sync.neighbours.get_mut(peer) else { return };
        let (Some((epoch, root)), true) = (sealed, neighbour.sealed != sealed) else { return };
        neighbour.sealed = sealed;
        let Some(agreement) = self.sync.agreements.0.iter_mut().rev().find(|one| one.epoch == epoch) else { return };
        let before = agreement.neighbours.insert(*peer, Some(root)).flatten();
        if before != Some(root) && root != agreement.sealed_root {
            let ours = agreement.sealed_root;
            self.effects.push(Effect::Tell(Event::Differed { epoch, neighbour: *peer, ours, theirs: root }));
        }
        self.look_at_agreement(epoch, now);
    }

    fn look_at_agreement(&mut self, epoch: u64, now: u64) {
        let end_ms = self.parameters.epoch_start_ms(epoch.saturating_add(1));
        let Some(agreement) = self.sync.agreements.0.iter_mut().rev().find(|one| one.epoch == epoch) else { return };
        if agreement.took_ms.is_none() && agreement.is_complete() {
            let took_ms = now.saturating_sub(end_ms);
            agreement.took_ms = Some(took_ms);
            let (sealed_root, neighbours) = (agreement.sealed_root, agreement.neighbours.len());
            self.effects.push(Effect::Tell(Event::Agreed { epoch, sealed_root, neighbours, took_ms }));
        }
    }

    /// How the neighbours' seals of a kept epoch compare with this node's.
    pub fn agreement(&self, epoch: u64) -> Option<&Agreement> {
        self.sync.agreements.of(epoch)
    }
}
