//! Whom a peer dials: some of the nearest that it knows, and others by chance. Knows latencies and numbers.

use crate::network::Network;
use crate::random::Random;
use crate::scenario::Mesh;

/// Others that a peer has heard of and measured, from whom it chooses the near ones.
pub const KNOWN: u64 = 128;

/// Streams of chance that draw dials.
const DIAL_STREAM: u64 = 1 << 41;

/// The peers that `peer` of so many dials at first, different ones each.
pub fn dials(network: &Network, mesh: &Mesh, (peer, peers): (u32, u32), seed: u64) -> Vec<u32> {
    let mut random = Random::new(seed, DIAL_STREAM + u64::from(peer));
    let others = peers.saturating_sub(1);
    let wanted = mesh.dials.min(others) as usize;
    let near = (mesh.near_dials as usize).min(wanted);
    // All but itself.
    let other = |random: &mut Random| {
        let at = random.below(others.into()) as u32;
        at + u32::from(at >= peer)
    };
    let mut chosen: Vec<u32> = Vec::with_capacity(wanted);
    if near > 0 {
        let mut known: Vec<u32> = (0..KNOWN.min(others.into())).map(|_| other(&mut random)).collect();
        known.sort_unstable();
        known.dedup();
        known.sort_by_key(|to| network.latency(peer, *to));
        chosen.extend(known.into_iter().take(near));
    }
    while chosen.len() < wanted {
        let to = other(&mut random);
        if !chosen.contains(&to) {
            chosen.push(to);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Latency, Links};

    #[test]
    fn near_dials_are_near_and_none_is_to_itself_or_twice() {
        let links = Links { latency: Latency::Uniform { min_ms: 10.0, max_ms: 150.0 }, ..Links::default() };
        let network = Network::new(&links, 1_000, 5, None).unwrap();
        let mesh = Mesh { dials: 8, near_dials: 3, ..Mesh::default() };
        for peer in [0, 500, 999] {
            let chosen = dials(&network, &mesh, (peer, 1_000), 5);
            assert_eq!(chosen.len(), 8);
            assert!((0..8).all(|a| chosen[a] != peer && (0..a).all(|b| chosen[a] != chosen[b])));
            let far = |at: &[u32]| at.iter().map(|to| network.latency(peer, *to)).max().unwrap();
            assert!(far(&chosen[..3]) < 20_000_000 && far(&chosen[3..]) > 50_000_000);
        }
        assert_eq!(dials(&network, &mesh, (1, 3), 5).len(), 2, "no more than there are");
    }
}
