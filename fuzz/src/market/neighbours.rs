//! Neighbours that compare sets with the machine, honestly, almost so, or not at all; and what the machine tells them, which
//! must be what it holds. Knows what the machine told its disk.

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use matcher::{Effect, Input, Market};
use protocol::reconcile::{Estimator, MultisetHash, SYMBOLS_HEARTBEAT, Salt, Sketch, SymbolBytes};
use protocol::talk::{Bytes, Item, Request, Response, Sealed, Summary, Synced, WANTS_MAX};
use protocol::{Address, Hash};

use super::{World, chosen};
use crate::people::{entry, market, number, peer, person, proof};

/// Warm symbols of what neighbours pretend to hold.
const SYMBOLS: usize = 256;
/// Peers with whom the machine surely compares itself, if there are no more.
const PLACES: usize = 24;

impl World {
    /// A peer comes, or many at once, or one goes.
    pub(super) fn come_and_go(&mut self, source: &mut Unstructured) -> Result<()> {
        match source.int_in_range(0u8..=15)? {
            0..=9 => {
                let peer = peer(source)?;
                self.meet(peer, source.arbitrary()?, source.arbitrary()?);
            }
            10 => (1..=30).for_each(|number| self.meet(person(number), number, number % 3 == 0)),
            _ => {
                let peer = peer(source)?;
                self.salts.remove(&peer);
                self.shown.remove(&peer);
                self.input(Input::PeerDown(peer));
            }
        }
        Ok(())
    }

    fn meet(&mut self, peer: Address, life: u8, is_outbound: bool) {
        let salt = Salt([life; 16]);
        self.salts.insert(peer, salt);
        self.input(Input::PeerUp { peer, salt, is_outbound });
    }

    /// A connected peer, or anyone.
    fn neighbour(&self, source: &mut Unstructured) -> Result<Address> {
        let connected: Vec<Address> = self.salts.keys().copied().collect();
        let found = if source.ratio(15, 16)? { chosen(source, &connected)? } else { None };
        found.map_or_else(|| peer(source), Ok)
    }

    /// A neighbour asks for a comparison, or goes on with one.
    pub(super) fn be_compared(&mut self, source: &mut Unstructured) -> Result<()> {
        let from = self.neighbour(source)?;
        let request = match source.int_in_range(0u8..=7)? {
            0..=3 => Request::Sync(self.summary(&from, source)?.into()),
            4..=5 => {
                let (first, count) = match source.arbitrary()? {
                    true => (source.int_in_range(0..=64)?, source.int_in_range(0..=64)?),
                    false => (source.arbitrary()?, source.arbitrary()?),
                };
                Request::Symbols { epoch: self.epoch(source)?, from: first, count }
            }
            _ => Request::Exchange { items: self.items(source)?, wants: self.wants(&from, source)? },
        };
        let token = self.number();
        self.asked.insert(token);
        self.input(Input::Asked { from, token, request: Box::new(request) });
        Ok(())
    }

    /// The epoch that runs, mostly.
    fn epoch(&self, source: &mut Unstructured) -> Result<u64> {
        if source.ratio(7, 8)? { Ok(market().epoch_at(self.now)) } else { number(source, self.now) }
    }

    fn sketch_of_all(&self, salt: Salt, symbols: usize) -> Sketch {
        let mut sketch = Sketch::new(salt, symbols);
        self.disk.ids().for_each(|id| sketch.insert(id));
        sketch
    }

    /// What somebody holds who lacks some things and has others: a few mostly, at times very many.
    fn other_set(&self, peer: &Address, source: &mut Unstructured) -> Result<Sketch> {
        let mut sketch = self.sketch_of_all(self.salts.get(peer).copied().unwrap_or(Salt([0; 16])), SYMBOLS);
        let lacking_max = if source.arbitrary()? { 3 } else { 60 };
        let lacking = source.int_in_range(0..=lacking_max)?;
        self.disk.ids().take(lacking).for_each(|id| sketch.remove(id));
        let others: u16 = match source.int_in_range(0u8..=7)? {
            0..=3 => 0,
            4..=5 => source.int_in_range(0..=4)?,
            6 => source.int_in_range(0..=60)?,
            _ => source.int_in_range(0..=700)?,
        };
        for number in 0..others {
            let [high, low] = number.to_be_bytes();
            let mut id = Hash([low; 32]);
            id.0[0] = high;
            sketch.insert(&id);
        }
        Ok(sketch)
    }

