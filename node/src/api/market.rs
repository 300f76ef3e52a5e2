//! Routes about the market: status, book, epochs, own orders and deals, and measuring the machine.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use matcher::{DealState, Input};
use protocol::quantity::Scale;
use protocol::{Hash, Side};
use serde::Deserialize;

use crate::api::Shared;
use crate::api::convert;
use crate::api::error::{ApiError, Result};
use crate::api::words::{
    BenchRequest, BenchWord, BookWord, DealWord, DelegationWord, EpochWord, MarketWord, MeasurementWord,
};
use crate::api::words::{OrderWord, StatusWord};
use crate::engine::Wish;
use crate::store::{Change, Table};

/// `GET /v1/status`.
pub async fn status(State(api): State<Shared>) -> Result<Json<StatusWord>> {
    let (peers, listeners, limits) = (api.net.peers().await, api.net.listeners().await, api.net.config_dump());
    let limits = serde_json::to_value(limits).unwrap_or_default();
    let dropped = serde_json::to_value(api.net.counters()).unwrap_or_default();
    let (started_ms, unkept, key) = (api.started_ms, api.engine.unkept(), api.key.address());
    let listeners: Vec<String> = listeners.iter().map(ToString::to_string).collect();
    let look = move |market: &matcher::Market, now: u64| {
        let parameters = market.parameters();
        let is_running = |deal: &&matcher::Deal| deal.state == DealState::Running;
        StatusWord {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            address: market.owner(),
            key,
            delegation: market.mandate().delegation().map(DelegationWord::from),
            market: MarketWord {
                id: parameters.id(),
                name: parameters.name.clone(),
                chain: "none".to_owned(),
                chain_text: "deals are countersigned, nothing is paid".to_owned(),
                epoch_ms: parameters.epoch_ms,
            },
            listeners,
            peers: peers.len(),
            heads: market.book().len(),
            fills: market.book().fills().len(),
            unkept,
            epoch: parameters.epoch_at(now),
            cleared: market.clearings().next_back().map(|clearing| convert::epoch(market, clearing)),
            measured: market.measured().map(convert::metrics).unwrap_or_default(),
            now_ms: now,
            uptime_s: now.saturating_sub(started_ms) / 1000,
            deals_running: market.deals().filter(is_running).count(),
            limits,
            dropped,
        }
    };
    Ok(Json(api.engine.view(look).await?))
}

/// `GET /v1/book`.
pub async fn book(State(api): State<Shared>) -> Result<Json<BookWord>> {
    let look = |market: &matcher::Market, now: u64| {
        let epoch = market.parameters().epoch_at(now);
        // What was signed for the next epoch is shown as soon as it is here.
        let heads = market.book().effective(epoch + 1);
        let orders: Vec<OrderWord> = heads.filter_map(|head| convert::order(market, head, now)).collect();
        let (mut asks, mut bids): (Vec<_>, Vec<_>) = orders.into_iter().partition(|order| order.side == Side::Ask);
        asks.sort_by_key(|ask| (ask.price, ask.id));
        bids.sort_by_key(|bid| (std::cmp::Reverse(bid.price), bid.id));
        BookWord { epoch, asks, bids }
    };
    Ok(Json(api.engine.view(look).await?))
}

/// `GET /v1/epochs`.
pub async fn epochs(State(api): State<Shared>) -> Result<Json<Vec<EpochWord>>> {
    let look = |market: &matcher::Market, _| {
        market.clearings().rev().map(|clearing| convert::epoch(market, clearing)).collect()
    };
    Ok(Json(api.engine.view(look).await?))
}

/// `GET /v1/epochs/{n}` and `GET /v1/epochs/latest`.
pub async fn epoch(State(api): State<Shared>, Path(epoch): Path<String>) -> Result<Json<EpochWord>> {
    let wanted = wanted_epoch(&epoch)?;
    let look = move |market: &matcher::Market, _| {
        let found = match wanted {
            Some(number) => market.clearing(number),
            None => market.clearings().next_back(),
        };
        found.map(|clearing| convert::epoch(market, clearing))
    };
    let unknown = || {
        let message = format!("this node keeps no clearing of epoch {epoch}");
        ApiError::new("unknown_epoch", message, Some("souk market epoch shows the latest one"))
    };
    api.engine.view(look).await?.map(Json).ok_or_else(unknown)
}

/// The epoch that a path names; `None` for the latest.
pub fn wanted_epoch(name: &str) -> Result<Option<u64>> {
    let wrong = |_| ApiError::new("bad_epoch", format!("{name:?} is neither a number nor latest"), None);
    match name {
        "latest" => Ok(None),
        number => number.parse().map(Some).map_err(wrong),
    }
}

