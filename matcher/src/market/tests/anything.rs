//! Any inputs in any sequence, with well-signed orders and terms that hold extreme numbers: the machine never panics.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use proptest::collection::vec as many;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use protocol::reconcile::Salt;
use protocol::talk::{Request, Response};
use protocol::{Acknowledgement, Address, Authority, Capacity, DealEnd, DealTerms, EndCause, Entry, Hash};
use protocol::{Metric, Order, OrderRef, Price, Rejected, Scope, Side, Signature, Typed};

use crate::deals::Deal;
use crate::effect::{Effect, Topic};
use crate::input::{Draft, Input, Unanswered};
use crate::market::Market;
use crate::world::START_MS;
use crate::world::people::{Person, capacity, claim, deal_message, draft, market, order, orders_message, struck};

/// The machine's own key and two strangers'.
fn person() -> impl Strategy<Value = usize> {
    0usize..3
}

/// The numbers at which arithmetic breaks, and the plausible ones around now.
fn number() -> impl Strategy<Value = u64> {
    let (epoch, second) = (market().epoch_at(START_MS), START_MS / 1000);
    prop_oneof![
        3 => (0u64..4).prop_map(move |offset| epoch + offset),
        2 => (0u64..40).prop_map(move |offset| second + offset),
        2 => 0u64..5,
        1 => Just(u64::MAX),
        1 => Just(u64::MAX - 1),
        1 => Just(u64::MAX / 1000 + 1),
        1 => any::<u64>(),
    ]
}

fn small() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0u32..4, 2 => Just(600u32), 1 => Just(u32::MAX), 1 => Just(1u32 << 20), 1 => any::<u32>()]
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Ask), Just(Side::Bid)]
}

/// Marks an order that is to be fit for the epoch in which it is sent.
const SANE: Hash = Hash([1; 32]);

prop_compose! {
    fn any_order()(
        side in side(), slot in 0u16..3, (version, from, expiry) in (number(), number(), number()),
        (lots, low, high, billed) in (small(), small(), small(), small()), sane in prop::bool::weighted(0.7),
        price in prop_oneof![Just(1u128), Just(100), Just(u128::MAX), Just(u128::MAX / (1 << 53)), any::<u128>()],
        value in prop_oneof![Just(10_000_000u64), Just(u64::MAX), Just(18_000_000_000_000_000_000)],
    ) -> Order {
        let mut order = order(side, price, from);
        (order.slot, order.version, order.lots) = (slot, version, lots);
        if !sane {
            (order.expiry_epoch, order.billed_min_s) = (expiry, billed);
            (order.duration_min_s, order.duration_max_s) = (low, high);
            order.capacity = Capacity::new([(Metric::CpuHash, value)]);
        } else {
            order.tag = SANE;
            (order.price.0, order.lots) = (price.min(1_000), lots.clamp(1, 5));
        }
        order
    }
}

prop_compose! {
    fn any_terms()(
        (first_ask, lots_ask, first_bid, lots_bid) in (small(), small(), small(), small()),
        (duration_s, billed_min_s, even) in (small(), small(), any::<bool>()),
        (epoch, open_before, version) in (number(), number(), number()),
        (ask, bid) in (0usize..8, 0usize..8), (supplier, consumer) in (person(), person()),
    ) -> (DealTerms, (usize, usize), (usize, usize)) {
        let lots = |first_lot, lots| OrderRef {
            id: Hash::ZERO, owner: Address::ZERO, slot: 0, version, first_lot, lots,
        };
        let (ask_lots, bid_lots) = (lots(first_ask, lots_ask), lots(first_bid, if even { lots_ask } else { lots_bid }));
        let price = Price(100);
        let sealed_root = Hash::ZERO;
        let terms =
            DealTerms { ask: ask_lots, bid: bid_lots, price, duration_s, billed_min_s, epoch, sealed_root, open_before };
        (terms, (ask, bid), (supplier, consumer))
    }
}

