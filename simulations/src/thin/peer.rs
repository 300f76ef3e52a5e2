//! One peer without a book: its overlay, its line, the orders that it knows. Knows the plan as far as sizes go.

use std::sync::Arc;

use super::known::Known;
use super::plan::Plan;
use super::sync::{PEELED, Sizes};
use crate::costs::Costs;
use crate::engine::{MS, Nanos, Node, Out};
use crate::network::{Network, Nic, Parcel};
use crate::overlay::{Do, Frame, Gossip, Link, MessageId, Overlay, Rules, Topic, Verdict, dials};
use crate::random::Random;
use crate::scenario::Mesh;

/// Connections that others open, at most.
const INCOMING_MAX: usize = 88;
/// Neighbours whose set is asked for at every heartbeat of reconciliation.
const CHOSEN_MAX: usize = 8;
/// Heartbeats of reconciliation in an epoch; in its guard twice as many for the time.
const BEATS_PER_EPOCH: u64 = 4;
/// A request or answer of a handshake.
const HELLO_BYTES: u32 = 300;

/// What all peers share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) rules: Arc<Rules>,
    pub(super) mesh: Mesh,
    pub(super) sizes: Sizes,
    pub(super) costs: Costs,
    pub(super) is_charged: bool,
    pub(super) slower_up_to_milli: u64,
    pub(super) nodes: u32,
    pub(super) seed: u64,
}

/// An order on its way: who published it, its number in the plan, its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Note {
    number: u32,
    origin: u32,
    bytes: u32,
}

impl Gossip for Note {
    fn id(&self) -> MessageId {
        MessageId::new(self.origin, self.number)
    }

    fn topic(&self) -> Topic {
        Topic::Orders
    }

    fn bytes(&self) -> u32 {
        self.bytes
    }
}

/// Orders of the plan; one pointer wide, since events are many.
type Numbers = Arc<Vec<u32>>;

/// What happens to a peer.
#[derive(Debug)]
pub(super) enum Event {
    /// It comes up.
    Dial,
    /// Another opens a connection.
    Dialed,
    /// The other took it.
    Accepted,
    /// It signs an order of the plan.
    Publish(u32),
    /// A frame of whoever caused it.
    Heard(Frame<Note>),
    /// The same, of this peer, having waited in the own line.
    Through(Box<(u32, Frame<Note>)>),
    /// The signature of an order is known: from whom, which.
    Judge(u32, u32),
    /// Gossip's heartbeat.
    Beat,
    /// Reconciliation's heartbeat.
    Compare,
    /// An epoch ends.
    Seal,
    /// What another holds.
    Sync(Arc<Known>),
    /// What was lacking, after a small difference.
    Items(Numbers),
    /// A larger difference: what only the asker has, and what only the other has.
    Symbols(Box<(Numbers, Numbers)>),
    /// What was lacking there, and what is lacking here.
    Exchange(Box<(Numbers, Numbers)>),
}

/// One peer.
#[derive(Debug)]
pub(super) struct Peer {
    number: u32,
    world: Arc<World>,
    network: Arc<Network>,
    random: Random,
    overlay: Overlay<Note>,
    out: Vec<Do<Note>>,
    pub(super) nic: Nic,
    known: Known,
    /// When each order of the plan was first known, in tens of microseconds after its birth; `u32::MAX` for never.
    pub(super) heard: Vec<u32>,
    /// Of each sealed epoch: what was missing of the orders that count, as a hash; 0 if nothing.
    pub(super) sealed: Vec<u32>,
    /// Orders that were missing when the first epoch that they count for was sealed, since the warm-up.
    pub(super) late: u64,
    /// Orders that reconciliation brought.
    pub(super) mended: u64,
    /// Bytes of reconciliation sent, as messages.
    pub(super) sync_bytes: u64,
    /// Nanoseconds computed.
    pub(super) computed: Nanos,
    busy_until: Nanos,
    slower_milli: u64,
}

