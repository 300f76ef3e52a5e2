//! What a run comes to: takes what happened at every desk, epoch by epoch, and makes the figures and rows of it. Decides
//! nothing, so floats are allowed here.

mod epochs;
mod histogram;
mod spread;

use std::collections::BTreeMap;

use matcher::{EndReason, Market};
use protocol::Side;

use crate::clearings::Clearings;
use crate::desk::Log;
use crate::engine::{Nanos, SECOND};
use crate::figures::{Figures, Row};
use crate::network::Network;

pub use epochs::{Epoch, Epochs};
pub use histogram::Histogram;
pub use spread::Spread;

/// What lines and loops came to by now, summed over honest peers that are there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    /// Bytes sent.
    pub sent: u64,
    /// The same of the peer that sent most.
    pub sent_max: u64,
    /// Nanoseconds that loops computed.
    pub busy: Nanos,
    /// The same of the busiest.
    pub busy_max: Nanos,
    /// Copies of gossip messages that came.
    pub copies: u64,
    /// Of these, first ones.
    pub firsts: u64,
    /// Peers.
    pub peers: u64,
}

/// Everything that is measured.
#[derive(Debug)]
pub struct Measure {
    /// When measuring begins.
    from: Nanos,
    /// The first epoch that lies in it.
    first_epoch: u64,
    /// How orders spread.
    pub spread: Spread,
    in_epoch: Histogram,
    /// What epochs came to.
    pub epochs: Epochs,
    agreement: Histogram,
    /// By epoch: peers that agreed with all neighbours, and the longest that one took in ms.
    agreed: BTreeMap<u64, (u32, u64)>,
    placed_to_struck: Histogram,
    figures: Figures,
    /// Orders placed since measuring began, of both sides.
    pub rows: Vec<Row>,
    struck_worth: u128,
    optimum: u128,
    before: Totals,
    begun: Totals,
    sealed_agreed: (u64, u64),
}

impl Measure {
    /// Of so many peers from `from` on, the first epoch being `first_epoch`.
    pub fn new(peers: u32, orders_per_epoch: u64, (from, first_epoch): (Nanos, u64)) -> Measure {
        Measure {
            from,
            first_epoch,
            spread: Spread::new(peers, orders_per_epoch),
            in_epoch: Histogram::default(),
            epochs: Epochs::default(),
            agreement: Histogram::default(),
            agreed: BTreeMap::new(),
            placed_to_struck: Histogram::default(),
            figures: Figures::default(),
            rows: Vec::new(),
            struck_worth: 0,
            optimum: 0,
            before: Totals::default(),
            begun: Totals::default(),
            sealed_agreed: (0, 0),
        }
    }

    /// Orders that peers signed come first, so that their spreading is known when others tell of it.
    pub fn take_own(&mut self, peer: u32, log: &Log, epoch: u64) {
        for own in log.admitted.iter().filter(|one| one.is_own && one.at >= self.from) {
            self.figures.orders += 1;
            self.spread.signed(own.order, peer, own.at, epoch);
        }
        for seal in &log.sealed {
            self.epochs.sealed(peer, seal);
        }
    }

    /// What else happened at a desk.
    pub fn take(&mut self, log: &Log) {
        for other in log.admitted.iter().filter(|one| !one.is_own) {
            if let Some(took) = self.spread.admitted(other.order, other.at) {
                self.in_epoch.add(took);
            }
        }
        for (epoch, took_ms) in &log.agreed {
            let known = self.agreed.entry(*epoch).or_default();
            *known = (known.0 + 1, known.1.max(*took_ms));
        }
        for struck in &log.struck {
            if struck.at < self.from {
                continue;
            }
            if let Some(placed) = struck.placed {
                self.placed_to_struck.add(struck.at.saturating_sub(placed));
            }
        }
        for reason in &log.over {
            *self.figures.ended.entry(name(reason).into()).or_default() += 1;
        }
    }

    /// What deals were worth, once all that were sealed are known.
    pub fn take_deals(&mut self, log: &Log) {
        for struck in log.struck.iter().filter(|struck| struck.side == Side::Bid) {
            let worth = self.epochs.struck(&struck.terms).unwrap_or_default();
            if struck.terms.epoch >= self.first_epoch {
                self.struck_worth += worth;
                self.figures.struck += 1;
            }
        }
    }

