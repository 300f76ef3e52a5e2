//! Server-sent events: what happens in this node, line by line, until the watcher hangs up or the node stops.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tokio::sync::broadcast::error::RecvError;

use crate::api::Shared;

/// `GET /v1/events`.
pub async fn stream(State(api): State<Shared>) -> Response {
    let events = api.engine.watch();
    let lines = futures::stream::unfold(events, |mut events| async move {
        let line = match events.recv().await {
            Ok(happened) => match serde_json::to_string(&happened) {
                Ok(json) => format!("data: {json}\n\n"),
                Err(_) => String::from(": an event without a JSON form\n\n"),
            },
            Err(RecvError::Lagged(missed)) => format!(": {missed} events were too fast for this watcher\n\n"),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(line)), events))
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(lines)).into_response()
}
