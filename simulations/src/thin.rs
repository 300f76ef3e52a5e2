//! Very many peers without books: gossip and reconciliation of orders of real size, and how well their sets agree. Knows
//! the overlay and the network; knows no order's contents, no match, no deal.
//!
//! ```text
//!  plan: who publishes what when --> Peer: Overlay + Nic + what it knows, a bit an order
//!        each half second and twice as often in the guard: Sync to the neighbours that it dialed first
//!        each epoch's end: what it knows of the orders that count
//! ```
//!
//! Faults other than cut links, cheats, clocks that are wrong, and the market itself are for the full mode.

mod known;
mod peer;
mod plan;
mod sync;
mod tally;

use std::sync::Arc;

use crate::costs::Costs;
use crate::engine::{Engine, MS, Nanos, SECOND};
use crate::figures::Outcome;
use crate::network::{Cuts, Matrix, MatrixError, Network};
use crate::overlay::Rules;
use crate::random::Random;
use crate::scenario::{FaultKind, Scenario};
use peer::{Event, Peer, World};
use plan::Plan;
pub use sync::Sizes;
use tally::Tally;

/// Bytes of one order on the orders topic, signature and list included.
pub const ORDER_BYTES: u32 = 300;
/// Bytes of each further order under the same signature.
pub const BUNDLED_BYTES: u32 = 160;

/// Streams of chance that choose whom a fault hits.
const FAULT_STREAM: u64 = 1 << 42;
/// All peers have dialed by then.
const DIALED_BY: Nanos = 2 * SECOND;

/// How a run is done, which changes nothing of what comes out but how long it takes.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Threads.
    pub threads: usize,
}

/// Runs `nodes` peers of a scenario. `progress` is told the virtual time at each epoch's end.
///
/// # Errors
/// [`MatrixError`] if the scenario's latency cannot be had.
pub fn run(
    scenario: &Scenario,
    (nodes, seed): (u32, u64),
    effort: Effort,
    plan: Option<Matrix>,
    progress: &mut dyn FnMut(Nanos),
) -> Result<Outcome, MatrixError> {
    run_with(scenario, (nodes, seed), (effort, Rules::new(&scenario.mesh)), plan, progress)
}

/// The same with rules of gossip that a scenario cannot say, to compare policies.
///
/// # Errors
/// [`MatrixError`] if the scenario's latency cannot be had.
pub fn run_with(
    scenario: &Scenario,
    (nodes, seed): (u32, u64),
    (effort, rules): (Effort, Rules),
    matrix: Option<Matrix>,
    progress: &mut dyn FnMut(Nanos),
) -> Result<Outcome, MatrixError> {
    let network = Arc::new(Network::new(&scenario.links, nodes, seed, matrix)?);
    let lookahead = network.lookahead();
    let world = Arc::new(world_of(scenario, (nodes, seed), rules));
    let peers = (0..nodes).map(|number| Peer::new(number, world.clone(), network.clone())).collect();
    let mut engine = Engine::new(peers, lookahead, effort.threads);
    let mut random = Random::new(seed, u64::MAX);
    for number in 0..nodes {
        engine.inject(number as usize, random.below(DIALED_BY), Event::Dial);
    }
    for (number, order) in world.plan.orders.iter().enumerate() {
        engine.inject(order.origin as usize, order.born, Event::Publish(number as u32));
    }
    let mut tally = Tally::new(&world);
    let cuts = CutTimes::new(scenario, nodes, seed);
    let end = world.plan.end;
    while engine.now() < end {
        let epoch_end = (engine.now() / world.plan.epoch + 1) * world.plan.epoch;
        let next = epoch_end.min(end).min(cuts.next(engine.now()).unwrap_or(end));
        engine.run_until(next);
        if let Some(cuts) = cuts.at(next) {
            let network = Arc::new(network.with_cuts(cuts));
            engine.nodes_mut().for_each(|peer| peer.rewire(network.clone()));
        }
        if next == epoch_end {
            tally.epoch(engine.nodes(), next);
            progress(next);
        }
    }
    let (events, trace_hash) = (engine.events(), engine.trace_hash());
    let (figures, rows) = tally.figures(&engine.nodes().collect::<Vec<_>>(), &network);
    Ok(Outcome {
        scenario: scenario.name.clone(),
        nodes,
        seed,
        seconds: end / SECOND,
        trace_hash,
        events,
        figures,
        broken: Vec::new(),
        rows,
    })
}

fn world_of(scenario: &Scenario, (nodes, seed): (u32, u64), rules: Rules) -> World {
    World {
        plan: Plan::new(scenario, nodes, seed),
        rules: Arc::new(rules),
        mesh: scenario.mesh.clone(),
        sizes: Sizes::measured(),
        costs: Costs::table(),
        is_charged: scenario.machines.is_charged,
        slower_up_to_milli: (scenario.machines.slower_up_to.max(1.0) * 1_000.0).round() as u64,
        nodes,
        seed,
    }
}

/// When links are cut and mended.
struct CutTimes {
    /// From, to, peers, what.
    cuts: Vec<(Nanos, Nanos, Vec<u32>, FaultKind)>,
}

impl CutTimes {
    fn new(scenario: &Scenario, nodes: u32, seed: u64) -> CutTimes {
        let nanos = |seconds: f64| (seconds * 1_000.0).round() as u64 * MS;
        let warmup = Nanos::from(scenario.warmup_s) * SECOND;
        let is_cut =
            |kind: &FaultKind| matches!(kind, FaultKind::Partition | FaultKind::Deaf | FaultKind::Lossy { .. });
        let cuts = scenario.faults.iter().enumerate().filter(|(_, fault)| is_cut(&fault.kind)).map(|(at, fault)| {
            let mut random = Random::new(seed, FAULT_STREAM + at as u64);
            let count = (f64::from(nodes) * fault.peers_percent / 100.0).round() as usize;
            let peers = random.choose(nodes as usize, count).into_iter().map(|peer| peer as u32).collect();
            let begin = warmup + nanos(fault.at_s);
            (begin, begin + nanos(fault.for_s), peers, fault.kind.clone())
        });
        CutTimes { cuts: cuts.collect() }
    }

    /// The next change after `now`.
    fn next(&self, now: Nanos) -> Option<Nanos> {
        let times = self.cuts.iter().flat_map(|(from, to, ..)| [*from, *to]);
        times.filter(|at| *at > now).min()
    }

    /// What is cut from `now` on, if that changes now.
    fn at(&self, now: Nanos) -> Option<Cuts> {
        if !self.cuts.iter().any(|(from, to, ..)| now == *from || now == *to) {
            return None;
        }
        let mut cuts = Cuts::none();
        for (.., peers, kind) in self.cuts.iter().filter(|(from, to, ..)| (*from..*to).contains(&now)) {
            let peers = peers.iter().copied();
            match kind {
                FaultKind::Deaf => cuts.silence(peers),
                FaultKind::Lossy { percent } => cuts.lose(peers, (percent * 10_000.0).round() as u32),
                _ => cuts.part(peers),
            }
        }
        Some(cuts)
    }
}

#[cfg(test)]
mod tests;
