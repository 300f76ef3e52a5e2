//! What a run of thin peers came to: percentiles over deliveries, copies, bytes, agreement. Floating point is for people
//! only: nothing here decides anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::peer::{Peer, World};
use crate::engine::{Nanos, SECOND};
use crate::figures::{Figures, Percentiles, Row};
use crate::network::Network;

/// Counters of all peers together at some time.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    copies: u64,
    firsts: u64,
    sent_bytes: u64,
    computed: u64,
}

/// A figure of one peer and its name.
type Named = (&'static str, fn(&Peer) -> u64);

/// Collects while the run goes on.
pub(super) struct Tally {
    world: Arc<World>,
    before: Sums,
    /// At the end of the warm-up.
    start: Option<(Sums, Vec<u64>, Vec<u64>)>,
    rows: Vec<Row>,
}

fn sums<'a>(peers: impl Iterator<Item = &'a Peer>) -> Sums {
    peers.fold(Sums::default(), |sums, peer| {
        let counters = peer.overlay().counters();
        Sums {
            copies: sums.copies + counters.copies,
            firsts: sums.firsts + counters.firsts,
            sent_bytes: sums.sent_bytes + peer.nic.sent_bytes,
            computed: sums.computed + peer.computed,
        }
    })
}

/// Of tens of microseconds.
fn percentiles(times: &mut [u32]) -> Percentiles {
    times.sort_unstable();
    let at =
        |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).map_or(0.0, |t| ms(*t));
    Percentiles { count: times.len() as u64, p50: at(50), p90: at(90), p99: at(99), max: at(100) }
}

fn ms(tens_of_us: u32) -> f64 {
    f64::from(tens_of_us) / 100.0
}

fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b.max(1) as f64
}

fn ppm(part: u64, whole: u64) -> u64 {
    (u128::from(part) * 1_000_000 / u128::from(whole.max(1))) as u64
}

/// How many share the most common value.
fn most_common(roots: impl Iterator<Item = u32>) -> u32 {
    let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
    roots.for_each(|root| *counts.entry(root).or_default() += 1);
    counts.values().max().copied().unwrap_or(0)
}

impl Tally {
    pub(super) fn new(world: &Arc<World>) -> Tally {
        Tally { world: world.clone(), before: Sums::default(), start: None, rows: Vec::new() }
    }

