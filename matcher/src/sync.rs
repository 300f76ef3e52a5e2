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

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use protocol::reconcile::{Decoder, SYMBOLS_HEARTBEAT, Salt, Sketch, Snapshot};
use protocol::talk::{Item, Sealed, WANTS_MAX};
use protocol::{Address, Hash, Rejected, wire};

pub use agreement::{Agreement, Agreements};
pub(crate) use taking::Batch;

use crate::book::{Book, Change};
use crate::effect::Effect;
use crate::market::Market;

/// Neighbours with whom the set can be compared; a peer beyond it hears that it is not the time.
const NEIGHBOURS_MAX: usize = 24;
/// Of these, neighbours that this node asks by itself: those it dialed first, so that others cannot choose for it.
const CHOSEN_MAX: usize = 8;
/// Symbols that are kept warm from the start: a larger difference takes many times as many at once.
const WARM: usize = SYMBOLS_HEARTBEAT;
/// Requests of comparison that one neighbour may make in an epoch; more are declined.
const REQUESTS_PER_EPOCH: u32 = 64;
/// Of these, requests that may have the whole set looked through; the others find what is new, and no more.
const SCANS_PER_EPOCH: u32 = 8;
/// Rounds that came to nothing by a neighbour's fault, before it is left out of comparisons for a while.
const STRIKES_MAX: u32 = 4;
/// For so many epochs.
const QUIET_EPOCHS: u64 = 30;
/// Neighbours that left and whose conduct is remembered; the oldest is forgotten.
const LEFT_MAX: usize = 256;
/// Lives of one peer for which a sketch is made in one epoch; it waits for the next epoch then.
const LIVES_PER_EPOCH: u32 = 3;
/// Peers for which sketches are made in one epoch; whoever comes beyond it waits for the next.
const BUILT_MAX: usize = 2 * NEIGHBOURS_MAX;
/// For so many epochs a neighbour is not asked again for its book.
const PAGED_EPOCHS: u64 = 15;
/// The newest ids, looked through before all others; older ones are only slower to find.
const RECENT_MAX: usize = 4_096;
/// For so many epochs an id is among them: differences are mended within a few heartbeats.
const RECENT_EPOCHS: usize = 4;
/// Epochs without a larger difference after which a neighbour's sketch has [`WARM`] symbols again; each larger one after
/// that takes a look at the whole set.
const COOL_EPOCHS: u64 = 15;
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
    decoder: Option<Box<Decoder>>,
    /// The symbols that it is being sent, and the epoch in which they were true.
    served: Option<(u64, Snapshot)>,
    /// Requests it made in this epoch.
    requests: u32,
    /// How often the whole set was looked through for it in this epoch.
    scans: u32,
    strikes: u32,
    quiet_until_ms: u64,
    /// Whether it was given the book to its end, so that symbols do the rest.
    is_paged: bool,
    /// Not before then is it asked for its book again.
    page_after_ms: u64,
    sealed: Sealed,
    /// Epochs since the sketch had to grow.
    cool_epochs: u64,
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
            is_paged: false,
            page_after_ms: 0,
            sealed: None,
            cool_epochs: 0,
        }
    }

    /// Has at least so many symbols warm; a look at the whole set if there are fewer.
    fn warm(&mut self, symbols: usize, book: &Book) {
        self.cool_epochs = 0;
        self.sketch.grow(symbols, book.kept_ids());
    }

    /// Another epoch: it has its whole share again, and what served an epoch that is over goes.
    fn begin_epoch(&mut self, running: u64) {
        (self.requests, self.scans) = (0, 0);
        self.served.take_if(|(epoch, _)| *epoch < running);
        self.cool_epochs += 1;
        if self.cool_epochs > COOL_EPOCHS && self.decoder.is_none() {
            self.sketch.shrink(WARM);
        }
    }
}

/// What a neighbour asked for in this epoch and did before, which a new life does not wash off.
#[derive(Debug, Clone, Copy, Default)]
struct Conduct {
    requests: u32,
    scans: u32,
    strikes: u32,
    quiet_until_ms: u64,
}

