//! The chore `mesh`: which gossip mesh brings a message to everyone how soon and in how many copies, as tables.
//! Knows which meshes are compared and how a course is summed up; docs/mesh.md holds what came of it.

use std::thread;

use flood::{Conditions, Course, Message};
use links::{Links, Shape};
use random::Random;
use world::World;

mod flood;
mod links;
mod random;
mod world;

/// Changing it changes every figure a little and no conclusion.
const SEED: u64 = 20;
/// One order, and a full batch of 64.
const ORDER: Message = Message { bytes: 300, orders: 1 };
const BATCH: Message = Message { bytes: 19_200, orders: 64 };
/// Nodes and messages of a small and a large market.
const SIZES: [(usize, usize); 2] = [(1_000, 30), (10_000, 10)];
/// The last part of an epoch, in which what was published before must arrive.
const GUARD_US: u64 = 600_000;
const SHAPES: [Shape; 14] = [
    Shape { near: 0, random: 3 },
    Shape { near: 0, random: 4 },
    Shape { near: 0, random: 6 },
    Shape { near: 0, random: 8 },
    Shape { near: 0, random: 10 },
    Shape { near: 0, random: 12 },
    Shape { near: 2, random: 2 },
    Shape { near: 4, random: 2 },
    Shape { near: 3, random: 3 },
    Shape { near: 6, random: 2 },
    Shape { near: 5, random: 3 },
    Shape { near: 4, random: 4 },
    Shape { near: 6, random: 4 },
    Shape { near: 8, random: 4 },
];
const CALM: Conditions = Conditions {
    lost_packets: 0,
    lost_copies: 0,
    silent: 0,
    is_near_dead: false,
    is_offered: false,
    is_published_to_all: false,
};

/// One market with its meshes, all over the same nodes and connections.
struct Study {
    world: World,
    meshes: Vec<(Shape, Links)>,
    publishers: Vec<usize>,
}

/// What many courses come to.
struct Summary {
    /// When honest nodes had the message, sorted; the publisher is left out.
    arrived_us: Vec<u64>,
    honest: usize,
    copies: u64,
    deliveries: u64,
}

/// Prints all tables.
pub fn run() -> Result<(), String> {
    for (size, messages) in SIZES {
        let study = Study::new(size, messages);
        println!("\n## {size} nodes, {messages} messages from as many publishers");
        study.print_speed("One order, 300 B", ORDER);
        study.print_speed("A batch of 64 orders, 19.2 kB", BATCH);
        study.print_reach();
        study.print_publishing();
    }
    Ok(())
}

impl Study {
    fn new(size: usize, messages: usize) -> Study {
        let world = World::new(size, SEED);
        let mut random = Random::new(SEED + 1);
        let publishers = (0..messages).map(|_| random.below(size as u64) as usize).collect();
        let meshes = side_by_side(&SHAPES, |shape| Links::new(&world, *shape, SEED + 2));
        Study { meshes: SHAPES.into_iter().zip(meshes).collect(), world, publishers }
    }

    fn measure(&self, links: &Links, message: Message, conditions: Conditions) -> Summary {
        let mut all = Summary { arrived_us: Vec::new(), honest: 0, copies: 0, deliveries: 0 };
        for (index, publisher) in self.publishers.iter().enumerate() {
            let seed = SEED + 3 + index as u64;
            all.add(&flood::run(&self.world, links, message, conditions, (*publisher, seed)), *publisher);
        }
        all.arrived_us.sort_unstable();
        all
    }

    /// The same messages, if every node had a line of its own to the publisher.
    fn bound(&self, message: Message) -> Summary {
        let mut all = Summary { arrived_us: Vec::new(), honest: 0, copies: 0, deliveries: 0 };
        for publisher in &self.publishers {
            let direct = |node| self.world.delay_us(*publisher, node);
            let sending = self.world.sending_us(*publisher, message.wire_bytes());
            let others = (0..self.world.size()).filter(|node| node != publisher);
            all.arrived_us.extend(others.map(|node| sending + direct(node)));
        }
        all.honest = all.arrived_us.len();
        all.arrived_us.sort_unstable();
        all
    }

    fn print_speed(&self, title: &str, message: Message) {
        let lossy = Conditions { lost_packets: 50, ..CALM };
        println!("\n### {title}\n");
        println!(
            "| mesh | p50 ms | p95 | p99 | max | p99 to the bound | copies a delivery | kB a node \
             | orders/s on 50 Mb/s | p99 with 5 % of packets lost | max |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|---|");
        let bound = self.bound(message);
        println!("| direct lines (bound) | {} | 1.00 | 1.0 | | | | |", bound.delays());
        let rows = side_by_side(&self.meshes, |(shape, links)| {
            let (calm, lossy) = (self.measure(links, message, CALM), self.measure(links, message, lossy));
            let copies = calm.copies as f64 / calm.deliveries as f64;
            let bytes = copies * message.wire_bytes() as f64;
            format!(
                "| {shape} | {} | {:.2} | {copies:.1} | {:.1} | {:.0} | {} | {} |",
                calm.delays(),
                calm.part_us(990) as f64 / bound.part_us(990) as f64,
                bytes / 1000.0,
                50e6 / 8.0 / bytes * message.orders as f64,
                ms(lossy.part_us(990)),
                ms(lossy.part_us(1000)),
            )
        });
        println!("{}", rows.join("\n"));
    }

