//! Every limit of the mesh in one place. What stands here is what the behaviours are built from.

use protocol::wire::{GOSSIP_MAX, REQUEST_MAX, RESPONSE_MAX};
use serde::Serialize;

/// Events that wait for the node. At the bound gossip is ignored and requests are answered busy.
pub(super) const EVENTS_CAP: usize = 512;
/// News of peers that wait for room among the events. At the bound the oldest is lost and counted.
pub(super) const OWED_CAP: usize = 1024;
/// Commands that wait for the mesh. At the bound the caller is told, or the command is lost and counted.
pub(super) const COMMANDS_CAP: usize = 4096;
/// Requests that a peer may send before it is welcomed, kept until it is.
pub(super) const EARLY_MAX: usize = 16;
/// Addresses that are being looked for at once.
pub(super) const WANTED_MAX: usize = 256;
/// Requests in flight to one peer.
pub(super) const IN_FLIGHT_MAX: usize = 32;
/// Requests that wait for one peer.
pub(super) const WAITING_MAX: usize = 256;
/// Peers whose id is remembered when they are not connected.
pub(super) const KNOWN_MAX: usize = 4096;
/// Peers whose places are known, connected or not. At the bound those that never answered us go first, then the oldest.
pub const PLACES_MAX: usize = 1024;
/// Addresses that can be banned; at the bound the oldest ban ends.
pub(super) const BANNED_MAX: usize = 4096;
/// Listen addresses that are believed of one peer.
pub(super) const REACH_MAX: usize = 8;
/// Addresses at which peers say they see this node and that are tried, in one life. At the bound no other is.
pub(super) const CANDIDATES_MAX: usize = 64;
/// Address records that this node keeps for others.
pub(super) const RECORDS_MAX: usize = 16_384;

/// The limits in force, as the mesh was built with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetLimits {
    /// Established connections in all.
    pub connections_max: u32,
    /// Established connections that others opened; the rest is kept for our own dials.
    pub connections_incoming_max: u32,
    /// Connections in their handshake that others opened.
    pub pending_incoming_max: u32,
    /// Connections in their handshake that we opened.
    pub pending_outgoing_max: u32,
    /// Connections with one peer.
    pub connections_per_peer_max: u32,
    /// Seconds after which an unused connection is closed.
    pub idle_connection_s: u64,
    /// Bytes of one gossip message.
    pub gossip_max: usize,
    /// Bytes of one gossip frame: room for a message and its envelope.
    pub gossip_frame_max: usize,
    /// Message ids in one word of lazy gossip: the mesh refuses control words above 16 KiB and closes the stream.
    pub gossip_ids_max: usize,
    /// Peers that a topic's mesh aims for; docs/mesh.md says why so many.
    pub mesh: usize,
    /// Peers below which a topic's mesh grows.
    pub mesh_low: usize,
    /// Peers above which a topic's mesh shrinks.
    pub mesh_high: usize,
    /// Of a topic's mesh, peers at least that this node dialed.
    pub mesh_outbound_min: usize,
    /// Bytes of one request.
    pub request_max: usize,
    /// Bytes of one response.
    pub response_max: usize,
    /// Seconds for a request and its response.
    pub request_timeout_s: u64,
    /// Requests and responses under way on one connection, both directions.
    pub streams_max: usize,
    /// Requests in flight to one peer; more wait.
    pub requests_in_flight_max: usize,
    /// Gossip messages of one peer a second that bring nothing new or are invalid.
    pub gossip_rate: u32,
    /// The same at once.
    pub gossip_burst: u32,
    /// Bytes of gossip of one peer a second, whatever it brings.
    pub bytes_rate: u32,
    /// The same at once.
    pub bytes_burst: u32,
    /// Bytes that a gossip message counts for at least.
    pub message_cost_min: u32,
    /// Gossip messages that wait for one peer; more are dropped.
    pub queue_messages_max: usize,
    /// Seconds that a message of our own waits for a peer.
    pub publish_timeout_s: u64,
    /// Seconds that a message of others waits for a peer.
    pub forward_timeout_s: u64,
    /// Requests of one peer a second.
    pub requests_rate: u32,
    /// Requests of one peer at once.
    pub requests_burst: u32,
    /// Bytes of requests of one peer a second.
    pub request_bytes_rate: u32,
    /// Bytes of requests of one peer at once.
    pub request_bytes_burst: u32,
    /// Words of one peer on where it can be reached, a second.
    pub identities_rate: u32,
    /// Words of one peer on where it can be reached, at once.
    pub identities_burst: u32,
    /// Seconds in which a new peer must have said hello, and in which a peer must be found.
    pub hello_timeout_s: u64,
    /// Seconds for which a peer that refused us, or that misbehaved, is left alone.
    pub refusal_s: u64,
    /// Faults of one peer before it is left alone. One is forgiven each `refusal_s / faults_max`.
    pub faults_max: u32,
    /// Events that may wait for the node.
    pub events_max: usize,
    /// Connections that this node opens by itself and keeps.
    pub outbound_target: usize,
    /// Of these, how many go to the nearest peers that it knows; the others go to any.
    pub outbound_near: usize,
    /// Connections that this node opened for whatever reason; beyond it those that nothing needs are closed.
    pub outbound_max: usize,
    /// Of the connections that this node opens by itself, how many may go to one neighbourhood of the internet.
    pub outbound_per_network_max: usize,
    /// What the nearest peer gains in gossip score, so that meshes prefer near peers.
    pub near_score_max: u32,
    /// Round trip in milliseconds from which on a peer is far and gains nothing.
    pub near_ms: u32,
    /// Gossiping peers at one IP address, beyond which all of them lose score: many nodes share a router.
    pub peers_per_ip: u32,
    /// Peers whose places are known.
    pub known_max: usize,
    /// Relays at which a node that cannot be dialed reserves a place.
    pub reservations_target: usize,
    /// Places that this node, as a relay, keeps for others; one each.
    pub relay_reservations_max: usize,
    /// Circuits through this node at once.
    pub relay_circuits_max: usize,
    /// Circuits of one peer through this node at once.
    pub relay_circuits_per_peer_max: usize,
    /// Bytes of one circuit, both directions.
    pub relay_circuit_bytes_max: u64,
    /// Seconds of one circuit.
    pub relay_circuit_s: u64,
}

