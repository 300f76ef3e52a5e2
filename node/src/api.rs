//! The local HTTP API: JSON over loopback, for the owner alone. The only place besides the command line that knows JSON.
//!
//! Every route needs `Authorization: Bearer <api.token>`, a `Host` that names this machine, and no foreign `Origin`.

pub mod agreement;
mod convert;
mod error;
mod events;
mod explain;
pub(crate) mod export;
mod guard;
mod limits;
mod market;
mod orders;
mod peers;
mod tasks;
pub mod words;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};
use tokio::net::TcpListener;

use crate::client::Client;
use crate::engine::Engine;
use crate::files::Files;
use crate::keys::Key;
use crate::net::Net;
use crate::store::Store;
use crate::worker::Worker;

/// The largest request body, in bytes.
const BODY_MAX: usize = 1 << 20;

/// What the API answers from.
pub struct Api {
    /// The loop.
    pub engine: Engine,
    /// The mesh.
    pub net: Net,
    /// Tasks of others.
    pub worker: Arc<Worker>,
    /// Own tasks.
    pub client: Arc<Client>,
    /// Content-addressed files.
    pub files: Arc<Files>,
    /// The disk.
    pub store: Arc<Store>,
    /// The node's key.
    pub key: Arc<Key>,
    /// The bearer token.
    pub token: String,
    /// When the node started, unix ms.
    pub started_ms: u64,
}

pub(crate) use peers::address_of as banned_address;

type Shared = Arc<Api>;

/// Binds the listener, so that a port in use is known before anything else starts.
///
/// # Errors
/// The system's own.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `stop` ends.
///
/// # Errors
/// The system's own.
pub async fn serve(
    listener: TcpListener,
    api: Api,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let api = Arc::new(api);
    let router = Router::new()
        .route("/v1/status", get(market::status))
        .route("/v1/limits", get(limits::list))
        .route("/v1/peers", get(peers::list).post(peers::connect))
        .route("/v1/bans", get(peers::banned))
        .route("/v1/bans/{address}", put(peers::ban).delete(peers::unban))
        .route("/v1/book", get(market::book))
        .route("/v1/epochs", get(market::epochs))
        .route("/v1/epochs/{epoch}", get(market::epoch))
        .route("/v1/epochs/{epoch}/book", get(export::book))
        .route("/v1/equivocations", get(agreement::equivocations))
        .route("/v1/bench", get(market::measured).post(market::bench))
        .route("/v1/orders", get(market::orders).post(orders::place))
        .route("/v1/orders/signed", post(orders::submit))
        .route("/v1/orders/{id}", axum::routing::delete(market::withdraw))
        .route("/v1/orders/{id}/explain", get(explain::order))
        .route("/v1/deals", get(market::deals))
        .route("/v1/deals/{id}", get(market::deal))
        .route("/v1/deals/{id}/cancel", post(market::end_deal))
        .route("/v1/tasks", get(tasks::list).post(tasks::submit))
        .route("/v1/tasks/{id}", get(tasks::show))
        .route("/v1/tasks/{id}/logs", get(tasks::logs))
        .route("/v1/tasks/{id}/stop", post(tasks::stop))
        .route("/v1/files/{content}", put(tasks::put_file).get(tasks::get_file))
        .route("/v1/events", get(events::stream))
        .fallback(error::no_such_route)
        .layer(axum::middleware::from_fn_with_state(api.clone(), guard::admit))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(api);
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}
