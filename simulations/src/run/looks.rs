//! A look at all peers once an epoch: logs go to checks and figures, and books that have become the same are kept once.

use std::collections::BTreeMap;

use super::{Options, World};
use crate::checks::{Checks, Recovery};
use crate::clock::START_MS;
use crate::desk::Log;
use crate::engine::{MS, Nanos, SECOND};
use crate::figures::Outcome;
use crate::measure::{Measure, Totals};
use crate::scenario::Scenario;

/// Looks between two times that books are shared.
const SHARE_EVERY: u64 = 4;

/// What is looked at, and when.
pub(super) struct Looks {
    measure: Measure,
    checks: Checks,
    recovery: Recovery,
    /// The epoch that is looked at next, and when: half an epoch after its end, so that slow clocks have sealed it too.
    next: (u64, Nanos),
    epoch: Nanos,
    looks: u64,
    /// Peers that were up at the last look.
    were_up: Vec<u32>,
    banned: u64,
    /// What honest peers held against honest ones, how often: by the two of them.
    blamed: BTreeMap<(u32, u32), BTreeMap<&'static str, u32>>,
}

impl Looks {
    pub(super) fn new(scenario: &Scenario, world: &World) -> Looks {
        let from = u64::from(scenario.warmup_s) * SECOND;
        let (epoch, end) = world.epoch_end(0);
        let epoch_length = world.epoch_ms * MS;
        let first = (START_MS + from / MS).div_ceil(world.epoch_ms);
        let orders = (scenario.traders.orders_per_s * epoch_length as f64 / 1e9).ceil() as u64;
        let over = if world.plan.over == 0 { from } else { world.plan.over };
        let heals = u64::from(scenario.checks.heals_within_s) * SECOND;
        let is_traded = scenario.traders.orders_per_s > 0.0 && world.honest > 1;
        Looks {
            measure: Measure::new(world.engine.len() as u32, orders, (from, first)),
            checks: Checks::default(),
            recovery: Recovery::new(over, heals, is_traded),
            next: (epoch, end + epoch_length / 2),
            epoch: epoch_length,
            looks: 0,
            were_up: Vec::new(),
            banned: 0,
            blamed: BTreeMap::new(),
        }
    }

    /// When the next look is due.
    pub(super) fn next(&self) -> Nanos {
        self.next.1
    }

    pub(super) fn look(&mut self, world: &mut World) {
        let (epoch, at) = self.next;
        self.take_logs(world, (epoch, at));
        let up: Vec<u32> = (0..world.engine.len() as u32)
            .filter(|peer| world.is_honest(*peer) && world.engine.node(*peer as usize).is_up())
            .collect();
        let end = at - self.epoch / 2;
        // Whoever was not up all the time need not have sealed.
        let steady: Vec<u32> = up.iter().filter(|peer| self.were_up.binary_search(peer).is_ok()).copied().collect();
        let most = self.measure.epochs.of(epoch).and_then(|found| {
            let (root, ..) = found.most()?;
            Some(found.sealed.get(&root)?.0.clone())
        });
        let mut most = most.unwrap_or_default();
        most.sort_unstable();
        let others = steady.iter().filter(|peer| most.binary_search(peer).is_err()).copied().collect();
        self.recovery.epoch(end, steady.len(), others);
        for peer in &up {
            let node = world.engine.node_mut(*peer as usize);
            let fault = node.fault();
            if let Some((check, seen)) = fault.or_else(|| node.fault_now()) {
                self.checks.fail(check, at, &[*peer], seen);
            }
        }
        let totals = totals(world, &up);
        let clearings = world.engine.node(0).clearings().clone();
        self.measure.close((epoch, end), &up, totals, (&clearings, &world.network));
        self.checks.forget(epoch);
        self.share(world);
        self.were_up = up;
        self.next = (epoch + 1, at + self.epoch);
        self.looks += 1;
    }

    fn take_logs(&mut self, world: &mut World, (epoch, at): (u64, Nanos)) {
        let logs: Vec<(u32, Log)> = world
            .engine
            .nodes_mut()
            .filter(|peer| peer.desk.is_honest())
            .map(|peer| (peer.number(), std::mem::take(&mut peer.desk.log)))
            .collect();
        for (peer, log) in &logs {
            self.measure.take_own(*peer, log, epoch);
        }
        for (peer, log) in &logs {
            self.measure.take(log);
            self.checks.take(*peer, log, at);
            log.struck.iter().for_each(|struck| self.recovery.struck(struck.at));
            for (other, why) in log.blamed.iter().filter(|(other, _)| world.is_known_honest(*other)) {
                *self.blamed.entry((*peer, *other)).or_default().entry(*why).or_default() += 1;
            }
            for other in log.left_alone.iter().filter(|other| world.is_honest(**other)) {
                self.banned += 1;
                let why = self.blamed.remove(&(*peer, *other)).unwrap_or_default();
                let seen = format!("peer {peer} leaves peer {other} alone, for {why:?}");
                self.checks.fail("no_honest_ban", at, &[*peer, *other], seen);
            }
        }
        for (_, log) in &logs {
            self.measure.take_deals(log);
        }
    }

    /// Books that have become the same are kept once: one peer makes a block of its own, and who has the same shares it.
    fn share(&mut self, world: &mut World) {
        if !self.looks.is_multiple_of(SHARE_EVERY) {
            return;
        }
        let mut peers = world.engine.nodes_mut().filter(|peer| peer.is_up());
        let Some(first) = peers.next() else { return };
        first.desk.fold();
        peers.for_each(|peer| {
            peer.desk.share(first.desk.market());
        });
    }

    pub(super) fn outcome(mut self, scenario: &Scenario, options: &Options, world: World) -> Outcome {
        self.recovery.judge(world.end, &mut self.checks);
        let mut cheats: BTreeMap<String, f64> = BTreeMap::new();
        for peer in world.engine.nodes() {
            for (name, value) in peer.desk.strategy().into_iter().flat_map(|strategy| strategy.figures()) {
                *cheats.entry(name).or_default() += value;
            }
        }
        let (figures, rows) = self.measure.figures(world.end, self.banned, cheats);
        Outcome {
            scenario: scenario.name.clone(),
            nodes: world.engine.len() as u32,
            seed: options.seed,
            seconds: world.end / SECOND,
            trace_hash: world.engine.trace_hash(),
            events: world.engine.events(),
            figures,
            broken: self.checks.broken(),
            rows,
        }
    }
}

fn totals(world: &World, up: &[u32]) -> Totals {
    let mut totals = Totals { peers: up.len() as u64, ..Totals::default() };
    for peer in up {
        let peer = world.engine.node(*peer as usize);
        let (sent, busy) = (peer.nic().sent_bytes, peer.computing().busy);
        totals.sent += sent;
        totals.sent_max = totals.sent_max.max(sent);
        totals.busy += busy;
        totals.busy_max = totals.busy_max.max(busy);
        let counts = peer.overlay().counters();
        totals.copies += counts.copies;
        totals.firsts += counts.firsts;
    }
    totals
}
