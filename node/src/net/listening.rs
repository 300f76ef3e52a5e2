//! Where a node can listen and dial, and whether a port is free. Knows no peer.

use std::io;
use std::iter::Peekable;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use super::error::NetError;
use super::identity::address_of;

/// What a multiaddress says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Where to connect to: the peer itself, or the relay in front of it.
    pub(super) socket: SocketAddr,
    pub(super) is_quic: bool,
    /// The relay that leads to the peer; `None` for a direct address.
    pub(super) relay: Option<PeerId>,
    pub(super) peer: Option<PeerId>,
}

/// Reads a multiaddress. `None` unless it is IP with TCP or QUIC, perhaps `/p2p/RELAY/p2p-circuit` after it, and its peer
/// ids, if any, hold Ethereum keys.
pub(super) fn place(address: &Multiaddr) -> Option<Place> {
    let mut parts = address.iter().peekable();
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
    let first = named_peer(&mut parts)?;
    let (relay, peer) = match parts.next() {
        None => (None, first),
        Some(Protocol::P2pCircuit) => (Some(first?), named_peer(&mut parts)?),
        Some(_) => return None,
    };
    parts.next().is_none().then_some(Place { socket: SocketAddr::new(ip, port), is_quic, relay, peer })
}

/// The peer id that comes next, if one does. `None` if it holds no Ethereum key.
fn named_peer<'a>(parts: &mut Peekable<impl Iterator<Item = Protocol<'a>>>) -> Option<Option<PeerId>> {
    let Some(Protocol::P2p(peer)) = parts.next_if(|part| matches!(part, Protocol::P2p(_))) else { return Some(None) };
    address_of(&peer).map(|_| Some(peer))
}

/// Whether an address leads through a relay.
pub(super) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// Whether nobody beyond this machine can reach what listens there.
pub(super) fn is_local(address: &Multiaddr) -> bool {
    place(address).is_some_and(|place| scope(place.socket.ip()) == Scope::Machine)
}

/// A direct address without the peer's id; one behind a relay as it is.
pub(super) fn bare(address: &Multiaddr) -> Multiaddr {
    match is_relayed(address) {
        true => address.clone(),
        false => address.iter().take_while(|part| !matches!(part, Protocol::P2p(_))).collect(),
    }
}

/// Where a relayed place at the relay is that is reached at `relay`: what to listen on, and what peers are told.
pub(super) fn behind(relay_address: &Multiaddr, relay: PeerId) -> Multiaddr {
    bare(relay_address).with(Protocol::P2p(relay)).with(Protocol::P2pCircuit)
}

/// The same place with the peer behind it, for people.
pub(super) fn named_behind(circuit: &Multiaddr, peer: PeerId) -> Multiaddr {
    let until_relay = circuit.iter().take_while(|part| *part != Protocol::P2pCircuit);
    until_relay.collect::<Multiaddr>().with(Protocol::P2pCircuit).with(Protocol::P2p(peer))
}

/// `address` with `/p2p/ID` at its end.
pub(super) fn named(address: Multiaddr, peer: PeerId) -> Multiaddr {
    match address.iter().last() {
        Some(Protocol::P2p(_)) => address,
        _ => address.with(Protocol::P2p(peer)),
    }
}

/// Whether every address is one that this node can use.
///
/// # Errors
/// [`NetError::BadAddress`] with the first that is not.
pub(super) fn check(listen: &[Multiaddr], bootstrap: &[Multiaddr]) -> Result<(), NetError> {
    let is_plain = |place: Place| place.peer.is_none() && place.relay.is_none();
    let is_listen = |address: &&Multiaddr| !place(address).is_some_and(is_plain);
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
    let ip = ip.to_canonical();
    let is_site = match ip {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || is_carriers(v4),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    match (ip.is_loopback(), is_site) {
        (true, _) => Scope::Machine,
        (false, true) => Scope::Site,
        (false, false) => Scope::World,
    }
}

/// Whether an address is one that a carrier's router, an overlay or a laboratory gives out: 100.64/10, 192.0.0/24 and
/// 198.18/15 mean something else to everyone.
fn is_carriers(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    matches!((a, b, c), (100, 64..=127, _) | (192, 0, 0) | (198, 18..=19, _))
}

/// Whether someone across the world that comes to us at `here` from `there` shows that the world can dial `here`: no router
/// stands between us that would have had to be asked first.
pub(super) fn is_in_the_open(here: &Multiaddr, there: &Multiaddr) -> bool {
    let is_open = |place: Place| {
        let ip = place.socket.ip().to_canonical();
        scope(ip) == Scope::World && !ip.is_unspecified()
    };
    [here, there].iter().all(|address| place(address).is_some_and(is_open))
}

/// The part of the internet that an address is in, /16 of IPv4 or /32 of IPv6: what one attacker may have much of. `None`
/// for addresses that do not reach across the world.
pub(super) fn neighbourhood(address: &Multiaddr) -> Option<[u8; 4]> {
    let ip = place(&bare(address))?.socket.ip().to_canonical();
    match ip {
        _ if scope(ip) < Scope::World => None,
        IpAddr::V4(v4) => Some([v4.octets()[0], v4.octets()[1], 0, 0]),
        IpAddr::V6(v6) => v6.octets().first_chunk().copied(),
    }
}

/// The direct place that is nearest to us, without the peer's id.
pub(super) fn nearest<'a>(places: impl Iterator<Item = &'a Multiaddr>) -> Option<Multiaddr> {
    let scoped = places.map(bare).filter_map(|address| Some((scope(place(&address)?.socket.ip()), address)));
    scoped.min_by_key(|(scope, _)| *scope).map(|(_, address)| address)
}

