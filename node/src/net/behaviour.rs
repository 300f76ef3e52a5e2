//! The swarm: transports, behaviours and their settings. Every number comes from the limits.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, MessageId, ValidationMode};
use libp2p::gossipsub::{
    PeerScoreParams, PeerScoreThresholds, TopicHash, TopicScoreParams, WhitelistSubscriptionFilter,
};
use libp2p::identity::Keypair;
use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{PeerId, StreamProtocol, Swarm, SwarmBuilder, allow_block_list, autonat, connection_limits, dcutr};
use libp2p::{identify, kad, mdns, ping, relay, tcp, tls, upnp, yamux};
use protocol::hash::hex_encode;
use protocol::{MarketId, keccak256};

use super::codec::{Codec, PROTOCOL};
use super::errands::Errands;
use super::error::NetError;
use super::event::Topic;
use super::identity::PUBLIC_KEY_LEN;
use super::limits::{NetLimits, RECORDS_MAX};
use super::probe::Probe;

/// What every peer of Souk calls itself to libp2p.
const IDENTIFY_VERSION: &str = "souk/1";
/// How long an address record lives without being renewed.
const RECORD_TTL: Duration = Duration::from_secs(3600);
/// How often the other side of a connection is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// After so long without an answer the connection is dead: TCP alone would keep it for many minutes.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest frame of peer discovery.
const KAD_FRAME_MAX: usize = 16 * 1024;

/// Gossip over this market's topics only.
pub(super) type Gossip = gossipsub::Behaviour<Transform, WhitelistSubscriptionFilter>;
#[cfg(not(test))]
type Transform = gossipsub::IdentityTransform;
#[cfg(test)]
type Transform = super::tests::rig::Ear;

/// What the mesh stands on: sockets, unless a test puts a rig in their place.
#[derive(Default)]
pub(super) struct Ground {
    #[cfg(test)]
    pub(super) rig: Option<super::tests::rig::Rig>,
}

impl Ground {
    fn transform(&self) -> Transform {
        #[cfg(test)]
        return self.rig.as_ref().map(|rig| rig.ear.clone()).unwrap_or_default();
        #[cfg(not(test))]
        Transform::default()
    }
}

/// All that a connection is used for. The gatekeepers come first, so that the others never hear of what they deny.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    limits: connection_limits::Behaviour,
    pub(super) blocked: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    errands: Errands,
    pub(super) gossip: Gossip,
    pub(super) talk: request_response::Behaviour<Codec>,
    pub(super) kad: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
    mdns: Toggle<mdns::tokio::Behaviour>,
    ping: ping::Behaviour,
    pub(super) relay: relay::Behaviour,
    relayed: relay::client::Behaviour,
    direct: dcutr::Behaviour,
    probe: Toggle<Probe>,
    prober: Toggle<autonat::v2::server::Behaviour>,
    upnp: Toggle<upnp::tokio::Behaviour>,
}

/// What depends on where a node listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings {
    /// Whether to look for peers on the local network.
    pub(super) is_mdns: bool,
    /// Whether to ask the router for a port.
    pub(super) is_upnp: bool,
    /// Whether the node listens on this machine's loopback only: nobody has to find out whether it can be dialed.
    pub(super) is_local: bool,
}

/// The two topics of one market.
#[derive(Debug, Clone)]
pub(super) struct Topics {
    orders: IdentTopic,
    deals: IdentTopic,
}

impl Topics {
    pub(super) fn new(market: &MarketId) -> Topics {
        let id = hex_encode(&market.0.0);
        Topics {
            orders: IdentTopic::new(format!("souk/{id}/orders")),
            deals: IdentTopic::new(format!("souk/{id}/deals")),
        }
    }

    /// The hash of a topic, by which gossip names it.
    pub(super) fn hash(&self, topic: Topic) -> TopicHash {
        match topic {
            Topic::Orders => self.orders.hash(),
            Topic::Deals => self.deals.hash(),
        }
    }

