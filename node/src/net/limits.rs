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
/// Addresses that can be banned; at the bound the oldest ban ends.
pub(super) const BANNED_MAX: usize = 4096;
/// Listen addresses that are believed of one peer.
pub(super) const REACH_MAX: usize = 8;
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
    /// Peers that a topic's mesh aims for.
    pub mesh: usize,
    /// Peers below which a topic's mesh grows.
    pub mesh_low: usize,
    /// Peers above which a topic's mesh shrinks.
    pub mesh_high: usize,
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
    /// Gossip messages of one peer a second.
    pub gossip_rate: u32,
    /// Gossip messages of one peer at once.
    pub gossip_burst: u32,
    /// Requests of one peer a second.
    pub requests_rate: u32,
    /// Requests of one peer at once.
    pub requests_burst: u32,
    /// Bytes of gossip and requests of one peer a second.
    pub bytes_rate: u32,
    /// Bytes of gossip and requests of one peer at once.
    pub bytes_burst: u32,
    /// Seconds in which a new peer must have said hello, and in which a peer must be found.
    pub hello_timeout_s: u64,
    /// Seconds for which a peer that refused us, or that misbehaved, is left alone.
    pub refusal_s: u64,
    /// Faults of one connected peer before it is left alone.
    pub faults_max: u32,
    /// Events that may wait for the node.
    pub events_max: usize,
}

impl Default for NetLimits {
    fn default() -> Self {
        NetLimits {
            connections_max: 110,
            connections_incoming_max: 94,
            pending_incoming_max: 32,
            pending_outgoing_max: 32,
            connections_per_peer_max: 2,
            idle_connection_s: 90,
            gossip_max: GOSSIP_MAX,
            gossip_frame_max: 64 * 1024,
            mesh: 6,
            mesh_low: 5,
            mesh_high: 12,
            request_max: REQUEST_MAX,
            response_max: RESPONSE_MAX,
            request_timeout_s: 10,
            streams_max: 64,
            requests_in_flight_max: IN_FLIGHT_MAX,
            gossip_rate: 100,
            gossip_burst: 500,
            requests_rate: 200,
            requests_burst: 512,
            bytes_rate: 8 * 1024 * 1024,
            bytes_burst: 32 * 1024 * 1024,
            hello_timeout_s: 10,
            refusal_s: 600,
            faults_max: 16,
            events_max: EVENTS_CAP,
        }
    }
}
