//! What the mesh itself takes for a gossip message: a hub with a source and eight leaves, each on a thread of its own, so that the
//! system counts the processor time of each apart. Knows no order.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use protocol::talk::Hello;
use protocol::{Hash, MarketId, keccak256};
use rustix::time::ClockId;

use super::costs::Cost;
use super::run::cpu_time;
use crate::keys::Key;
use crate::net::tests::rig::{self, Cables, Ear, Rig};
use crate::net::{Net, NetConfig, NetEvent, NetLimits, Topic, Verdict};

const HUB: usize = 0;
const SOURCE: usize = 1;
const LEAVES: usize = 8;
const MESSAGES: usize = 1_200;
/// Messages before counting begins.
const FIRST: usize = 200;
/// As large as a message of one order.
const BYTES: usize = 300;
const PACE: Duration = Duration::from_millis(2);

/// Per message: processor time, and bytes that came in.
struct Taken {
    cpu_ns: u64,
    bytes_in: u64,
}

pub fn passing() -> Vec<Cost> {
    let nodes = 2 + LEAVES;
    let cables = Cables::new(vec![vec![Duration::ZERO; nodes]; nodes]);
    let (is_up, up) = mpsc::sync_channel(nodes);
    let begin = |node: usize| {
        let (cables, is_up) = (cables.clone(), is_up.clone());
        let running = thread::spawn(move || run(cables, node, &is_up));
        up.recv().unwrap();
        running
    };
    // The hub listens before anybody dials it.
    let hub = begin(HUB);
    let leaves: Vec<_> = (2..nodes).map(begin).collect();
    let source = begin(SOURCE);
    let source = source.join().unwrap();
    let hub = hub.join().unwrap();
    let mut leaves: Vec<Taken> = leaves.into_iter().map(|leaf| leaf.join().unwrap()).collect();
    leaves.sort_unstable_by_key(|leaf| leaf.cpu_ns);
    let leaf = &leaves[LEAVES / 2];
    vec![
        ("mesh_publish_to_one_peer", source.cpu_ns),
        ("mesh_receive_and_accept", leaf.cpu_ns),
        ("mesh_receive_accept_and_forward_to_8", hub.cpu_ns),
        ("bytes_around_one_message", leaf.bytes_in - BYTES as u64),
    ]
}

fn run(cables: Arc<Cables>, node: usize, is_up: &mpsc::SyncSender<()>) -> Taken {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let rig = Rig::new(&cables, node, Ear::default());
        let (net, mut events) = rig::start(config(node), NetLimits::default(), rig).await.unwrap();
        if node != HUB {
            net.dial(Cables::address(node, HUB)).await.unwrap();
            while !net.peers().await.iter().any(|peer| peer.in_orders_mesh) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        is_up.send(()).unwrap();
        if node == SOURCE {
            return publish(&net).await;
        }
        let (mut heard, mut began) = (0, (Duration::ZERO, 0));
        while heard < MESSAGES {
            let NetEvent::Gossip { token, .. } = events.recv().await.unwrap() else { continue };
            net.judge(token, Verdict::Accept);
            heard += 1;
            if heard == FIRST {
                began = (cpu_time(ClockId::ThreadCPUTime), cables.traffic(node).read().0);
            }
        }
        let counted = (MESSAGES - FIRST) as u64;
        let cpu_ns = (cpu_time(ClockId::ThreadCPUTime) - began.0).as_nanos() as u64 / counted;
        let taken = Taken { cpu_ns, bytes_in: (cables.traffic(node).read().0 - began.1) / counted };
        // What it has accepted last goes on before it goes.
        net.shutdown().await;
        taken
    })
}

async fn publish(net: &Net) -> Taken {
    let mut pace = tokio::time::interval(PACE);
    let mut began = Duration::ZERO;
    for number in 0..MESSAGES {
        pace.tick().await;
        if number == FIRST {
            began = cpu_time(ClockId::ThreadCPUTime);
        }
        let mut bytes = vec![7; BYTES];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        net.publish(Topic::Orders, bytes).unwrap();
    }
    // The handle goes when the last message is under way; the hub needs it until then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let cpu_ns = (cpu_time(ClockId::ThreadCPUTime) - began).as_nanos() as u64 / (MESSAGES - FIRST) as u64;
    Taken { cpu_ns, bytes_in: 0 }
}

fn config(node: usize) -> NetConfig {
    let key = Key::from_bytes(&keccak256(&[b"passing", &node.to_be_bytes()]).0).unwrap();
    let salt = keccak256(&[b"salt", &node.to_be_bytes()]);
    let market = MarketId(Hash([5; 32]));
    NetConfig {
        keypair: key.host_key(),
        hello: Hello { market, protocol_version: 1, agent: "souk/test".into(), heads: 0, salt },
        listen: vec![Cables::listen_address()],
        bootstrap: Vec::new(),
        known: Vec::new(),
        is_mdns: false,
        is_upnp: false,
    }
}