    /// An honest summary of a set, or one in which something does not fit.
    fn summary(&self, peer: &Address, source: &mut Unstructured) -> Result<Summary> {
        let sketch = self.other_set(peer, source)?;
        let mut summary = Summary {
            epoch: self.epoch(source)?,
            sealed: self.sealed(source)?,
            count: sketch.len(),
            hash: sketch.hash(),
            estimator: sketch.estimator(),
            symbols: sketch.encode(0, SYMBOLS_HEARTBEAT),
        };
        match source.int_in_range(0u8..=15)? {
            0 => summary.count = source.arbitrary()?,
            1 => summary.hash = MultisetHash::from_bytes(&source.arbitrary()?),
            2 => {
                let mut bytes = summary.estimator.to_bytes();
                (0..8).try_for_each(|_| source.choose_index(bytes.len()).map(|at| bytes[at] ^= 0x7f))?;
                summary.estimator = Estimator::from_bytes(&bytes);
            }
            3..=4 => bend(&mut summary.symbols, source)?,
            _ => {}
        }
        Ok(summary)
    }

    /// What a neighbour sealed: the same as the machine, mostly.
    fn sealed(&self, source: &mut Unstructured) -> Result<Sealed> {
        let sealed = self.machine.last_sealed();
        Ok(match source.int_in_range(0u8..=7)? {
            0 => None,
            1 => Some((number(source, self.now)?, Hash([source.arbitrary()?; 32]))),
            2 => sealed.map(|(epoch, _)| (epoch, Hash([source.arbitrary().unwrap_or(0); 32]))),
            _ => sealed,
        })
    }

