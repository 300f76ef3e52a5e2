//! One [`Market`] and what the node does around it: effects carried out in the node's order, own records on disk first,
//! signatures at once, everything else handed to the peer as deeds. Knows no time but what it is told, and no network.
//!
//! ```text
//!  input --> strategy --> Market::handle --> strategy --> Store first; Sign answers itself; Tell is noted
//!              ^                                              |
//!              +---- Signed ----------------------------------+--> Deeds: Recover, Clear, Judge, Publish, Ask, Reply, Blame
//! ```

mod log;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use matcher::{Effect, Event, Input, Market, SealedBook, Topic, Verdict};
use protocol::talk::{Request, Response};
use protocol::{Address, Parameters, Side};

use crate::cheats::{Scene, Strategy};
use crate::clearings::{Clearings, Seals};
use crate::disk::Disk;
use crate::engine::Nanos;
use crate::overlay::{self, Message};
use crate::signatures::{Key, Keyring};
use crate::traders::{Errand, Plans, Trader};

pub use log::{Admitted, Log, Seal, Struck};
pub use work::Work;

pub use crate::overlay::MessageId;

/// When something happens: for everyone, and by the peer's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Since the simulation began.
    pub now: Nanos,
    /// What the peer takes for the time.
    pub unix_ms: u64,
}

/// What a peer does for its desk once the computing is done.
#[derive(Debug)]
pub enum Deed {
    /// Says of so many recoveries whether they were good, when they are done.
    Recover {
        /// Comes back.
        ticket: u64,
        /// By number.
        verdicts: Vec<bool>,
    },
    /// Hands in what a sealed book comes to, when it is done.
    Clear {
        /// What is cleared.
        book: Arc<SealedBook>,
    },
    /// Tells gossip what to do with a message.
    Judge {
        /// Who passed it on.
        from: u32,
        /// Which.
        message: MessageId,
        /// The verdict.
        verdict: Verdict,
    },
    /// Gossips.
    Publish {
        /// Where.
        topic: Topic,
        /// What.
        bytes: Vec<u8>,
    },
    /// Asks another peer.
    Ask {
        /// Comes back.
        ticket: u64,
        /// Whom, if anybody has this address.
        to: Address,
        /// What.
        request: Box<Request>,
    },
    /// Answers another peer.
    Reply {
        /// Whom, and how it will know what this answers.
        to: Caller,
        /// The answer.
        response: Box<Response>,
    },
    /// Counts a fault of a peer.
    Blame(Address),
    /// The user has something to do later.
    Plan(Nanos, Errand),
    /// A strategy wants to be woken.
    Wake(Nanos),
    /// The disk is full: the process ends.
    Die,
}

/// Who asked, over which connection, in which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// By number.
    pub peer: u32,
    /// The connection.
    pub connection: u32,
    /// The call.
    pub call: u64,
}

/// What all desks of a run share.
#[derive(Debug)]
pub struct Hall {
    /// The market's parameters.
    pub parameters: Parameters,
    /// Who is who.
    pub ring: Keyring,
    /// The address of every peer, by number.
    pub addresses: Vec<Address>,
    /// What was sealed and cleared.
    pub clearings: Arc<Clearings>,
}

/// A peer's market, and what belongs to it.
pub struct Desk {
    hall: Arc<Hall>,
    market: Market,
    seals: Arc<Seals>,
    key: Key,
    /// What survives a crash.
    pub disk: Disk,
    /// The user.
    pub trader: Trader,
    strategy: Option<Box<dyn Strategy>>,
    cheats_from: Nanos,
    cheats_until: Nanos,
    has_begun: bool,
    ticked_ms: u64,
    pending: VecDeque<Input>,
    /// Gossip under judgement.
    messages: BTreeMap<u64, (u32, MessageId)>,
    /// Requests that are not answered yet.
    callers: BTreeMap<u64, Caller>,
    last_token: u64,
    /// What happened since it was last taken.
    pub log: Log,
}

impl Desk {
    /// The desk of the peer that signs with `key`.
    pub fn new(hall: Arc<Hall>, key: Key, (seals, disk): (Seals, Disk), trader: Trader) -> Desk {
        let seals = Arc::new(seals);
        let market = machine(&hall, key, &seals);
        Desk {
            hall,
            market,
            seals,
            key,
            disk,
            trader,
            strategy: None,
            cheats_from: 0,
            cheats_until: 0,
            has_begun: false,
            ticked_ms: 0,
            pending: VecDeque::new(),
            messages: BTreeMap::new(),
            callers: BTreeMap::new(),
            last_token: 0,
            log: Log::default(),
        }
    }

