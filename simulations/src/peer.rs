//! One node of the simulation: a desk behind a network line, with a clock of its own and computing that takes time. Sees
//! other peers only by what arrives.
//!
//! ```text
//!  Arrived --> line --> gossip --> overlay --Deliver--+
//!                  \--> hello, ping, ask, answer -----+--> queue --> loop (one core) --> desk --> deeds, when it is done
//!  Tick, Second, Errand ------------------------------+                ^                  |
//!                                                       cores: Recovered, Cleared <-------+--> line
//! ```

mod computing;
mod costs;
mod life;
mod links;
mod talk;

use std::sync::Arc;

use matcher::Input;
use protocol::Address;

use crate::checks::fault_of;
use crate::clearings::Clearings;
use crate::clock::Clock;
use crate::desk::{Deed, Desk, Hall, Moment};
use crate::engine::{MS, Nanos, Node, Out, SECOND};
use crate::faults::Strike;
use crate::network::{Network, Nic, Parcel};
use crate::overlay::{Frame, Message, Overlay};
use crate::random::Random;
use crate::signatures::Keyring;
use crate::traders::Errand;

pub use computing::Computing;
use computing::Job;
use links::Links;
pub use links::{Dialing, Link};
use talk::Calls;
pub use talk::Talk;

/// How often time is handed to the machine, as the node does.
pub const TICK: Nanos = 50 * MS;
/// How often connections are looked at.
const UPKEEP: Nanos = SECOND;

/// A connection: the other side, and its count.
type Line = (u32, u32);

/// What comes over the line.
#[derive(Debug)]
pub enum Packet {
    /// Of the overlay.
    Gossip(Frame<Arc<Message>>),
    /// Between two peers.
    Talk(Box<Talk>),
}

/// What happens to a peer.
#[derive(Debug)]
pub enum Event {
    /// Something arrived at its line.
    Arrived {
        /// Who sent it.
        from: u32,
        /// Over which connection.
        connection: u32,
        /// What.
        packet: Packet,
    },
    /// It has come through the line.
    Came {
        /// Who sent it.
        from: u32,
        /// Over which connection.
        connection: u32,
        /// What.
        packet: Packet,
    },
    /// Something of its own; of an earlier life it is void.
    Own {
        /// The life in which it was planned.
        life: u32,
        /// What.
        what: Own,
    },
    /// The user does something.
    Errand(Box<Errand>),
    /// Something is done to it from outside.
    Strike(Strike),
    /// It comes up for the first time.
    Begin,
}

/// What a peer plans for itself.
#[derive(Debug)]
pub enum Own {
    /// The loop is free for what waits.
    Turn,
    /// A long step of the loop is done.
    Done(Box<Vec<Deed>>),
    /// Recoveries are done, or a clearing is.
    Computed(Box<Input>),
    /// Time for the machine.
    Tick,
    /// Time to look after connections and disk.
    Second,
    /// Time for the overlay.
    Heartbeat,
    /// Time for a strategy.
    Wake,
}

/// A peer.
pub struct Peer {
    number: u32,
    hall: Arc<Hall>,
    network: Arc<Network>,
    /// Peers that exist by now: those that may be dialed.
    population: u32,
    nic: Nic,
    random: Random,
    clock: Clock,
    overlay: Overlay<Arc<Message>>,
    links: Links,
    calls: Calls,
    /// The market and what belongs to it.
    pub desk: Desk,
    computing: Computing,
    life: u32,
    is_up: bool,
    is_looked_at: bool,
    fault: Option<(&'static str, String)>,
}

/// What a peer is made of.
pub struct Parts {
    /// Its number.
    pub number: u32,
    /// What all share.
    pub hall: Arc<Hall>,
    /// The network as it is now.
    pub network: Arc<Network>,
    /// Its chance.
    pub random: Random,
    /// Its clock.
    pub clock: Clock,
    /// Its overlay.
    pub overlay: Overlay<Arc<Message>>,
    /// How it connects.
    pub dialing: Dialing,
    /// Its desk.
    pub desk: Desk,
    /// Its processor.
    pub computing: Computing,
}

impl Peer {
    /// A peer that is down until [`Event::Begin`].
    pub fn new(parts: Parts) -> Peer {
        let Parts { number, hall, network, random, clock, overlay, dialing, desk, computing } = parts;
        Peer {
            number,
            hall,
            network,
            population: 0,
            nic: Nic::default(),
            random,
            clock,
            overlay,
            links: Links::new(dialing),
            calls: Calls::default(),
            desk,
            computing,
            life: 0,
            is_up: false,
            is_looked_at: false,
            fault: None,
        }
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether it runs.
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// Its line.
    pub fn nic(&self) -> &Nic {
        &self.nic
    }

    /// Its overlay.
    pub fn overlay(&self) -> &Overlay<Arc<Message>> {
        &self.overlay
    }

    /// Its processor.
    pub fn computing(&self) -> &Computing {
        &self.computing
    }

    /// What everyone sealed and cleared.
    pub fn clearings(&self) -> &Arc<Clearings> {
        &self.hall.clearings
    }

    /// What is wrong at its machine now.
    pub fn fault_now(&self) -> Option<(&'static str, String)> {
        fault_of(self.desk.market(), self.desk.ticked_ms())
    }

    /// From now on its machine is looked at after each event.
    pub fn look_at_each_step(&mut self) {
        self.is_looked_at = true;
    }

    /// What was first found wrong at its machine after an event.
    pub fn fault(&mut self) -> Option<(&'static str, String)> {
        self.fault.take()
    }

    /// The connected peers.
    pub fn connected(&self) -> impl Iterator<Item = u32> + '_ {
        self.links.up()
    }

