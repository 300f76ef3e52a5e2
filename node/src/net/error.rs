//! What can go wrong between peers, with stable codes. Knows nothing of how it is shown.

use std::io;

use libp2p::Multiaddr;
use protocol::Address;
use protocol::talk::Refusal;

use super::codec::StreamFault;

/// Why the mesh could not start.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The host key is of another kind.
    #[error("the host key is not a secp256k1 key")]
    HostKey,
    /// Neither QUIC nor TCP, or not an IP address.
    #[error("{address} is not an address this node can use: /ip4/.../tcp/N or /ip4/.../udp/N/quic-v1 are")]
    BadAddress {
        /// The address in question.
        address: Multiaddr,
    },
    /// Another process listens there.
    #[error("the port of {address} is in use by another process")]
    PortInUse {
        /// The address in question.
        address: Multiaddr,
    },
    /// The system does not let us listen there.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address in question.
        address: Multiaddr,
        /// What the system said.
        source: io::Error,
    },
    /// No TLS certificate could be made.
    #[error("cannot make the TLS certificate: {0}")]
    Certificate(#[from] libp2p::tls::certificate::GenError),
    /// Local discovery could not start.
    #[error("cannot look for peers on the local network: {0}")]
    Mdns(io::Error),
}

impl NetError {
    /// The stable code, part of the API.
    pub fn code(&self) -> &'static str {
        match self {
            NetError::HostKey => "bad_host_key",
            NetError::BadAddress { .. } => "bad_address",
            NetError::PortInUse { .. } => "port_in_use",
            NetError::Listen { .. } => "cannot_listen",
            NetError::Certificate(_) => "no_certificate",
            NetError::Mdns(_) => "mdns_failed",
        }
    }
}

/// Why a request has no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Nobody knows a peer with this address.
    #[error("no peer is known under this address")]
    NotFound,
    /// The peer is known, but no connection could be made.
    #[error("the peer cannot be reached")]
    Unreachable,
    /// No response in time. Whether the peer received the request is not known.
    #[error("the peer did not answer in time")]
    Timeout,
    /// The connection or the stream closed before the response.
    #[error("the peer hung up before it answered")]
    Disconnected,
    /// The response was not one.
    #[error("the response makes no sense: {0}")]
    BadResponse(StreamFault),
    /// The request itself is above the limit.
    #[error("the request is larger than peers accept")]
    TooLarge,
    /// The peer is in another market or speaks another version.
    #[error(transparent)]
    Refused(Refusal),
    /// Banned here.
    #[error("this address is banned here")]
    Banned,
    /// This node's own address.
    #[error("this is the node's own address")]
    Own,
    /// Too many requests wait already.
    #[error("too many requests wait for peers; try again")]
    Busy,
    /// The mesh has been shut down.
    #[error("the node is shutting down")]
    Stopped,
}

impl RequestError {
    /// The stable code, part of the API.
    pub fn code(&self) -> &'static str {
        match self {
            RequestError::NotFound => "peer_not_found",
            RequestError::Unreachable => "peer_unreachable",
            RequestError::Timeout => "peer_timeout",
            RequestError::Disconnected => "peer_disconnected",
            RequestError::BadResponse(_) => "bad_response",
            RequestError::TooLarge => "too_large",
            RequestError::Refused(refusal) => refusal.code(),
            RequestError::Banned => "peer_banned",
            RequestError::Own => "own_address",
            RequestError::Busy => "busy",
            RequestError::Stopped => "stopped",
        }
    }
}

/// Why a dial did not end in a welcomed peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialFailure {
    /// Neither QUIC nor TCP, or not an IP address, or a peer id without an Ethereum key.
    #[error("not an address this node can dial")]
    BadAddress,
    /// Someone else answered there.
    #[error("another peer answered there: {}", match found { Some(found) => found.to_string(), None => "not a souk".into() })]
    WrongPeer {
        /// Who answered, if it has an Ethereum address.
        found: Option<Address>,
    },
    /// Nobody answered, or not in time.
    #[error("nobody answered there")]
    Unreachable,
    /// The peer is in another market or speaks another version; it is left alone for a while.
    #[error(transparent)]
    Refused(Refusal),
    /// Banned here, or left alone for a while after misbehaving.
    #[error("this peer is banned here")]
    Banned,
    /// This node itself.
    #[error("this is the node's own address")]
    Own,
    /// The connection limits are reached.
    #[error("this node has as many connections as it may have")]
    Full,
    /// The mesh has been shut down, or has too much to do.
    #[error("the node is shutting down or too busy")]
    Stopped,
}

impl DialFailure {
    /// The stable code, part of the API.
    pub fn code(&self) -> &'static str {
        match self {
            DialFailure::BadAddress => "bad_address",
            DialFailure::WrongPeer { .. } => "wrong_peer",
            DialFailure::Unreachable => "peer_unreachable",
            DialFailure::Refused(refusal) => refusal.code(),
            DialFailure::Banned => "peer_banned",
            DialFailure::Own => "own_address",
            DialFailure::Full => "connections_full",
            DialFailure::Stopped => "stopped",
        }
    }
}

/// Why a message was not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Above the limit of a gossip message.
    #[error("a message of {bytes} bytes is above the limit")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The mesh has been shut down, or has too much to do.
    #[error("the node is shutting down or too busy")]
    Stopped,
}
