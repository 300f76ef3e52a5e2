//! Who publishes what and when, drawn before the run, and which epoch it counts for. Knows no peer.

use protocol::Hash;
use protocol::market::Parameters;

use super::{BUNDLED_BYTES, ORDER_BYTES};
use crate::engine::{MS, Nanos, SECOND};
use crate::random::Random;
use crate::scenario::Scenario;

/// Streams of chance that draw arrivals.
const PLAN_STREAM: u64 = 1 << 43;
/// Orders of one run at most; what would come beyond it does not.
const ORDERS_MAX: usize = 4_000_000;

/// One order, or a bundle of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) born: Nanos,
    pub(super) origin: u32,
    pub(super) bytes: u32,
}

/// All orders of a run in the order of their birth, which numbers them.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) orders: Vec<Order>,
    pub(super) epoch: Nanos,
    pub(super) guard: Nanos,
    /// From when on is measured.
    pub(super) warmup: Nanos,
    pub(super) end: Nanos,
    /// Orders under one signature.
    pub(super) bundle: u32,
}

impl Plan {
    pub(super) fn new(scenario: &Scenario, nodes: u32, seed: u64) -> Plan {
        let defaults = Parameters::new("simulated", Hash::ZERO);
        let parameter = |name: &str, default: u32| {
            Nanos::from(scenario.market.get(name).copied().unwrap_or(default.into()).max(1)) * MS
        };
        let (epoch, guard) = (parameter("epoch_ms", defaults.epoch_ms), parameter("guard_ms", defaults.guard_ms));
        let warmup = Nanos::from(scenario.warmup_s) * SECOND;
        let end = warmup + Nanos::from(scenario.seconds) * SECOND;
        let bundle = scenario.traders.bundle.max(1);
        let bytes = ORDER_BYTES + BUNDLED_BYTES * (bundle - 1);
        // Messages arrive as orders a second over orders a message; in nanoseconds, once.
        let gap = f64::from(bundle) / scenario.traders.orders_per_s.max(1e-9) * SECOND as f64;
        let gap = gap.min(u64::MAX as f64 / 64.0) as u64;
        let mut random = Random::new(seed, PLAN_STREAM);
        let mut orders = Vec::new();
        // Nothing in the first half of the warm-up, so that there is a mesh to publish to.
        let mut born = warmup / 2;
        loop {
            born = born.saturating_add(random.exponential(gap));
            if born >= end || orders.len() == ORDERS_MAX || nodes == 0 {
                break;
            }
            orders.push(Order { born, origin: random.below(nodes.into()) as u32, bytes });
        }
        Plan { orders, epoch, guard, warmup, end, bundle }
    }

    /// Orders that count for `epoch` or earlier ones are those below this number: they were signed before its guard began.
    pub(super) fn counted(&self, epoch: u64) -> u32 {
        let guard_begins = ((epoch + 1) * self.epoch).saturating_sub(self.guard);
        self.orders.partition_point(|order| order.born < guard_begins) as u32
    }

    /// The first order that is measured.
    pub(super) fn measured(&self) -> usize {
        self.orders.partition_point(|order| order.born < self.warmup)
    }
}