    /// The topic of a hash, if it is one of ours.
    pub(super) fn find(&self, hash: &TopicHash) -> Option<Topic> {
        [Topic::Orders, Topic::Deals].into_iter().find(|topic| self.hash(*topic) == *hash)
    }
}

/// The name under which the peers of one market find each other.
pub(super) fn kad_protocol(market: &MarketId) -> StreamProtocol {
    StreamProtocol::try_from_owned(format!("/souk/{}/kad/1", hex_encode(&market.0.0))).expect("it begins with a slash")
}

/// A swarm with QUIC, TCP and TLS 1.3, through relays too, that does not listen yet.
///
/// # Errors
/// [`NetError::Certificate`], [`NetError::Mdns`].
pub(super) fn swarm(
    keypair: Keypair,
    market: &MarketId,
    limits: &NetLimits,
    (surroundings, ground): (Surroundings, Ground),
) -> Result<Swarm<Behaviour>, NetError> {
    let here = keypair.public().to_peer_id();
    let mdns = match surroundings.is_mdns {
        true => Some(mdns::tokio::Behaviour::new(mdns::Config::default(), here).map_err(NetError::Mdns)?),
        false => None,
    };
    let identify = identify::Config::new(IDENTIFY_VERSION.into(), keypair.public())
        .with_agent_version(concat!("souk/", env!("CARGO_PKG_VERSION")).into())
        .with_push_listen_addr_updates(true);
    let is_probed = !surroundings.is_local;
    let transform = ground.transform();
    let behaviour = |relayed| Behaviour {
        limits: connection_limits(limits),
        blocked: allow_block_list::Behaviour::default(),
        errands: Errands::default(),
        gossip: gossip(&Topics::new(market), limits, transform),
        talk: talk(limits),
        kad: kad(here, market),
        identify: identify::Behaviour::new(identify),
        mdns: mdns.into(),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIMEOUT)),
        relay: relay(here, limits),
        relayed,
        direct: dcutr::Behaviour::new(here),
        probe: is_probed.then(Probe::default).into(),
        prober: is_probed.then(autonat::v2::server::Behaviour::default).into(),
        upnp: (surroundings.is_upnp && is_probed).then(upnp::tokio::Behaviour::default).into(),
    };
    let idle = Duration::from_secs(limits.idle_connection_s);
    let builder = SwarmBuilder::with_existing_identity(keypair).with_tokio();
    #[cfg(test)]
    if let Some(rig) = ground.rig {
        let swarm = builder
            .with_other_transport(|keypair| rig.transport(keypair))
            .unwrap_or_else(|never| match never {})
            .with_relay_client(tls::Config::new, yamux::Config::default)?
            .with_behaviour(|_, relayed| behaviour(relayed))
            .unwrap_or_else(|never| match never {})
            .with_swarm_config(|config| config.with_idle_connection_timeout(idle))
            .build();
        return Ok(swarm);
    }
    let swarm = builder
        .with_tcp(tcp::Config::default().nodelay(true), tls::Config::new, yamux::Config::default)?
        .with_quic()
        .with_relay_client(tls::Config::new, yamux::Config::default)?
        .with_behaviour(|_, relayed| behaviour(relayed))
        .unwrap_or_else(|never| match never {})
        .with_swarm_config(|config| config.with_idle_connection_timeout(idle))
        .build();
    Ok(swarm)
}

fn talk(limits: &NetLimits) -> request_response::Behaviour<Codec> {
    let config = request_response::Config::default()
        .with_request_timeout(Duration::from_secs(limits.request_timeout_s))
        .with_max_concurrent_streams(limits.streams_max);
    request_response::Behaviour::with_codec(Codec, [(PROTOCOL, ProtocolSupport::Full)], config)
}

