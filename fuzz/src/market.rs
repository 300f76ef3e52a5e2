//! Any inputs in any sequence at any times for the market machine: it must not panic, what it wants done must be bounded,
//! whoever waits for an answer must get exactly one, and what it tells of its set, to the disk and to neighbours, must be
//! true. Answers its effects late, falsely or never, as the bytes say.

mod disk;
mod neighbours;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use matcher::{Draft, Effect, Input, Market, Outcome, SealedBook, Topic, Unanswered};
use protocol::bulk::LEAVES_MAX;
use protocol::reconcile::{Salt, Sketch};
use protocol::talk::{DealMessage, OrdersMessage, Request, Response};
use protocol::wire::{GOSSIP_ENTRIES_MAX, encode};
use protocol::{
    Acknowledgement, Address, Authority, DealEnd, DealTerms, EndCause, Entry, Hash, Order, Price, Rejected, StruckDeal,
};

use self::disk::Disk;
use crate::people::{
    START_MS, anyone, capacity, draft, entry, market, number, person, proof, signature, stakes, terms, word,
};

/// Steps of one run.
const STEPS_MAX: usize = 300;
/// Things to do for one input: each of a few slots and deals, and each match of a small book, wants a few.
const EFFECTS_MAX: usize = 1_000;
/// Answers to the machine's own wishes that may be outstanding; the oldest come first when there are more.
const PENDING_MAX: usize = 64;
/// Time goes on to here, some thirty years.
const END_MS: u64 = START_MS + 1_000_000_000_000;

/// Epochs after which nothing waits for an epoch to be cleared.
const EPOCHS_TO_SETTLE: u64 = 4;

/// Does as the bytes say, until they end; then answers all that is outstanding, and lets what waits for an epoch come.
pub fn run(bytes: &[u8]) {
    play(bytes);
}

/// As [`run`]; gives the machine as it is in the end.
pub fn play(bytes: &[u8]) -> Market {
    let mut world = World::new();
    let mut source = Unstructured::new(bytes);
    for _ in 0..STEPS_MAX {
        // Running out of bytes is how every run ends.
        if source.is_empty() || world.step(&mut source).is_err() {
            break;
        }
    }
    world.settle();
    world.compare();
    assert_eq!(world.heard, BTreeSet::new(), "messages without a verdict");
    assert_eq!(world.asked, BTreeSet::new(), "requests without a response");
    assert_eq!(world.wished, BTreeSet::new(), "users without an answer");
    world.machine
}

/// One machine, the time, and who waits for what.
struct World {
    machine: Market,
    now: u64,
    /// The latest time of all: the clock may have been put back since.
    latest: u64,
    last: u64,
    pending: Vec<Input>,
    sent: Vec<(u64, Address, Request)>,
    disk: Disk,
    /// Connected peers and the salt with each.
    salts: BTreeMap<Address, Salt>,
    /// What peers pretend to hold while they are asked for symbols.
    shown: BTreeMap<Address, Sketch>,
    stakes: BTreeMap<Address, u128>,
    /// The epoch that was last to be cleared.
    clearing: Option<u64>,
    heard: BTreeSet<u64>,
    asked: BTreeSet<u64>,
    wished: BTreeSet<u64>,
}

