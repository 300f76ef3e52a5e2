//! From the machine's values to the API's words, and back.

use matcher::{Cleared, Deal, Head, Market, Standing};
use protocol::quantity::Scale;
use protocol::{Address, Capacity, Hash, Identity, Metric, Side};

use crate::api::agreement;
use crate::api::error::{ApiError, Result};
use crate::api::words::{self, DealWord, EpochWord, MatchWord, MetricWord, OrderRequest, OrderWord};

/// A capacity, metric by metric.
pub fn metrics(capacity: &Capacity) -> Vec<MetricWord> {
    let word = |score: &protocol::Score| {
        let metric = Metric::from_id(score.metric)?;
        let text = Scale::display(metric.row().unit, score.value);
        Some(MetricWord { metric: metric.to_string(), value: score.value, text })
    };
    capacity.scores().iter().filter_map(word).collect()
}

/// One order of the book at `now`.
pub fn order(market: &Market, head: &Head, now: u64) -> Option<OrderWord> {
    let order = head.order()?;
    let epoch = market.parameters().epoch_at(now);
    let open_lots: u32 = market.book().open_lots(head, u64::MAX).iter().map(|(first, end)| end - first).sum();
    let state = match (order.expiry_epoch <= epoch, open_lots) {
        (true, _) => "expired",
        (false, 0) => "filled",
        _ => "live",
    };
    Some(OrderWord {
        id: head.id,
        side: order.side,
        owner: order.owner,
        slot: order.slot,
        version: order.version,
        capacity: metrics(&order.capacity),
        lots: order.lots,
        open_lots,
        price: order.price,
        price_text: order.price.to_string(),
        duration_min_s: order.duration_min_s,
        duration_max_s: order.duration_max_s,
        from_epoch: order.from_epoch,
        expiry_epoch: order.expiry_epoch,
        expires_ms: market.parameters().epoch_start_ms(order.expiry_epoch),
        state: state.to_owned(),
        is_own: order.owner == market.owner(),
        avoided: Vec::new(),
        named: None,
    })
}

/// One own offer at `now`: what the user wants, whether or not lots of it are open just then.
pub fn standing(market: &Market, standing: &Standing, now: u64) -> OrderWord {
    let (draft, version) = (&standing.draft, standing.entry.place().2);
    let (from_epoch, expiry_epoch) = standing.entry.epochs();
    let open_lots = market.open_lots(standing);
    let is_expired = expiry_epoch <= market.parameters().epoch_at(now);
    let state = match (standing.is_withdrawn, is_expired, open_lots) {
        (true, ..) => "withdrawn",
        (_, true, _) => "expired",
        (_, _, 0) => "filled",
        _ => "live",
    };
    OrderWord {
        id: standing.id,
        side: draft.side,
        owner: market.owner(),
        slot: standing.slot,
        version,
        capacity: metrics(&draft.capacity),
        lots: draft.lots,
        open_lots,
        price: draft.price,
        price_text: draft.price.to_string(),
        duration_min_s: draft.duration_min_s,
        duration_max_s: draft.duration_max_s,
        from_epoch,
        expiry_epoch,
        expires_ms: market.parameters().epoch_start_ms(expiry_epoch),
        state: state.to_owned(),
        is_own: true,
        avoided: standing.left_out().copied().collect(),
        named: standing.named(),
    }
}

/// One clearing.
pub fn epoch(market: &Market, clearing: &Cleared) -> EpochWord {
    let word = |found: &matcher::Match| MatchWord {
        ask: found.ask.id,
        bid: found.bid.id,
        supplier: found.ask.owner,
        consumer: found.bid.owner,
        lots: found.ask.lots,
        price: found.price,
        price_text: found.price.to_string(),
    };
    EpochWord {
        epoch: clearing.epoch,
        sealed_root: clearing.sealed_root,
        root: clearing.root,
        orders: clearing.orders,
        surplus: clearing.surplus.to_string(),
        surplus_text: words::surplus_text(&clearing.surplus),
        matches: clearing.matches.iter().map(word).collect(),
        agreement: agreement::word(market, clearing.epoch),
    }
}

/// One own deal at `now`.
pub fn deal(deal: &Deal, now: u64) -> DealWord {
    let cost = deal.cost_at(now).unwrap_or_default();
    DealWord {
        id: deal.id,
        role: if deal.side == Side::Ask { "supplier" } else { "consumer" }.to_owned(),
        state: deal.state,
        reason: deal.reason,
        reason_text: deal.reason.map(|reason| reason.to_string()),
        terms: deal.terms.clone(),
        bought: metrics(&deal.bought),
        price_text: deal.terms.price.to_string(),
        started_ms: (deal.started_ms > 0).then_some(deal.started_ms),
        over_ms: (deal.over_ms > 0).then_some(deal.over_ms),
        duration_s: deal.terms.duration_s.into(),
        elapsed_s: deal.elapsed_at(now),
        billed_s: deal.billed_at(now),
        cost,
        cost_text: cost.to_string(),
        is_paid: false,
        supplier_signature: deal.supplier.clone(),
        consumer_signature: deal.consumer.clone(),
    }
}

/// What a user wants, as the machine takes it. An ask without a capacity offers one of `shares` even shares
/// of what was measured in each lot.
///
/// # Errors
/// An unknown metric, or an ask before the machine was measured.
pub fn draft(request: OrderRequest, measured: Option<&Capacity>, shares: u64) -> Result<matcher::Draft> {
    let named = request.capacity.iter().map(|(name, value)| match name.parse::<Metric>() {
        Ok(metric) => Ok((metric, *value)),
        Err(_) => {
            let known: Vec<&str> = Metric::ALL.iter().map(|metric| metric.row().name).collect();
            let message = format!("there is no metric {name:?}; known are {}", known.join(", "));
            Err(ApiError::new("unknown_metric", message, None))
        }
    });
    let mut capacity = Capacity::new(named.collect::<Result<Vec<_>>>()?);
    if capacity.scores().is_empty() && request.side == Side::Ask {
        let measured = measured.ok_or(matcher::Refused::NotMeasured)?;
        let share =
            |score: &protocol::Score| Metric::from_id(score.metric).map(|metric| (metric, score.value / shares.max(1)));
        capacity = Capacity::new(measured.scores().iter().filter_map(share));
    }
    Ok(matcher::Draft {
        side: request.side,
        capacity,
        lots: request.lots,
        price: request.price,
        duration_min_s: request.duration_min_s,
        duration_max_s: request.duration_max_s,
        billed_min_s: request.billed_min_s,
        counterparty: request.counterparty.unwrap_or(Address::ZERO),
        excluded: request.excluded,
        identity_min: Identity::Anonymous,
        flags: request.flags,
        tag: Hash::ZERO,
        life_s: request.life_s,
        is_renewed: request.is_renewed,
    })
}

/// An id in a path.
///
/// # Errors
/// If it is not 0x and 64 hex digits.
pub fn id(text: &str) -> Result<Hash> {
    text.parse().map_err(|_| ApiError::new("bad_id", format!("{text:?} is not 0x and 64 hex digits"), None))
}
