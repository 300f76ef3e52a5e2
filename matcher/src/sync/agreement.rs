//! Which neighbours sealed the same: observed, not assumed. Changes nothing about what is cleared.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::talk::Sealed;
use protocol::{Address, Hash, Memo};

use crate::effect::{Effect, Event};
use crate::market::Market;

/// Epochs whose agreement is kept; the oldest goes.
const AGREEMENTS_MAX: usize = 256;

/// Epochs among whose lists of neighbours an equal one is looked for: a turn of those that are not asked at every heartbeat.
const LISTS_MAX: usize = 32;

/// How one epoch's seal compares with the neighbours'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The epoch.
    pub epoch: u64,
    /// What was sealed here.
    pub sealed_root: Hash,
    said: Said,
    /// How long after the epoch's end the last neighbour had said the same, in ms; `None` unless all did.
    pub took_ms: Option<u64>,
}

/// What neighbours said that they sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    /// Each its own; `None` as long as it said nothing.
    Each(BTreeMap<Address, Option<Hash>>),
    /// All the same as here, as nearly always after a moment; epochs share equal lists.
    Same(Arc<[Address]>),
}

impl Said {
    fn each(&self) -> Option<&BTreeMap<Address, Option<Hash>>> {
        match self {
            Said::Each(each) => Some(each),
            Said::Same(_) => None,
        }
    }

    fn same(&self) -> &[Address] {
        match self {
            Said::Each(_) => &[],
            Said::Same(same) => same,
        }
    }
}

impl Agreement {
    /// How many neighbours are compared with.
    pub fn neighbours(&self) -> usize {
        self.said.each().map_or(self.said.same().len(), BTreeMap::len)
    }

    /// Neighbours that sealed the same.
    pub fn agree(&self) -> impl Iterator<Item = &Address> {
        let each = self.said.each().into_iter().flatten();
        let same = each.filter(|(_, root)| **root == Some(self.sealed_root)).map(|(peer, _)| peer);
        same.chain(self.said.same())
    }

    /// Neighbours that sealed something else, and what.
    pub fn differ(&self) -> impl Iterator<Item = (&Address, &Hash)> {
        let said =
            self.said.each().into_iter().flatten().filter_map(|(peer, root)| root.as_ref().map(|root| (peer, root)));
        said.filter(|(_, root)| **root != self.sealed_root)
    }

    /// Neighbours that have not said yet.
    pub fn silent(&self) -> impl Iterator<Item = &Address> {
        self.said.each().into_iter().flatten().filter(|(_, root)| root.is_none()).map(|(peer, _)| peer)
    }

    fn is_complete(&self) -> bool {
        self.neighbours() > 0 && self.agree().count() == self.neighbours()
    }

    /// Takes note of what `peer` said, and gives what it had said before.
    fn note(&mut self, peer: Address, root: Hash) -> Option<Hash> {
        if let Said::Same(same) = &self.said {
            if root == self.sealed_root && same.contains(&peer) {
                return Some(root);
            }
            self.said = Said::Each(same.iter().map(|peer| (*peer, Some(self.sealed_root))).collect());
        }
        match &mut self.said {
            Said::Each(each) => each.insert(peer, Some(root)).flatten(),
            Said::Same(_) => None,
        }
    }
}

/// The agreements of the last epochs.
#[derive(Debug, Default)]
pub struct Agreements(VecDeque<Agreement>);

impl Agreements {
    /// All neighbours agree on `epoch`: epochs share equal lists.
    fn settle(&mut self, epoch: u64) {
        let Some(at) = self.0.iter().rposition(|one| one.epoch == epoch) else { return };
        let peers: Vec<Address> = self.0[at].agree().copied().collect();
        let same_of = |one: &Agreement| match &one.said {
            Said::Same(same) if **same == *peers => Some(same.clone()),
            _ => None,
        };
        let before = self.0.iter().rev().take(LISTS_MAX).find_map(same_of);
        self.0[at].said = Said::Same(before.unwrap_or_else(|| peers.into()));
    }

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
        let said = Said::Each(neighbours);
        self.sync.agreements.0.push_back(Agreement { epoch, sealed_root, said, took_ms: None });
        if self.sync.agreements.0.len() > AGREEMENTS_MAX {
            self.sync.agreements.0.pop_front();
        }
        self.sync.hurry(now);
        self.sync.begin_epoch(epoch + 1, &self.book);
        self.recent.begin_epoch(epoch + 1);
        self.memo = Memo::new(&self.domain);
        self.look_at_agreement(epoch, now);
    }

    /// A neighbour says what it sealed last.
    pub(crate) fn note_sealed(&mut self, peer: &Address, sealed: Sealed, now: u64) {
        let Some(neighbour) = self.sync.neighbours.get_mut(peer) else { return };
        let (Some((epoch, root)), true) = (sealed, neighbour.sealed != sealed) else { return };
        neighbour.sealed = sealed;
        let Some(agreement) = self.sync.agreements.0.iter_mut().rev().find(|one| one.epoch == epoch) else { return };
        let before = agreement.note(*peer, root);
        if before != Some(root) && root != agreement.sealed_root {
            let ours = agreement.sealed_root;
            self.effects.push(Effect::Tell(Event::Differed { epoch, neighbour: *peer, ours, theirs: root }));
        }
        self.look_at_agreement(epoch, now);
    }

    fn look_at_agreement(&mut self, epoch: u64, now: u64) {
        let end_ms = self.parameters.epoch_start_ms(epoch.saturating_add(1));
        let Some(agreement) = self.sync.agreements.0.iter_mut().rev().find(|one| one.epoch == epoch) else { return };
        if !agreement.is_complete() {
            return;
        }
        if agreement.took_ms.is_none() {
            let took_ms = now.saturating_sub(end_ms);
            agreement.took_ms = Some(took_ms);
            let (sealed_root, neighbours) = (agreement.sealed_root, agreement.neighbours());
            self.effects.push(Effect::Tell(Event::Agreed { epoch, sealed_root, neighbours, took_ms }));
        }
        self.sync.agreements.settle(epoch);
    }

    /// How the neighbours' seals of a kept epoch compare with this node's.
    pub fn agreement(&self, epoch: u64) -> Option<&Agreement> {
        self.sync.agreements.of(epoch)
    }
}
