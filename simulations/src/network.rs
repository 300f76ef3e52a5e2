//! When what one peer sends arrives at another, if at all: latency, jitter, bandwidth, loss, cuts. Knows peers by number
//! and messages by size.
//!
//! ```text
//!  carry: uplink queue --> on the way: latency x jitter (+ round trip and timeout for each loss) --> in the order of the
//!         connection --> arrival --> received: downlink queue
//! ```

mod cities;
mod cuts;
mod delays;

use std::sync::Arc;

use crate::engine::{MS, Nanos, SECOND};
use crate::random::Random;
use crate::scenario::{Latency, Links};

pub use cities::{CITIES, City};
pub use cuts::Cuts;
use delays::Delays;
pub use delays::{Matrix, MatrixError};

/// What a connection waits before it sends again what was lost, on top of a round trip; doubled each time.
pub const RESEND_AFTER: Nanos = 200 * MS;
/// How often a message is sent again at most; after that the connection would be given up, and the message is gone.
pub const RESENT_MAX: u32 = 6;
/// Gossip that would wait longer in the sender's queue is dropped without a word, as gossipsub's queues do
/// (`publish_timeout_s`, `forward_timeout_s`).
pub const PATIENCE: Nanos = 5 * SECOND;
/// How much later than it should a message comes that others overtake, at most.
pub const OVERTAKEN_MAX: Nanos = 200 * MS;
/// Payload of one packet.
const PACKET: u32 = 1_360;
/// TCP/IPv4 headers and options of one packet; QUIC's are a few bytes shorter.
const PACKET_OVERHEAD: u32 = 52;
/// One message: the header of a multiplexed stream (12) and a TLS 1.3 record (5 + 1 + 16).
const FRAME_OVERHEAD: u32 = 34;

/// What a message of so many bytes takes on the line: stream, TLS record, packets.
pub const fn on_wire(bytes: u32) -> u32 {
    let framed = bytes.saturating_add(FRAME_OVERHEAD);
    framed.saturating_add(framed.div_ceil(PACKET) * PACKET_OVERHEAD)
}

/// One message on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parcel {
    /// Who sends it.
    pub from: u32,
    /// Who shall get it.
    pub to: u32,
    /// Its bytes before [`on_wire`].
    pub bytes: u32,
    /// Whether it is gossip: what waits too long in a queue is dropped, and it may come twice.
    pub is_gossip: bool,
}

/// When a message arrives: never, once or twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// The first time.
    pub first: Option<Nanos>,
    /// Once more.
    pub again: Option<Nanos>,
}

impl IntoIterator for Arrivals {
    type Item = Nanos;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<Nanos>, 2>>;

    fn into_iter(self) -> Self::IntoIter {
        [self.first, self.again].into_iter().flatten()
    }
}

/// One peer's end of the network: its queues, and what went through them.
#[derive(Debug, Clone, Default)]
pub struct Nic {
    uplink_until: Nanos,
    downlink_until: Nanos,
    /// When the last message to each neighbour arrives: those behind it on the same connection come no sooner. Those that
    /// have arrived are let go when the list would grow.
    last: Vec<(u32, Nanos)>,
    /// Bytes on the line, sent.
    pub sent_bytes: u64,
    /// Bytes on the line, received.
    pub received_bytes: u64,
    /// Messages that the own queue dropped, because they would have waited too long.
    pub overflowed: u64,
    /// Messages that were sent and never came.
    pub lost: u64,
}

impl Nic {
    /// How long a message sent now waits behind others.
    pub fn backlog(&self, now: Nanos) -> Nanos {
        self.uplink_until.saturating_sub(now)
    }

    /// A peer that comes back after a crash has nothing in its queues.
    pub fn restart(&mut self) {
        (self.uplink_until, self.downlink_until) = (0, 0);
        self.last.clear();
    }

    /// The arrival at `to` that keeps the order of the connection.
    fn in_order(&mut self, to: u32, arrival: Nanos, now: Nanos) -> Nanos {
        if let Some((_, last)) = self.last.iter_mut().find(|(other, _)| *other == to) {
            *last = arrival.max(*last);
            return *last;
        }
        if self.last.len() == self.last.capacity() {
            self.last.retain(|(_, last)| *last > now);
        }
        self.last.push((to, arrival));
        arrival
    }
}

/// The network of one run, from when some links were cut until others are.
///
/// The description is shared by all peers and never changes; where links are cut, [`Network::with_cuts`] gives another
/// one. Each peer owns a [`Nic`], so that peers can be simulated side by side.
#[derive(Debug, Clone)]
pub struct Network {
    delays: Arc<Delays>,
    cuts: Arc<Cuts>,
    lookahead: Nanos,
    /// Standard deviation of latency, in 1/2^16 of it.
    jitter: u64,
    loss_ppm: u32,
    dropped_ppm: u32,
    duplicated_ppm: u32,
    reordered_ppm: u32,
    /// Nanoseconds a byte, in 1/2^16.
    uplink: u64,
    downlink: u64,
}

