//! One message through one mesh, event by event: pushed to links at once, offered to other peers at heartbeats, over
//! uplinks that queue and lines that lose. Knows no tables; the same input gives the same course.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::links::Links;
use super::random::Random;
use super::world::World;

const PACKET_BYTES: u64 = 1_200;
/// IP, UDP, QUIC and its seal, for each packet.
const PACKET_OVERHEAD: u64 = 60;
/// The topic's name and the frame of gossip.
const FRAME_OVERHEAD: u64 = 120;
/// One recovery of a signer.
const RECOVERY_US: u64 = 46;
const HEARTBEAT_US: u64 = 1_000_000;
/// A message is offered at so many heartbeats of each node that has it.
const HEARTBEATS: u64 = 3;
/// Peers to which a node offers at a heartbeat: a quarter of those outside its mesh, as gossipsub does.
const OFFERED_SHARE: usize = 4;
/// What a receiver may wait before it acknowledges; part of the sender's patience with a lost packet.
const ACK_DELAY_US: u64 = 25_000;

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    /// Without any frame around it.
    pub bytes: u64,
    /// Orders in it, each with a signature to recover.
    pub orders: u64,
}

/// What goes wrong, and what is done about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Conditions {
    /// Packets in a thousand that are lost and sent again.
    pub lost_packets: u64,
    /// Copies in a thousand that are lost for good.
    pub lost_copies: u64,
    /// Nodes in a thousand that take messages and pass nothing on.
    pub silent: u64,
    /// Whether near links carry nothing, as if an attacker sat at each.
    pub is_near_dead: bool,
    /// Whether nodes offer the message at heartbeats to peers outside of the mesh.
    pub is_offered: bool,
    /// Whether the publisher sends to all connected peers instead of its mesh.
    pub is_published_to_all: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Course {
    /// When each node first had the message, in µs since it was published.
    pub arrived_us: Vec<Option<u64>>,
    /// Which nodes are silent.
    pub is_silent: Vec<bool>,
    /// Copies that arrived.
    pub copies: u64,
}

impl Message {
    /// Bytes on the line of one copy.
    pub fn wire_bytes(&self) -> u64 {
        let framed = self.bytes + FRAME_OVERHEAD;
        framed + framed.div_ceil(PACKET_BYTES) * PACKET_OVERHEAD
    }

    fn packets(&self) -> u64 {
        (self.bytes + FRAME_OVERHEAD).div_ceil(PACKET_BYTES)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A copy is at `to`.
    Copy { from: u32, to: u32 },
    /// `node` has checked the message and passes it on.
    Checked { node: u32 },
    /// `node` offers the message; so many more heartbeats follow.
    Heartbeat { node: u32, left: u64 },
    /// `to` hears that `from` has it.
    Offer { from: u32, to: u32 },
    /// `to` is asked for it by `from`.
    Request { from: u32, to: u32 },
}

struct Run<'a> {
    world: &'a World,
    links: &'a Links,
    message: Message,
    conditions: Conditions,
    random: Random,
    /// Earliest first; the count keeps the order among equals.
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    count: u64,
    uplink_free_us: Vec<u64>,
    /// Who has sent a copy to each node: no need to send it back.
    senders: Vec<Vec<u32>>,
    is_asking: Vec<bool>,
    course: Course,
}

/// Publishes `message` at `publisher` and follows it to its end.
pub fn run(
    world: &World,
    links: &Links,
    message: Message,
    conditions: Conditions,
    (publisher, seed): (usize, u64),
) -> Course {
    let mut random = Random::new(seed);
    let size = world.size();
    let mut is_silent: Vec<bool> = (0..size).map(|_| random.happens(conditions.silent)).collect();
    is_silent[publisher] = false;
    let mut run = Run {
        world,
        links,
        message,
        conditions,
        random,
        queue: BinaryHeap::new(),
        count: 0,
        uplink_free_us: vec![0; size],
        senders: vec![Vec::new(); size],
        is_asking: vec![false; size],
        course: Course { arrived_us: vec![None; size], is_silent, copies: 0 },
    };
    run.publish(publisher as u32);
    while let Some(Reverse((now, _, event))) = run.queue.pop() {
        run.handle(event, now);
    }
    run.course
}

