//! One field of an order with another value. Knows no clearing.

use protocol::{Address, Capacity, Flags, Identity, Metric, Order, Price, Side};
use serde::{Deserialize, Serialize};

use super::obstacles::{Miss, Part};
use crate::sealed::SealedOrder;

/// One field of an order with another value, all else as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// Another limit price.
    Price {
        /// The new one.
        price: Price,
    },
    /// Another shortest deal.
    DurationMin {
        /// In seconds.
        seconds: u32,
    },
    /// Another longest deal.
    DurationMax {
        /// In seconds.
        seconds: u32,
    },
    /// Other seconds that an ask bills at least or a bid accepts as that.
    BilledMin {
        /// In seconds.
        seconds: u32,
    },
    /// Another figure of one metric.
    Capacity {
        /// The metric.
        #[serde(with = "metric_name")]
        metric: u16,
        /// In its base unit; 0 to leave it out.
        value: u64,
    },
    /// Other network needs.
    Flags {
        /// All of them.
        flags: Flags,
    },
    /// A lower identity level of the other side.
    IdentityMin {
        /// The new one.
        level: Identity,
    },
    /// An owner that is no longer excluded.
    Admit {
        /// Who.
        owner: Address,
    },
    /// Whoever it is instead of one counterparty.
    Anyone,
}

impl Change {
    /// The change of `order` that takes `miss` away, which stands between it and `facing`; `None` if it is not in this
    /// order's hands, or the order would not be a valid one.
    pub(super) fn over(miss: &Miss, order: &Order, facing: &SealedOrder) -> Option<Change> {
        let is_bid = order.side == Side::Bid;
        let other = facing.order();
        let change = match *miss {
            Miss::Capacity { metric, wanted, offered } => {
                Metric::from_id(metric)?;
                Change::Capacity { metric, value: if is_bid { offered } else { wanted } }
            }
            Miss::Duration { .. } if other.duration_max_s < order.duration_min_s => {
                Change::DurationMin { seconds: other.duration_max_s }
            }
            Miss::Duration { .. } => Change::DurationMax { seconds: other.duration_min_s },
            Miss::Billed { .. } => Change::BilledMin { seconds: other.billed_min_s },
            Miss::Flags { wanted, allowed } if is_bid => Change::Flags { flags: Flags(wanted.0 & allowed.0) },
            Miss::Flags { wanted, allowed } => Change::Flags { flags: Flags(wanted.0 | allowed.0) },
            Miss::Identity { of, level, .. } if of != order.side => Change::IdentityMin { level },
            Miss::Excluded { by, owner } if by == order.side => Change::Admit { owner },
            Miss::Counterparty { by, .. } if by == order.side => Change::Anyone,
            Miss::Identity { .. } | Miss::Excluded { .. } | Miss::Counterparty { .. } | Miss::SameOwner => return None,
        };
        let mut changed = order.clone();
        change.apply(&mut changed);
        let is_capacity = !changed.capacity.scores().is_empty() && changed.capacity.has_times(changed.lots);
        is_capacity.then_some(change)
    }

    /// Makes the change.
    pub fn apply(&self, order: &mut Order) {
        match *self {
            Change::Price { price } => order.price = price,
            Change::DurationMin { seconds } => order.duration_min_s = seconds,
            Change::DurationMax { seconds } => order.duration_max_s = seconds,
            Change::BilledMin { seconds } => order.billed_min_s = seconds,
            Change::Capacity { metric, value } => {
                let known = order.capacity.scores().iter().filter(|score| score.metric != metric);
                let all = known.map(|score| (score.metric, score.value)).chain([(metric, value)]);
                let named = all.filter_map(|(metric, value)| Some((Metric::from_id(metric)?, value)));
                order.capacity = Capacity::new(named);
            }
            Change::Flags { flags } => order.flags = flags,
            Change::IdentityMin { level } => order.identity_min = level,
            Change::Admit { owner } => order.excluded.retain(|excluded| *excluded != owner),
            Change::Anyone => order.counterparty = Address::ZERO,
        }
    }

    /// Whether this is a smaller change of `order` than `known`: numbers before what is none, these by what part of the
    /// larger value they change, then by field, then by what is new.
    pub(super) fn is_smaller(&self, known: &Change, order: &Order) -> bool {
        let (a, b) = (self.part(order), known.part(order));
        a.compare(b).then_with(|| self.field(order).cmp(&known.field(order))).is_lt()
    }

    /// The part that changes; all, for what is no number.
    fn part(&self, order: &Order) -> Part {
        let (old, new) = match *self {
            Change::DurationMin { seconds } => (order.duration_min_s.into(), seconds.into()),
            Change::DurationMax { seconds } => (order.duration_max_s.into(), seconds.into()),
            Change::BilledMin { seconds } => (order.billed_min_s.into(), seconds.into()),
            Change::Capacity { metric, value } => (order.capacity.value(metric), value),
            _ => (0, 1),
        };
        Part { of: old.max(new), lacking: old.abs_diff(new) }
    }

    /// The place of the field, and of what is new in it where that is no number.
    fn field(&self, order: &Order) -> (u16, u16, Address) {
        match *self {
            Change::Price { .. } => (0, 0, Address::ZERO),
            Change::DurationMin { .. } => (1, 0, Address::ZERO),
            Change::DurationMax { .. } => (2, 0, Address::ZERO),
            Change::BilledMin { .. } => (3, 0, Address::ZERO),
            Change::Capacity { metric, .. } => (4, metric, Address::ZERO),
            Change::Flags { flags } => (5, (flags.0 ^ order.flags.0).count_ones() as u16, Address::ZERO),
            Change::IdentityMin { level } => (6, 3 - level as u16, Address::ZERO),
            Change::Admit { owner } => (7, 0, owner),
            Change::Anyone => (8, 0, Address::ZERO),
        }
    }
}

/// A metric as its stable name; what is not in the table as its number.
pub(super) mod metric_name {
    use alloc::string::{String, ToString};

    use protocol::Metric;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(metric: &u16, serializer: S) -> Result<S::Ok, S::Error> {
        match Metric::from_id(*metric) {
            Some(metric) => serializer.collect_str(&metric),
            None => serializer.collect_str(metric),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
        let text = String::deserialize(deserializer)?;
        let named = text.parse::<Metric>().map(|metric| metric as u16);
        named.or_else(|_| text.parse()).map_err(|error: core::num::ParseIntError| de::Error::custom(error.to_string()))
    }
}