/// The neighbours by address, and what was agreed with them.
#[derive(Debug, Default)]
pub(crate) struct Sync {
    neighbours: BTreeMap<Address, Box<Neighbour>>,
    /// Connected peers without a place among the neighbours, and what a place would need.
    waiting: BTreeMap<Address, (Salt, bool)>,
    /// How many sketches were made for a peer in this epoch: few, since each takes a look at the whole set.
    built: BTreeMap<Address, u32>,
    /// What neighbours that left, or came back in another life, had used up and done.
    left: VecDeque<(Address, Conduct)>,
    recent: VecDeque<Hash>,
    /// How many of them were here when each of the last epochs began, the running one last.
    recent_ends: VecDeque<u64>,
    /// How many ids were ever among them.
    recent_count: u64,
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
                    self.recent_count += 1;
                    if self.recent.len() > RECENT_MAX {
                        self.recent.pop_front();
                    }
                }
                Change::Out(id) => self.neighbours.values_mut().for_each(|neighbour| neighbour.sketch.remove(id)),
            }
        }
    }

    pub(crate) fn meet(&mut self, peer: Address, (salt, is_outbound): (Salt, bool), book: &Book) {
        if let Some(known) = self.neighbours.get_mut(&peer).filter(|known| known.sketch.salt() == salt) {
            (known.is_outbound, known.is_owing) = (is_outbound, true);
        } else {
            self.leave(&peer);
            self.waiting.insert(peer, (salt, is_outbound));
        }
        self.choose(book);
    }

    pub(crate) fn part(&mut self, peer: &Address, book: &Book) {
        self.waiting.remove(peer);
        self.leave(peer);
        self.choose(book);
    }

    fn leave(&mut self, peer: &Address) {
        let Some(gone) = self.neighbours.remove(peer) else { return };
        let Neighbour { requests, scans, strikes, quiet_until_ms, .. } = *gone;
        self.left.retain(|(left, _)| left != peer);
        self.left.push_back((*peer, Conduct { requests, scans, strikes, quiet_until_ms }));
        if self.left.len() > LEFT_MAX {
            self.left.pop_front();
        }
    }

    /// Gives free places to peers, and chooses whom this node asks: those that it dialed first, so that others cannot
    /// choose for it. For one of those a peer that came by itself has to wait.
    fn choose(&mut self, book: &Book) {
        while let Some((peer, (salt, is_outbound))) = self.next_waiting() {
            if self.neighbours.len() >= NEIGHBOURS_MAX && !(is_outbound && self.make_room()) {
                break;
            }
            self.waiting.remove(&peer);
            *self.built.entry(peer).or_default() += 1;
            let mut neighbour = Neighbour::new(salt, is_outbound, book);
            if let Some((_, conduct)) = self.left.iter().find(|(left, _)| *left == peer) {
                (neighbour.requests, neighbour.scans) = (conduct.requests, conduct.scans);
                (neighbour.strikes, neighbour.quiet_until_ms) = (conduct.strikes, conduct.quiet_until_ms);
            }
            self.neighbours.insert(peer, Box::new(neighbour));
        }
        let ranks = self.neighbours.iter().map(|(peer, one)| (!one.is_outbound, !one.is_chosen, *peer));
        let mut ranks: Vec<_> = ranks.collect();
        ranks.sort_unstable();
        for (at, (.., peer)) in ranks.into_iter().enumerate() {
            if let Some(neighbour) = self.neighbours.get_mut(&peer) {
                neighbour.is_chosen = at < CHOSEN_MAX;
            }
        }
    }

    /// Who gets the next place, own dials first; nobody again and again in one epoch.
    fn next_waiting(&self) -> Option<(Address, (Salt, bool))> {
        let is_room = self.built.len() < BUILT_MAX;
        let is_due = |peer: &Address| is_room && self.built.get(peer).is_none_or(|&built| built < LIVES_PER_EPOCH);
        let due = self.waiting.iter().filter(|(peer, _)| is_due(peer));
        due.min_by_key(|(peer, (_, is_outbound))| (!is_outbound, **peer)).map(|(peer, terms)| (*peer, *terms))
    }

    /// A neighbour that came by itself gives its place up; says whether there is one.
    fn make_room(&mut self) -> bool {
        let inbound = self.neighbours.iter().filter(|(_, one)| !one.is_outbound);
        let Some((peer, salt)) = inbound.min_by_key(|(_, one)| one.is_chosen).map(|(p, one)| (*p, one.sketch.salt()))
        else {
            return false;
        };
        self.leave(&peer);
        self.waiting.insert(peer, (salt, false));
        true
    }

    /// Counts a request of `peer`, and says whether it is within its share.
    fn may_ask(&mut self, peer: &Address) -> bool {
        let Some(neighbour) = self.neighbours.get_mut(peer) else { return false };
        neighbour.requests = neighbour.requests.saturating_add(1);
        neighbour.requests <= REQUESTS_PER_EPOCH
    }

    /// Another epoch: everyone has its whole share again, and one of those that are not asked at every heartbeat its
    /// turn.
    fn begin_epoch(&mut self, running: u64, book: &Book) {
        self.built.clear();
        self.choose(book);
        self.left.iter_mut().for_each(|(_, conduct)| (conduct.requests, conduct.scans) = (0, 0));
        self.neighbours.values_mut().for_each(|neighbour| neighbour.begin_epoch(running));
        self.forget_recent();
        self.take_turns();
    }

    /// Ids of epochs long over are no longer among the newest.
    fn forget_recent(&mut self) {
        self.recent_ends.push_back(self.recent_count);
        if self.recent_ends.len() > RECENT_EPOCHS
            && let Some(end) = self.recent_ends.pop_front()
        {
            let kept = usize::try_from(self.recent_count - end).unwrap_or(usize::MAX);
            let gone = self.recent.len().saturating_sub(kept);
            self.recent.drain(..gone);
            self.recent.shrink_to(2 * kept);
        }
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
        self.search(peer, book, wanted.len(), |short| wanted.contains(&short)).unwrap_or_default()
    }

    /// The ids whose short ids end so; a few may be others that end the same. `None` if too much was looked for in this
    /// epoch.
    fn find_low(&mut self, peer: &Address, lows: &[u32], book: &Book) -> Option<Vec<Hash>> {
        let wanted: BTreeSet<u32> = lows.iter().take(WANTS_MAX).copied().collect();
        self.search(peer, book, wanted.len(), |short| wanted.contains(&(short as u32)))
    }

    /// Ids whose short ids are wanted, the newest looked at first; all are looked at if `count` were not found so, unless
    /// that was done for this neighbour often enough: then what was found, or `None`.
    fn search(
        &mut self,
        peer: &Address,
        book: &Book,
        count: usize,
        is_wanted: impl Fn(u64) -> bool,
    ) -> Option<Vec<Hash>> {
        let neighbour = self.neighbours.get_mut(peer)?;
        let salt = neighbour.sketch.salt();
        let is_found = |id: &&Hash| is_wanted(salt.short(id));
        let recent: BTreeSet<Hash> = self.recent.iter().filter(is_found).copied().collect();
        let recent: Vec<Hash> = recent.into_iter().filter(|id| book.kept(id).is_some()).collect();
        if recent.len() >= count {
            return Some(recent);
        }
        if neighbour.scans >= SCANS_PER_EPOCH {
            return (!recent.is_empty()).then_some(recent);
        }
        neighbour.scans += 1;
        Some(book.kept_ids().filter(is_found).copied().collect())
    }
}

