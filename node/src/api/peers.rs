//! Routes about peers: who is connected, whom to connect to, and whom to keep out.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use protocol::Address;

use crate::api::Shared;
use crate::api::error::{ApiError, Result};
use crate::api::words::{ConnectRequest, PeerWord};
use crate::net;
use crate::store::{Change, Table};

/// `GET /v1/peers`.
pub async fn list(State(api): State<Shared>) -> Json<Vec<PeerWord>> {
    let word = |peer: crate::net::PeerState| PeerWord {
        address: peer.address,
        peer_id: peer.peer_id,
        multiaddr: peer.multiaddr,
        direction: match peer.direction {
            crate::net::Direction::Inbound => "in".to_owned(),
            crate::net::Direction::Outbound => "out".to_owned(),
        },
        path: if peer.is_relayed { "relayed" } else { "direct" }.to_owned(),
        latency_ms: peer.latency_ms.map(|latency| latency.round() as u64),
        score: peer.score,
        agent: peer.agent,
    };
    Json(api.net.peers().await.into_iter().map(word).collect())
}

/// `POST /v1/peers`: connects to a peer and answers its address once both said hello.
pub async fn connect(State(api): State<Shared>, Json(request): Json<ConnectRequest>) -> Result<Json<Address>> {
    let advice = Some("write it as /ip4/192.0.2.1/udp/4001/quic-v1/p2p/16Uiu2…");
    let text = &request.multiaddr;
    let wrong = |why: &str| ApiError::new("bad_address", format!("{text}: {why}"), advice);
    let multiaddr = net::peer_address(text).map_err(wrong)?;
    let failed = |error: net::DialFailure| ApiError::new(error.code(), format!("{text}: {error}"), None);
    Ok(Json(api.net.dial(multiaddr).await.map_err(failed)?))
}

/// `GET /v1/bans`: the addresses that are kept out.
pub async fn banned(State(api): State<Shared>) -> Result<Json<Vec<Address>>> {
    Ok(Json(api.store.load(Table::Bans)?.iter().filter_map(|(key, _)| address_of(key)).collect()))
}

/// `PUT /v1/bans/{address}`: disconnects a peer and keeps it out, also after a restart.
pub async fn ban(State(api): State<Shared>, Path(text): Path<String>) -> Result<StatusCode> {
    let address = parse(&text)?;
    let change = Change::Put { table: Table::Bans, key: address.0.to_vec(), value: Vec::new() };
    tokio::task::block_in_place(|| api.store.commit(&[change]))?;
    api.net.ban(address);
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /v1/bans/{address}`: lets it in again.
pub async fn unban(State(api): State<Shared>, Path(text): Path<String>) -> Result<StatusCode> {
    let address = parse(&text)?;
    let change = Change::Delete { table: Table::Bans, key: address.0.to_vec() };
    tokio::task::block_in_place(|| api.store.commit(&[change]))?;
    api.net.unban(address);
    Ok(StatusCode::NO_CONTENT)
}

/// The address that a key of the table stands for.
pub(crate) fn address_of(key: &[u8]) -> Option<Address> {
    key.try_into().ok().map(Address)
}

fn parse(text: &str) -> Result<Address> {
    text.parse().map_err(|error| ApiError::new("bad_address", format!("{text:?}: {error}"), None))
}