/// The query of `GET /v1/orders`.
#[derive(Deserialize)]
pub struct OrdersQuery {
    side: Option<Side>,
}

/// `GET /v1/orders`: own orders.
pub async fn orders(State(api): State<Shared>, Query(query): Query<OrdersQuery>) -> Result<Json<Vec<OrderWord>>> {
    let look = move |market: &matcher::Market, now: u64| {
        let of_side = |standing: &&matcher::Standing| query.side.is_none_or(|side| standing.draft.side == side);
        market.standings().filter(of_side).map(|standing| convert::standing(market, standing, now)).collect()
    };
    Ok(Json(api.engine.view(look).await?))
}

/// `DELETE /v1/orders/{id}`.
pub async fn withdraw(State(api): State<Shared>, Path(id): Path<String>) -> Result<Json<serde_json::Value>> {
    let id = convert::id(&id)?;
    api.engine.wish(Wish::Withdraw(id)).await??;
    Ok(Json(serde_json::json!({ "withdrawn": id })))
}

/// `GET /v1/deals`: own deals, newest first.
pub async fn deals(State(api): State<Shared>) -> Result<Json<Vec<DealWord>>> {
    let look = |market: &matcher::Market, now: u64| {
        let mut deals: Vec<&matcher::Deal> = market.deals().collect();
        deals.sort_by_key(|deal| std::cmp::Reverse((deal.terms.epoch, deal.id)));
        deals.into_iter().map(|deal| convert::deal(deal, now)).collect()
    };
    Ok(Json(api.engine.view(look).await?))
}

/// `GET /v1/deals/{id}`.
pub async fn deal(State(api): State<Shared>, Path(id): Path<String>) -> Result<Json<DealWord>> {
    let id = convert::id(&id)?;
    deal_word(&api, id).await.map(Json)
}

async fn deal_word(api: &Shared, id: Hash) -> Result<DealWord> {
    let look = move |market: &matcher::Market, now: u64| market.deal(&id).map(|deal| convert::deal(deal, now));
    api.engine.view(look).await?.ok_or_else(|| matcher::Refused::UnknownDeal.into())
}

/// `POST /v1/deals/{id}/cancel`.
pub async fn end_deal(State(api): State<Shared>, Path(id): Path<String>) -> Result<Json<DealWord>> {
    let id = convert::id(&id)?;
    api.engine.wish(Wish::EndDeal(id)).await??;
    deal_word(&api, id).await.map(Json)
}

/// `POST /v1/bench`: measures this machine, off the loop.
pub async fn bench(State(api): State<Shared>, Json(request): Json<BenchRequest>) -> Result<Json<BenchWord>> {
    if !(1..=100).contains(&request.share_percent) {
        return Err(ApiError::new("bad_share", "the share must be 1 to 100 percent", None));
    }
    let budget = Duration::from_millis(request.budget_ms.clamp(100, 60_000));
    let run = move || bench::measure_all(budget, &mut |_| {});
    let failed =
        |message: String| ApiError::new("bench_failed", message, Some("run `souk bench` on a quieter machine"));
    let measured = tokio::task::spawn_blocking(run).await.map_err(|error| failed(error.to_string()))?;
    let measurements = measured.map_err(|error| failed(error.to_string()))?;
    let capacity = bench::capacity(&measurements, request.share_percent);
    let word = |one: &bench::Measurement| MeasurementWord {
        id: one.metric.to_string(),
        unit: one.metric.row().unit.base().to_owned(),
        capability: one.capability,
        delivered: one.delivered,
        interval: one.interval,
        text: Scale::display(one.metric.row().unit, one.capability),
    };
    let word = BenchWord {
        measured_ms: api.engine.clock().now_ms(),
        share_percent: request.share_percent,
        metrics: measurements.iter().map(word).collect(),
        capacity: convert::metrics(&capacity),
    };
    let json = serde_json::to_vec(&word).map_err(|error| failed(error.to_string()))?;
    let changes = [
        Change::Put { table: Table::Measurements, key: b"capacity".to_vec(), value: protocol::wire::encode(&capacity) },
        Change::Put { table: Table::Measurements, key: b"report".to_vec(), value: json },
    ];
    tokio::task::block_in_place(|| api.store.commit(&changes))?;
    api.engine.input(Input::Measured(capacity)).await;
    Ok(Json(word))
}

/// `GET /v1/bench`: the last measurement.
pub async fn measured(State(api): State<Shared>) -> Result<Json<BenchWord>> {
    let rows = api.store.load(Table::Measurements)?;
    let report = rows.into_iter().find(|(key, _)| key == b"report");
    let word = report.and_then(|(_, value)| serde_json::from_slice(&value).ok());
    word.map(Json).ok_or_else(|| matcher::Refused::NotMeasured.into())
}