impl Run<'_> {
    fn publish(&mut self, node: u32) {
        self.course.arrived_us[node as usize] = Some(0);
        match self.conditions.is_published_to_all {
            true => {
                let mut peers = self.links.connected[node as usize].clone();
                self.random.shuffle(&mut peers);
                peers.into_iter().for_each(|peer| self.send(node, peer, 0));
            }
            false => self.push(node, 0),
        }
        self.begin_heartbeats(node, 0);
    }

    fn handle(&mut self, event: Event, now: u64) {
        match event {
            Event::Copy { from, to } => self.on_copy(from, to, now),
            Event::Checked { node } => {
                self.push(node, now);
                self.begin_heartbeats(node, now);
            }
            Event::Heartbeat { node, left } => self.on_heartbeat(node, left, now),
            Event::Offer { from, to } => {
                let is_news = self.course.arrived_us[to as usize].is_none() && !self.is_asking[to as usize];
                if is_news {
                    self.is_asking[to as usize] = true;
                    let delay = self.delay(to, from);
                    self.add(now + delay, Event::Request { from: to, to: from });
                }
            }
            Event::Request { from, to } => self.send(to, from, now),
        }
    }

    fn on_copy(&mut self, from: u32, to: u32, now: u64) {
        let node = to as usize;
        self.course.copies += 1;
        self.senders[node].push(from);
        self.is_asking[node] = false;
        if self.course.arrived_us[node].is_some() {
            return;
        }
        self.course.arrived_us[node] = Some(now);
        if !self.course.is_silent[node] {
            self.add(now + RECOVERY_US * self.message.orders, Event::Checked { node: to });
        }
    }

    fn push(&mut self, node: u32, now: u64) {
        let mut links = self.links.mesh[node as usize].clone();
        self.random.shuffle(&mut links);
        for link in links {
            let is_dead = link.is_near && self.conditions.is_near_dead;
            if !is_dead && !self.senders[node as usize].contains(&link.to) {
                self.send(node, link.to, now);
            }
        }
    }

    /// Puts one copy behind what the uplink has to send already.
    fn send(&mut self, from: u32, to: u32, now: u64) {
        let sending = self.world.sending_us(from as usize, self.message.wire_bytes());
        let gone = self.uplink_free_us[from as usize].max(now) + sending;
        self.uplink_free_us[from as usize] = gone;
        if self.random.happens(self.conditions.lost_copies) {
            return;
        }
        let arrival = gone + self.delay(from, to) + self.repetition(from, to);
        self.add(arrival, Event::Copy { from, to });
    }

    /// One way, with up to a tenth of jitter.
    fn delay(&mut self, from: u32, to: u32) -> u64 {
        let delay = self.world.delay_us(from as usize, to as usize);
        delay + self.random.below(delay / 10 + 1)
    }

    /// What lost packets cost: the sender's patience (RFC 9002, section 6.2), doubled each time.
    fn repetition(&mut self, from: u32, to: u32) -> u64 {
        let round_trip = 2 * self.world.delay_us(from as usize, to as usize);
        let mut patience = round_trip * 5 / 4 + ACK_DELAY_US;
        let (mut packets, mut waited) = (self.message.packets(), 0);
        loop {
            packets = (0..packets).filter(|_| self.random.happens(self.conditions.lost_packets)).count() as u64;
            if packets == 0 {
                return waited;
            }
            waited += patience;
            patience *= 2;
        }
    }

    fn begin_heartbeats(&mut self, node: u32, now: u64) {
        if self.conditions.is_offered {
            let phase = self.random.below(HEARTBEAT_US);
            self.add(now + phase, Event::Heartbeat { node, left: HEARTBEATS - 1 });
        }
    }

    fn on_heartbeat(&mut self, node: u32, left: u64, now: u64) {
        let mesh = &self.links.mesh[node as usize];
        let is_outside = |peer: &&u32| mesh.iter().all(|link| link.to != **peer);
        let mut peers: Vec<u32> = self.links.connected[node as usize].iter().filter(is_outside).copied().collect();
        self.random.shuffle(&mut peers);
        peers.truncate(peers.len() / OFFERED_SHARE);
        for peer in peers {
            // An offer to a node that has the message changes nothing.
            if self.course.arrived_us[peer as usize].is_none() {
                let delay = self.delay(node, peer);
                self.add(now + delay, Event::Offer { from: node, to: peer });
            }
        }
        if left > 0 {
            self.add(now + HEARTBEAT_US, Event::Heartbeat { node, left: left - 1 });
        }
    }

    fn add(&mut self, at: u64, event: Event) {
        self.count += 1;
        self.queue.push(Reverse((at, self.count, event)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::links::Shape;
    use super::*;

    const ORDER: Message = Message { bytes: 300, orders: 1 };

    fn course(shape: Shape, conditions: Conditions) -> (World, Course) {
        let world = World::new(400, 7);
        let links = Links::new(&world, shape, 8);
        let course = run(&world, &links, ORDER, conditions, (3, 9));
        (world, course)
    }

    fn reached(course: &Course) -> usize {
        course.arrived_us.iter().flatten().count()
    }

    #[test]
    fn a_whole_mesh_reaches_everyone_over_links_that_take_their_time() {
        let (world, course) = course(Shape { near: 5, random: 3 }, Conditions::default());
        assert_eq!(reached(&course), 400);
        let others = || (0..400).filter(|node| *node != 3);
        let first_hop = others().map(|node| world.delay_us(3, node)).min();
        assert!(others().all(|node| course.arrived_us[node] > first_hop));
        assert!(course.copies >= 399 && course.copies < 399 * 8);
    }

    #[test]
    fn the_same_seed_takes_the_same_course() {
        let lossy = Conditions { lost_packets: 50, silent: 100, is_offered: true, ..Conditions::default() };
        let shape = Shape { near: 3, random: 3 };
        assert_eq!(course(shape, lossy).1.arrived_us, course(shape, lossy).1.arrived_us);
    }

    #[test]
    fn silence_costs_reach_and_offers_bring_it_back() {
        let shape = Shape { near: 0, random: 3 };
        let silent = Conditions { silent: 330, ..Conditions::default() };
        let alone = reached(&course(shape, silent).1);
        let offered = reached(&course(shape, Conditions { is_offered: true, ..silent }).1);
        assert!(alone < 380 && offered > alone, "{alone} and {offered}");
    }

    #[test]
    fn dead_near_links_leave_only_the_random_ones() {
        let dead = Conditions { is_near_dead: true, ..Conditions::default() };
        assert!(reached(&course(Shape { near: 5, random: 3 }, dead).1) > 390);
        assert_eq!(reached(&course(Shape { near: 8, random: 0 }, dead).1), 1);
    }

    #[test]
    fn lost_packets_come_late_and_lost_copies_never() {
        let shape = Shape { near: 0, random: 6 };
        let last = |conditions| course(shape, conditions).1.arrived_us.iter().flatten().max().copied();
        let lossy = Conditions { lost_packets: 300, ..Conditions::default() };
        assert!(last(lossy) > last(Conditions::default()));
        assert_eq!(reached(&course(shape, lossy).1), 400);
        assert_eq!(reached(&course(shape, Conditions { lost_copies: 1000, ..Conditions::default() }).1), 1);
    }
}
