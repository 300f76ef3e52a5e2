//! Several machines on one virtual clock, with a disk each and a network that loses, repeats, delays and splits.
//! Carries out effects as the node does and decides nothing; the same seed gives the same run.

pub mod disk;
mod looks;
pub mod people;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::reconcile::Salt;
use protocol::talk::{Request, Response, Summary};
use protocol::{Address, Entry, Hash, Recovery, Rejected, keccak256};

use crate::effect::{Answer, Effect, Event, Refused, Topic, Verdict};
use crate::history::Outcome;
use crate::input::{Draft, Input, Unanswered};
use crate::market::Market;
use crate::sealed::SealedBook;
use disk::Disk;
use people::{Person, capacity, market};

/// When every world begins: the first millisecond of an epoch.
pub const START_MS: u64 = 1_700_000_000_000;
const TICK_MS: u64 = 50;
/// A request that nobody answers comes back after so long.
const TIMEOUT_MS: u64 = 3_000;
/// Tickets above this one belong to a test, not to a machine.
const TEST_TICKETS: u64 = u64::MAX / 2;

/// What the network does to messages, in percent, and the longest delay.
#[derive(Clone, Copy)]
pub struct Faults {
    pub lost: u64,
    pub repeated: u64,
    pub delay_ms: u64,
}

/// One node: its machine, and what survives it.
pub struct Peer {
    pub person: Person,
    pub market: Market,
    pub told: Vec<Event>,
    pub judged: BTreeMap<u64, Verdict>,
    pub blamed: Vec<(Address, Rejected)>,
    answers: BTreeMap<u64, Result<Answer, Refused>>,
    /// Messages under judgement.
    heard: BTreeMap<u64, (Address, Topic, Vec<u8>)>,
    seen: BTreeSet<Hash>,
    pub disk: Disk,
    is_up: bool,
    /// Counts restarts: what was meant for an earlier life is lost.
    life: u32,
}

enum Task {
    Input(Input),
    /// A request of `from`, who waits on `ticket`.
    Request {
        from: usize,
        ticket: u64,
        request: Box<Request>,
    },
}

pub struct World {
    pub now: u64,
    pub peers: Vec<Peer>,
    pub faults: Faults,
    /// How long each peer takes for a clearing, if not no time at all; `None`: for ever.
    pub clearing_ms: BTreeMap<usize, Option<u64>>,
    /// Peers of whom no word arrives.
    pub mute: BTreeSet<usize>,
    /// Peers that let every proposal wait until the asker gives up.
    pub silent: BTreeSet<usize>,
    /// Recoveries that were done, and what came of them: every peer does the same ones.
    recovered: BTreeMap<Recovery, bool>,
    /// What each peer last said that it holds.
    pub said: BTreeMap<usize, Summary>,
    /// How many requests of each kind were sent.
    pub sent: BTreeMap<&'static str, usize>,
    /// Responses to requests that a test made itself.
    caught: BTreeMap<u64, Response>,
    cuts: BTreeSet<(usize, usize)>,
    queue: BTreeMap<(u64, u64), (usize, u32, Task)>,
    /// Requests that wait for a machine's response: who asked, its life, its ticket.
    asked: BTreeMap<(usize, u64), (usize, u32, u64)>,
    last: u64,
    random: u64,
}

