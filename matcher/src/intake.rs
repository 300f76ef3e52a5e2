//! The one door: heads from anywhere are screened cheaply, verified by effect, admitted, and judged.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::signed::Recoveries;
use protocol::talk::{DealMessage, OrdersMessage};
use protocol::wire::{self, GOSSIP_MAX};
use protocol::{Address, Authority, Entry, Hash, Memo, Recovery, Rejected};

use crate::book::Head;
use crate::effect::{Effect, Event, Topic, Verdict};
use crate::market::Market;
use crate::recent::{Digest, Repeat};
use crate::waiting::Next;

/// The recoveries of `authority` at `unix_s`. A delegation that would do at another time depends on the hearer's clock,
/// so it is expired or of the future, which is nobody's fault.
fn in_time(
    authority: &Authority,
    unix_s: u64,
    mut recoveries: impl FnMut(u64) -> Result<Recoveries, Rejected>,
) -> Result<Recoveries, Rejected> {
    let rejected = match recoveries(unix_s) {
        Err(Rejected::Delegation) => Rejected::Delegation,
        other => return other,
    };
    match authority.delegation.as_ref().map(|delegation| delegation.0.not_before) {
        Some(not_before) if recoveries(not_before).is_ok() => {
            Err(if unix_s < not_before { Rejected::Future } else { Rejected::Expired })
        }
        _ => Err(rejected),
    }
}

/// Recoveries among which an equal one is looked for: more than a message of leaves of a few trees takes.
const SHARED_WINDOW: usize = 128;

/// An entry that is new, as far as can be told without recovering its signer.
#[derive(Debug)]
struct FreshHead {
    entry: Entry,
    id: Hash,
    /// Of its bytes, if it came from gossip.
    digest: Option<Digest>,
    /// Which of the batch's recoveries it takes; leaves of one tree share them.
    recoveries: [Option<usize>; 2],
}

/// New entries of one batch and how many recoveries they take together.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    heads: Vec<FreshHead>,
    recoveries: usize,
    /// Those of them that other batches may share, and their places.
    shared: Vec<(usize, Recovery)>,
}

impl Fresh {
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }
}

/// What is left of a batch of entries once it is screened.
#[derive(Default)]
pub(crate) struct Screened {
    /// The new ones.
    pub(crate) fresh: Fresh,
    /// The recoveries that they take.
    pub(crate) work: Vec<Recovery>,
    /// Whether the sender must have known that one of them is no good.
    pub(crate) is_faulty: bool,
    /// Whether one of them was refused that may be welcome later.
    is_unsettled: bool,
}

impl Screened {
    fn refuse(&mut self, rejected: Rejected) {
        self.is_faulty |= rejected.is_senders_fault();
        let is_settled = matches!(rejected, Rejected::Duplicate | Rejected::Stale | Rejected::Expired);
        self.is_unsettled |= !is_settled && !rejected.is_senders_fault();
    }

    /// `is_good` says of a recovery that others share whether it is known to be good.
    fn add(
        &mut self,
        (entry, digest): Heard,
        id: Hash,
        (first, second): Recoveries,
        is_good: &dyn Fn(&Recovery) -> bool,
    ) {
        let authority = entry.authority();
        let is_shared = authority.bulk.is_some() || authority.delegation.is_some();
        let mut place = |recovery: Recovery| {
            let window = self.work.len().saturating_sub(SHARED_WINDOW);
            let known = self.work[window..].iter().rposition(|known| is_shared && *known == recovery);
            if known.is_none() && is_shared && is_good(&recovery) {
                return None;
            }
            if known.is_none() {
                self.work.push(recovery);
                self.fresh.shared.extend(is_shared.then_some((self.work.len() - 1, recovery)));
            }
            Some(known.map_or(self.work.len() - 1, |at| window + at))
        };
        let recoveries = [place(first), second.and_then(&mut place)];
        self.fresh.recoveries = self.work.len();
        self.fresh.heads.push(FreshHead { entry, id, digest, recoveries });
    }
}

/// An entry, and the digest of its bytes if it came from gossip.
type Heard = (Entry, Option<Digest>);

/// What a gossip message of heads is remembered by while its signers are recovered.
#[derive(Debug)]
pub(crate) struct Message {
    token: u64,
    digest: Digest,
    /// Entries in it, known ones included.
    heard: usize,
    is_faulty: bool,
    is_unsettled: bool,
}

/// What became of new entries.
pub(crate) struct Admitted {
    /// Those that entered.
    heads: Vec<Arc<Head>>,
    /// Whether one was not signed by whom it names.
    pub(crate) is_forged: bool,
    /// Whether one was refused that may be welcome later.
    is_unsettled: bool,
}

impl Market {
    pub(crate) fn on_heard(&mut self, (from, token): (Address, u64), topic: Topic, bytes: &[u8], now: u64) {
        if self.waiting.is_gossip_full(&from) {
            return self.judge(Some(token), Verdict::Ignore);
        }
        match topic {
            Topic::Orders => self.on_heads((from, token), bytes, now),
            Topic::Deals => match wire::decode::<DealMessage>(bytes, GOSSIP_MAX) {
                Ok(DealMessage::Struck(deal)) => self.on_struck_heard((from, token), deal, now),
                Ok(DealMessage::Equivocation(proof)) => self.on_proof_heard((from, token), proof, now),
                Err(_) => self.judge(Some(token), Verdict::Reject),
            },
        }
    }