    /// An epoch is over everywhere: its row.
    pub fn close(&mut self, (epoch, at): (u64, Nanos), others: &[u32], totals: Totals, world: (&Clearings, &Network)) {
        self.epochs.close(epoch, world.0);
        self.spread.settle(epoch.saturating_sub(2), others, world.1);
        let seconds = (at.saturating_sub(self.rows.last().map_or(0, |row| (row.second * 1e9) as u64))) as f64 / 1e9;
        let per_peer_second = 1.0 / (seconds.max(1e-9) * totals.peers.max(1) as f64);
        let since = |now: u64, before: u64| now.saturating_sub(before) as f64;
        let empty = Epoch::default();
        let found = self.epochs.of(epoch).unwrap_or(&empty);
        let (agreed, book) = found.most().map_or((0, None), |(_, peers, book)| (peers, Some(book)));
        let row = Row {
            epoch,
            second: at as f64 / 1e9,
            sealed: found.count(),
            agreed,
            orders: book.map_or(0, |book| book.len() as u32),
            matches: book.map_or(0, |book| world.0.outcome(book).cleared().matches.len() as u32),
            struck: self.figures.struck,
            delivery_p50_ms: self.in_epoch.per_mille(500),
            delivery_p99_ms: self.in_epoch.per_mille(990),
            copies: since(totals.copies, self.before.copies) / since(totals.firsts, self.before.firsts).max(1.0),
            sent_bytes_per_s: since(totals.sent, self.before.sent) * per_peer_second,
            loop_percent: since(totals.busy, self.before.busy) * per_peer_second / 1e7,
            surplus: found.struck as f64,
            surplus_optimum: found.optimum as f64,
            up: others.len() as u32,
        };
        if epoch >= self.first_epoch {
            self.optimum += found.optimum;
            self.figures.matches += u64::from(row.matches);
            self.sealed_agreed =
                (self.sealed_agreed.0 + u64::from(row.agreed), self.sealed_agreed.1 + u64::from(row.sealed));
        } else {
            self.begun = totals;
        }
        // The last ones to agree have said so by the end of the next epoch.
        if let Some((peers, took_ms)) = self.agreed.remove(&epoch.saturating_sub(1))
            && peers as usize >= others.len()
            && epoch > self.first_epoch
        {
            self.agreement.add(took_ms * (SECOND / 1_000));
        }
        self.in_epoch.clear();
        self.before = totals;
        self.rows.push(row);
    }

    /// All figures, `until` being the end.
    pub fn figures(mut self, until: Nanos, honest_banned: u64, cheats: BTreeMap<String, f64>) -> (Figures, Vec<Row>) {
        let seconds = until.saturating_sub(self.from) as f64 / 1e9;
        let (last, begun) = (self.before, self.begun);
        let since = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds.max(1e-9);
        let peers = last.peers.max(1) as f64;
        for row in &mut self.rows {
            // Deals of an epoch are struck after its row was made.
            if let Some(epoch) = self.epochs.of(row.epoch) {
                row.surplus = epoch.struck as f64;
            }
        }
        let ppm = |(part, whole): (u64, u64)| (part * 1_000_000).checked_div(whole).unwrap_or(1_000_000);
        let figures = Figures {
            delivery_ms: self.spread.delivery.percentiles(),
            reach99_ms: self.spread.reach99.percentiles(),
            reach99_over_direct: self.spread.over_direct(),
            delivered_ppm: ppm(self.spread.delivered),
            in_time_ppm: ppm(self.epochs.in_time),
            copies: since(last.copies, begun.copies) / since(last.firsts, begun.firsts).max(1e-9),
            node_epochs: self.sealed_agreed.1,
            agreed_ppm: ppm(self.sealed_agreed),
            agreement_ms: self.agreement.percentiles(),
            placed_to_struck_ms: self.placed_to_struck.percentiles(),
            surplus_percent: if self.optimum == 0 {
                0.0
            } else {
                self.struck_worth as f64 * 100.0 / self.optimum as f64
            },
            sent_bytes_per_s: since(last.sent, begun.sent) / peers,
            sent_bytes_per_s_max: since(last.sent_max, begun.sent_max),
            loop_percent: since(last.busy, begun.busy) / peers / 1e7,
            loop_percent_max: since(last.busy_max, begun.busy_max) / 1e7,
            honest_banned,
            cheats,
            ..self.figures
        };
        (figures, self.rows)
    }
}

/// The first epoch that begins at `unix_ms` or later.
pub fn epoch_from(market: &Market, unix_ms: u64) -> u64 {
    market.parameters().epoch_at(unix_ms.saturating_sub(1)) + 1
}

fn name(reason: &EndReason) -> &'static str {
    match reason {
        EndReason::RanOut => "ran_out",
        EndReason::CancelledByConsumer => "cancelled_by_consumer",
        EndReason::FailedBySupplier => "failed_by_supplier",
        EndReason::SupplierSilent => "supplier_silent",
        EndReason::ConsumerSilent => "consumer_silent",
        EndReason::Declined(_) => "declined",
        EndReason::NotCountersigned => "not_countersigned",
    }
}
