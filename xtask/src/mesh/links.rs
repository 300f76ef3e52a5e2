//! Who is connected to whom, and which of the connections are links of the mesh: so many near ones, so many at random.
//! Knows delays, no messages.

use super::random::Random;
use super::world::World;

/// Connections that a node opens; others open as many to it, so that it has about twice as many.
const OPENED: usize = 50;

/// How many links a node aims for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// To the peers of the least delay.
    pub near: usize,
    /// To any peers.
    pub random: usize,
}

/// One end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The other end.
    pub to: u32,
    /// Whether it was chosen for its delay.
    pub is_near: bool,
}

/// The connections of all nodes and the mesh among them.
#[derive(Debug, Clone)]
pub struct Links {
    /// All connected peers of each node.
    pub connected: Vec<Vec<u32>>,
    /// The mesh links of each node, the same from both ends.
    pub mesh: Vec<Vec<Link>>,
}

impl Shape {
    /// All links of a node.
    pub fn degree(&self) -> usize {
        self.near + self.random
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.near {
            0 => write!(f, "{}, all random", self.random),
            near => write!(f, "{} = {near} near + {} random", self.degree(), self.random),
        }
    }
}

impl Links {
    /// Connects at random, then links by `shape`: the nearest pairs first while both have near links to give, which is
    /// where nodes end that each prefer the nearer peer; then pairs at random while both have links to give.
    pub fn new(world: &World, shape: Shape, seed: u64) -> Links {
        let mut random = Random::new(seed);
        let pairs = connect(world.size(), &mut random);
        let mut links = Links { connected: vec![Vec::new(); world.size()], mesh: vec![Vec::new(); world.size()] };
        for (a, b) in &pairs {
            links.connected[*a as usize].push(*b);
            links.connected[*b as usize].push(*a);
        }
        let mut nearest: Vec<(u64, (u32, u32))> =
            pairs.iter().map(|(a, b)| (world.delay_us(*a as usize, *b as usize), (*a, *b))).collect();
        nearest.sort_unstable();
        let mut rest = Vec::with_capacity(pairs.len());
        for (_, pair) in nearest {
            if !links.add(pair, shape.near, true) {
                rest.push(pair);
            }
        }
        random.shuffle(&mut rest);
        for pair in rest {
            links.add(pair, shape.degree(), false);
        }
        links
    }

    /// Links a pair if both ends have fewer than `links_max`.
    fn add(&mut self, (a, b): (u32, u32), links_max: usize, is_near: bool) -> bool {
        let has_room = [a, b].iter().all(|end| self.mesh[*end as usize].len() < links_max);
        if has_room {
            self.mesh[a as usize].push(Link { to: b, is_near });
            self.mesh[b as usize].push(Link { to: a, is_near });
        }
        has_room
    }
}

/// Pairs, each once, the lower number first.
fn connect(size: usize, random: &mut Random) -> Vec<(u32, u32)> {
    let mut pairs = Vec::with_capacity(size * OPENED);
    for node in 0..size {
        for _ in 0..OPENED {
            let other = random.below(size as u64) as usize;
            if other != node {
                pairs.push((node.min(other) as u32, node.max(other) as u32));
            }
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mesh_has_the_links_that_its_shape_asks_for() {
        let world = World::new(500, 1);
        let links = Links::new(&world, Shape { near: 5, random: 3 }, 2);
        let full = links.mesh.iter().filter(|mesh| mesh.len() == 8).count();
        assert!(full > 480, "{full} of 500 have all eight");
        for (node, mesh) in links.mesh.iter().enumerate() {
            assert!(mesh.len() <= 8 && mesh.iter().filter(|link| link.is_near).count() <= 5);
            for link in mesh {
                let back = Link { to: node as u32, is_near: link.is_near };
                assert!(links.mesh[link.to as usize].contains(&back), "a link has two ends");
                assert!(links.connected[node].contains(&link.to), "a link is a connection");
            }
        }
    }

    #[test]
    fn near_links_are_nearer_than_those_at_random() {
        let world = World::new(500, 1);
        let links = Links::new(&world, Shape { near: 4, random: 4 }, 2);
        let mean = |is_near: bool| {
            let ends = links.mesh.iter().enumerate().flat_map(|(node, mesh)| mesh.iter().map(move |link| (node, link)));
            let delays: Vec<u64> = ends
                .filter(|(_, link)| link.is_near == is_near)
                .map(|(node, link)| world.delay_us(node, link.to as usize))
                .collect();
            delays.iter().sum::<u64>() / delays.len() as u64
        };
        assert!(mean(true) * 3 < mean(false), "{} and {}", mean(true), mean(false));
    }
}