    /// Every check of an entry that costs no recovery. Gives its id and the recoveries it takes.
    pub(crate) fn screen(&self, entry: &Entry, now: u64) -> Result<(Hash, Vec<Recovery>), Rejected> {
        let (id, (first, second)) = self.screen_with(entry, &mut Memo::new(&self.domain), now)?;
        if entry.epochs().1 <= self.parameters.epoch_at(now) {
            return Err(Rejected::Expired);
        }
        match self.book.head(&id) {
            Some(_) => Err(Rejected::Duplicate),
            None => Ok((id, core::iter::once(first).chain(second).collect())),
        }
    }

    /// As [`Market::screen`], but what is known under another signature passes too: only a recovery tells whether that
    /// one is the owner's as well, or a forger's. So does what expired with the last epoch: other books keep it as long,
    /// and those that lack it would differ from them.
    fn screen_with(&self, entry: &Entry, memo: &mut Memo, now: u64) -> Result<(Hash, Recoveries), Rejected> {
        entry.check(&self.parameters)?;
        let (from, expiry) = entry.epochs();
        let ahead = now.saturating_add(self.parameters.clock_tolerance_ms.into());
        let soonest = self.parameters.epoch_at(ahead).saturating_add(1);
        if expiry <= self.parameters.epoch_at(now).saturating_sub(1) {
            return Err(Rejected::Expired);
        }
        if from > soonest {
            return Err(Rejected::Future);
        }
        let claim = entry.claim(memo);
        let id = self.domain.digest(&claim.struct_hash);
        match self.book.head(&id) {
            Some(known) if known.entry.authority() == entry.authority() => return Err(Rejected::Duplicate),
            Some(_) => {}
            None => self.book.judge(entry, &id)?,
        }
        let recoveries = |unix_s| entry.authority().recoveries_of(&claim, &id, memo, unix_s);
        Ok((id, in_time(entry.authority(), now / 1000, recoveries)?))
    }

    /// Screens a batch.
    pub(crate) fn screen_all(&self, entries: Vec<Entry>, now: u64) -> Screened {
        let entries = entries.into_iter().map(|entry| (entry, None)).collect();
        self.screen_each(entries, &mut Memo::new(&self.domain), now, &|_| false)
    }

    /// Screens a batch. An entry that comes twice in it is the sender's fault and is verified once; the same order under
    /// two signatures is verified twice, since the first may be forged.
    fn screen_each(
        &self,
        entries: Vec<Heard>,
        memo: &mut Memo,
        now: u64,
        is_good: &dyn Fn(&Recovery) -> bool,
    ) -> Screened {
        let mut screened = Screened::default();
        screened.fresh.heads.reserve_exact(entries.len());
        screened.work.reserve_exact(entries.len());
        // Where each id was met first, or another that begins alike.
        let mut firsts: BTreeMap<u64, usize> = BTreeMap::new();
        for (entry, digest) in entries {
            match self.screen_with(&entry, memo, now) {
                Ok((id, recoveries)) => {
                    let first = *firsts.entry(id.prefix_u64()).or_insert(screened.fresh.heads.len());
                    let mut same = screened.fresh.heads[first..].iter().filter(|known| known.id == id);
                    match same.any(|known| known.entry.authority() == entry.authority()) {
                        true => screened.is_faulty = true,
                        false => screened.add((entry, digest), id, recoveries, is_good),
                    }
                }
                Err(rejected) => screened.refuse(rejected),
            }
        }
        screened
    }

    /// The entries of a message that are not known by their bytes, how many there are in all, and whether the rest is
    /// in the book already.
    fn read(&self, bytes: &[u8]) -> Result<(Vec<Heard>, usize, bool), Rejected> {
        let spans = wire::spans::entries(bytes)?;
        let heard = spans.len();
        let mut entries = Vec::with_capacity(heard);
        let mut is_settled = true;
        for span in spans {
            let digest = self.recent.digest(span.bytes());
            if self.recent.is_known(digest, &self.book) {
                continue;
            }
            // Bytes that are being verified will be judged where they came first.
            match self.recent.is_in_flight(digest) {
                true => is_settled = false,
                false => entries.push((span.entry()?, Some(digest))),
            }
        }
        Ok((entries, heard, is_settled))
    }