    /// An epoch is over.
    pub(super) fn epoch<'a>(&mut self, peers: impl Iterator<Item = &'a Peer> + Clone, now: Nanos) {
        let plan = &self.world.plan;
        let sums = sums(peers.clone());
        let seconds = plan.epoch as f64 / SECOND as f64;
        let nodes = f64::from(self.world.nodes.max(1));
        let epoch = now / plan.epoch - 1;
        self.rows.push(Row {
            epoch,
            second: now as f64 / SECOND as f64,
            orders: plan.counted(epoch),
            copies: ratio(sums.copies - self.before.copies, sums.firsts - self.before.firsts),
            sent_bytes_per_s: (sums.sent_bytes - self.before.sent_bytes) as f64 / nodes / seconds,
            loop_percent: (sums.computed - self.before.computed) as f64 / plan.epoch as f64 / nodes * 100.0,
            up: self.world.nodes,
            ..Row::default()
        });
        self.before = sums;
        if now >= plan.warmup && self.start.is_none() {
            let sent = peers.clone().map(|peer| peer.nic.sent_bytes).collect();
            self.start = Some((sums, sent, peers.map(|peer| peer.computed).collect()));
        }
    }

    pub(super) fn figures(mut self, peers: &[&Peer], network: &Network) -> (Figures, Vec<Row>) {
        let world = self.world.clone();
        let plan = &world.plan;
        let mut figures = Figures { orders: plan.orders.len() as u64 * u64::from(plan.bundle), ..Figures::default() };
        self.traffic(peers, &mut figures);
        self.agreement(peers, &mut figures);
        let mut all = Vec::new();
        let mut reach = Vec::new();
        let (mut reached, mut direct, mut wanted) = (0u64, 0u64, 0u64);
        let mut by_epoch: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        let last = plan.end.saturating_sub(plan.epoch);
        for number in plan.measured()..plan.orders.len() {
            let order = plan.orders[number];
            if order.born >= last {
                continue;
            }
            let others = || peers.iter().enumerate().filter(|(at, _)| *at != order.origin as usize);
            let mut times: Vec<u32> =
                others().map(|(_, peer)| peer.heard[number]).filter(|time| *time != u32::MAX).collect();
            wanted += peers.len() as u64 - 1;
            let place = ((peers.len() - 1) * 99).div_ceil(100).saturating_sub(1);
            if let Some((_, time, _)) = (place < times.len()).then(|| times.select_nth_unstable(place)) {
                let mut ways: Vec<u32> =
                    others().map(|(at, _)| (network.latency(order.origin, at as u32) / 10_000) as u32).collect();
                reach.push(*time);
                reached += u64::from(*time);
                direct += u64::from(*ways.select_nth_unstable(place).1);
            }
            by_epoch.entry(order.born / plan.epoch).or_default().extend(&times);
            all.append(&mut times);
        }
        figures.delivered_ppm = ppm(all.len() as u64, wanted);
        figures.delivery_ms = percentiles(&mut all);
        figures.reach99_ms = percentiles(&mut reach);
        figures.reach99_over_direct = ratio(reached, direct);
        for row in &mut self.rows {
            if let Some(times) = by_epoch.get_mut(&row.epoch) {
                let of_row = percentiles(times);
                (row.delivery_p50_ms, row.delivery_p99_ms) = (of_row.p50, of_row.p99);
            }
        }
        (figures, self.rows)
    }

    fn traffic(&self, peers: &[&Peer], figures: &mut Figures) {
        let none = || (Sums::default(), vec![0; peers.len()], vec![0; peers.len()]);
        let (start, sent, computed) = self.start.clone().unwrap_or_else(none);
        let end = sums(peers.iter().copied());
        let (length, nodes) = (self.world.plan.end - self.world.plan.warmup, peers.len().max(1) as f64);
        let seconds = length as f64 / SECOND as f64;
        figures.copies = ratio(end.copies - start.copies, end.firsts - start.firsts);
        figures.sent_bytes_per_s = (end.sent_bytes - start.sent_bytes) as f64 / nodes / seconds;
        figures.loop_percent = (end.computed - start.computed) as f64 / length as f64 / nodes * 100.0;
        let most = |all: &mut dyn Iterator<Item = u64>| all.max().unwrap_or(0) as f64;
        let mut of_line = peers.iter().zip(sent).map(|(peer, before)| peer.nic.sent_bytes - before);
        figures.sent_bytes_per_s_max = most(&mut of_line) / seconds;
        let mut of_loop = peers.iter().zip(computed).map(|(peer, before)| peer.computed - before);
        figures.loop_percent_max = most(&mut of_loop) / length as f64 * 100.0;
        figures.honest_banned = peers.iter().map(|peer| peer.overlay().counters().left_alone).sum();
        let total = |of: fn(&Peer) -> u64| peers.iter().map(|peer| of(peer)).sum::<u64>() as f64 / nodes;
        let traffic: [Named; 8] = [
            ("gossip.message_bytes", |peer| peer.overlay().counters().message_bytes),
            ("gossip.ihave_bytes", |peer| peer.overlay().counters().ihave_bytes),
            ("gossip.iwant_bytes", |peer| peer.overlay().counters().iwant_bytes),
            ("gossip.idontwant_bytes", |peer| peer.overlay().counters().idontwant_bytes),
            ("gossip.mesh_bytes", |peer| peer.overlay().counters().mesh_bytes),
            ("gossip.refused_frames", |peer| peer.overlay().counters().refused),
            ("sync.bytes", |peer| peer.sync_bytes),
            ("sync.mended", |peer| peer.mended),
        ];
        figures.cheats.extend(traffic.into_iter().map(|(name, of)| (name.to_string(), total(of))));
        let degree: usize = peers.iter().map(|peer| peer.overlay().mesh(crate::overlay::Topic::Orders).count()).sum();
        figures.cheats.insert("gossip.degree".into(), degree as f64 / nodes);
    }

    fn agreement(&mut self, peers: &[&Peer], figures: &mut Figures) {
        let plan = &self.world.plan;
        let first = (plan.warmup / plan.epoch) as usize;
        for (at, row) in self.rows.iter_mut().enumerate() {
            // Peers that came up after an epoch's end began with the next one: count from the last.
            let from_end = plan.end / plan.epoch - row.epoch;
            let of = |peer: &&&Peer| peer.sealed.len().checked_sub(from_end as usize).map(|at| peer.sealed[at]);
            let roots: Vec<u32> = peers.iter().filter_map(|peer| of(&peer)).collect();
            row.sealed = roots.len() as u32;
            row.agreed = most_common(roots.into_iter());
            if at >= first {
                figures.node_epochs += u64::from(row.sealed);
                figures.agreed_ppm += u64::from(row.agreed);
            }
        }
        figures.agreed_ppm = ppm(figures.agreed_ppm, figures.node_epochs);
        let counted = plan.counted((plan.end / plan.epoch).saturating_sub(1));
        let counted = u64::from(counted).saturating_sub(plan.measured() as u64);
        let late: u64 = peers.iter().map(|peer| peer.late).sum();
        let all = counted * peers.len() as u64;
        figures.in_time_ppm = ppm(all.saturating_sub(late), all);
    }
}