    /// Things of a neighbour, known and new.
    pub(super) fn items(&self, source: &mut Unstructured) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        for _ in 0..source.int_in_range(0..=5)? {
            items.push(match source.int_in_range(0u8..=7)? {
                0..=3 => Item::Entry(entry(source, self.now)?),
                4 => Item::Deal(self.struck(source)?.into()),
                5 => Item::Proof(proof(self.struck(source)?, source)?.into()),
                _ => match chosen(source, &self.disk.read())? {
                    Some((_, item)) => item,
                    None => Item::Entry(entry(source, self.now)?),
                },
            });
        }
        Ok(items)
    }

    fn wants(&self, peer: &Address, source: &mut Unstructured) -> Result<Vec<u32>> {
        let salt = self.salts.get(peer).copied().unwrap_or(Salt([0; 16]));
        let count = source.int_in_range(0..=20)?;
        let mut wants: Vec<u32> = self.disk.ids().take(count).map(|id| salt.short(id) as u32).collect();
        if source.ratio(1, 8)? {
            wants.resize(source.int_in_range(WANTS_MAX - 1..=WANTS_MAX + 1)?, source.arbitrary()?);
        }
        Ok(wants)
    }

    /// What a neighbour answers to a heartbeat.
    pub(super) fn synced(&mut self, peer: Address, source: &mut Unstructured) -> Result<Response> {
        let synced = match source.int_in_range(0u8..=9)? {
            0..=1 => Synced::Equal,
            2 => Synced::NotNow,
            3 => Synced::Lacking(self.items(source)?),
            4 => Synced::TooFar { lacking: if source.arbitrary()? { source.arbitrary()? } else { 600 } },
            _ => {
                let sketch = self.other_set(&peer, source)?;
                let mut symbols = sketch.encode(0, source.int_in_range(0..=64)?);
                if source.ratio(1, 8)? {
                    bend(&mut symbols, source)?;
                }
                let total = if source.ratio(1, 4)? { source.arbitrary()? } else { SYMBOLS as u32 };
                self.shown.insert(peer, sketch);
                Synced::Symbols { symbols, total }
            }
        };
        Ok(Response::Synced { sealed: self.sealed(source)?, synced })
    }

    /// Further symbols of the set that the neighbour pretends to hold.
    pub(super) fn symbols(
        &self,
        peer: &Address,
        (first, count): (u32, u32),
        source: &mut Unstructured,
    ) -> Result<SymbolBytes> {
        let sketch = self.shown.get(peer).cloned().unwrap_or_else(|| Sketch::new(Salt([0; 16]), SYMBOLS));
        let mut symbols = sketch.encode(first as usize, count as usize);
        if source.ratio(1, 8)? {
            bend(&mut symbols, source)?;
        }
        Ok(symbols)
    }

    /// What the machine told of its set just now, in the requests from `first` on, is what it holds and told its disk.
    pub(super) fn check_summaries(&self, first: usize) {
        for (peer, summary) in self.summaries(first) {
            let sketch = self.sketch_of_all(self.salts[&peer], SYMBOLS_HEARTBEAT);
            assert_eq!((summary.count, summary.hash), (sketch.len(), sketch.hash()), "the set that a heartbeat tells");
            assert_eq!(summary.estimator, sketch.estimator());
            assert_eq!(summary.symbols, sketch.encode(0, SYMBOLS_HEARTBEAT));
            assert_eq!(summary.epoch, market().epoch_at(self.now));
        }
    }

    fn summaries(&self, first: usize) -> impl Iterator<Item = (Address, &Summary)> {
        self.sent[first..].iter().filter_map(|(_, to, request)| match request {
            Request::Sync(summary) => Some((*to, &**summary)),
            _ => None,
        })
    }

    /// In the end the disk has what the book has, and a second machine that begins with it agrees with this one, over a
    /// sketch that is new as over those that followed all that was.
    pub(super) fn compare(&mut self) {
        let mut ids: Vec<Hash> = self.machine.book().kept_ids().copied().collect();
        ids.sort_unstable();
        assert_eq!(ids, self.disk.ids().copied().collect::<Vec<Hash>>(), "the disk and the book");
        if self.salts.len() < PLACES {
            self.meet(person(100), 100, true);
        }
        let before = self.sent.len();
        self.input(Input::Tick);
        let beats: Vec<(Address, &Summary)> = self.summaries(before).collect();
        let is_met = !self.salts.contains_key(&person(100)) || beats.iter().any(|(to, _)| *to == person(100));
        assert!(is_met, "a new neighbour is asked");
        for (to, summary) in beats {
            self.check_equal(to, summary.clone());
        }
    }

    fn check_equal(&self, to: Address, summary: Summary) {
        let mut other = Market::new(market(), to);
        other.handle(Input::Checkpoint { stakes: self.stakes.clone() }, self.now);
        other.handle(Input::Restore { kept: self.disk.read(), standings: vec![], deals: vec![] }, self.now);
        let kept: Vec<Hash> = self.disk.ids().copied().collect();
        let mut again: Vec<Hash> = other.book().kept_ids().copied().collect();
        again.sort_unstable();
        assert_eq!(again, kept, "what is restored");
        other.handle(Input::PeerUp { peer: person(0), salt: self.salts[&to], is_outbound: false }, self.now);
        other.handle(Input::Tick, self.now);
        let asked = Input::Asked { from: person(0), token: 1, request: Box::new(Request::Sync(summary.into())) };
        let effects = other.handle(asked, self.now);
        let is_equal = |effect: &Effect| {
            matches!(effect, Effect::Respond { token: 1, response }
                if matches!(**response, Response::Synced { synced: Synced::Equal, .. }))
        };
        assert!(effects.iter().any(is_equal), "the same set compares as equal");
    }
}

/// Symbols of no set, in a place that is none, or a broken number of bytes.
fn bend(symbols: &mut SymbolBytes, source: &mut Unstructured) -> Result<()> {
    match source.int_in_range(0u8..=3)? {
        0 => symbols.from = source.arbitrary()?,
        1 => symbols.bytes = Bytes(source.arbitrary()?),
        _ => {
            for _ in 0..source.int_in_range(1..=4)? {
                let at = source.choose_index(symbols.bytes.0.len().max(1))?;
                let change: u8 = source.arbitrary()?;
                symbols.bytes.0.get_mut(at).into_iter().for_each(|byte| *byte ^= change);
            }
        }
    }
    Ok(())
}