/// One thing that happens; indices are into what has happened before.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Place(Draft),
    PlaceList(Vec<Draft>),
    Submit(Vec<(usize, Order)>),
    Withdraw(usize),
    EndDeal(usize),
    Orders(Vec<(usize, Order)>),
    Struck((DealTerms, (usize, usize), (usize, usize))),
    Propose((DealTerms, (usize, usize), (usize, usize))),
    ProposeMatch(u64, usize),
    End(usize, usize, bool, u64),
    Beat(usize, usize, u64),
    Peer(usize),
    Page(usize, Vec<(usize, Order)>, bool),
    Bytes(Vec<u8>, bool),
    Odd(u64, u8, Vec<bool>),
    Answer(usize, u8),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let orders = || many((person(), any_order()), 1..5);
    let placed = || {
        (any_order(), any::<bool>(), small()).prop_map(|(order, is_renewed, life_s)| {
            let mut draft = draft(order.side, order.price.0);
            (draft.capacity, draft.lots, draft.is_renewed, draft.life_s) =
                (order.capacity, order.lots, is_renewed, life_s);
            draft
        })
    };
    prop_oneof![
        6 => prop_oneof![9 => 0u64..3_000, 1 => Just(60_000), 1 => Just(90_000_000)].prop_map(Step::Wait),
        4 => placed().prop_map(Step::Place),
        1 => many(placed(), 0..66).prop_map(Step::PlaceList),
        2 => orders().prop_map(Step::Submit),
        1 => any::<usize>().prop_map(Step::Withdraw),
        1 => any::<usize>().prop_map(Step::EndDeal),
        5 => orders().prop_map(Step::Orders),
        3 => any_terms().prop_map(Step::Struck),
        2 => any_terms().prop_map(Step::Propose),
        3 => (number(), any::<usize>()).prop_map(|(open_before, at)| Step::ProposeMatch(open_before, at)),
        1 => (any::<usize>(), person(), any::<bool>(), number()).prop_map(|(a, b, c, d)| Step::End(a, b, c, d)),
        2 => (any::<usize>(), person(), number()).prop_map(|(a, b, c)| Step::Beat(a, b, c)),
        1 => person().prop_map(Step::Peer),
        1 => (any::<usize>(), orders(), any::<bool>()).prop_map(|(a, b, c)| Step::Page(a, b, c)),
        1 => (many(any::<u8>(), 0..80), any::<bool>()).prop_map(|(a, b)| Step::Bytes(a, b)),
        1 => (0u64..40, 0u8..4, many(any::<bool>(), 0..3)).prop_map(|(a, b, c)| Step::Odd(a, b, c)),
        3 => (any::<usize>(), 0u8..6).prop_map(|(a, b)| Step::Answer(a, b)),
        1 => Just(Step::Restart),
    ]
}

/// One machine, what it knows and what it waits for.
struct Victim {
    machine: Market,
    people: Vec<Person>,
    now: u64,
    token: u64,
    sent: Vec<(u64, Address, Request)>,
}

impl Victim {
    /// A machine that trades for itself, or for another until so many seconds from now.
    fn new(acts_for_s: Option<u64>) -> Victim {
        let mut people: Vec<Person> = (0..3).map(Person::new).collect();
        if let Some(seconds) = acts_for_s {
            let start_s = START_MS / 1000;
            people[0].act_for(&Person::new(9), Scope::ALL, (start_s, start_s.saturating_add(seconds)));
        }
        let machine = people[0].market();
        let mut victim = Victim { machine, people, now: START_MS, token: 0, sent: vec![] };
        victim.input(Input::Measured(capacity(10).times(10).unwrap()));
        victim
    }

    fn input(&mut self, input: Input) {
        let mut inputs = vec![input];
        let mut rounds = 0;
        while let Some(input) = inputs.pop() {
            rounds += 1;
            assert!(rounds < 10_000, "the machine keeps itself busy");
            for effect in self.machine.handle(input, self.now) {
                match effect {
                    Effect::Clear { book } => {
                        inputs.push(Input::Cleared { epoch: book.epoch, outcome: Some(crate::Outcome::of(book)) });
                    }
                    Effect::Recover { ticket, work } => {
                        let verdicts = work.iter().map(|recovery| recovery.run().is_ok()).collect();
                        inputs.push(Input::Recovered { ticket, verdicts });
                    }
                    Effect::Sign { ticket, digest } => {
                        inputs.push(Input::Signed { ticket, signature: self.people[0].sign(&digest) });
                    }
                    Effect::Send { ticket, to, request } => self.sent.push((ticket, to, *request)),
                    _ => {}
                }
            }
        }
    }

    fn deal(&self, at: usize) -> Option<Deal> {
        let count = self.machine.deals().count();
        self.machine.deals().nth(at % count.max(1)).cloned()
    }

    fn entries(&self, orders: Vec<(usize, Order)>) -> Vec<Entry> {
        let epoch = market().epoch_to_sign(self.now);
        let fit = |mut order: Order| {
            if order.tag == SANE {
                (order.from_epoch, order.expiry_epoch, order.version) = (epoch, epoch + 5, self.now);
            }
            order
        };
        orders.into_iter().map(|(person, order)| self.people[person].entry(fit(order))).collect()
    }

    fn hear(&mut self, topic: Topic, bytes: Vec<u8>) {
        self.token += 1;
        let (from, token) = (self.people[1].address, self.token);
        self.input(Input::Heard { from, token, topic, bytes });
    }

