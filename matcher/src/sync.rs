//! Anti-entropy: neighbours compare what they hold by heartbeats and sketches, and mend what gossip dropped. Knows how two
//! sets are compared, not what an order means.
//!
//! ```text
//!  asker                                       neighbour
//!  Sync(summary, 16 symbols)  ---------------> equal? or it peels the difference from 16 symbols
//!                             <--------------- Lacking(items): nothing more to ask
//!                             <--------------- Symbols(first chunk of so many)       a larger difference
//!  Symbols(from, count)       ---------------> more of the same snapshot, until it is peeled
//!  Exchange(items, wants)     ---------------> what the neighbour lacks goes, what is lacking here comes
//!                             <--------------- Items
//!                             <--------------- TooFar: the book by ranges instead, as on a cold start
//! ```
//!
//! Whoever asks drives, so a neighbour keeps no more than one snapshot; each side asks in turn.

mod agreement;
mod answering;
mod asking;
mod taking;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use protocol::reconcile::{Decoder, SYMBOLS_HEARTBEAT, Salt, Sketch, Snapshot};
use protocol::talk::{Item, Sealed, WANTS_MAX};
use protocol::{Address, Hash, Rejected, wire};

pub use agreement::{Agreement, Agreements};
pub(crate) use taking::Batch;

use crate::book::{Book, Change, Kept};
use crate::effect::Effect;
use crate::market::Market;

/// Neighbours with whom the set can be compared; a peer beyond it hears that it is not the time.
const NEIGHBOURS_MAX: usize = 24;
/// Of these, neighbours that this node asks by itself: those it dialed first, so that others cannot choose for it.
const CHOSEN_MAX: usize = 8;
/// Symbols that are kept warm from the start.
const WARM: usize = 4 * SYMBOLS_HEARTBEAT;
/// Requests of comparison that one neighbour may make in an epoch; more are declined.
const REQUESTS_PER_EPOCH: u32 = 64;
/// Of these, requests that may have the whole set looked through; the others find what is new, and no more.
const SCANS_PER_EPOCH: u32 = 8;
/// Rounds that came to nothing by a neighbour's fault, before it is left out of comparisons for a while.
const STRIKES_MAX: u32 = 4;
/// For so many epochs.
const QUIET_EPOCHS: u64 = 30;
/// The newest ids, looked through before all others; older ones are only slower to find.
const RECENT_MAX: usize = 4_096;
/// Differences beyond which the book is sent by ranges.
const DIFFERENCE_MAX: u64 = 10_000;
/// Differences below which symbols are sent however small the set is.
const DIFFERENCE_SMALL: u64 = 512;

/// One neighbour, and how far the comparison with it is.
#[derive(Debug)]
pub(crate) struct Neighbour {
    sketch: Sketch,
    is_outbound: bool,
    is_chosen: bool,
    /// When it is asked next.
    due_ms: u64,
    /// Whether a question to it is open.
    is_asked: bool,
    /// It may hold what is lacking here: it is new, its own question showed it, or it is its turn.
    is_owing: bool,
    decoder: Option<Decoder>,
    /// The symbols that it is being sent, and the epoch in which they were true.
    served: Option<(u64, Snapshot)>,
    /// Requests it made in this epoch.
    requests: u32,
    /// How often the whole set was looked through for it in this epoch.
    scans: u32,
    strikes: u32,
    quiet_until_ms: u64,
    sealed: Sealed,
}

impl Neighbour {
    fn new(salt: Salt, is_outbound: bool, book: &Book) -> Neighbour {
        let mut sketch = Sketch::new(salt, WARM);
        book.kept_ids().for_each(|id| sketch.insert(id));
        Neighbour {
            sketch,
            is_outbound,
            is_chosen: false,
            due_ms: 0,
            is_asked: false,
            // Whoever comes may hold what nobody here does, as after a partition.
            is_owing: true,
            decoder: None,
            served: None,
            requests: 0,
            scans: 0,
            strikes: 0,
            quiet_until_ms: 0,
            sealed: None,
        }
    }
}

/// The neighbours by address, and what was agreed with them.
#[derive(Debug, Default)]
pub(crate) struct Sync {
    neighbours: BTreeMap<Address, Neighbour>,
    /// Connected peers without a place among the neighbours, and what a place would need.
    waiting: BTreeMap<Address, (Salt, bool)>,
    recent: VecDeque<Hash>,
    /// Whose turn it was last among those that are not asked at every heartbeat.
    turn: Option<Address>,
    pub(crate) agreements: Agreements,
}