impl World {
    /// `count` connected peers that each measured ten lots, on a good network.
    pub fn new(count: usize, seed: u64) -> World {
        let peers = (0..count as u64).map(|number| {
            let person = Person::new(number);
            let market = person.market();
            Peer {
                person,
                market,
                told: Vec::new(),
                judged: BTreeMap::new(),
                blamed: Vec::new(),
                answers: BTreeMap::new(),
                heard: BTreeMap::new(),
                seen: BTreeSet::new(),
                disk: Disk::default(),
                is_up: true,
                life: 0,
            }
        });
        let faults = Faults { lost: 0, repeated: 0, delay_ms: 20 };
        let mut world = World {
            now: START_MS,
            peers: peers.collect(),
            faults,
            clearing_ms: BTreeMap::new(),
            mute: BTreeSet::new(),
            silent: BTreeSet::new(),
            recovered: BTreeMap::new(),
            said: BTreeMap::new(),
            sent: BTreeMap::new(),
            caught: BTreeMap::new(),
            cuts: BTreeSet::new(),
            queue: BTreeMap::new(),
            asked: BTreeMap::new(),
            last: 0,
            random: seed,
        };
        for peer in 0..count {
            world.input(peer, Input::Measured(capacity(10).times(10).unwrap()));
        }
        world.run(TICK_MS);
        world
    }