    fn on_heads(&mut self, (from, token): (Address, u64), bytes: &[u8], now: u64) {
        let digest = self.recent.digest(bytes);
        match self.recent.verdict(digest, self.book.losses()) {
            Some(Repeat::Harmless) => return self.judge(Some(token), Verdict::Ignore),
            Some(Repeat::Faulty) => return self.judge(Some(token), Verdict::Reject),
            None => {}
        }
        let Ok((entries, heard, is_settled)) = self.read(bytes) else {
            self.recent.judged(digest, Repeat::Faulty);
            return self.judge(Some(token), Verdict::Reject);
        };
        let mut memo = core::mem::replace(&mut self.memo, Memo::new(&self.domain));
        let is_good = |recovery: &Recovery| self.recent.is_good(recovery);
        let Screened { fresh, work, is_faulty, is_unsettled } = self.screen_each(entries, &mut memo, now, &is_good);
        self.memo = memo;
        let message = Message { token, digest, heard, is_faulty, is_unsettled: is_unsettled || !is_settled };
        if fresh.is_empty() {
            self.remember(&message);
            return self.judge(Some(token), if is_faulty { Verdict::Reject } else { Verdict::Ignore });
        }
        if work.is_empty() {
            return self.on_heads_verified(message, fresh, &[]);
        }
        fresh.heads.iter().filter_map(|head| head.digest).for_each(|digest| self.recent.takes_off(digest));
        self.recover(Some(from), Next::Heads { message, fresh }, work);
    }

    /// The same bytes will be judged alike, unless something in them may be welcome later.
    fn remember(&mut self, message: &Message) {
        if !message.is_unsettled {
            let repeat = if message.is_faulty { Repeat::Faulty } else { Repeat::Harmless };
            self.recent.judged(message.digest, repeat);
        }
    }

    pub(crate) fn on_heads_verified(&mut self, mut message: Message, fresh: Fresh, verdicts: &[bool]) {
        let admitted = self.admit_all(fresh, &mut verdicts.iter());
        message.is_faulty |= admitted.is_forged;
        message.is_unsettled |= admitted.is_unsettled;
        self.remember(&message);
        let verdict = match (message.is_faulty, admitted.heads.len() * 2 >= message.heard) {
            (true, _) => Verdict::Reject,
            (false, true) => Verdict::Accept,
            (false, false) => Verdict::Ignore,
        };
        self.judge(Some(message.token), verdict);
        if verdict != Verdict::Accept && !admitted.heads.is_empty() {
            let heads: Vec<&Entry> = admitted.heads.iter().map(|head| &head.entry).collect();
            self.publish_heads(&heads);
        }
    }

    /// Takes in what is verified and new. The verdicts on these entries are the first that `verdicts` gives.
    pub(crate) fn admit_all(&mut self, fresh: Fresh, verdicts: &mut core::slice::Iter<bool>) -> Admitted {
        let own = verdicts.as_slice();
        let (own, rest) = own.split_at(fresh.recoveries.min(own.len()));
        *verdicts = rest.iter();
        let is_good = |at: usize| own.get(at).is_some_and(|&good| good);
        fresh.shared.iter().filter(|(at, _)| is_good(*at)).for_each(|(_, recovery)| self.recent.was_good(*recovery));
        let mut admitted =
            Admitted { heads: Vec::with_capacity(fresh.heads.len()), is_forged: false, is_unsettled: false };
        for FreshHead { entry, id, digest, recoveries } in fresh.heads {
            if let Some(digest) = digest {
                self.recent.lands(digest);
            }
            if !recoveries.into_iter().flatten().all(is_good) {
                admitted.is_forged = true;
                continue;
            }
            let entered = self.admit_as(entry, id);
            if let Some(digest) = digest {
                self.recent.verified(digest, id, entered.is_ok().then(|| self.book.losses()));
            }
            match entered {
                Ok(head) => admitted.heads.push(head),
                Err(rejected) => {
                    admitted.is_unsettled |= !matches!(rejected, Rejected::Duplicate | Rejected::Stale);
                }
            }
        }
        admitted
    }

    /// Takes a verified entry that this node did not sign just now into the book, and tells.
    pub(crate) fn admit(&mut self, entry: Entry) -> Result<Arc<Head>, Rejected> {
        let id = entry.id(&self.domain);
        self.admit_as(entry, id)
    }

    fn admit_as(&mut self, entry: Entry, id: Hash) -> Result<Arc<Head>, Rejected> {
        let head = self.enter_as(entry, id)?;
        let (owner, slot, version) = head.entry.place();
        if owner == self.owner {
            self.yield_slot(slot, version);
        }
        Ok(head)
    }

    /// Takes a verified entry into the book and tells.
    pub(crate) fn enter(&mut self, entry: Entry) -> Result<Arc<Head>, Rejected> {
        let id = entry.id(&self.domain);
        self.enter_as(entry, id)
    }

    fn enter_as(&mut self, entry: Entry, id: Hash) -> Result<Arc<Head>, Rejected> {
        let head = self.book.admit_as(entry, id)?;
        let (owner, slot, _) = head.entry.place();
        let side = head.order().map(|order| order.side);
        self.effects.push(Effect::Tell(Event::HeadAdmitted { id: head.id, owner, slot, side }));
        Ok(head)
    }

    pub(crate) fn publish_heads(&mut self, entries: &[&Entry]) {
        let bytes = OrdersMessage::encode(entries);
        self.effects.push(Effect::Publish { topic: Topic::Orders, bytes });
    }

    pub(crate) fn judge(&mut self, token: Option<u64>, verdict: Verdict) {
        if let Some(token) = token {
            self.effects.push(Effect::Judge { token, verdict });
        }
    }
}