impl Sync {
    /// Follows the replicated set.
    pub(crate) fn follow(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::In(id, _) => {
                    self.neighbours.values_mut().for_each(|neighbour| neighbour.sketch.insert(id));
                    self.recent.push_back(*id);
                    if self.recent.len() > RECENT_MAX {
                        self.recent.pop_front();
                    }
                }
                Change::Out(id) => self.neighbours.values_mut().for_each(|neighbour| neighbour.sketch.remove(id)),
            }
        }
    }

    pub(crate) fn meet(&mut self, peer: Address, (salt, is_outbound): (Salt, bool), book: &Book) {
        self.neighbours.remove(&peer);
        self.waiting.insert(peer, (salt, is_outbound));
        self.choose(book);
    }

    pub(crate) fn part(&mut self, peer: &Address, book: &Book) {
        self.waiting.remove(peer);
        self.neighbours.remove(peer);
        self.choose(book);
    }

    /// Gives free places to peers, and chooses whom this node asks: those that it dialed first, then by address.
    fn choose(&mut self, book: &Book) {
        while self.neighbours.len() < NEIGHBOURS_MAX {
            let first = self.waiting.iter().min_by_key(|(peer, (_, is_outbound))| (!is_outbound, **peer));
            let Some(peer) = first.map(|(peer, _)| *peer) else { break };
            let Some((salt, is_outbound)) = self.waiting.remove(&peer) else { break };
            self.neighbours.insert(peer, Neighbour::new(salt, is_outbound, book));
        }
        let chosen = self.neighbours.values().filter(|neighbour| neighbour.is_chosen).count();
        let mut others: Vec<(bool, Address)> = self
            .neighbours
            .iter()
            .filter(|(_, neighbour)| !neighbour.is_chosen)
            .map(|(peer, neighbour)| (!neighbour.is_outbound, *peer))
            .collect();
        others.sort_unstable();
        for (_, peer) in others.into_iter().take(CHOSEN_MAX.saturating_sub(chosen)) {
            if let Some(neighbour) = self.neighbours.get_mut(&peer) {
                neighbour.is_chosen = true;
            }
        }
    }

    /// Counts a request of `peer`, and says whether it is within its share.
    fn may_ask(&mut self, peer: &Address) -> bool {
        let Some(neighbour) = self.neighbours.get_mut(peer) else { return false };
        neighbour.requests = neighbour.requests.saturating_add(1);
        neighbour.requests <= REQUESTS_PER_EPOCH
    }

    /// Another epoch: everyone has its whole share again, and one of those that are not asked at every heartbeat its
    /// turn.
    fn begin_epoch(&mut self) {
        for neighbour in self.neighbours.values_mut() {
            (neighbour.requests, neighbour.scans) = (0, 0);
        }
        self.take_turns();
    }

    /// Everyone that this node asks is asked soon.
    pub(crate) fn hurry(&mut self, due_ms: u64) {
        for neighbour in self.neighbours.values_mut().filter(|neighbour| neighbour.is_chosen) {
            neighbour.due_ms = neighbour.due_ms.min(due_ms);
        }
    }

    fn take_turns(&mut self) {
        let mut others = self.neighbours.iter().filter(|(_, one)| !one.is_chosen).map(|(peer, _)| *peer);
        let first = others.clone().next();
        self.turn = others.find(|peer| self.turn.is_none_or(|last| *peer > last)).or(first);
        if let Some(neighbour) = self.turn.and_then(|peer| self.neighbours.get_mut(&peer)) {
            neighbour.is_owing = true;
        }
    }

    /// The ids behind these short ids of a neighbour's salt; unknown ones are left out.
    fn find(&mut self, peer: &Address, shorts: &[u64], book: &Book) -> Vec<Hash> {
        let wanted: BTreeSet<u64> = shorts.iter().copied().collect();
        self.search(peer, book, wanted.len(), |short| wanted.contains(&short))
    }

    /// The ids whose short ids end so; a few may be others that end the same.
    fn find_low(&mut self, peer: &Address, lows: &[u32], book: &Book) -> Vec<Hash> {
        let wanted: BTreeSet<u32> = lows.iter().take(WANTS_MAX).copied().collect();
        self.search(peer, book, wanted.len(), |short| wanted.contains(&(short as u32)))
    }

    /// Ids whose short ids are wanted, the newest looked at first; all are looked at if `count` were not found so, unless
    /// that was done for this neighbour often enough.
    fn search(&mut self, peer: &Address, book: &Book, count: usize, is_wanted: impl Fn(u64) -> bool) -> Vec<Hash> {
        let Some(neighbour) = self.neighbours.get_mut(peer) else { return Vec::new() };
        let salt = neighbour.sketch.salt();
        let is_found = |id: &&Hash| is_wanted(salt.short(id));
        let recent: BTreeSet<Hash> = self.recent.iter().filter(is_found).copied().collect();
        let recent: Vec<Hash> = recent.into_iter().filter(|id| book.kept(id).is_some()).collect();
        if recent.len() >= count || neighbour.scans >= SCANS_PER_EPOCH {
            return recent;
        }
        neighbour.scans += 1;
        book.kept_ids().filter(is_found).copied().collect()
    }
}

/// The things with these ids as they travel, as many as fit one message.
fn items_of(book: &Book, ids: &[Hash], bytes_max: usize) -> Vec<Item> {
    let mut items = Vec::new();
    let mut bytes = 0;
    for item in ids.iter().filter_map(|id| book.kept(id)).map(item_of) {
        bytes += wire::encode(&item).len();
        if bytes > bytes_max {
            break;
        }
        items.push(item);
    }
    items
}

/// A kept thing as it travels.
pub(crate) fn item_of(kept: Kept) -> Item {
    match kept {
        Kept::Head(head) => Item::Entry(head.entry.clone()),
        Kept::Deal(deal) => Item::Deal((*deal).clone().into()),
        Kept::Proof(proof) => Item::Proof((*proof).clone().into()),
    }
}

impl Market {
    /// A round with `peer` came to nothing, and it was the peer's fault. After some of them it is not asked for a while.
    fn strike(&mut self, peer: &Address, why: Rejected, now: u64) {
        let quiet_ms = QUIET_EPOCHS * u64::from(self.parameters.epoch_ms);
        let Some(neighbour) = self.sync.neighbours.get_mut(peer) else { return };
        neighbour.decoder = None;
        neighbour.strikes += 1;
        if neighbour.strikes >= STRIKES_MAX {
            neighbour.strikes = 0;
            neighbour.quiet_until_ms = now.saturating_add(quiet_ms);
        }
        self.effects.push(Effect::Blame { peer: *peer, why });
    }
}
