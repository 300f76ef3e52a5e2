//! Where a node can listen and dial, and whether a port is free. Knows no peer.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use super::error::NetError;
use super::identity::address_of;

/// What a multiaddress says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) socket: SocketAddr,
    pub(super) is_quic: bool,
    pub(super) peer: Option<PeerId>,
}

/// Reads a multiaddress. `None` unless it is IP with TCP or QUIC, and its peer id, if any, holds an Ethereum key.
pub(super) fn place(address: &Multiaddr) -> Option<Place> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    let (port, is_quic) = match parts.next()? {
        Protocol::Tcp(port) => (port, false),
        Protocol::Udp(port) => (parts.next() == Some(Protocol::QuicV1)).then_some((port, true))?,
        _ => return None,
    };
    let peer = match parts.next() {
        None => None,
        Some(Protocol::P2p(peer)) => Some(address_of(&peer).map(|_| peer)?),
        Some(_) => return None,
    };
    parts.next().is_none().then_some(Place { socket: SocketAddr::new(ip, port), is_quic, peer })
}

/// Whether every address is one that this node can use.
///
/// # Errors
/// [`NetError::BadAddress`] with the first that is not.
pub(super) fn check(listen: &[Multiaddr], bootstrap: &[Multiaddr]) -> Result<(), NetError> {
    let is_listen = |address: &&Multiaddr| place(address).is_none_or(|place| place.peer.is_some());
    let is_dial = |address: &&Multiaddr| place(address).is_none_or(|place| place.socket.port() == 0);
    match listen.iter().find(is_listen).or_else(|| bootstrap.iter().find(is_dial)) {
        Some(address) => Err(NetError::BadAddress { address: address.clone() }),
        None => Ok(()),
    }
}

/// Tries each port once. TCP listeners of libp2p share their port with other processes of the same user without an
/// error, so that a second node would get every other connection of the first.
///
/// # Errors
/// [`NetError::PortInUse`], [`NetError::Listen`].
pub(super) fn probe(listen: &[Multiaddr]) -> Result<(), NetError> {
    for address in listen {
        let Some(place) = place(address).filter(|place| place.socket.port() != 0) else { continue };
        let outcome = match place.is_quic {
            true => UdpSocket::bind(place.socket).map(drop),
            false => TcpListener::bind(place.socket).map(drop),
        };
        outcome.map_err(|source| failure(address, source))?;
    }
    Ok(())
}

/// What a failure to listen means.
pub(super) fn failure(address: &Multiaddr, source: io::Error) -> NetError {
    let address = address.clone();
    match source.kind() {
        io::ErrorKind::AddrInUse => NetError::PortInUse { address },
        _ => NetError::Listen { address, source },
    }
}

/// How far an IP address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Machine,
    Site,
    World,
}

fn scope(ip: IpAddr) -> Scope {
    let is_site = match ip {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    match (ip.is_loopback(), is_site) {
        (true, _) => Scope::Machine,
        (false, true) => Scope::Site,
        (false, false) => Scope::World,
    }
}

/// Whether a peer that is seen at `seen` can be believed to listen at `said`: a peer across the world that names an
/// address of our own machine or site would make us dial ourselves or our neighbours.
pub(super) fn is_believable(said: &Multiaddr, seen: &Multiaddr) -> bool {
    let (Some(said), Some(seen)) = (place(said), place(seen)) else { return false };
    let (ip, port) = (said.socket.ip(), said.socket.port());
    port != 0 && !ip.is_unspecified() && !ip.is_multicast() && scope(ip) >= scope(seen.socket.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_ip_with_tcp_or_quic_is_a_place() {
        assert!(!place(&parse("/ip4/10.0.0.1/tcp/7")).unwrap().is_quic);
        assert!(place(&parse("/ip6/::1/udp/7/quic-v1")).unwrap().is_quic);
        for text in ["/memory/7", "/ip4/10.0.0.1", "/ip4/10.0.0.1/udp/7", "/ip4/10.0.0.1/tcp/7/ws", "/dns4/a.b/tcp/7"] {
            assert_eq!(place(&parse(text)), None, "{text}");
        }
        let stranger = format!("/ip4/10.0.0.1/tcp/7/p2p/{}", PeerId::random());
        assert_eq!(place(&parse(&stranger)), None, "its peer id holds no Ethereum key");
    }

    #[test]
    fn a_peer_cannot_send_us_to_our_own_machine_or_site() {
        let far = parse("/ip4/203.0.113.9/tcp/9");
        let near = parse("/ip4/192.168.1.9/udp/9/quic-v1");
        let here = parse("/ip4/127.0.0.1/tcp/9");
        let believed = |said: &Multiaddr| [&far, &near, &here].map(|seen| is_believable(said, seen));
        assert_eq!(believed(&far), [true, true, true]);
        assert_eq!(believed(&near), [false, true, true]);
        assert_eq!(believed(&here), [false, false, true]);
        assert_eq!(believed(&parse("/ip4/0.0.0.0/tcp/9")), [false; 3]);
    }
}