impl Network {
    /// The network of a scenario for so many peers. `plan` is the matrix that the scenario names, if it names one.
    ///
    /// # Errors
    /// [`MatrixError`] if a plan is wanted and none is given, or one for fewer peers.
    pub fn new(links: &Links, peers: u32, seed: u64, plan: Option<Matrix>) -> Result<Network, MatrixError> {
        let delays = match &links.latency {
            Latency::Cities => Delays::cities(peers, seed),
            Latency::Uniform { min_ms, max_ms } => Delays::uniform(nanos(*min_ms), nanos(*max_ms), seed),
            Latency::Plan { .. } => Delays::plan(plan.ok_or(MatrixError::Missing)?, peers)?,
        };
        let lookahead = delays.least().max(MS / 2);
        let per_byte = |mbit: f64| (8_000.0 / mbit.max(1e-6) * 65_536.0).round() as u64;
        Ok(Network {
            delays: Arc::new(delays),
            cuts: Arc::default(),
            lookahead,
            jitter: (links.jitter_percent.max(0.0) / 100.0 * 65_536.0).round() as u64,
            loss_ppm: ppm(links.loss_percent),
            dropped_ppm: ppm(links.dropped_percent),
            duplicated_ppm: ppm(links.duplicated_percent),
            reordered_ppm: ppm(links.reordered_percent),
            uplink: per_byte(links.uplink_mbit),
            downlink: per_byte(links.downlink_mbit),
        })
    }

    /// The same network with other cuts; what is on its way already arrives.
    pub fn with_cuts(&self, cuts: Cuts) -> Network {
        Network { cuts: Arc::new(cuts), ..self.clone() }
    }

    /// What is cut now.
    pub fn cuts(&self) -> &Cuts {
        &self.cuts
    }

    /// No message is faster: the engine's lookahead.
    pub fn lookahead(&self) -> Nanos {
        self.lookahead
    }

    /// The mean one-way latency of a pair, the same both ways.
    pub fn latency(&self, a: u32, b: u32) -> Nanos {
        self.delays.between(a, b).max(self.lookahead)
    }

    /// Where a peer lives, as an index into [`CITIES`], if peers live in cities.
    pub fn city(&self, peer: u32) -> Option<usize> {
        self.delays.city(peer)
    }

    /// Whether a message from one to the other could arrive at all.
    pub fn is_open(&self, from: u32, to: u32) -> bool {
        self.cuts.is_open(from, to)
    }

    /// When a message that is sent now arrives at the other's line. The sender's queue takes it in any case but overflow.
    pub fn carry(&self, nic: &mut Nic, random: &mut Random, parcel: Parcel, now: Nanos) -> Arrivals {
        let Parcel { from, to, bytes, is_gossip } = parcel;
        let bytes = on_wire(bytes);
        let sent = nic.uplink_until.max(now) + took(bytes, self.uplink);
        if is_gossip && sent - now > PATIENCE {
            nic.overflowed += 1;
            return Arrivals::default();
        }
        nic.uplink_until = sent;
        nic.sent_bytes += u64::from(bytes);
        if !self.cuts.is_open(from, to) || random.chance(self.dropped_ppm) {
            nic.lost += 1;
            return Arrivals::default();
        }
        let mean = self.latency(from, to);
        let Some(late) = self.resent(mean, self.loss_ppm + self.cuts.loss_ppm(from, to), random) else {
            nic.lost += 1;
            return Arrivals::default();
        };
        let arrival = sent + self.jittered(mean, random) + late;
        let first = match random.chance(self.reordered_ppm) {
            true => arrival + random.below(OVERTAKEN_MAX),
            false => nic.in_order(to, arrival, now),
        };
        let is_twice = is_gossip && random.chance(self.duplicated_ppm);
        let again = is_twice.then(|| first + random.below(2 * mean));
        Arrivals { first: Some(first), again }
    }

    /// When a message that arrives now has come through the receiver's line.
    pub fn received(&self, nic: &mut Nic, bytes: u32, now: Nanos) -> Nanos {
        let bytes = on_wire(bytes);
        nic.received_bytes += u64::from(bytes);
        // It arrives at the speed of the sender's line: only the rest of a slower line adds to that.
        let began = now.saturating_sub(took(bytes, self.uplink));
        let done = nic.downlink_until.max(began) + took(bytes, self.downlink);
        nic.downlink_until = done;
        done.max(now)
    }

    fn jittered(&self, mean: Nanos, random: &mut Random) -> Nanos {
        if self.jitter == 0 {
            return mean;
        }
        let deviation = (i128::from(random.normal()) * i128::from(self.jitter) * i128::from(mean)) >> 32;
        let latency = i128::from(mean) + deviation;
        u64::try_from(latency).unwrap_or(0).max(self.lookahead)
    }

    /// How much later a message comes because it was lost and sent again; `None` if it was given up.
    fn resent(&self, mean: Nanos, loss_ppm: u32, random: &mut Random) -> Option<Nanos> {
        let mut late = 0;
        for resent in 0..=RESENT_MAX {
            if !random.chance(loss_ppm) {
                return Some(late);
            }
            late += 2 * mean + (RESEND_AFTER << resent);
        }
        None
    }
}

fn took(bytes: u32, per_byte: u64) -> Nanos {
    ((u128::from(bytes) * u128::from(per_byte)) >> 16) as u64
}

fn nanos(ms: f64) -> Nanos {
    (ms.max(0.0) * MS as f64).round() as u64
}

fn ppm(percent: f64) -> u32 {
    (percent.clamp(0.0, 100.0) * 10_000.0).round() as u32
}

#[cfg(test)]
mod tests;