    /// The network changes, or more peers exist.
    pub fn set_surroundings(&mut self, network: &Arc<Network>, population: u32) {
        (self.network, self.population) = (network.clone(), population);
    }

    fn moment(&mut self, now: Nanos) -> Moment {
        Moment { now, unix_ms: self.clock.unix_ms(now) }
    }

    fn address(&self, number: u32) -> Address {
        self.hall.addresses[number as usize]
    }

    fn own(&self, what: Own) -> Event {
        Event::Own { life: self.life, what }
    }

    /// Sends something over a connection; it arrives `late` later than the network says.
    fn send(&mut self, (to, connection): Line, packet: Packet, (now, late): (Nanos, Nanos), out: &mut Out<'_, Event>) {
        let (bytes, is_gossip) = match &packet {
            Packet::Gossip(frame) => (frame.bytes(), true),
            Packet::Talk(talk) => (talk.bytes(), false),
        };
        let parcel = Parcel { from: self.number, to, bytes, is_gossip };
        let arrivals = self.network.carry(&mut self.nic, &mut self.random, parcel, now);
        let from = self.number;
        if let (Some(again), Packet::Gossip(frame)) = (arrivals.again, &packet) {
            let packet = Packet::Gossip(frame.clone());
            out.send(to, again + late, Event::Arrived { from, connection, packet });
        }
        if let Some(first) = arrivals.first {
            out.send(to, first + late, Event::Arrived { from, connection, packet });
        }
    }

    fn arrived(&mut self, (from, connection): Line, packet: Packet, now: Nanos, out: &mut Out<'_, Event>) {
        let bytes = match &packet {
            Packet::Gossip(frame) => frame.bytes(),
            Packet::Talk(talk) => talk.bytes(),
        };
        let done = self.network.received(&mut self.nic, bytes, now);
        match done > now {
            true => out.at(done, Event::Came { from, connection, packet }),
            false => self.came((from, connection), packet, now, out),
        }
    }

    fn came(&mut self, (from, connection): Line, packet: Packet, now: Nanos, out: &mut Out<'_, Event>) {
        match packet {
            Packet::Gossip(frame) => {
                if self.is_up && self.links.hears(from, connection) && self.desk.may_hear(from, now) {
                    let now = self.computing.network(frame.bytes(), now);
                    let mut todo = self.computing.overlay_room();
                    self.overlay.heard(now, from, frame, &mut todo);
                    self.do_all(todo, now, out);
                }
            }
            Packet::Talk(talk) => self.talked((from, connection), *talk, now, out),
        }
    }

    fn happens(&mut self, what: Own, now: Nanos, out: &mut Out<'_, Event>) {
        match what {
            Own::Turn => self.turn(now, out),
            Own::Done(deeds) => self.deeds(*deeds, now, out),
            Own::Computed(input) => self.job(Job::Input(*input), now, out),
            Own::Tick => {
                self.expire_calls(now, out);
                self.job(Job::Input(Input::Tick), now, out);
                out.at(now + TICK, self.own(Own::Tick));
            }
            Own::Second => {
                self.upkeep(now, out);
                if self.desk.disk.write().is_err() {
                    return self.die(now, out);
                }
                out.at(now + UPKEEP, self.own(Own::Second));
            }
            Own::Heartbeat => {
                let mut todo = self.computing.overlay_room();
                self.overlay.heartbeat(now, &mut todo);
                self.do_all(todo, now, out);
                out.at(now + self.overlay.rules().heartbeat, self.own(Own::Heartbeat));
            }
            Own::Wake => self.job(Job::Wake, now, out),
        }
    }
}

impl Node for Peer {
    type Event = Event;

    fn handle(&mut self, now: Nanos, event: Event, out: &mut Out<'_, Event>) {
        match event {
            Event::Arrived { from, connection, packet } => self.arrived((from, connection), packet, now, out),
            Event::Came { from, connection, packet } => self.came((from, connection), packet, now, out),
            Event::Own { life, what } if life == self.life && self.is_up => self.happens(what, now, out),
            Event::Own { .. } => {}
            Event::Errand(errand) => self.job(Job::Errand(*errand), now, out),
            Event::Strike(strike) => self.strike(&strike, now, out),
            Event::Begin => self.rise(now, out),
        }
        if self.is_looked_at && self.is_up && self.fault.is_none() {
            self.fault = self.fault_now();
        }
    }

    fn digest(event: &Event) -> u64 {
        match event {
            Event::Arrived { packet: Packet::Gossip(frame), .. } => frame.digest() << 3,
            Event::Arrived { packet: Packet::Talk(talk), .. } => talk.digest() << 3 | 1,
            Event::Came { .. } => 2,
            Event::Own { what, .. } => 3 | (what.kind() << 3),
            Event::Errand(errand) => 4 | (matches!(**errand, Errand::Place) as u64) << 3,
            Event::Strike(_) => 5,
            Event::Begin => 6,
        }
    }
}

impl Own {
    fn kind(&self) -> u64 {
        match self {
            Own::Turn => 0,
            Own::Done(_) => 1,
            Own::Computed(_) => 2,
            Own::Tick => 3,
            Own::Second => 4,
            Own::Heartbeat => 5,
            Own::Wake => 6,
        }
    }
}

/// The number of a peer with this address, if it is one of so many.
fn number_of(address: &Address, population: u32) -> Option<u32> {
    Some(Keyring::number(address)).filter(|number| *number < population)
}