    /// The desk follows a strategy of its own, in a part of the time.
    pub fn cheat(&mut self, strategy: Box<dyn Strategy>, (from, until): (Nanos, Nanos)) {
        (self.strategy, self.cheats_from, self.cheats_until) = (Some(strategy), from, until);
    }

    /// When it first acts by its strategy, if it has one.
    pub fn cheats_from(&self) -> Option<Nanos> {
        self.strategy.as_ref().map(|_| self.cheats_from)
    }

    fn is_cheating(&self, now: Nanos) -> bool {
        (self.cheats_from..self.cheats_until).contains(&now)
    }

    /// Whether a frame of the overlay may leave for this neighbour.
    pub fn may_send(&mut self, to: u32, now: Nanos) -> bool {
        let is_cheating = self.is_cheating(now);
        self.strategy.as_mut().is_none_or(|strategy| !is_cheating || strategy.may_send(to))
    }

    /// Whether a frame of this neighbour's overlay is looked at.
    pub fn may_hear(&mut self, from: u32, now: Nanos) -> bool {
        let is_cheating = self.is_cheating(now);
        self.strategy.as_mut().is_none_or(|strategy| !is_cheating || strategy.may_hear(from))
    }

    /// Whether it follows the rules.
    pub fn is_honest(&self) -> bool {
        self.strategy.is_none()
    }

    /// The strategy that it follows.
    pub fn strategy(&self) -> Option<&dyn Strategy> {
        self.strategy.as_deref()
    }

    /// The machine.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// Shares the book of another desk, if both hold the same.
    pub fn share(&mut self, other: &Market) -> bool {
        self.market.share(other)
    }

    /// Makes its book a block that others may share.
    pub fn fold(&mut self) {
        self.market.fold();
    }

    /// A gossip message, as an input.
    pub fn heard(&mut self, (from, address): (u32, Address), message: &Message) -> Input {
        self.last_token += 1;
        self.messages.insert(self.last_token, (from, message.id));
        let topic = match message.topic {
            overlay::Topic::Orders => Topic::Orders,
            overlay::Topic::Deals => Topic::Deals,
        };
        Input::Heard { from: address, token: self.last_token, topic, bytes: message.contents.clone() }
    }

    /// A request, as an input.
    pub fn asked(&mut self, caller: Caller, from: Address, request: Box<Request>) -> Input {
        self.last_token += 1;
        self.callers.insert(self.last_token, caller);
        Input::Asked { from, token: self.last_token, request }
    }

    /// The process dies: everything is lost but the disk.
    pub fn crash(&mut self) {
        self.pending.clear();
        self.messages.clear();
        self.callers.clear();
        self.disk.crash();
        self.trader.on_crash();
    }

    /// The time that the machine was last told, in this life.
    pub fn ticked_ms(&self) -> u64 {
        self.ticked_ms
    }

    /// A new life begins, with an empty machine.
    pub fn renew(&mut self) {
        self.ticked_ms = 0;
        self.market = machine(&self.hall, self.key, &self.seals);
    }

    /// The first inputs of a life.
    pub fn begin(&mut self, entropy: u64, restore: Option<Input>) -> Vec<Input> {
        let entropy = protocol::keccak256(&[b"entropy", &self.key.address().0, &entropy.to_be_bytes()]);
        let measured = (self.trader.side() == Side::Ask).then(|| Input::Measured(self.trader.measured()));
        restore.into_iter().chain([Input::Entropy(entropy)]).chain(measured).collect()
    }

    /// One input and everything that follows from it at once.
    pub fn step(&mut self, input: Input, moment: Moment, deeds: &mut Vec<Deed>) -> Work {
        let mut work = Work::default();
        let is_cheating = self.is_cheating(moment.now);
        if matches!(input, Input::Tick) {
            self.ticked_ms = moment.unix_ms;
        }
        self.pending.push_back(input);
        while let Some(input) = self.pending.pop_front() {
            let Some(mut strategy) = self.strategy.take_if(|_| is_cheating) else {
                work.takes(&input);
                let effects = self.market.handle(input, moment.unix_ms);
                self.carry_out(effects, moment, (deeds, &mut work));
                continue;
            };
            let inputs = strategy.on_input(input, &mut self.scene(moment, deeds));
            for input in inputs {
                work.takes(&input);
                let effects = self.market.handle(input, moment.unix_ms);
                let effects = strategy.on_effects(effects, &mut self.scene(moment, deeds));
                self.carry_out(effects, moment, (deeds, &mut work));
            }
            self.strategy = Some(strategy);
        }
        work
    }

