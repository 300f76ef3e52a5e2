//! Routes that bring orders into the market: what a user wants, one or several, and what somebody else signed.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use matcher::{Answer, Placed, Refused};
use protocol::bulk::LEAVES_MAX;
use protocol::wire::GOSSIP_ENTRIES_MAX;
use protocol::{Entry, Rejected, Side, Signed};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::Shared;
use crate::api::convert;
use crate::api::error::{ApiError, Result, of_entry};
use crate::api::words::{OrderRequest, OutcomeWord, PlacedWord, SignedWord};
use crate::engine::Wish;

/// `POST /v1/orders`: one order, or a list.
pub async fn place(State(api): State<Shared>, Json(body): Json<Value>) -> Result<Response> {
    match body {
        Value::Array(requests) => Ok(Json(place_list(api, requests).await?).into_response()),
        request => Ok(Json(place_one(api, request).await?).into_response()),
    }
}

async fn place_one(api: Shared, request: Value) -> Result<PlacedWord> {
    let request: OrderRequest = read(request, "bad_request")?;
    let measured = api.engine.view(|market, _| market.measured().cloned()).await?;
    let shares = request.lots.into();
    let draft = convert::draft(request, measured.as_ref(), shares)?;
    match api.engine.wish(Wish::Place(Box::new(draft))).await?? {
        Answer::Placed { id, slot, version, from_epoch } => Ok(PlacedWord { id, slot, version, from_epoch }),
        other => unreachable!("an order that is placed is not {other:?}"),
    }
}

async fn place_list(api: Shared, requests: Vec<Value>) -> Result<Vec<OutcomeWord>> {
    ensure_some(requests.len(), LEAVES_MAX)?;
    let requests: Vec<OrderRequest> =
        requests.into_iter().map(|request| read(request, "bad_request")).collect::<Result<_>>()?;
    let measured = api.engine.view(|market, _| market.measured().cloned()).await?;
    let is_share = |request: &&OrderRequest| request.side == Side::Ask && request.capacity.is_empty();
    let shares = requests.iter().filter(is_share).map(|request| u64::from(request.lots)).sum();
    let drafts = requests.into_iter().map(|request| convert::draft(request, measured.as_ref(), shares));
    let drafts = drafts.collect::<Result<_>>()?;
    match api.engine.wish(Wish::PlaceList(drafts)).await?? {
        Answer::PlacedList(answers) => Ok(answers.into_iter().map(of_placed).collect()),
        other => unreachable!("orders that are placed are not {other:?}"),
    }
}

/// `POST /v1/orders/signed`: one entry that somebody else signed, or a list; an answer for each.
pub async fn submit(State(api): State<Shared>, Json(body): Json<Value>) -> Result<Json<Vec<OutcomeWord>>> {
    let words = match body {
        Value::Array(words) => words,
        word => vec![word],
    };
    ensure_some(words.len(), GOSSIP_ENTRIES_MAX)?;
    let mut outcomes: Vec<Result<Option<OutcomeWord>>> = Vec::with_capacity(words.len());
    let mut entries = Vec::with_capacity(words.len());
    for word in words {
        outcomes.push(entry(word).map(|entry| {
            entries.push(entry);
            None
        }));
    }
    let answers = match entries.is_empty() {
        true => Vec::new(),
        false => match api.engine.wish(Wish::Submit(entries)).await?? {
            Answer::Submitted(answers) => answers,
            other => unreachable!("entries that were handed in are not {other:?}"),
        },
    };
    let mut answers = answers.into_iter().map(|answer| match answer {
        Ok(id) => OutcomeWord { id: Some(id), ..failed_with(None) },
        Err(rejected) => failed_with(Some(of_entry(rejected))),
    });
    let outcome = |outcome: Result<Option<OutcomeWord>>| match outcome {
        Ok(_) => answers.next().expect("every entry has an answer"),
        Err(error) => failed_with(Some(error)),
    };
    Ok(Json(outcomes.into_iter().map(outcome).collect()))
}

fn entry(word: Value) -> Result<Entry> {
    const BAD: &str = "bad_entry";
    let word: SignedWord = read(word, BAD)?;
    let authority = word.authority;
    match word.primary_type.as_str() {
        "Order" => Ok(Entry::Order(Signed { body: read(word.body, BAD)?, authority })),
        "Cancel" => Ok(Entry::Cancel(Signed { body: read(word.body, BAD)?, authority })),
        other => Err(ApiError::new(BAD, format!("{other:?} is neither Order nor Cancel"), Some(FORM))),
    }
}

/// What an entry looks like.
const FORM: &str = "send primaryType, body and authority, as the cases of protocol/vectors/accepted.json have them";

fn read<T: DeserializeOwned>(value: Value, code: &str) -> Result<T> {
    let next = (code == "bad_entry").then_some(FORM);
    serde_json::from_value(value).map_err(|error| ApiError::new(code, error.to_string(), next))
}

fn ensure_some(count: usize, most: usize) -> Result<()> {
    let refused = match count {
        0 => Refused::Rejected(Rejected::Encoding),
        _ if count > most => Refused::Rejected(Rejected::TooLarge),
        _ => return Ok(()),
    };
    let next = format!("send 1 to {most}");
    Err(ApiError::new(refused.code(), format!("{count} orders at once: {refused}"), Some(&next)))
}

fn of_placed(answer: std::result::Result<Placed, Refused>) -> OutcomeWord {
    match answer {
        Ok(Placed { id, slot, version, from_epoch }) => OutcomeWord {
            id: Some(id),
            slot: Some(slot),
            version: Some(version),
            from_epoch: Some(from_epoch),
            error: None,
        },
        Err(refused) => failed_with(Some(refused.into())),
    }
}

fn failed_with(error: Option<ApiError>) -> OutcomeWord {
    OutcomeWord { id: None, slot: None, version: None, from_epoch: None, error: error.map(|error| error.0) }
}