impl Peer {
    pub(super) fn new(number: u32, world: Arc<World>, network: Arc<Network>) -> Peer {
        let mut random = Random::new(world.seed, number.into());
        let own = Random::new(random.next(), number.into());
        let slower_milli = random.between(1_000, world.slower_up_to_milli);
        Peer {
            number,
            overlay: Overlay::new(world.rules.clone(), own),
            heard: vec![u32::MAX; world.plan.orders.len()],
            world,
            network,
            random,
            out: Vec::new(),
            nic: Nic::default(),
            known: Known::default(),
            sealed: Vec::new(),
            late: 0,
            mended: 0,
            sync_bytes: 0,
            computed: 0,
            busy_until: 0,
            slower_milli,
        }
    }

    /// Links are cut or mended.
    pub(super) fn rewire(&mut self, network: Arc<Network>) {
        self.network = network;
    }

    pub(super) fn overlay(&self) -> &Overlay<Note> {
        &self.overlay
    }

    fn link(&self, peer: u32, is_outbound: bool) -> Link {
        Link { peer, is_outbound, round_trip: 2 * self.network.latency(self.number, peer), place: peer }
    }

    /// The loop computes for so long, after what it has to do already; when it is done.
    fn compute(&mut self, ns: u64, now: Nanos) -> Nanos {
        if !self.world.is_charged {
            return now;
        }
        let took = ns * self.slower_milli / 1_000;
        self.computed += took;
        self.busy_until = self.busy_until.max(now) + took;
        self.busy_until
    }

    fn send(&mut self, (to, bytes): (u32, u32), now: Nanos, out: &mut Out<'_, Event>, event: Event) {
        let parcel = Parcel { from: self.number, to, bytes, is_gossip: false };
        if let Some(at) = self.network.carry(&mut self.nic, &mut self.random, parcel, now).first {
            out.send(to, at, event);
        }
    }

    fn sync(&mut self, (to, bytes): (u32, u32), now: Nanos, out: &mut Out<'_, Event>, event: Event) {
        self.sync_bytes += u64::from(bytes);
        self.send((to, bytes), now, out, event);
    }

    /// Carries out what the overlay wants.
    fn carry_out(&mut self, now: Nanos, out: &mut Out<'_, Event>) {
        let mut todo = std::mem::take(&mut self.out);
        for one in todo.drain(..) {
            match one {
                Do::Send { to, frame } => {
                    let parcel = Parcel { from: self.number, to, bytes: frame.bytes(), is_gossip: true };
                    let overflowed = self.nic.overflowed;
                    let arrivals = self.network.carry(&mut self.nic, &mut self.random, parcel, now);
                    if self.nic.overflowed > overflowed {
                        self.overlay.was_slow(to);
                    }
                    if let Some(again) = arrivals.again {
                        out.send(to, again, Event::Heard(frame.clone()));
                    }
                    if let Some(first) = arrivals.first {
                        out.send(to, first, Event::Heard(frame));
                    }
                }
                Do::Deliver { from, message } => {
                    let is_new = !self.known.has(message.number);
                    let ns = if is_new { self.world.costs.order_ns() } else { 0 };
                    let done = self.compute(ns, now);
                    out.at(done, Event::Judge(from, message.number));
                }
                Do::LeaveAlone { .. } => {}
            }
        }
        self.out = todo;
    }

    fn hear(&mut self, (from, frame): (u32, Frame<Note>), now: Nanos, out: &mut Out<'_, Event>) {
        self.compute(self.world.costs.frame_ns(frame.bytes()), now);
        self.overlay.heard(now, from, frame, &mut self.out);
        self.carry_out(now, out);
    }

    /// An order is known; whether it was not before.
    fn learn(&mut self, number: u32, now: Nanos) -> bool {
        let is_new = self.known.insert(number);
        if is_new {
            let after = now.saturating_sub(self.world.plan.orders[number as usize].born) / 10_000;
            self.heard[number as usize] = u32::try_from(after).unwrap_or(u32::MAX - 1);
        }
        is_new
    }

    fn note(&self, number: u32) -> Note {
        let order = &self.world.plan.orders[number as usize];
        Note { number, origin: order.origin, bytes: order.bytes }
    }