impl Default for NetLimits {
    fn default() -> Self {
        NetLimits {
            connections_max: 110,
            connections_incoming_max: 88,
            pending_incoming_max: 32,
            pending_outgoing_max: 32,
            connections_per_peer_max: 4,
            idle_connection_s: 90,
            gossip_max: GOSSIP_MAX,
            gossip_frame_max: 64 * 1024,
            gossip_ids_max: 400,
            mesh: 8,
            mesh_low: 6,
            mesh_high: 10,
            mesh_outbound_min: 3,
            request_max: REQUEST_MAX,
            response_max: RESPONSE_MAX,
            request_timeout_s: 10,
            streams_max: 64,
            requests_in_flight_max: IN_FLIGHT_MAX,
            gossip_rate: 100,
            gossip_burst: 500,
            bytes_rate: 1024 * 1024,
            bytes_burst: 4 * 1024 * 1024,
            message_cost_min: 1024,
            queue_messages_max: 5000,
            publish_timeout_s: 5,
            forward_timeout_s: 5,
            requests_rate: 200,
            requests_burst: 512,
            request_bytes_rate: 8 * 1024 * 1024,
            request_bytes_burst: 32 * 1024 * 1024,
            identities_rate: 1,
            identities_burst: 64,
            hello_timeout_s: 10,
            refusal_s: 600,
            faults_max: 16,
            events_max: EVENTS_CAP,
            outbound_target: 8,
            outbound_near: 4,
            outbound_max: 16,
            outbound_per_network_max: 2,
            near_score_max: 10,
            near_ms: 100,
            peers_per_ip: 64,
            known_max: PLACES_MAX,
            reservations_target: 2,
            relay_reservations_max: 64,
            relay_circuits_max: 32,
            relay_circuits_per_peer_max: 4,
            relay_circuit_bytes_max: 128 * 1024 * 1024,
            relay_circuit_s: 1800,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gossip's queues drop what they cannot carry without a word. So a peer is told to slow down, by being ignored and
    /// counted, before a queue of that length and patience could overflow with what it was allowed to send.
    #[test]
    fn the_rate_of_bytes_is_below_what_the_queues_carry() {
        let limits = NetLimits::default();
        assert!((limits.bytes_burst / limits.message_cost_min) as usize <= limits.queue_messages_max);
        let patience_s = limits.forward_timeout_s.min(limits.publish_timeout_s);
        assert!(u64::from(limits.bytes_burst) <= u64::from(limits.bytes_rate) * patience_s);
        assert!(limits.bytes_burst as usize >= limits.gossip_max, "the largest message fits the burst");
    }

    #[test]
    fn a_fifth_of_the_connections_is_kept_for_our_own_dials() {
        let limits = NetLimits::default();
        assert!((limits.connections_max - limits.connections_incoming_max) * 5 >= limits.connections_max);
        assert!(limits.outbound_target < limits.outbound_max);
        assert!(limits.outbound_max as u32 <= limits.connections_max - limits.connections_incoming_max);
        assert!(limits.outbound_near < limits.outbound_target, "some are chosen by chance");
    }
}
