//! `GET /v1/limits`: every limit in force, read from the parts that were built with it.

use axum::Json;
use axum::extract::State;
use protocol::Parameters;
use protocol::task::{PROGRAM_MAX, STREAM_MAX};
use protocol::wire::{ENTRY_MAX, GOSSIP_ENTRIES_MAX};

use crate::api::error::Result;
use crate::api::words::LimitWord;
use crate::api::{BODY_MAX, Shared, export};
use crate::net::NetLimits;

fn row(name: &str, value: impl TryInto<u64>, unit: &str, then: &str) -> LimitWord {
    let value = value.try_into().unwrap_or(u64::MAX);
    LimitWord { name: name.to_owned(), value, unit: unit.to_owned(), then: then.to_owned() }
}

/// `GET /v1/limits`.
pub async fn list(State(api): State<Shared>) -> Result<Json<Vec<LimitWord>>> {
    let net = api.net.config_dump();
    let mut limits = api.engine.view(|market, _| of_market(market.parameters())).await?;
    let (cores, recoveries) = api.engine.recoveries_max();
    limits.extend(of_gossip(&net));
    limits.extend(of_talk(&net));
    limits.extend(of_connections(&net));
    limits.extend(of_relay(&net));
    limits.extend([
        row("machine.recoveries", recoveries, "at once", "more wait"),
        row("machine.cores", cores, "", "recoveries run on half of them"),
        row("api.body", BODY_MAX, "bytes", "refused: too_large"),
        row("api.books", export::WRITERS_MAX, "at once", "refused: busy"),
        row("task.program", PROGRAM_MAX, "bytes", "refused before it is compiled"),
        row("task.stream", STREAM_MAX, "bytes kept", "what follows is counted and dropped"),
    ]);
    Ok(Json(limits))
}

/// What the market's file says, as the book and the machine were built with it.
fn of_market(market: &Parameters) -> Vec<LimitWord> {
    vec![
        row("order.bytes", ENTRY_MAX, "bytes", "rejected; costs the sender"),
        row("order.life", market.order_life_max_s, "s", "rejected; costs the sender"),
        row("order.slots", market.slots_per_owner, "an owner", "ignored, until stake is read"),
        row("book.heads", market.heads_max, "", "the last in the shared order leave"),
        row("clock.tolerance", market.clock_tolerance_ms, "ms", "what is further ahead is ignored"),
    ]
}

fn of_gossip(net: &NetLimits) -> Vec<LimitWord> {
    vec![
        row("gossip.message", net.gossip_max, "bytes", "rejected; costs the sender"),
        row("gossip.frame", net.gossip_frame_max, "bytes", "the stream is closed"),
        row("gossip.entries", GOSSIP_ENTRIES_MAX, "a message", "rejected; costs the sender"),
        row("gossip.worthless.rate", net.gossip_rate, "messages/s of a peer", "ignored and counted"),
        row("gossip.worthless.burst", net.gossip_burst, "messages of a peer", "ignored and counted"),
        row("gossip.bytes.rate", net.bytes_rate, "bytes/s of a peer", "ignored and counted"),
        row("gossip.bytes.burst", net.bytes_burst, "bytes of a peer", "ignored and counted"),
        row("gossip.bytes.least", net.message_cost_min, "bytes a message", "a smaller one counts for so many"),
        row("gossip.queue", net.queue_messages_max, "messages to a peer", "dropped; the slow peer is counted"),
        row("gossip.wait.own", net.publish_timeout_s, "s", "dropped; the book converges by other means"),
        row("gossip.wait.others", net.forward_timeout_s, "s", "dropped; the book converges by other means"),
        row("gossip.ids", net.gossip_ids_max, "message ids", "told by lazy gossip at once; others are not"),
        row("gossip.mesh", net.mesh, "peers a topic", "aimed for"),
        row("gossip.mesh.low", net.mesh_low, "peers a topic", "the mesh grows"),
        row("gossip.mesh.high", net.mesh_high, "peers a topic", "the mesh shrinks"),
        row("gossip.mesh.outbound", net.mesh_outbound_min, "peers a topic", "at least, that this node dialed"),
        row("gossip.address", net.peers_per_ip, "peers at an IP address", "more cost all of them score"),
        row("gossip.near.score", net.near_score_max, "", "the most that nearness gains"),
        row("gossip.near", net.near_ms, "ms", "from here on nearness gains nothing"),
    ]
}

fn of_talk(net: &NetLimits) -> Vec<LimitWord> {
    vec![
        row("request.bytes", net.request_max, "bytes", "the stream is closed; a fault"),
        row("response.bytes", net.response_max, "bytes", "the stream is closed; a fault"),
        row("request.time", net.request_timeout_s, "s", "peer_timeout"),
        row("request.rate", net.requests_rate, "requests/s of a peer", "declined: rate_limit"),
        row("request.burst", net.requests_burst, "requests of a peer", "declined: rate_limit"),
        row("request.bytes.rate", net.request_bytes_rate, "bytes/s of a peer", "declined: rate_limit"),
        row("request.bytes.burst", net.request_bytes_burst, "bytes of a peer", "declined: rate_limit"),
        row("identify.rate", net.identities_rate, "words/s of a peer", "not looked at"),
        row("identify.burst", net.identities_burst, "words of a peer", "not looked at"),
        row("request.streams", net.streams_max, "a connection", "the stream is closed"),
        row("request.in_flight", net.requests_in_flight_max, "to a peer", "more wait"),
        row("peer.faults", net.faults_max, "in the time below", "left alone for as long"),
        row("peer.left_alone", net.refusal_s, "s", "then it may come again"),
        row("peer.hello", net.hello_timeout_s, "s", "disconnected"),
        row("events.waiting", net.events_max, "", "gossip is ignored, requests are answered busy"),
    ]
}

fn of_connections(net: &NetLimits) -> Vec<LimitWord> {
    vec![
        row("connections", net.connections_max, "", "refused"),
        row("connections.inbound", net.connections_incoming_max, "", "refused; the rest is for our own dials"),
        row("connections.pending.inbound", net.pending_incoming_max, "", "refused"),
        row("connections.pending.outbound", net.pending_outgoing_max, "", "the dial fails"),
        row("connections.peer", net.connections_per_peer_max, "a peer", "refused"),
        row("connections.idle", net.idle_connection_s, "s", "closed"),
        row("connections.chosen", net.outbound_target, "", "aimed for"),
        row("connections.chosen.near", net.outbound_near, "", "the others are chosen by chance"),
        row("connections.chosen.network", net.outbound_per_network_max, "a /16", "another network is chosen"),
        row("connections.outbound", net.outbound_max, "", "those that nothing needs are closed"),
        row("peers.known", net.known_max, "", "strangers leave first, then the oldest"),
    ]
}

fn of_relay(net: &NetLimits) -> Vec<LimitWord> {
    vec![
        row("relay.used", net.reservations_target, "", "aimed for while nobody can dial this node"),
        row("relay.reservations", net.relay_reservations_max, "", "refused"),
        row("relay.circuits", net.relay_circuits_max, "", "refused"),
        row("relay.circuits.peer", net.relay_circuits_per_peer_max, "a peer", "refused"),
        row("relay.circuit.bytes", net.relay_circuit_bytes_max, "bytes", "the circuit is closed"),
        row("relay.circuit.time", net.relay_circuit_s, "s", "the circuit is closed"),
    ]
}