    fn come_up(&mut self, now: Nanos, out: &mut Out<'_, Event>) {
        let (world, network) = (self.world.clone(), self.network.clone());
        for to in dials(&network, &world.mesh, (self.number, world.nodes), world.seed) {
            // A connection takes two round trips: TCP and TLS, or QUIC with its address check.
            let parcel = Parcel { from: self.number, to, bytes: HELLO_BYTES, is_gossip: false };
            let handshake = 3 * self.network.latency(self.number, to);
            if let Some(at) = self.network.carry(&mut self.nic, &mut self.random, parcel, now).first {
                out.send(to, at + handshake, Event::Dialed);
            }
        }
        out.at(now + self.random.below(world.rules.heartbeat), Event::Beat);
        out.at(self.next_compare(now), Event::Compare);
        out.at((now / world.plan.epoch + 1) * world.plan.epoch, Event::Seal);
    }

    fn next_compare(&self, now: Nanos) -> Nanos {
        let plan = &self.world.plan;
        let left = plan.epoch - now % plan.epoch;
        let beats = if left <= plan.guard { 2 * BEATS_PER_EPOCH } else { BEATS_PER_EPOCH };
        // A tick of its own loop, not everybody's at once.
        let phase = Nanos::from(self.number) * 7_919 % (50 * MS);
        let next = now - now.saturating_sub(phase) % (plan.epoch / beats) + plan.epoch / beats;
        next.max(now + MS)
    }

    /// Asks the neighbours of its choice, those that it dialed before others.
    fn compare(&mut self, now: Nanos, out: &mut Out<'_, Event>) {
        let known = Arc::new(self.known.clone());
        let outbound: Vec<u32> = self.overlay.outbound().collect();
        let others = self.overlay.peers().filter(|peer| !outbound.contains(peer));
        let chosen: Vec<u32> = outbound.iter().copied().chain(others).take(CHOSEN_MAX).collect();
        for to in chosen {
            self.compute(self.world.costs.machine_steps.summary_ns, now);
            self.sync((to, self.world.sizes.summary), now, out, Event::Sync(known.clone()));
        }
    }

    fn bytes_of(&self, numbers: &[u32]) -> u32 {
        let bytes: u32 = numbers.iter().map(|number| self.world.plan.orders[*number as usize].bytes).sum();
        self.world.sizes.items(numbers.len(), bytes)
    }

    fn on_sync(&mut self, (from, theirs): (u32, &Known), now: Nanos, out: &mut Out<'_, Event>) {
        self.compute(self.world.costs.machine_steps.summary_ns, now);
        let (here, there) = self.known.differ(theirs);
        let sizes = self.world.sizes;
        if here.is_empty() && there.is_empty() {
            self.sync_bytes += u64::from(sizes.equal);
            self.nic.sent_bytes += u64::from(crate::network::on_wire(sizes.equal));
            return;
        }
        if here.len() + there.len() > PEELED {
            let bytes = sizes.symbols(here.len() + there.len());
            return self.sync((from, bytes), now, out, Event::Symbols(Box::new((Arc::new(there), Arc::new(here)))));
        }
        let bytes = self.bytes_of(&here);
        self.sync((from, bytes), now, out, Event::Items(Arc::new(here)));
        if !there.is_empty() {
            // It showed more than is here: it is asked at once.
            let known = Arc::new(self.known.clone());
            self.sync((from, sizes.summary), now, out, Event::Sync(known));
        }
    }

    fn take(&mut self, numbers: &[u32], now: Nanos) {
        for number in numbers {
            if self.learn(*number, now) {
                self.mended += 1;
                self.compute(self.world.costs.order_ns(), now);
            }
        }
    }

    fn on_symbols(&mut self, (from, (here, there)): (u32, (Numbers, Numbers)), now: Nanos, out: &mut Out<'_, Event>) {
        let bytes = self.bytes_of(&here) + self.world.sizes.wants(there.len());
        self.sync((from, bytes), now, out, Event::Exchange(Box::new((here, there))));
    }