    fn asked(&mut self, from: usize, request: Request) {
        self.token += 1;
        let (from, token) = (self.people[from].address, self.token);
        self.input(Input::Asked { from, token, request: Box::new(request) });
    }

    /// Points the terms at known heads, or at nothing, and at their signers.
    fn pointed(&self, any: (DealTerms, (usize, usize), (usize, usize))) -> (DealTerms, Person, Person) {
        let (mut terms, (ask, bid), (supplier, consumer)) = any;
        let heads: Vec<Hash> = self.machine.book().heads_after(None).map(|head| head.id).collect();
        terms.ask.id = heads.get(ask).copied().unwrap_or_default();
        terms.bid.id = heads.get(bid).copied().unwrap_or_default();
        let [supplier, consumer] = [supplier, consumer].map(|number| self.people[number].clone());
        (terms.ask.owner, terms.bid.owner) = (supplier.address, consumer.address);
        (terms, supplier, consumer)
    }

    /// A well-formed proposal of a match that the machine found itself.
    fn propose_match(&mut self, open_before: u64, at: usize) {
        let Some(clearing) = self.machine.clearings().next_back().cloned() else { return };
        let Some(found) = clearing.matches.get(at % clearing.matches.len().max(1)) else { return };
        let heads = [found.ask.id, found.bid.id].map(|id| self.machine.book().head(&id).cloned());
        let consumer = self.people.iter().position(|person| person.address == found.bid.owner);
        let ([Some(ask), Some(bid)], Some(consumer)) = (heads, consumer) else { return };
        let terms = DealTerms {
            ask: found.ask,
            bid: found.bid,
            price: found.price,
            duration_s: found.duration_s,
            billed_min_s: found.billed_min_s,
            epoch: clearing.epoch,
            sealed_root: clearing.sealed_root,
            open_before: if at.is_multiple_of(2) { self.now / 1000 + 5 } else { open_before },
        };
        let orders = Box::new((ask.entry.clone(), bid.entry.clone()));
        let word = claim(&terms, &self.people[consumer]);
        self.asked(consumer, Request::Propose { orders, terms, consumer: word });
    }

    fn answer(&mut self, at: usize, how: u8) {
        if self.sent.is_empty() {
            return;
        }
        let (ticket, to, request) = self.sent.remove(at % self.sent.len());
        let signer = self.people.iter().find(|person| person.address == to).unwrap_or(&self.people[1]);
        let result = match (how, request) {
            (0, Request::Propose { terms, .. }) => {
                let id = terms.id(&market().domain());
                Ok(Box::new(Response::Countersigned(signer.authority(&id))))
            }
            (1, _) => Err(Unanswered::Timeout),
            (2, _) => Ok(Box::new(Response::Declined(Rejected::NotMatched))),
            (3, _) => Ok(Box::new(Response::Countersigned(Authority::own(Signature([27; 65]))))),
            (4, _) => Ok(Box::new(Response::Alive { is_running: !at.is_multiple_of(3) })),
            _ => Ok(Box::new(Response::Done)),
        };
        self.input(Input::Answered { ticket, result });
    }

    fn odd(&mut self, ticket: u64, kind: u8, verdicts: Vec<bool>) {
        self.input(match kind {
            0 => Input::Recovered { ticket, verdicts },
            1 => Input::Signed { ticket, signature: Signature([0; 65]) },
            2 => Input::Answered { ticket, result: Ok(Response::Done.into()) },
            _ => Input::PeerDown(Address([3; 20])),
        });
    }

    fn page(&mut self, at: usize, orders: Vec<(usize, Order)>, is_more: bool) {
        let mut entries = self.entries(orders);
        entries.sort_by_key(|entry| (entry.place().0, entry.place().1));
        let pages: Vec<u64> = self
            .sent
            .iter()
            .filter(|(_, _, request)| matches!(request, Request::Book { .. }))
            .map(|sent| sent.0)
            .collect();
        if let Some(&ticket) = pages.get(at % pages.len().max(1)) {
            self.sent.retain(|sent| sent.0 != ticket);
            let result = Ok(Response::Book { entries, is_more, deals: vec![] }.into());
            self.input(Input::Answered { ticket, result });
        }
    }

    fn end(&mut self, at: usize, by: usize, is_cancel: bool, elapsed_s: u64) {
        let Some(deal) = self.deal(at) else { return };
        let cause = if is_cancel { EndCause::Cancelled } else { EndCause::Failed };
        let end = DealEnd { deal: deal.id, cause, elapsed_s };
        let word = self.people[by].authority(&market().domain().digest(&end.struct_hash()));
        self.asked(by, Request::EndDeal(end, word));
    }