/// What this node does for peers that cannot be dialed, once it is told that it can be. A circuit carries the files of a
/// task, since not every pair of routers lets two peers meet directly.
fn relay(here: PeerId, limits: &NetLimits) -> relay::Behaviour {
    let config = relay::Config {
        max_reservations: limits.relay_reservations_max,
        max_reservations_per_peer: 1,
        max_circuits: limits.relay_circuits_max,
        max_circuits_per_peer: limits.relay_circuits_per_peer_max,
        max_circuit_duration: Duration::from_secs(limits.relay_circuit_s),
        max_circuit_bytes: limits.relay_circuit_bytes_max,
        ..relay::Config::default()
    };
    let mut relay = relay::Behaviour::new(here, config);
    relay.set_status(Some(relay::Status::Disable));
    relay
}

fn connection_limits(limits: &NetLimits) -> connection_limits::Behaviour {
    connection_limits::Behaviour::new(
        connection_limits::ConnectionLimits::default()
            .with_max_established(Some(limits.connections_max))
            .with_max_established_incoming(Some(limits.connections_incoming_max))
            .with_max_pending_incoming(Some(limits.pending_incoming_max))
            .with_max_pending_outgoing(Some(limits.pending_outgoing_max))
            .with_max_established_per_peer(Some(limits.connections_per_peer_max)),
    )
}

/// Anonymous gossip: entries are signed inside, and a second signature on every duplicate costs six times the work.
fn gossip_config(limits: &NetLimits) -> gossipsub::Config {
    gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(|message| {
            MessageId::from(keccak256(&[message.topic.as_str().as_bytes(), &message.data]).0.to_vec())
        })
        .max_transmit_size(limits.gossip_frame_max)
        .mesh_n(limits.mesh)
        .mesh_n_low(limits.mesh_low)
        .mesh_n_high(limits.mesh_high)
        .mesh_outbound_min(limits.mesh_outbound_min)
        .max_control_messages_sent(limits.gossip_ids_max)
        // A batch to all of a hundred peers takes a usual line a third of a second: docs/mesh.md.
        .flood_publish(false)
        .connection_handler_queue_len(limits.queue_messages_max)
        .publish_queue_duration(Duration::from_secs(limits.publish_timeout_s))
        .forward_queue_duration(Duration::from_secs(limits.forward_timeout_s))
        .build()
        .expect("the settings of gossip fit each other")
}

fn gossip(topics: &Topics, limits: &NetLimits, transform: Transform) -> Gossip {
    let filter = WhitelistSubscriptionFilter(HashSet::from([topics.orders.hash(), topics.deals.hash()]));
    let mut gossip = Gossip::new_with_subscription_filter_and_transform(
        MessageAuthenticity::Anonymous,
        gossip_config(limits),
        filter,
        transform,
    )
    .expect("anonymous authors fit anonymous validation");
    gossip.with_peer_score(scores(topics, limits), thresholds()).expect("the scores are in range and set once");
    for topic in [&topics.orders, &topics.deals] {
        gossip.subscribe(topic).expect("the topic is in the filter");
    }
    gossip
}

/// What a peer's conduct in gossip costs it: ten invalid messages within ten minutes end its gossip.
///
/// P3 and P3b stay at zero: they punish silence, and in a market that is often silent they have collapsed meshes.
fn scores(topics: &Topics, limits: &NetLimits) -> PeerScoreParams {
    let topic = TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 0.01,
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: 300.0,
        first_message_deliveries_weight: 0.05,
        first_message_deliveries_decay: gossipsub::score_parameter_decay(Duration::from_secs(300)),
        first_message_deliveries_cap: 200.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -4.0,
        invalid_message_deliveries_decay: gossipsub::score_parameter_decay(Duration::from_secs(600)),
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        topics: HashMap::from([(topics.orders.hash(), topic.clone()), (topics.deals.hash(), topic)]),
        topic_score_cap: 30.0,
        app_specific_weight: 1.0,
        // Many nodes on one machine are a devnet, not an attack.
        ip_colocation_factor_whitelist: HashSet::from([
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ]),
        ip_colocation_factor_threshold: f64::from(limits.peers_per_ip),
        behaviour_penalty_threshold: 6.0,
        behaviour_penalty_decay: gossipsub::score_parameter_decay(Duration::from_secs(600)),
        ..PeerScoreParams::default()
    }
}

fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: -100.0,
        publish_threshold: -200.0,
        graylist_threshold: -400.0,
        accept_px_threshold: 100.0,
        // A mesh whose median peer is far and brings no news first takes in nearer ones: see `near_score_max`.
        opportunistic_graft_threshold: 5.0,
    }
}

/// Peer discovery and address records. Nothing is stored before it was checked, and records are renewed by their owners
/// alone, so nobody passes on records of others.
fn kad(here: PeerId, market: &MarketId) -> kad::Behaviour<MemoryStore> {
    let mut config = kad::Config::new(kad_protocol(market));
    config
        .set_query_timeout(Duration::from_secs(10))
        // A liar on one path of a query does not stand on the others.
        .disjoint_query_paths(true)
        .set_record_ttl(Some(RECORD_TTL))
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None)
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_caching(kad::Caching::Disabled)
        .set_max_packet_size(KAD_FRAME_MAX);
    let store = MemoryStoreConfig {
        max_records: RECORDS_MAX,
        // The store wants values to be below its limit, not at it.
        max_value_bytes: PUBLIC_KEY_LEN + 1,
        ..MemoryStoreConfig::default()
    };
    let mut kad = kad::Behaviour::with_config(here, MemoryStore::with_config(here, store), config);
    kad.set_mode(Some(kad::Mode::Server));
    kad
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Hash;

    #[test]
    fn silence_in_the_mesh_costs_nothing_and_invalid_messages_do() {
        let topics = Topics::new(&MarketId(Hash::ZERO));
        let limits = NetLimits::default();
        let scores = scores(&topics, &limits);
        scores.validate().unwrap();
        assert_eq!(scores.topics.len(), 2);
        for topic in scores.topics.values() {
            assert_eq!((topic.mesh_message_deliveries_weight, topic.mesh_failure_penalty_weight), (0.0, 0.0));
            assert!(topic.invalid_message_deliveries_weight < 0.0);
        }
        thresholds().validate().unwrap();
        assert_eq!(scores.ip_colocation_factor_threshold, f64::from(limits.peers_per_ip));
    }

    #[test]
    fn gossip_is_built_with_the_limits() {
        let limits = NetLimits::default();
        let config = gossip_config(&limits);
        let mesh = (limits.mesh, limits.mesh_low, limits.mesh_high);
        assert_eq!((config.mesh_n(), config.mesh_n_low(), config.mesh_n_high()), mesh);
        assert_eq!(config.connection_handler_queue_len(), limits.queue_messages_max);
        assert_eq!(config.forward_queue_duration(), Duration::from_secs(limits.forward_timeout_s));
        assert_eq!(config.publish_queue_duration(), Duration::from_secs(limits.publish_timeout_s));
        assert_eq!(config.max_transmit_size(), limits.gossip_frame_max);
        assert!(limits.gossip_max + 1024 < limits.gossip_frame_max, "a full message has room for its envelope");
        // An id is 32 bytes and two of its field; the topic's name is below 128.
        assert!(config.max_control_messages_sent() * 34 + 128 <= 16 * 1024, "lazy gossip fits what peers accept");
        assert!(config.validate_messages() && !config.flood_publish());
        assert!(matches!(config.validation_mode(), ValidationMode::Anonymous));
    }

    #[test]
    fn topics_and_discovery_are_named_by_the_market() {
        let market = MarketId(keccak256(&[b"a market"]));
        let id = market.0.to_string();
        assert_eq!(Topics::new(&market).hash(Topic::Orders).into_string(), format!("souk/{id}/orders"));
        assert_eq!(Topics::new(&market).hash(Topic::Deals).into_string(), format!("souk/{id}/deals"));
        assert_eq!(kad_protocol(&market).as_ref(), format!("/souk/{id}/kad/1"));
    }
}
