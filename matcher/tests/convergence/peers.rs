//! A few machines that hear the same things in their own way, drawn from a seed, and are brought what they lack.

use std::collections::BTreeSet;

use matcher::{Effect, Input, Kept, Market, Topic};
use protocol::talk::DealMessage;
use protocol::{Address, Hash, wire};

use crate::people::market;
use crate::pool::{Pool, START_MS, encoded, message, verdict};

/// Rounds of bringing what is lacking until everyone has it.
const REPAIRS_MAX: usize = 24;
/// Epochs that are looked at after the sets are equal, until everything has expired.
const EPOCHS_AFTER: u64 = 10;

struct Peer {
    machine: Market,
    /// Recoveries that were asked for and are not done.
    asked: Vec<(u64, Vec<bool>)>,
}

pub struct Case {
    random: u64,
    now: u64,
    peers: Vec<Peer>,
    said: Vec<(Topic, Vec<u8>)>,
    tokens: u64,
}

impl Case {
    pub fn new(seed: u64, pool: &Pool) -> Case {
        let mut case = Case { random: seed, now: START_MS, peers: vec![], said: vec![], tokens: 0 };
        for number in 0..2 + case.below(3) {
            let machine = Market::new(market(), Address([200 + number as u8; 20]));
            case.peers.push(Peer { machine, asked: vec![] });
        }
        for _ in 0..4 + case.below(12) {
            let said = if case.below(3) == 0 {
                (Topic::Deals, pool.deals[case.below(pool.deals.len())].clone())
            } else {
                let entries: Vec<_> =
                    (0..1 + case.below(4)).map(|_| pool.entries[case.below(pool.entries.len())].clone()).collect();
                (Topic::Orders, message(&entries))
            };
            case.said.push(said);
        }
        case
    }