    fn print_reach(&self) {
        println!("\n### Who is reached, one order: % of honest nodes (p99 in ms of those reached)\n");
        println!(
            "| mesh | 10 % silent | 33 % silent | near links dead | near dead, 10 % silent | near dead, 33 % silent \
             | 33 % silent, 5 % of copies lost, offers | within 600 ms |"
        );
        println!("|---|---|---|---|---|---|---|---|");
        let cases = [
            Conditions { silent: 100, ..CALM },
            Conditions { silent: 330, ..CALM },
            Conditions { is_near_dead: true, ..CALM },
            Conditions { is_near_dead: true, silent: 100, ..CALM },
            Conditions { is_near_dead: true, silent: 330, ..CALM },
            Conditions { silent: 330, lost_copies: 50, is_offered: true, ..CALM },
        ];
        let rows = side_by_side(&self.meshes, |(shape, links)| {
            let all: Vec<Summary> = cases.iter().map(|case| self.measure(links, ORDER, *case)).collect();
            let cells: Vec<String> = all.iter().map(Summary::reach).collect();
            let early = all.last().map_or(0.0, |summary| summary.share_by(GUARD_US));
            format!("| {shape} | {} | {early:.3} |", cells.join(" | "))
        });
        println!("{}", rows.join("\n"));
    }

    fn print_publishing(&self) {
        println!("\n### Publishing to the mesh, or to all of about 100 connected peers\n");
        println!("| mesh | message | to | p50 ms | p95 | p99 | max | copies a delivery |");
        println!("|---|---|---|---|---|---|---|---|");
        let chosen = |shape: &Shape| [(0, 8), (5, 3), (4, 4)].contains(&(shape.near, shape.random));
        for (shape, links) in self.meshes.iter().filter(|(shape, _)| chosen(shape)) {
            for (name, message) in [("300 B", ORDER), ("19.2 kB", BATCH)] {
                for (to, is_published_to_all) in [("mesh", false), ("all", true)] {
                    let summary = self.measure(links, message, Conditions { is_published_to_all, ..CALM });
                    let copies = summary.copies as f64 / summary.deliveries as f64;
                    println!("| {shape} | {name} | {to} | {} | {copies:.1} |", summary.delays());
                }
            }
        }
    }
}

impl Summary {
    fn add(&mut self, course: &Course, publisher: usize) {
        for (node, arrived) in course.arrived_us.iter().enumerate().filter(|(node, _)| *node != publisher) {
            self.deliveries += u64::from(arrived.is_some());
            if !course.is_silent[node] {
                self.honest += 1;
                self.arrived_us.extend(arrived);
            }
        }
        self.copies += course.copies;
    }

    /// The delay within which so many of a thousand deliveries were made; zero where there are none.
    fn part_us(&self, per_mille: usize) -> u64 {
        let last = self.arrived_us.len().saturating_sub(1);
        let at = (self.arrived_us.len() * per_mille / 1000).min(last);
        self.arrived_us.get(at).copied().unwrap_or_default()
    }

    fn delays(&self) -> String {
        [500, 950, 990, 1000].map(|part| ms(self.part_us(part)).to_string()).join(" | ")
    }

    fn reach(&self) -> String {
        format!("{:.2} ({})", self.share_by(u64::MAX), ms(self.part_us(990)))
    }

    /// Per cent of the honest nodes that had the message by then.
    fn share_by(&self, by_us: u64) -> f64 {
        let early = self.arrived_us.partition_point(|arrived| *arrived <= by_us);
        early as f64 * 100.0 / self.honest as f64
    }
}

fn ms(us: u64) -> u64 {
    (us + 500) / 1000
}

/// Does the work for each item on as many threads as there are cores; results in the order of the items.
fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    let size = items.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        for (items, results) in items.chunks(size).zip(results.chunks_mut(size)) {
            scope.spawn(|| {
                for (item, result) in items.iter().zip(results) {
                    *result = Some(work(item));
                }
            });
        }
    });
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_shares_are_counted_over_honest_nodes() {
        let mut summary = Summary { arrived_us: Vec::new(), honest: 0, copies: 0, deliveries: 0 };
        let arrived_us = vec![Some(0), Some(1_000), Some(3_000), None, Some(9_000)];
        let is_silent = vec![false, false, false, false, true];
        summary.add(&Course { arrived_us, is_silent, copies: 9 }, 0);
        assert_eq!((summary.honest, summary.deliveries, summary.copies), (3, 3, 9));
        assert_eq!(summary.arrived_us, [1_000, 3_000], "neither the publisher nor a silent node");
        assert_eq!((summary.part_us(0), summary.part_us(500), summary.part_us(1000)), (1_000, 3_000, 3_000));
        assert_eq!(format!("{:.1} {:.1}", summary.share_by(2_000), summary.share_by(u64::MAX)), "33.3 66.7");
    }

    #[test]
    fn near_links_bring_a_message_sooner_in_as_many_copies() {
        let study = Study::new(400, 8);
        let of = |near, random| {
            let links = Links::new(&study.world, Shape { near, random }, 5);
            study.measure(&links, ORDER, CALM)
        };
        let (random, near) = (of(0, 8), of(5, 3));
        assert!(near.part_us(950) < random.part_us(950), "{} and {}", near.part_us(950), random.part_us(950));
        assert!(near.copies <= random.copies * 11 / 10);
        assert!(study.bound(ORDER).part_us(500) <= near.part_us(500));
    }

    #[test]
    fn work_side_by_side_keeps_its_order() {
        assert_eq!(side_by_side(&[3, 1, 2], |item| item * 2), [6, 2, 4]);
    }
}