/// The things with these ids as they travel, as many as fit one message.
fn items_of(book: &Book, ids: &[Hash], bytes_max: usize) -> Vec<Item> {
    let mut items = Vec::new();
    let mut bytes = 0;
    for item in ids.iter().filter_map(|id| book.kept(id)).map(|kept| kept.to_item()) {
        bytes += wire::encode(&item).len();
        if bytes > bytes_max {
            break;
        }
        items.push(item);
    }
    items
}

impl Market {
    /// A round with `peer` came to nothing, and it was the peer's fault.
    fn strike(&mut self, peer: &Address, why: Rejected, now: u64) {
        if !self.give_up_round(peer, why, now) {
            self.effects.push(Effect::Blame { peer: *peer, why });
        }
    }

    /// A round with `peer` came to nothing, which chance may do to an honest one now and then. After some of them it is
    /// blamed and not asked for a while; says whether that is now.
    fn give_up_round(&mut self, peer: &Address, why: Rejected, now: u64) -> bool {
        let quiet_ms = QUIET_EPOCHS * u64::from(self.parameters.epoch_ms);
        let Some(neighbour) = self.sync.neighbours.get_mut(peer) else { return false };
        neighbour.decoder = None;
        neighbour.strikes += 1;
        if neighbour.strikes < STRIKES_MAX {
            return false;
        }
        neighbour.strikes = 0;
        neighbour.quiet_until_ms = now.saturating_add(quiet_ms);
        self.effects.push(Effect::Blame { peer: *peer, why });
        true
    }

    /// Asks a neighbour for its book by ranges, unless that was done not long ago.
    fn page_from(&mut self, peer: Address, now: u64) {
        let again_ms = now.saturating_add(PAGED_EPOCHS * u64::from(self.parameters.epoch_ms));
        let Some(neighbour) = self.sync.neighbours.get_mut(&peer) else { return };
        if now >= neighbour.page_after_ms {
            neighbour.page_after_ms = again_ms;
            self.ask_for_book(peer);
        }
    }

    /// A neighbour got the last page of the book.
    pub(crate) fn note_paged(&mut self, peer: &Address) {
        if let Some(neighbour) = self.sync.neighbours.get_mut(peer) {
            neighbour.is_paged = true;
        }
    }
}