    /// A number below `end`, the same for the same seed (splitmix64).
    pub fn random(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end.max(1)
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn later(&mut self, delay_ms: u64, peer: usize, task: Task) {
        let key = (self.now + delay_ms, self.number());
        self.queue.insert(key, (peer, self.peers[peer].life, task));
    }

    fn index(&self, address: &Address) -> Option<usize> {
        self.peers.iter().position(|peer| peer.person.address == *address)
    }

    fn is_linked(&self, a: usize, b: usize) -> bool {
        self.peers[a].is_up && self.peers[b].is_up && !self.cuts.contains(&(a.min(b), a.max(b)))
    }

    /// Lets so many milliseconds go by, with a tick of every machine each 50.
    pub fn run(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.now < end {
            let tick = (self.now / TICK_MS + 1) * TICK_MS;
            let until = tick.min(end);
            while let Some((&(at, number), _)) = self.queue.first_key_value().filter(|((at, _), _)| *at <= until) {
                self.now = self.now.max(at);
                let (peer, life, task) = self.queue.remove(&(at, number)).unwrap();
                match self.peers[peer].is_up && self.peers[peer].life == life {
                    true => self.carry_out(peer, task),
                    false => self.give_up(task),
                }
            }
            self.now = until;
            if until == tick {
                for peer in 0..self.peers.len() {
                    if self.peers[peer].is_up {
                        self.input(peer, Input::Tick);
                    }
                }
            }
        }
    }

    /// Runs until `is_so`, for at most `ms`; says whether it came to be.
    pub fn run_until(&mut self, ms: u64, mut is_so: impl FnMut(&World) -> bool) -> bool {
        let end = self.now + ms;
        while !is_so(self) && self.now < end {
            self.run(TICK_MS);
        }
        is_so(self)
    }

    /// Runs to `offset_ms` after the beginning of the next epoch.
    pub fn run_to_epoch(&mut self, offset_ms: u64) {
        let epoch_ms = u64::from(market().epoch_ms);
        let to = (self.now / epoch_ms + 1) * epoch_ms + offset_ms;
        self.run(to - self.now);
    }

    /// Whoever asked a peer that crashed hears nothing and gives up.
    fn give_up(&mut self, task: Task) {
        if let Task::Request { from, ticket, .. } = task {
            self.answer(from, ticket, Err(Unanswered::Timeout), TIMEOUT_MS);
        }
    }

    fn carry_out(&mut self, peer: usize, task: Task) {
        match task {
            Task::Input(input) => self.input(peer, input),
            Task::Request { from, ticket, request } => {
                let token = self.number();
                self.asked.insert((peer, token), (from, self.peers[from].life, ticket));
                let from = self.peers[from].person.address;
                self.input(peer, Input::Asked { from, token, request });
            }
        }
    }

    /// Gives a machine an input and does what it wants.
    pub fn input(&mut self, peer: usize, input: Input) {
        let effects = self.peers[peer].market.handle(input, self.now);
        // Clearing comes last: if it takes no time, what it leads to must not come before what led to it.
        let (last, first): (Vec<_>, Vec<_>) =
            effects.into_iter().partition(|effect| matches!(effect, Effect::Clear { .. }));
        first.into_iter().chain(last).for_each(|effect| self.effect(peer, effect));
    }

    fn clear(&mut self, peer: usize, book: Arc<SealedBook>) {
        let cleared = || Input::Cleared { epoch: book.epoch, outcome: Some(Outcome::of(book.clone())) };
        match self.clearing_ms.get(&peer) {
            None => self.input(peer, cleared()),
            Some(Some(delay_ms)) => self.later(*delay_ms, peer, Task::Input(cleared())),
            Some(None) => {}
        }
    }

    fn effect(&mut self, peer: usize, effect: Effect) {
        match effect {
            Effect::Clear { book } => self.clear(peer, book),
            Effect::Recover { ticket, work } => {
                let mut recover =
                    |recovery: Recovery| *self.recovered.entry(recovery).or_insert_with(|| recovery.run().is_ok());
                let verdicts = work.into_iter().map(&mut recover).collect();
                self.later(1, peer, Task::Input(Input::Recovered { ticket, verdicts }));
            }
            Effect::Sign { ticket, digest } => {
                let signature = self.peers[peer].person.sign(&digest);
                self.later(1, peer, Task::Input(Input::Signed { ticket, signature }));
            }
            Effect::Judge { token, verdict } => self.judge(peer, token, verdict),
            Effect::Publish { topic, bytes } => {
                self.peers[peer].seen.insert(keccak256(&[&bytes]));
                self.spread(peer, peer, topic, &bytes);
            }
            Effect::Send { ticket, to, request } => {
                *self.sent.entry(kind(&request)).or_default() += 1;
                if let Request::Sync(summary) = &*request {
                    self.said.insert(peer, (**summary).clone());
                }
                let delay = self.random(self.faults.delay_ms) + 1;
                let is_proposal = matches!(*request, Request::Propose { .. });
                match self.index(&to).filter(|&to| self.is_linked(peer, to)) {
                    Some(to) if is_proposal && self.silent.contains(&to) => {
                        self.answer(peer, ticket, Err(Unanswered::Timeout), TIMEOUT_MS);
                    }
                    Some(to) => self.later(delay, to, Task::Request { from: peer, ticket, request }),
                    None => self.answer(peer, ticket, Err(Unanswered::Unreachable), delay),
                }
            }
            Effect::Respond { token, response } => {
                let (from, life, ticket) = self.asked.remove(&(peer, token)).expect("each request is answered once");
                let is_heard = self.is_linked(peer, from) && !self.mute.contains(&peer);
                if ticket > TEST_TICKETS {
                    self.caught.insert(ticket, *response);
                } else if self.peers[from].life == life && is_heard {
                    let delay = self.random(self.faults.delay_ms) + 1;
                    self.answer(from, ticket, Ok(response), delay);
                } else if self.peers[from].life == life {
                    self.answer(from, ticket, Err(Unanswered::Timeout), TIMEOUT_MS);
                }
            }
            Effect::Store(record) => self.peers[peer].disk.store(record),
            Effect::Keep(changes) => self.peers[peer].disk.keep(changes),
            Effect::Blame { peer: of, why } => self.peers[peer].blamed.push((of, why)),
            Effect::Answer { user, answer } => drop(self.peers[peer].answers.insert(user, answer)),
            Effect::Tell(event) => self.peers[peer].told.push(event),
        }
    }

    fn answer(&mut self, peer: usize, ticket: u64, result: Result<Box<Response>, Unanswered>, delay_ms: u64) {
        self.later(delay_ms, peer, Task::Input(Input::Answered { ticket, result }));
    }

    fn judge(&mut self, peer: usize, token: u64, verdict: Verdict) {
        let (from, topic, bytes) = self.peers[peer].heard.remove(&token).expect("each message is judged once");
        self.peers[peer].judged.insert(token, verdict);
        if let (Verdict::Accept, Some(from)) = (verdict, self.index(&from)) {
            self.spread(peer, from, topic, &bytes);
        }
    }

    fn spread(&mut self, peer: usize, except: usize, topic: Topic, bytes: &[u8]) {
        let (is_mute, digest) = (self.mute.contains(&peer), keccak256(&[bytes]));
        for to in 0..self.peers.len() {
            if is_mute || to == peer || to == except || !self.is_linked(peer, to) || self.random(100) < self.faults.lost
            {
                continue;
            }
            let copies = 1 + u64::from(self.random(100) < self.faults.repeated);
            let is_new = self.peers[to].seen.insert(digest);
            for _ in 0..if is_new { copies } else { copies - 1 } {
                let delay = self.random(self.faults.delay_ms) + 1;
                self.send_gossip((peer, to), topic, bytes.to_vec(), delay);
            }
        }
    }

    fn send_gossip(&mut self, (from, to): (usize, usize), topic: Topic, bytes: Vec<u8>, delay_ms: u64) -> u64 {
        let (token, from) = (self.number(), self.peers[from].person.address);
        self.peers[to].heard.insert(token, (from, topic, bytes.clone()));
        self.later(delay_ms, to, Task::Input(Input::Heard { from, token, topic, bytes }));
        token
    }

    /// Gives a peer a gossip message as from another, and its verdict.
    pub fn gossip(&mut self, from: usize, to: usize, topic: Topic, bytes: Vec<u8>) -> Verdict {
        let token = self.send_gossip((from, to), topic, bytes, 0);
        self.run(5);
        self.peers[to].judged[&token]
    }

    /// Has a peer take these entries in, without gossip to the others.
    pub fn teach(&mut self, peer: usize, entries: &[Entry]) {
        for entry in entries {
            let _ = self.peers[peer].market.admit(entry.clone());
            self.peers[peer].market.settle(&BTreeSet::new());
            self.peers[peer].market.effects.clear();
        }
    }

    /// Asks a peer's machine as another, and its response.
    pub fn request(&mut self, from: usize, to: usize, request: Request) -> Option<Response> {
        let token = self.number();
        let asker = self.peers[from].person.address;
        let ticket = TEST_TICKETS + token;
        self.asked.insert((to, token), (from, self.peers[from].life, ticket));
        self.input(to, Input::Asked { from: asker, token, request: Box::new(request) });
        self.run_until(5_000, |world| world.caught.contains_key(&ticket));
        self.caught.remove(&ticket)
    }

    /// A user's wish, and what came of it.
    pub fn ask_user(&mut self, peer: usize, input: impl FnOnce(u64) -> Input) -> Result<Answer, Refused> {
        let user = self.number();
        self.input(peer, input(user));
        assert!(self.run_until(1_000, |world| world.peers[peer].answers.contains_key(&user)), "no answer to the user");
        self.peers[peer].answers[&user].clone()
    }

    pub fn try_place(&mut self, peer: usize, draft: Draft) -> Result<Answer, Refused> {
        self.ask_user(peer, |user| Input::Place { user, draft: Box::new(draft) })
    }

    /// Places an order that the peer's machine may well offer, and waits for nothing.
    pub fn begin_to_place(&mut self, peer: usize, draft: Draft) {
        let user = self.number();
        self.input(peer, Input::Measured(draft.capacity.times(draft.lots.max(10)).unwrap()));
        self.input(peer, Input::Place { user, draft: Box::new(draft) });
    }

    /// Places an order and gives its id.
    pub fn place(&mut self, peer: usize, draft: Draft) -> Hash {
        match self.try_place(peer, draft) {
            Ok(Answer::Placed { id, .. }) => id,
            other => panic!("not placed: {other:?}"),
        }
    }

    /// Has a peer sign a new version of the offer in `slot`.
    pub fn renew(&mut self, peer: usize, slot: u16) {
        let now = self.now;
        self.peers[peer].market.reissue(slot, now);
        self.input(peer, Input::Tick);
    }

    pub fn withdraw(&mut self, peer: usize, order: Hash) -> Result<Answer, Refused> {
        self.ask_user(peer, |user| Input::Withdraw { user, order })
    }

    pub fn end_deal(&mut self, peer: usize, deal: Hash) -> Result<Answer, Refused> {
        self.ask_user(peer, |user| Input::EndDeal { user, deal })
    }

    /// The network between two peers breaks.
    pub fn cut(&mut self, a: usize, b: usize) {
        self.part(a, b);
        self.cuts.insert((a.min(b), a.max(b)));
    }

    /// As [`World::cut`], but both still believe that they are connected.
    pub fn sever(&mut self, a: usize, b: usize) {
        self.cuts.insert((a.min(b), a.max(b)));
    }

    /// Two peers lose their connection, and see it.
    fn part(&mut self, a: usize, b: usize) {
        if a != b && self.is_linked(a, b) {
            let (first, second) = (self.peers[a].person.address, self.peers[b].person.address);
            self.input(a, Input::PeerDown(second));
            self.input(b, Input::PeerDown(first));
        }
    }

    /// The break is mended, and nobody is told.
    pub fn uncut(&mut self, a: usize, b: usize) {
        self.cuts.remove(&(a.min(b), a.max(b)));
    }

    /// Every break is mended, and all peers meet again.
    pub fn heal(&mut self) {
        self.cuts.clear();
        self.meet_all();
    }

    /// All peers that can hear each other connect.
    pub fn meet_all(&mut self) {
        for peer in 0..self.peers.len() {
            self.meet(peer);
        }
    }

    /// Under which two peers compare their sets, in their present lives.
    pub fn salt(&self, a: usize, b: usize) -> Salt {
        let hello =
            |peer: usize| keccak256(&[&self.peers[peer].person.address.0, &self.peers[peer].life.to_be_bytes()]);
        Salt::of_pair(&hello(a), &hello(b))
    }

    fn meet(&mut self, peer: usize) {
        for other in 0..self.peers.len() {
            if other != peer && self.is_linked(peer, other) {
                self.meet_pair(peer, other);
            }
        }
    }

    /// Two peers connect.
    pub fn meet_pair(&mut self, peer: usize, other: usize) {
        let (a, b) = (self.peers[peer].person.address, self.peers[other].person.address);
        let salt = self.salt(peer, other);
        self.input(peer, Input::PeerUp { peer: b, salt, is_outbound: true });
        self.input(other, Input::PeerUp { peer: a, salt, is_outbound: false });
    }

    /// A peer loses everything but its disk; requests to it time out.
    pub fn crash(&mut self, peer: usize) {
        (0..self.peers.len()).for_each(|other| self.part(peer, other));
        self.peers[peer].is_up = false;
        self.peers[peer].life += 1;
        self.peers[peer].heard.clear();
        self.peers[peer].disk.crash();
        let open: Vec<_> = self.asked.keys().filter(|(at, _)| *at == peer).copied().collect();
        for key in open {
            let (from, _, ticket) = self.asked.remove(&key).unwrap();
            self.answer(from, ticket, Err(Unanswered::Timeout), TIMEOUT_MS);
        }
    }

    pub fn restart(&mut self, peer: usize) {
        let person = self.peers[peer].person.clone();
        let node = &mut self.peers[peer];
        node.market = person.market();
        node.is_up = true;
        node.seen.clear();
        let restore = node.disk.read();
        self.input(peer, restore);
        self.input(peer, Input::Measured(capacity(10).times(10).unwrap()));
        self.meet(peer);
    }
}

fn kind(request: &Request) -> &'static str {
    match request {
        Request::Sync(_) => "sync",
        Request::Symbols { .. } => "symbols",
        Request::Exchange { .. } => "exchange",
        Request::Book { .. } => "book",
        _ => "other",
    }
}