    fn beat(&mut self, at: usize, by: usize, elapsed_s: u64) {
        let Some(deal) = self.deal(at) else { return };
        let word = Acknowledgement { deal: deal.id, elapsed_s };
        let authority = self.people[by].authority(&market().domain().digest(&word.struct_hash()));
        self.asked(by, Request::Heartbeat { deal: deal.id, acknowledgement: Some((word, authority)) });
    }

    fn restart(&mut self) {
        let standings = self.machine.standings().cloned().collect();
        let deals = self.machine.deals().cloned().collect();
        let book = self.machine.book();
        let kept = book.kept_ids().filter_map(|id| Some((*id, book.kept(id)?.to_item()))).collect();
        self.machine = self.people[0].market();
        self.sent.clear();
        self.input(Input::Restore { kept, standings, deals });
        self.input(Input::Measured(capacity(10).times(10).unwrap()));
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Wait(ms) => {
                self.now += ms;
                self.input(Input::Tick);
            }
            Step::Place(draft) => self.input(Input::Place { user: 1, draft: draft.into() }),
            Step::PlaceList(drafts) => self.input(Input::PlaceList { user: 1, drafts }),
            Step::Submit(orders) => {
                let entries = self.entries(orders);
                self.input(Input::Submit { user: 1, entries });
            }
            Step::Withdraw(at) => {
                let count = self.machine.standings().count().max(1);
                let id = self.machine.standings().nth(at % count).map(|standing| standing.id);
                self.input(Input::Withdraw { user: 1, order: id.unwrap_or_default() });
            }
            Step::EndDeal(at) => {
                let deal = self.deal(at).map(|deal| deal.id).unwrap_or_default();
                self.input(Input::EndDeal { user: 1, deal });
            }
            Step::Orders(orders) => self.hear(Topic::Orders, orders_message(&self.entries(orders))),
            Step::Struck(terms) => {
                let (terms, supplier, consumer) = self.pointed(terms);
                self.hear(Topic::Deals, deal_message(struck(&terms, &supplier, &consumer)));
            }
            Step::Propose(terms) => {
                let (terms, _, consumer) = self.pointed(terms);
                let bid = self.people[2].entry(order(Side::Bid, 100, terms.epoch.min(u64::MAX / 2)));
                let word = claim(&terms, &consumer);
                self.asked(2, Request::Propose { orders: Box::new((bid.clone(), bid)), terms, consumer: word });
            }
            Step::ProposeMatch(open_before, at) => self.propose_match(open_before, at),
            Step::End(at, by, is_cancel, elapsed_s) => self.end(at, by, is_cancel, elapsed_s),
            Step::Beat(at, by, elapsed_s) => self.beat(at, by, elapsed_s),
            Step::Peer(peer) => {
                let (peer, salt) = (self.people[peer].address, Salt::of_pair(&Hash::ZERO, &Hash::ZERO));
                self.input(Input::PeerUp { peer, salt, is_outbound: true });
            }
            Step::Page(at, orders, is_more) => self.page(at, orders, is_more),
            Step::Bytes(bytes, is_deal) => self.hear(if is_deal { Topic::Deals } else { Topic::Orders }, bytes),
            Step::Odd(ticket, kind, verdicts) => self.odd(ticket, kind, verdicts),
            Step::Answer(at, how) => self.answer(at, how),
            Step::Restart => self.restart(),
        }
    }
}

/// For how long the machine may act for another, if it does.
fn acting() -> impl Strategy<Value = Option<u64>> {
    prop::option::of(prop_oneof![0u64..5_000, Just(u64::MAX)])
}

/// The default of proptest, or PROPTEST_CASES.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_sequence_of_inputs_makes_the_machine_panic(steps in many(step(), 1..60), ends in acting()) {
        let mut victim = Victim::new(ends);
        for step in steps {
            victim.take(step);
            for deal in victim.machine.deals() {
                prop_assert!(deal.billed_at(victim.now) <= u64::from(deal.terms.duration_s));
                prop_assert!(deal.cost_at(victim.now).is_some());
            }
        }
    }
}

#[test]
fn the_sequences_reach_running_deals_on_both_sides() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut sides = [0, 0];
    for _ in 0..200 {
        let steps = many(step(), 1..60).new_tree(&mut runner).unwrap().current();
        let mut victim = Victim::new(None);
        steps.into_iter().for_each(|step| victim.take(step));
        for deal in victim.machine.deals().filter(|deal| deal.started_ms > 0) {
            sides[deal.side as usize] += 1;
        }
    }
    assert!(sides.iter().all(|&count| count > 0), "{sides:?}");
}