    /// What it knows of the orders that count for the epoch that ends.
    fn seal(&mut self, now: Nanos) {
        let plan = &self.world.plan;
        let epoch = now / plan.epoch - 1;
        let before = if epoch == 0 { 0 } else { plan.counted(epoch - 1) };
        let missing = self.known.missing(0, plan.counted(epoch));
        let is_measured = |number: &&u32| **number >= before && plan.orders[**number as usize].born >= plan.warmup;
        self.late += missing.iter().filter(is_measured).count() as u64;
        let hash = missing.iter().fold(0u32, |hash, number| (hash ^ (number + 1)).wrapping_mul(0x9e37_79b1));
        self.sealed.push(hash);
    }
}

impl Node for Peer {
    type Event = Event;

    fn handle(&mut self, now: Nanos, event: Event, out: &mut Out<'_, Event>) {
        let from = out.cause();
        match event {
            Event::Heard(frame) => {
                let done = self.network.received(&mut self.nic, frame.bytes(), now);
                match done > now {
                    true => out.at(done, Event::Through(Box::new((from, frame)))),
                    false => self.hear((from, frame), now, out),
                }
            }
            Event::Through(frame) => self.hear(*frame, now, out),
            Event::Judge(from, number) => {
                let verdict = if self.learn(number, now) { Verdict::Accept } else { Verdict::Ignore };
                let id = self.note(number).id();
                self.overlay.judge(now, (from, id), verdict, &mut self.out);
                self.carry_out(now, out);
            }
            Event::Publish(number) => {
                self.learn(number, now);
                self.compute(self.world.costs.crypto.sign_ns, now);
                let note = self.note(number);
                self.overlay.publish(now, note, &mut self.out);
                self.carry_out(now, out);
            }
            Event::Beat => {
                self.overlay.heartbeat(now, &mut self.out);
                self.carry_out(now, out);
                out.at(now + self.world.rules.heartbeat, Event::Beat);
            }
            Event::Compare => {
                self.compare(now, out);
                out.at(self.next_compare(now), Event::Compare);
            }
            Event::Seal => {
                self.seal(now);
                out.at(now + self.world.plan.epoch, Event::Seal);
            }
            Event::Sync(theirs) => self.on_sync((from, &theirs), now, out),
            Event::Items(numbers) => self.take(&numbers, now),
            Event::Symbols(difference) => self.on_symbols((from, *difference), now, out),
            Event::Exchange(difference) => {
                let (brought, wanted) = *difference;
                self.take(&brought, now);
                let bytes = self.bytes_of(&wanted);
                self.sync((from, bytes), now, out, Event::Items(wanted));
            }
            Event::Dial => self.come_up(now, out),
            Event::Dialed => {
                let incoming = self.overlay.peers().count() - self.overlay.outbound().count();
                if incoming < INCOMING_MAX && !self.overlay.is_connected(from) {
                    self.send((from, HELLO_BYTES), now, out, Event::Accepted);
                    let link = self.link(from, false);
                    self.overlay.connect(now, link, &mut self.out);
                    self.carry_out(now, out);
                }
            }
            Event::Accepted => {
                let link = self.link(from, true);
                self.overlay.connect(now, link, &mut self.out);
                self.carry_out(now, out);
            }
        }
    }

    fn digest(event: &Event) -> u64 {
        let list = |numbers: &[u32]| numbers.iter().fold(0, |sum: u64, number| sum.rotate_left(7) ^ u64::from(*number));
        match event {
            Event::Dial => 1,
            Event::Dialed => 2,
            Event::Accepted => 3,
            Event::Publish(number) => 4 | u64::from(*number) << 4,
            Event::Heard(frame) => 5 ^ frame.digest() << 4,
            Event::Through(frame) => 6 ^ frame.1.digest() << 4,
            Event::Judge(from, number) => 7 ^ u64::from(*from) << 36 ^ u64::from(*number) << 4,
            Event::Beat => 8,
            Event::Compare => 9,
            Event::Seal => 10,
            Event::Sync(_) => 11,
            Event::Items(numbers) => 12 ^ list(numbers) << 4,
            Event::Symbols(both) => 13 ^ list(&both.0) << 4 ^ list(&both.1) << 5,
            Event::Exchange(both) => 14 ^ list(&both.0) << 4 ^ list(&both.1) << 5,
        }
    }
}