    /// A strategy's time has come.
    pub fn wake(&mut self, moment: Moment, deeds: &mut Vec<Deed>) -> Work {
        let mut work = Work::default();
        if !self.is_cheating(moment.now) {
            return work;
        }
        let Some(mut strategy) = self.strategy.take() else { return work };
        if !std::mem::replace(&mut self.has_begun, true) {
            strategy.begin(&mut self.scene(moment, deeds));
        }
        let inputs = strategy.on_wake(&mut self.scene(moment, deeds));
        self.strategy = Some(strategy);
        for input in inputs {
            work += self.step(input, moment, deeds);
        }
        work
    }

    fn scene<'a>(&'a self, moment: Moment, deeds: &'a mut Vec<Deed>) -> Scene<'a> {
        Scene { moment, key: self.key, hall: &self.hall, market: &self.market, deeds }
    }

    fn carry_out(&mut self, effects: Vec<Effect>, moment: Moment, (deeds, work): (&mut Vec<Deed>, &mut Work)) {
        let mut effects = effects;
        for effect in &mut effects {
            if let Effect::Store(record) = effect {
                work.stores += 1;
                if self.disk.store(record).is_err() {
                    // What cannot be stored is not promised.
                    self.pending.clear();
                    return deeds.push(Deed::Die);
                }
            }
        }
        for effect in effects {
            match effect {
                Effect::Store(_) => {}
                Effect::Keep(changes) => self.disk.keep(changes),
                Effect::Sign { ticket, digest } => {
                    work.signs += 1;
                    self.pending.push_back(Input::Signed { ticket, signature: self.key.sign(&digest) });
                }
                Effect::Tell(event) => self.note(event, moment, deeds),
                Effect::Answer { user, answer } => {
                    let mut plans = Plans::new();
                    self.trader.on_answer(user, answer, moment.now, &mut plans);
                    deeds.extend(plans.into_iter().map(|(at, errand)| Deed::Plan(at, errand)));
                }
                effect => {
                    work.seals += u32::from(matches!(effect, Effect::Clear { .. }));
                    deeds.extend(self.deed(effect, moment));
                }
            }
        }
    }

    /// What the peer has to do about an effect.
    fn deed(&mut self, effect: Effect, moment: Moment) -> Option<Deed> {
        Some(match effect {
            Effect::Recover { ticket, work } => {
                let verdicts = work.iter().map(|recovery| self.hall.ring.is_good(recovery)).collect();
                Deed::Recover { ticket, verdicts }
            }
            Effect::Clear { book } => {
                self.log.sealed.push(Seal {
                    epoch: book.epoch,
                    root: book.root,
                    key: self.seals.last_key(),
                    book: book.clone(),
                    at: moment.now,
                });
                Deed::Clear { book }
            }
            Effect::Judge { token, verdict } => {
                let (from, message) = self.messages.remove(&token)?;
                Deed::Judge { from, message, verdict }
            }
            Effect::Publish { topic, bytes } => Deed::Publish { topic, bytes },
            Effect::Send { ticket, to, request } => Deed::Ask { ticket, to, request },
            Effect::Respond { token, response } => Deed::Reply { to: self.callers.remove(&token)?, response },
            Effect::Blame { peer, why } => {
                self.log.blamed.push((Keyring::number(&peer), why.code()));
                Deed::Blame(peer)
            }
            Effect::Store(_) | Effect::Keep(_) | Effect::Sign { .. } | Effect::Tell(_) | Effect::Answer { .. } => {
                return None;
            }
        })
    }

    fn note(&mut self, event: Event, moment: Moment, deeds: &mut Vec<Deed>) {
        match event {
            Event::HeadAdmitted { id, owner, slot: _, side: Some(_) } => {
                let is_own = owner == self.key.address();
                self.log.admitted.push(Admitted { order: id.prefix_u64(), at: moment.now, is_own });
            }
            Event::Struck { deal, is_own: true, .. } => {
                let Some(deal) = self.market.deal(&deal) else { return };
                let mut plans = Plans::new();
                let placed = self.trader.on_struck(deal, moment.now, &mut plans);
                self.log.struck.push(Struck::of(deal, placed, moment.now));
                deeds.extend(plans.into_iter().map(|(at, errand)| Deed::Plan(at, errand)));
            }
            Event::Cleared { epoch, sealed_root, root, .. } => self.log.cleared.push((epoch, sealed_root, root)),
            Event::Agreed { epoch, took_ms, .. } => self.log.agreed.push((epoch, took_ms)),
            Event::Over { reason, .. } => self.log.over.push(reason),
            Event::Skipped { .. } => self.log.skipped += 1,
            Event::Equivocated { .. } => self.log.equivocations += 1,
            _ => {}
        }
    }
}

fn machine(hall: &Hall, key: Key, seals: &Arc<Seals>) -> Market {
    Market::new(hall.parameters.clone(), key.address()).with_seals(seals.clone())
}
