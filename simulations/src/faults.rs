//! What goes wrong, when and to whom: a plan drawn from the seed before anything happens. Knows no peer's state; `run`
//! carries the plan out between two events of the engine.

use std::collections::BTreeSet;

use crate::engine::{Nanos, SECOND};
use crate::random::Random;
use crate::scenario::{Fault, FaultKind, Scenario};

/// Peers that may join over a run, for each that is there at the start.
const JOINERS_PER_PEER_MAX: u64 = 8;
/// How often one fault may come again.
const TIMES_MAX: u64 = 10_000;

/// Something that is done to a peer, or to the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strike {
    /// The process dies.
    Crash,
    /// It starts again.
    Restart {
        /// Whether its disk is still there.
        keeps_disk: bool,
    },
    /// A new peer comes.
    Join,
    /// It stands still until then.
    Pause(Nanos),
    /// Its clock jumps by so many nanoseconds.
    ClockStep(i64),
    /// Everything takes so many thousandths of its time; 1,000 again is the end.
    Slow(u64),
    /// Its disk is full, or no longer.
    FullDisk(bool),
    /// The peers of this cut and all others cannot hear each other; or, one-sided, only the others cannot hear.
    Cut {
        /// Names the cut.
        number: u32,
        /// Whether the peers of the cut hear the others.
        is_one_sided: bool,
    },
    /// That cut is over.
    Mend {
        /// Names the cut.
        number: u32,
    },
    /// Links of the peers lose so many millionths in addition; 0 is the end.
    Lossy(u32),
}

/// When what is done to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blow {
    /// When.
    pub at: Nanos,
    /// To whom, by number.
    pub peers: Vec<u32>,
    /// What.
    pub strike: Strike,
}

/// All that goes wrong in a run, by time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// By time.
    pub blows: Vec<Blow>,
    /// Peers beyond those of the start, numbered from there on, that join in the course of the run.
    pub joiners: u32,
    /// When the last fault is over; 0 if there is none.
    pub over: Nanos,
    /// Peers whose disk is read again, or runs full.
    pub disks: BTreeSet<u32>,
    cuts: u32,
}

fn nanos(seconds: f64) -> Nanos {
    (seconds.max(0.0) * SECOND as f64) as Nanos
}

impl Plan {
    /// The plan of a scenario for so many peers that are there at the start, of whom the first `honest` may be hit;
    /// joiners are numbered from `peers` on.
    pub fn new(scenario: &Scenario, (honest, peers): (u32, u32), seed: u64) -> Plan {
        let mut plan = Plan::default();
        let warm = u64::from(scenario.warmup_s) * SECOND;
        let end = warm + u64::from(scenario.seconds) * SECOND;
        for (number, fault) in scenario.faults.iter().enumerate() {
            let mut random = Random::new(seed, 0xfa_0000 + number as u64);
            let every = nanos(fault.every_s);
            let mut at = warm + nanos(fault.at_s);
            for _ in 0..TIMES_MAX {
                if at >= end {
                    break;
                }
                let count = (f64::from(honest) * fault.peers_percent / 100.0).round() as usize;
                let mut hit: Vec<u32> =
                    random.choose(honest as usize, count.max(1)).into_iter().map(|peer| peer as u32).collect();
                hit.sort_unstable();
                plan.add(fault, (at, end), hit, (peers, &mut random));
                if every == 0 {
                    break;
                }
                at += every;
            }
        }
        plan.blows.sort_by_key(|blow| blow.at);
        plan
    }

    fn push(&mut self, at: Nanos, peers: &[u32], strike: Strike) {
        self.blows.push(Blow { at, peers: peers.to_vec(), strike });
    }

    fn add(&mut self, fault: &Fault, (at, end): (Nanos, Nanos), hit: Vec<u32>, (peers, random): (u32, &mut Random)) {
        let until = at + nanos(fault.for_s);
        self.over = self.over.max(until);
        match &fault.kind {
            FaultKind::Crash { keeps_disk } => {
                self.push(at, &hit, Strike::Crash);
                self.push(until, &hit, Strike::Restart { keeps_disk: *keeps_disk });
                self.disks.extend(hit.iter().filter(|_| *keeps_disk));
            }
            FaultKind::Pause => self.push(at, &hit, Strike::Pause(until)),
            FaultKind::ClockStep { ms } => {
                let by = (ms * 1e6) as i64;
                self.push(at, &hit, Strike::ClockStep(by));
                if until > at {
                    self.push(until, &hit, Strike::ClockStep(-by));
                }
            }
            FaultKind::Partition | FaultKind::Deaf => {
                self.cuts += 1;
                let (number, is_one_sided) = (self.cuts, fault.kind == FaultKind::Deaf);
                self.push(at, &hit, Strike::Cut { number, is_one_sided });
                self.push(until, &hit, Strike::Mend { number });
            }
            FaultKind::Slow { times } => {
                self.push(at, &hit, Strike::Slow((times.max(0.001) * 1e3) as u64));
                self.push(until, &hit, Strike::Slow(1_000));
            }
            FaultKind::Churn { percent_a_minute } => self.churn((at, until.min(end)), *percent_a_minute, peers, random),
            FaultKind::FullDisk => {
                self.push(at, &hit, Strike::FullDisk(true));
                self.push(until, &hit, Strike::FullDisk(false));
                self.push(until, &hit, Strike::Restart { keeps_disk: true });
                self.disks.extend(&hit);
            }
            FaultKind::Lossy { percent } => {
                self.push(at, &hit, Strike::Lossy((percent * 1e4) as u32));
                self.push(until, &hit, Strike::Lossy(0));
            }
        }
    }

    /// One leaves and one comes, again and again, at exponential gaps. Whoever left does not come back.
    fn churn(&mut self, (from, until): (Nanos, Nanos), percent_a_minute: f64, peers: u32, random: &mut Random) {
        let a_minute = f64::from(peers) * percent_a_minute / 100.0;
        let gap = nanos(60.0 / a_minute.max(1e-9));
        let mut present: Vec<u32> = (0..peers + self.joiners).collect();
        let mut at = from.saturating_add(random.exponential(gap));
        while at < until && u64::from(self.joiners) < u64::from(peers) * JOINERS_PER_PEER_MAX {
            let place = random.below(present.len() as u64) as usize;
            self.push(at, &[present[place]], Strike::Crash);
            present[place] = peers + self.joiners;
            self.push(at, &[present[place]], Strike::Join);
            self.joiners += 1;
            at = at.saturating_add(random.exponential(gap)).max(at + 1);
        }
    }
}

#[cfg(test)]
mod tests;
