//! `GET /v1/orders/{id}/explain`: why an order did not trade in an epoch whose book is kept, in the machine's own words.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use matcher::clearing::explain::{Explanation, explain};
use matcher::{Market, Proven};
use protocol::Hash;
use serde::Deserialize;

use crate::api::Shared;
use crate::api::convert;
use crate::api::error::{ApiError, Result};

/// The query of `GET /v1/orders/{id}/explain`.
#[derive(Deserialize)]
pub struct ExplainQuery {
    /// Which epoch; without it the newest one that the order took part in.
    epoch: Option<u64>,
}

/// `GET /v1/orders/{id}/explain?epoch=N`.
pub async fn order(
    State(api): State<Shared>,
    Path(id): Path<String>,
    Query(query): Query<ExplainQuery>,
) -> Result<Json<Explanation>> {
    let id = convert::id(&id)?;
    let found = api.engine.view(move |market, now| find(market, &id, (query.epoch, now))).await??;
    // A book may hold a hundred thousand orders, and the loop has other things to do.
    let explained = tokio::task::spawn_blocking(move || explain(&found.book, &found.clearing, &id)).await;
    let failed =
        |error: tokio::task::JoinError| ApiError::new("stopped", error.to_string(), Some("see the node's log"));
    Ok(Json(explained.map_err(failed)?.expect("the book holds the order")))
}

/// The kept book of `epoch`, or of the newest epoch that the order took part in.
fn find(market: &Market, id: &Hash, (epoch, now): (Option<u64>, u64)) -> Result<Arc<Proven>> {
    let is_in = |proven: &&Arc<Proven>| proven.book.find(id).is_some();
    let Some(epoch) = epoch else {
        return market.proven().rev().find(is_in).cloned().ok_or_else(|| absent(market, id, None));
    };
    match market.proven().rev().find(|proven| proven.book.epoch == epoch) {
        Some(proven) if is_in(&proven) => Ok(proven.clone()),
        Some(_) => Err(absent(market, id, Some(epoch))),
        None => Err(unkept(market, epoch, now)),
    }
}

/// Why no book that was looked at holds the order.
fn absent(market: &Market, id: &Hash, epoch: Option<u64>) -> ApiError {
    let standing = market.standings().find(|standing| standing.id == *id);
    let epochs = market.book().head(id).map(|head| head.entry.epochs()).or(standing.map(|one| one.entry.epochs()));
    let elsewhere = market.proven().rev().find(|proven| proven.book.find(id).is_some());
    match (epoch, elsewhere, epochs) {
        (Some(epoch), Some(proven), _) => {
            let message = format!("epoch {epoch} was cleared without the order {id}");
            let next = format!("leave --epoch out, or name one that it took part in, such as {}", proven.book.epoch);
            ApiError::new("not_in_epoch", message, Some(&next))
        }
        (_, _, Some((from, expiry))) => {
            let message =
                format!("no kept epoch was cleared with the order {id}: it counts from {from} on, until {expiry}");
            ApiError::new("not_in_epoch", message, Some("ask again when the next epoch is over: souk market watch"))
        }
        _ => {
            let message = format!("neither the book nor a kept epoch holds the order {id}");
            let next = "souk ask list, souk bid list: a renewed order has a new id; epochs are kept for minutes";
            ApiError::new("unknown_order", message, Some(next))
        }
    }
}

/// Why there is no book of `epoch`.
fn unkept(market: &Market, epoch: u64, now: u64) -> ApiError {
    if epoch >= market.parameters().epoch_at(now) {
        let message = format!("epoch {epoch} is not over yet");
        return ApiError::new("not_cleared", message, Some("leave --epoch out, or ask again when it is over"));
    }
    let mut kept = market.proven().map(|proven| proven.book.epoch);
    let (oldest, newest) = (kept.next(), kept.next_back());
    let span = match (oldest, newest) {
        (Some(oldest), Some(newest)) => format!("; of {oldest} to {newest} it does"),
        (Some(only), None) => format!("; of {only} it does"),
        _ => String::new(),
    };
    let message = format!("this node keeps no book of epoch {epoch}{span}");
    ApiError::new("unknown_epoch", message, Some("leave --epoch out, or name one that is kept"))
}