impl World {
    fn new() -> World {
        let machine = Market::new(market(), person(0));
        let [heard, asked, wished] = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
        let (disk, salts, shown, stakes) = (Disk::default(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (pending, sent, now, latest) = (vec![], vec![], START_MS, START_MS);
        let mut world = World {
            machine,
            now,
            latest,
            last: 0,
            pending,
            sent,
            disk,
            salts,
            shown,
            stakes,
            clearing: None,
            heard,
            asked,
            wished,
        };
        world.measure();
        world
    }

    fn measure(&mut self) {
        self.input(Input::Measured(capacity(10)));
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Gives the machine an input and keeps what it wants done.
    fn input(&mut self, input: Input) {
        let effects = self.machine.handle(input, self.now);
        assert!(effects.len() <= EFFECTS_MAX, "{} effects", effects.len());
        let sent = self.sent.len();
        for effect in effects {
            match effect {
                Effect::Clear { book } => self.clear(book),
                Effect::Recover { ticket, work } => {
                    assert!(!work.is_empty());
                    self.pending.push(Input::Recovered { ticket, verdicts: vec![true; work.len()] });
                }
                Effect::Sign { ticket, .. } => self.pending.push(Input::Signed { ticket, signature: signature() }),
                Effect::Send { ticket, to, request } => self.sent.push((ticket, to, *request)),
                Effect::Keep(changes) => self.disk.keep(changes),
                Effect::Judge { token, .. } => assert!(self.heard.remove(&token), "judged twice"),
                Effect::Respond { token, .. } => assert!(self.asked.remove(&token), "answered twice"),
                Effect::Answer { user, .. } => assert!(self.wished.remove(&user), "told twice"),
                _ => {}
            }
        }
        for deal in self.machine.deals() {
            assert!(deal.billed_at(self.now) <= u64::from(deal.terms.duration_s) && deal.cost_at(self.now).is_some());
        }
        assert!(self.machine.book().len() <= market().heads_max as usize);
        self.check_summaries(sent);
        assert_eq!(self.disk.len(), self.machine.book().kept_len(), "the disk and the book");
    }

    fn clear(&mut self, book: Arc<SealedBook>) {
        assert!(self.clearing.is_none_or(|epoch| epoch < book.epoch), "an epoch is cleared twice");
        self.clearing = Some(book.epoch);
        self.pending.push(Input::Cleared { epoch: book.epoch, outcome: Some(Outcome::of(book)) });
    }

    fn answer_pending(&mut self, at: usize) {
        if !self.pending.is_empty() {
            let input = self.pending.remove(at % self.pending.len());
            self.input(input);
        }
    }

    fn settle(&mut self) {
        self.now = self.latest;
        for _ in 0..EPOCHS_TO_SETTLE {
            self.now += u64::from(market().epoch_ms);
            self.input(Input::Tick);
            while !self.pending.is_empty() {
                self.answer_pending(0);
            }
        }
    }

    fn step(&mut self, source: &mut Unstructured) -> Result<()> {
        while self.pending.len() > PENDING_MAX {
            self.answer_pending(0);
        }
        match source.int_in_range(0u8..=39)? {
            0..=4 => self.wait(source)?,
            5..=7 => self.wish(source)?,
            8..=12 => self.hear(source)?,
            13..=16 => self.be_asked(source)?,
            17..=19 => self.come_back(source)?,
            20..=28 => self.answer_pending(source.arbitrary::<u8>()?.into()),
            29 => self.lie(source)?,
            30..=31 => self.come_and_go(source)?,
            32..=35 => self.be_compared(source)?,
            36..=37 => self.come_back(source)?,
            38 if source.ratio(1, 4)? => self.restart(source)?,
            38 => self.measure(),
            _ if source.ratio(1, 8)? => self.input(Input::Entropy(Hash([source.arbitrary()?; 32]))),
            _ => {
                self.stakes = stakes(source)?;
                self.input(Input::Checkpoint { stakes: self.stakes.clone() });
            }
        }
        Ok(())
    }

    /// Time goes on by a little, by a deal's length, or by more; at times the clock is put back.
    fn wait(&mut self, source: &mut Unstructured) -> Result<()> {
        self.now = match source.int_in_range(0u8..=15)? {
            0..=10 => self.now + source.int_in_range(0..=2_500)?,
            11..=12 => self.now + source.int_in_range(0..=120_000)?,
            13 => self.now + 90_000_000,
            14 => self.now - source.int_in_range(0..=10_000)?,
            _ => self.now + source.int_in_range(0..=1_000_000_000_000)?,
        }
        .clamp(START_MS, END_MS);
        self.latest = self.latest.max(self.now);
        self.input(Input::Tick);
        Ok(())
    }

    fn wish(&mut self, source: &mut Unstructured) -> Result<()> {
        let user = self.number();
        let input = match source.int_in_range(0u8..=8)? {
            6 => Input::PlaceList { user, drafts: self.drafts(source)? },
            7..=8 => Input::Submit { user, entries: self.submission(source)? },
            0..=3 => Input::Place { user, draft: draft(source, self.now)?.into() },
            4 => {
                let ids: Vec<Hash> = self.machine.standings().map(|standing| standing.id).collect();
                Input::Withdraw { user, order: chosen(source, &ids)?.unwrap_or_default() }
            }
            _ => Input::EndDeal { user, deal: self.deal(source)? },
        };
        self.wished.insert(user);
        self.input(input);
        Ok(())
    }

    /// A list of wishes, at times an empty or a too long one.
    fn drafts(&self, source: &mut Unstructured) -> Result<Vec<Draft>> {
        if source.ratio(1, 16)? {
            return Ok(vec![draft(source, self.now)?; source.int_in_range(LEAVES_MAX - 1..=LEAVES_MAX + 1)?]);
        }
        (0..source.int_in_range(0..=4)?).map(|_| draft(source, self.now)).collect()
    }

    /// What others signed, at times the same many times over.
    fn submission(&self, source: &mut Unstructured) -> Result<Vec<Entry>> {
        if source.ratio(1, 16)? {
            let count = source.int_in_range(GOSSIP_ENTRIES_MAX - 1..=GOSSIP_ENTRIES_MAX + 1)?;
            return Ok(vec![entry(source, self.now)?; count]);
        }
        self.entries(source)
    }

    fn hear(&mut self, source: &mut Unstructured) -> Result<()> {
        let (from, token) = (anyone(source)?, self.number());
        let (topic, bytes) = match source.int_in_range(0u8..=9)? {
            8 => {
                let proof = proof(self.struck(source)?, source)?;
                (Topic::Deals, encode(&DealMessage::Equivocation(proof.into())))
            }
            9 => (Topic::Deals, encode(&DealMessage::Struck(self.struck(source)?.into()))),
            0..=4 => (Topic::Orders, encode(&OrdersMessage(self.entries(source)?))),
            5..=6 => {
                let (terms, supplier, consumer) = (self.terms(source)?, word(source)?, word(source)?);
                (Topic::Deals, encode(&DealMessage::Struck(StruckDeal { terms, supplier, consumer }.into())))
            }
            _ => (if source.arbitrary()? { Topic::Orders } else { Topic::Deals }, source.arbitrary()?),
        };
        self.heard.insert(token);
        self.input(Input::Heard { from, token, topic, bytes });
        Ok(())
    }

    fn be_asked(&mut self, source: &mut Unstructured) -> Result<()> {
        let mut from = anyone(source)?;
        let request = match source.int_in_range(0u8..=8)? {
            0 => Request::Book { after: source.arbitrary::<Option<u16>>()?.map(|slot| (from, slot)) },
            1..=4 => match self.found(source)? {
                Some((consumer, request)) => {
                    from = consumer;
                    request
                }
                None => return Ok(()),
            },
            5 => {
                let orders = Box::new((entry(source, self.now)?, entry(source, self.now)?));
                Request::Propose { orders, terms: self.terms(source)?, consumer: word(source)? }
            }
            6 => {
                let cause = if source.arbitrary()? { EndCause::Cancelled } else { EndCause::Failed };
                let end = DealEnd { deal: self.deal(source)?, cause, elapsed_s: number(source, self.now)? };
                Request::EndDeal(end, word(source)?)
            }
            7 => {
                let deal = self.deal(source)?;
                let elapsed_s =
                    if source.arbitrary()? { number(source, self.now)? } else { source.int_in_range(0..=700)? };
                Request::Heartbeat { deal, acknowledgement: Some((Acknowledgement { deal, elapsed_s }, word(source)?)) }
            }
            _ => Request::Heartbeat { deal: self.deal(source)?, acknowledgement: None },
        };
        let token = self.number();
        self.asked.insert(token);
        self.input(Input::Asked { from, token, request: Box::new(request) });
        Ok(())
    }

    /// A well-formed proposal, by its consumer, of a match that the machine found itself.
    fn found(&self, source: &mut Unstructured) -> Result<Option<(Address, Request)>> {
        let Some(clearing) = self.machine.clearings().next_back() else { return Ok(None) };
        let Some(found) = chosen(source, &clearing.matches)? else { return Ok(None) };
        let heads = [found.ask.id, found.bid.id].map(|id| self.machine.book().head(&id));
        let [Some(ask), Some(bid)] = heads else { return Ok(None) };
        let terms = DealTerms {
            ask: found.ask,
            bid: found.bid,
            price: found.price,
            duration_s: found.duration_s,
            billed_min_s: found.billed_min_s,
            epoch: clearing.epoch,
            sealed_root: clearing.sealed_root,
            open_before: if source.ratio(1, 4)? { number(source, self.now)? } else { self.now / 1000 + 5 },
        };
        let orders = Box::new((ask.entry.clone(), bid.entry.clone()));
        Ok(Some((found.bid.owner, Request::Propose { orders, terms, consumer: word(source)? })))
    }

    /// An answer to one of the machine's own requests, fitting or not; or none.
    fn come_back(&mut self, source: &mut Unstructured) -> Result<()> {
        if self.sent.is_empty() {
            return Ok(());
        }
        let (ticket, to, request) = self.sent.remove(source.choose_index(self.sent.len())?);
        let fitting = match request {
            Request::Propose { .. } => Response::Countersigned(word(source)?),
            Request::Heartbeat { .. } => Response::Alive { is_running: !source.ratio(1, 8)? },
            Request::Book { .. } => {
                let mut entries = self.entries(source)?;
                entries.sort_by_key(|entry| (entry.place().0, entry.place().1));
                let (terms, supplier, consumer) = (self.terms(source)?, word(source)?, word(source)?);
                Response::Book {
                    entries,
                    is_more: source.arbitrary()?,
                    deals: vec![StruckDeal { terms, supplier, consumer }],
                }
            }
            Request::Sync(_) => self.synced(to, source)?,
            Request::Symbols { from, count, .. } => Response::Symbols(self.symbols(&to, (from, count), source)?),
            Request::Exchange { .. } => Response::Items(self.items(source)?),
            _ => Response::Done,
        };
        let result = match source.int_in_range(0u8..=7)? {
            0 => Err(Unanswered::Unreachable),
            1 => Err(Unanswered::Timeout),
            2 => Ok(Response::Declined(if source.arbitrary()? { Rejected::NotMatched } else { Rejected::LotsTaken })),
            3 => Ok(Response::Countersigned(Authority::own(signature()))),
            _ => Ok(fitting),
        };
        self.input(Input::Answered { ticket, result: result.map(Box::new) });
        Ok(())
    }

    /// Verdicts that are false or too few, signatures nobody asked for, and answers to no question.
    fn lie(&mut self, source: &mut Unstructured) -> Result<()> {
        let at = source.choose_index(self.pending.len().max(1))?;
        if let Some(Input::Cleared { outcome, .. }) = self.pending.get_mut(at) {
            *outcome = None;
            self.answer_pending(at);
            return Ok(());
        }
        if let Some(Input::Recovered { verdicts, .. }) = self.pending.get_mut(at) {
            for verdict in verdicts {
                *verdict = source.arbitrary()?;
            }
            self.answer_pending(at);
            return Ok(());
        }
        let ticket = source.int_in_range(0..=self.last * 4)? | if source.ratio(1, 8)? { 1 << 63 } else { 0 };
        // Only tickets that nobody waits for: who carries out effects answers each once, and as what it is.
        let is_open = self.pending.iter().any(|input| {
            matches!(input,
            Input::Recovered { ticket: open, .. } | Input::Signed { ticket: open, .. } if *open == ticket)
        });
        if !is_open && self.sent.iter().all(|(sent, ..)| *sent != ticket) {
            self.input(match source.int_in_range(0u8..=3)? {
                3 => self.any_clearing(source)?,
                0 => Input::Recovered { ticket, verdicts: source.arbitrary()? },
                1 => Input::Signed { ticket, signature: signature() },
                _ => Input::Answered { ticket, result: Ok(Response::Done.into()) },
            });
        }
        Ok(())
    }

    /// The clearing of a book that nobody wants cleared, mostly: of asks that once counted, or of none.
    fn any_clearing(&self, source: &mut Unstructured) -> Result<Input> {
        let near = market().epoch_at(self.now).saturating_sub(source.int_in_range(0..=20)?);
        let epoch = if source.ratio(1, 8)? { source.arbitrary()? } else { near };
        let asks = self.machine.proven().next_back().map(|proven| proven.book.asks.clone()).unwrap_or_default();
        let book = SealedBook::new(market().id(), epoch, asks);
        let named = if source.ratio(1, 4)? { near } else { epoch };
        Ok(Input::Cleared { epoch: named, outcome: Some(Outcome::of(book.into())) })
    }

    /// What an earlier life stored comes back to a new machine, but for what was not written yet; whoever waited then,
    /// waits in vain.
    fn restart(&mut self, source: &mut Unstructured) -> Result<()> {
        let standings = self.machine.standings().cloned().collect();
        let deals = self.machine.deals().cloned().collect();
        self.disk.lose(source)?;
        self.machine = Market::new(market(), person(0));
        (self.pending, self.sent) = (vec![], vec![]);
        [&mut self.heard, &mut self.asked, &mut self.wished].into_iter().for_each(BTreeSet::clear);
        self.salts.clear();
        self.shown.clear();
        self.stakes.clear();
        self.clearing = None;
        self.input(Input::Restore { kept: self.disk.read(), standings, deals });
        self.measure();
        Ok(())
    }

    fn entries(&self, source: &mut Unstructured) -> Result<Vec<Entry>> {
        let count = source.int_in_range(0..=6)?;
        (0..count).map(|_| entry(source, self.now)).collect()
    }

    fn terms(&self, source: &mut Unstructured) -> Result<DealTerms> {
        let heads = || self.machine.book().heads_after(None).take(16);
        let known: Vec<(Hash, Order)> = heads().filter_map(|head| Some((head.id, head.order()?.clone()))).collect();
        let (ids, orders): (Vec<Hash>, Vec<Order>) = known.into_iter().unzip();
        terms(source, self.now, &orders, &ids)
    }

    /// A deal that others may have struck: often over the lots of one that is kept, at another price.
    fn struck(&self, source: &mut Unstructured) -> Result<StruckDeal> {
        let kept: Vec<StruckDeal> =
            self.machine.book().fills().deals().take(16).map(|(_, deal)| (**deal).clone()).collect();
        if let (true, Some(mut deal)) = (source.ratio(3, 4)?, chosen(source, &kept)?) {
            deal.terms.price = Price(deal.terms.price.0 ^ u128::from(source.int_in_range(0u8..=3)?));
            return Ok(deal);
        }
        Ok(StruckDeal { terms: self.terms(source)?, supplier: word(source)?, consumer: word(source)? })
    }

    /// A deal of the machine, or none that it knows.
    fn deal(&self, source: &mut Unstructured) -> Result<Hash> {
        let ids: Vec<Hash> = self.machine.deals().map(|deal| deal.id).collect();
        Ok(chosen(source, &ids)?.unwrap_or_default())
    }
}

fn chosen<T: Clone>(source: &mut Unstructured, all: &[T]) -> Result<Option<T>> {
    Ok(if all.is_empty() { None } else { Some(source.choose(all)?.clone()) })
}