/// Whether a peer that is seen at `seen` can be believed to listen at `said`: a peer across the world that names an
/// address of our own machine or site would make us dial ourselves or our neighbours. Behind a relay, the relay's place
/// counts on both sides.
pub(super) fn is_believable(said: &Multiaddr, seen: &Multiaddr) -> bool {
    let (Some(said), Some(seen)) = (place(said), place(seen)) else { return false };
    let (ip, port) = (said.socket.ip().to_canonical(), said.socket.port());
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
    fn neighbourhoods_are_of_the_internet() {
        let of = |text: &str| neighbourhood(&parse(text));
        assert_eq!(of("/ip4/203.0.113.9/tcp/9"), of("/ip4/203.0.7.7/udp/7/quic-v1"));
        assert_ne!(of("/ip4/203.0.113.9/tcp/9"), of("/ip4/203.1.113.9/tcp/9"));
        assert_eq!(of("/ip6/2001:db8::1/tcp/9"), of("/ip6/2001:db8:7::1/tcp/9"));
        assert_eq!((of("/ip4/192.168.1.9/tcp/9"), of("/ip4/127.0.0.1/tcp/9")), (None, None));
        let is_open = |here: &str, there: &str| is_in_the_open(&parse(here), &parse(there));
        assert!(is_open("/ip4/203.0.113.9/tcp/9", "/ip4/198.51.100.1/tcp/7"));
        assert!(!is_open("/ip4/192.168.1.9/tcp/9", "/ip4/198.51.100.1/tcp/7"), "a router lets it through, this time");
        assert!(!is_open("/ip4/203.0.113.9/tcp/9", "/ip4/192.168.1.1/tcp/7"), "a neighbour is not the world");
        assert!(!is_open("/ip4/0.0.0.0/udp/9/quic-v1", "/ip4/198.51.100.1/udp/7/quic-v1"));
    }

    #[test]
    fn addresses_of_carriers_and_overlays_do_not_reach_across_the_world() {
        let scope_of = |text: &str| scope(text.parse().unwrap());
        for text in ["100.64.0.1", "100.127.255.255", "192.0.0.9", "198.18.0.1", "198.19.255.255", "::ffff:10.0.0.1"] {
            assert_eq!(scope_of(text), Scope::Site, "{text}");
        }
        for text in ["100.63.0.1", "100.128.0.1", "192.0.1.9", "198.17.0.1", "198.20.0.1", "::ffff:203.0.113.9"] {
            assert_eq!(scope_of(text), Scope::World, "{text}");
        }
        assert!(is_local(&parse("/ip6/::ffff:127.0.0.1/tcp/9")));
        let plain = neighbourhood(&parse("/ip4/203.0.113.9/tcp/9"));
        assert_eq!(neighbourhood(&parse("/ip6/::ffff:203.0.113.9/tcp/9")), plain);
    }

    #[test]
    fn a_place_behind_a_relay_names_the_relay() {
        let [relay, peer] =
            [1, 2].map(|seed| super::super::identity::keypair(&mut [seed; 32]).unwrap().public().to_peer_id());
        let direct = parse("/ip4/10.0.0.1/udp/7/quic-v1");
        let behind = behind(&named(direct.clone(), relay), relay);
        assert_eq!(behind, parse(&format!("{direct}/p2p/{relay}/p2p-circuit")));
        let (own, bare) = (place(&direct).unwrap(), place(&behind).unwrap());
        assert_eq!(bare, Place { relay: Some(relay), ..own });
        assert_eq!(place(&named(behind.clone(), peer)), Some(Place { peer: Some(peer), ..bare }));
        assert!(is_relayed(&behind) && !is_relayed(&direct));
        let nameless = format!("{direct}/p2p-circuit");
        let twice = format!("{behind}/p2p/{peer}/p2p-circuit");
        let stranger = format!("{direct}/p2p/{}/p2p-circuit", PeerId::random());
        for text in [nameless, twice, stranger] {
            assert_eq!(place(&parse(&text)), None, "{text}");
        }
        assert!(check(&[], std::slice::from_ref(&behind)).is_ok());
        assert!(check(&[behind], &[]).is_err(), "where a node listens by itself");
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
        assert_eq!(nearest([&far, &here, &near].into_iter()), Some(here.clone()), "whatever it says is believed");
        assert_eq!((nearest([&far, &near].into_iter()), nearest([].into_iter())), (Some(near.clone()), None));
        let relay = super::super::identity::keypair(&mut [1; 32]).unwrap().public().to_peer_id();
        for (place, whom) in [(&far, [true; 3]), (&near, [false, true, true]), (&here, [false, false, true])] {
            assert_eq!(believed(&behind(place, relay)), whom, "a relay at {place}");
        }
    }
}
