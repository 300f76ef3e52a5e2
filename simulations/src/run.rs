//! Runs a scenario: builds the peers, lets time pass, carries out the plan of faults, looks at everything once an epoch.
//!
//! ```text
//!  build --> engine --until the next fault or look--> faults: strikes to peers, cuts to the network
//!                   <----------------------------+--> looks: logs -> checks, measure; books shared --> Outcome
//! ```

mod build;
mod looks;
mod standing;

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::Side;

use crate::clearings::Bug;
use crate::clock::START_MS;
use crate::engine::{Engine, MS, Nanos, SECOND};
use crate::faults::{Blow, Plan, Strike};
use crate::figures::Outcome;
use crate::network::{Cuts, Matrix, Network};
use crate::peer::{Event, Peer};
use crate::scenario::{Mode, Scenario, ScenarioError};
use crate::thin;
use looks::Looks;

/// How to run a scenario.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Peers, if not as many as the scenario says.
    pub nodes: Option<u32>,
    /// Chance.
    pub seed: u64,
    /// Threads; 0 counts as 1. Changes nothing but the time it takes.
    pub threads: usize,
    /// The latencies, if the scenario names a file of them.
    pub matrix: Option<Matrix>,
    /// A mistake in one peer, for tests of the checks.
    #[doc(hidden)]
    pub bug: Option<Bug>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Virtual seconds that have passed.
    pub second: u64,
    /// Of so many.
    pub seconds: u64,
    /// Events so far.
    pub events: u64,
}

/// What is cut, and what lossy links lose.
#[derive(Debug, Default)]
struct Breaks {
    cuts: BTreeMap<u32, (Vec<u32>, bool)>,
    lossy: BTreeMap<u32, u32>,
}

impl Breaks {
    /// Takes in a strike at the network; whether it was one.
    fn take(&mut self, blow: &Blow) -> bool {
        match blow.strike {
            Strike::Cut { number, is_one_sided } => drop(self.cuts.insert(number, (blow.peers.clone(), is_one_sided))),
            Strike::Mend { number } => drop(self.cuts.remove(&number)),
            Strike::Lossy(0) => self.lossy.retain(|peer, _| !blow.peers.contains(peer)),
            Strike::Lossy(ppm) => self.lossy.extend(blow.peers.iter().map(|peer| (*peer, ppm))),
            _ => return false,
        }
        true
    }

    fn cuts(&self) -> Cuts {
        let mut cuts = Cuts::none();
        for (peers, is_one_sided) in self.cuts.values() {
            match is_one_sided {
                true => cuts.silence(peers.iter().copied()),
                false => cuts.part(peers.iter().copied()),
            }
        }
        for (peer, ppm) in &self.lossy {
            cuts.lose([*peer], *ppm);
        }
        cuts
    }
}

/// A run under way.
pub(crate) struct World {
    pub(crate) engine: Engine<Peer>,
    pub(crate) network: Arc<Network>,
    pub(crate) plan: Plan,
    /// Peers that follow the rules and are there from the start; then those that cheat; then those that join.
    pub(crate) honest: u32,
    pub(crate) population: u32,
    pub(crate) end: Nanos,
    pub(crate) epoch_ms: u64,
}

/// Runs a scenario to its end.
///
/// # Errors
/// [`ScenarioError`] if it cannot be run.
pub fn run(
    scenario: &Scenario,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, ScenarioError> {
    if scenario.mode == Mode::Gossip {
        return gossip(scenario, options, progress);
    }
    let mut world = build::world(scenario, options)?;
    let mut looks = Looks::new(scenario, &world);
    let mut breaks = Breaks::default();
    let blows = std::mem::take(&mut world.plan.blows);
    let mut blows = blows.into_iter().peekable();
    let (second, seconds) = (|now: Nanos| now / SECOND, world.end / SECOND);
    loop {
        let next_blow = blows.peek().map_or(Nanos::MAX, |blow| blow.at);
        let next_look = looks.next();
        let until = next_blow.min(next_look).min(world.end);
        world.engine.run_until(until);
        while let Some(blow) = blows.next_if(|blow| blow.at <= until && blow.at < world.end) {
            world.strike(&blow, &mut breaks);
        }
        if next_look <= until {
            looks.look(&mut world);
            progress(Progress { second: second(until), seconds, events: world.engine.events() });
        }
        if until >= world.end {
            break;
        }
    }
    Ok(looks.outcome(scenario, options, world))
}

/// Peers without books, of whom there may be very many.
fn gossip(
    scenario: &Scenario,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, ScenarioError> {
    scenario.check()?;
    let nodes = options.nodes.unwrap_or(scenario.nodes).max(1);
    let seconds = u64::from(scenario.warmup_s + scenario.seconds);
    let mut told = |now: Nanos| progress(Progress { second: now / SECOND, seconds, events: 0 });
    let effort = thin::Effort { threads: options.threads.max(1) };
    thin::run(scenario, (nodes, options.seed), effort, options.matrix.clone(), &mut told).map_err(build::no_matrix)
}

impl World {
    fn strike(&mut self, blow: &Blow, breaks: &mut Breaks) {
        if breaks.take(blow) {
            self.network = Arc::new(self.network.with_cuts(breaks.cuts()));
            return self.tell_surroundings();
        }
        if blow.strike == Strike::Join {
            self.population += blow.peers.len() as u32;
            self.tell_surroundings();
        }
        for peer in &blow.peers {
            self.engine.inject(*peer as usize, blow.at, Event::Strike(blow.strike.clone()));
        }
    }

    fn tell_surroundings(&mut self) {
        let (network, population) = (self.network.clone(), self.population);
        self.engine.nodes_mut().for_each(|peer| peer.set_surroundings(&network, population));
    }

    /// The first end of an epoch after `now`.
    pub(crate) fn epoch_end(&self, now: Nanos) -> (u64, Nanos) {
        let unix_ms = START_MS + now / MS;
        let epoch = unix_ms / self.epoch_ms;
        (epoch, ((epoch + 1) * self.epoch_ms - START_MS) * MS)
    }

    /// Whether there is such a peer and it follows the rules.
    pub(crate) fn is_known_honest(&self, peer: u32) -> bool {
        (peer as usize) < self.engine.len() && self.is_honest(peer)
    }

    /// Whether this peer follows the rules.
    pub(crate) fn is_honest(&self, peer: u32) -> bool {
        self.engine.node(peer as usize).desk.is_honest()
    }
}

/// Which of so many honest peers sell: every so many-th, so that any number has its share of both.
fn side(peer: u32, suppliers_ppm: u64) -> Side {
    let sold = |count: u64| count * suppliers_ppm / 1_000_000;
    match sold(u64::from(peer) + 1) > sold(u64::from(peer)) {
        true => Side::Ask,
        false => Side::Bid,
    }
}

#[cfg(test)]
mod tests;