    /// A number below `end` (splitmix64).
    fn below(&mut self, end: usize) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }

    /// How many things are kept in the end, or what differs.
    pub fn run(mut self) -> Result<usize, String> {
        self.storm();
        self.settle();
        self.tick();
        self.repair()?;
        let kept = self.kept(0).len();
        for _ in 0..EPOCHS_AFTER {
            self.equal()?;
            self.now += u64::from(market().epoch_ms);
            self.tick();
        }
        self.equal()?;
        Ok(kept)
    }

    /// Everyone hears some of it, some of it twice, in an own order, while time goes by.
    fn storm(&mut self) {
        let mut hearings = Vec::new();
        for peer in 0..self.peers.len() {
            for said in 0..self.said.len() {
                // Lost, once, or twice.
                let copies = [0, 1, 1, 1, 2][self.below(5)];
                hearings.extend(std::iter::repeat_n((peer, said), copies));
            }
        }
        let epochs = self.below(4);
        let every = hearings.len() / (epochs + 1) + 1;
        let mut heard = 0;
        while !hearings.is_empty() {
            let at = self.below(hearings.len());
            let (peer, said) = hearings.swap_remove(at);
            let (topic, bytes) = self.said[said].clone();
            self.hear(peer, topic, bytes);
            heard += 1;
            if self.below(3) > 0 {
                let peer = self.below(self.peers.len());
                self.recover(peer);
            }
            if heard % every == 0 {
                self.now += u64::from(market().epoch_ms);
                self.tick();
            }
        }
    }

    fn hear(&mut self, peer: usize, topic: Topic, bytes: Vec<u8>) {
        self.tokens += 1;
        let (token, from) = (self.tokens, Address([1 + self.below(5) as u8; 20]));
        self.input(peer, Input::Heard { from, token, topic, bytes });
    }

    /// What a machine publishes by itself is lost; it is brought later like the rest.
    fn input(&mut self, peer: usize, input: Input) {
        for effect in self.peers[peer].machine.handle(input, self.now) {
            if let Effect::Recover { ticket, work } = effect {
                self.peers[peer].asked.push((ticket, work.iter().map(verdict).collect()));
            }
        }
    }

    /// One of the asked recoveries of a peer is done, not always the first.
    fn recover(&mut self, peer: usize) {
        if !self.peers[peer].asked.is_empty() {
            let at = self.below(self.peers[peer].asked.len());
            let (ticket, verdicts) = self.peers[peer].asked.swap_remove(at);
            self.input(peer, Input::Recovered { ticket, verdicts });
        }
    }

    fn settle(&mut self) {
        for peer in 0..self.peers.len() {
            while !self.peers[peer].asked.is_empty() {
                self.recover(peer);
            }
        }
    }

    fn tick(&mut self) {
        (0..self.peers.len()).for_each(|peer| self.input(peer, Input::Tick));
    }

    fn kept(&self, peer: usize) -> BTreeSet<Hash> {
        self.peers[peer].machine.book().kept_ids().copied().collect()
    }

    /// Brings everyone what others have and it lacks, as reconciliation does, until nobody lacks anything.
    fn repair(&mut self) -> Result<(), String> {
        for _ in 0..REPAIRS_MAX {
            let sets: Vec<BTreeSet<Hash>> = (0..self.peers.len()).map(|peer| self.kept(peer)).collect();
            if sets.iter().all(|set| *set == sets[0]) {
                return Ok(());
            }
            for (from, to) in (0..sets.len()).flat_map(|from| (0..sets.len()).map(move |to| (from, to))) {
                for id in sets[from].difference(&sets[to]) {
                    self.bring((from, to), id);
                }
            }
        }
        let sets: Vec<BTreeSet<Hash>> = (0..self.peers.len()).map(|peer| self.kept(peer)).collect();
        let sizes: Vec<usize> = sets.iter().map(BTreeSet::len).collect();
        let lacking = self.lacking(&sets);
        Err(format!("sets of {sizes:?} things are not equal after {REPAIRS_MAX} repairs: {lacking}"))
    }

    /// What some have and others refuse, and why they do.
    fn lacking(&self, sets: &[BTreeSet<Hash>]) -> String {
        let mut lines = String::new();
        for (from, to) in (0..sets.len()).flat_map(|from| (0..sets.len()).map(move |to| (from, to))) {
            let (source, target) = (self.peers[from].machine.book(), self.peers[to].machine.book());
            for id in sets[from].difference(&sets[to]) {
                let what = match source.kept(id) {
                    Some(Kept::Head(head)) => {
                        format!(
                            "head {:?} {:?}: {:?}",
                            head.entry.place(),
                            head.entry.epochs(),
                            target.judge(&head.entry, id)
                        )
                    }
                    Some(Kept::Deal(deal)) => {
                        let [ask, bid] = [&deal.terms.ask, &deal.terms.bid].map(|lots| {
                            let here = |book: &matcher::Book| book.head(&lots.id).is_some();
                            (here(source), here(target), lots.id.prefix_u64() % 1000, lots.first_lot, lots.lots)
                        });
                        format!(
                            "deal {} over {ask:?} and {bid:?}: {:?}",
                            id.prefix_u64() >> 54,
                            target.judge_deal(&deal)
                        )
                    }
                    Some(Kept::Proof(proof)) => {
                        format!("proof of {}: {:?}", proof.epoch(), target.proofs().judge(&proof))
                    }
                    None => "gone".into(),
                };
                lines.push_str(&format!("\n  {from} -> {to} {what}"));
            }
        }
        lines
    }

    fn bring(&mut self, (from, to): (usize, usize), id: &Hash) {
        // It may have gone since.
        let Some(kept) = self.peers[from].machine.book().kept(id) else { return };
        let (topic, bytes) = match kept {
            Kept::Head(head) => (Topic::Orders, message(std::slice::from_ref(&head.entry))),
            Kept::Deal(deal) => (Topic::Deals, encoded((*deal).clone())),
            Kept::Proof(proof) => (Topic::Deals, wire::encode(&DealMessage::Equivocation(Box::new((*proof).clone())))),
        };
        self.hear(to, topic, bytes);
        self.settle();
    }

    fn equal(&self) -> Result<(), String> {
        let epoch = market().epoch_at(self.now);
        let sets: Vec<BTreeSet<Hash>> = (0..self.peers.len()).map(|peer| self.kept(peer)).collect();
        if let Some(other) = sets.iter().find(|set| **set != sets[0]) {
            return Err(format!("sets of {} and {} things in epoch {epoch}", sets[0].len(), other.len()));
        }
        for later in epoch..epoch + EPOCHS_AFTER {
            let roots: BTreeSet<Hash> = self.peers.iter().map(|peer| peer.machine.book().seal(later).root).collect();
            if roots.len() > 1 {
                return Err(format!("{} roots for epoch {later}, seen from {epoch}", roots.len()));
            }
        }
        Ok(())
    }
}
