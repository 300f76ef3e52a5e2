//! What is run, on real nodes here and on simulated ones elsewhere: who is where, who dials whom, who places what when.
//! Integers only, from a seed, so that the same plan is made everywhere. Knows no node.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Great-circle distances in km between cities, each to those before it, on a sphere of 6,371 km.
const DISTANCES_KM: [&[u64]; 20] = [
    &[],                                                                                  // New York
    &[350],                                                                               // Ashburn
    &[1144, 913],                                                                         // Chicago
    &[2205, 1868, 1295],                                                                  // Dallas
    &[4129, 3877, 2985, 2383],                                                            // San Francisco
    &[3865, 3695, 2789, 2703, 1094],                                                      // Seattle
    &[550, 536, 701, 1937, 3644, 3325],                                                   // Toronto
    &[7686, 7664, 8408, 8217, 10434, 10918, 8186],                                        // Sao Paulo
    &[5570, 5917, 6353, 7641, 8617, 7699, 5712, 9497],                                    // London
    &[5863, 6208, 6608, 7901, 8774, 7825, 5982, 9805, 358],                               // Amsterdam
    &[6203, 6549, 6964, 8256, 9134, 8180, 6333, 9829, 638, 364],                          // Frankfurt
    &[5837, 6186, 6650, 7934, 8953, 8041, 6000, 9402, 343, 430, 478],                     // Paris
    &[5769, 6117, 6725, 7956, 9318, 8510, 6036, 8385, 1263, 1481, 1445, 1053],            // Madrid
    &[6320, 6647, 6880, 8164, 8622, 7591, 6329, 10927, 1433, 1125, 1187, 1543, 2593],     // Stockholm
    &[6855, 7193, 7511, 8804, 9399, 8381, 6921, 10660, 1448, 1093, 890, 1366, 2289, 810], // Warsaw
    // Mumbai
    &[12538, 12855, 12946, 14145, 13494, 12445, 12488, 13774, 7192, 6852, 6564, 7009, 7531, 6229, 5781],
    // Singapore
    &[15333, 15522, 15072, 15646, 13582, 12978, 15001, 15987, 10848, 10492, 10258, 10729, 11381, 9637, 9400, 3904],
    // Tokyo
    &[10850, 10872, 10139, 10398, 8272, 7697, 10350, 18535, 9559, 9289, 9333, 9713, 10763, 8170, 8579, 6723, 5314],
    // Seoul
    &[11052, 11137, 10509, 10973, 9029, 8322, 10601, 18342, 8857, 8556, 8550, 8965, 9995, 7431, 7740, 5595, 4673, 1153],
    // Sydney
    &[
        15988, 15674, 14876, 13818, 11947, 12471, 15568, 13357, 16994, 16643, 16483, 16961, 17684, 15596, 15595, 10157,
        6306, 7826, 8330,
    ],
];
/// A cable is so much longer than the great circle.
const PATH_PERCENT: u64 = 140;
/// Two thirds of the speed of light, in metres per millisecond.
const METRES_PER_MS: u64 = 199_862;
/// From a node to its exchange.
const ACCESS_US: u64 = 1_000;
/// No two nodes are nearer than that.
const ONE_WAY_MIN_US: u64 = 5_000;

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub seed: u64,
    pub nodes: usize,
    pub one_way_us: Vec<Vec<u64>>,
    /// Who dials whom.
    pub dials: Vec<[usize; 2]>,
    /// From the last dial to the first publish.
    pub warmup_ms: u64,
    pub publishes: Vec<Publish>,
    pub epoch_ms: u32,
}

/// Orders that one node places at once, as one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// After the warm-up.
    pub at_ms: u64,
    pub node: usize,
    pub orders: usize,
}

/// How large a plan is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub nodes: usize,
    /// Dials of each node.
    pub dials: usize,
    pub messages: usize,
    /// One message in so many is a bulk of [`BULK`] orders.
    pub bulk_every: usize,
    pub interval_ms: u64,
    pub warmup_ms: u64,
}

pub const BULK: usize = 16;
/// 440 messages of one order and 10 of 16 in two minutes, which makes five orders a second.
pub const FULL: Size = Size { nodes: 50, dials: 8, messages: 450, bulk_every: 45, interval_ms: 266, warmup_ms: 15_000 };
pub const SEED: u64 = 1;

/// SplitMix64 (Steele, Lea, Flood, 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

impl Plan {
    pub fn make(seed: u64, size: Size) -> Plan {
        let mut random = Random(seed);
        let cities: Vec<usize> = (0..size.nodes).map(|_| random.below(DISTANCES_KM.len() as u64) as usize).collect();
        let cities = &cities;
        let row = |a: usize| (0..size.nodes).map(move |b| if a == b { 0 } else { one_way_us(cities[a], cities[b]) });
        let one_way_us = (0..size.nodes).map(|a| row(a).collect()).collect();
        let mut linked = BTreeSet::new();
        let mut dials = Vec::new();
        for dialer in 0..size.nodes {
            let mut open = size.dials;
            while open > 0 {
                let listener = random.below(size.nodes as u64) as usize;
                if listener != dialer && linked.insert((dialer.min(listener), dialer.max(listener))) {
                    dials.push([dialer, listener]);
                    open -= 1;
                }
            }
        }
        let publish = |number: usize| Publish {
            at_ms: number as u64 * size.interval_ms + random.below(size.interval_ms * 3 / 4),
            node: random.below(size.nodes as u64) as usize,
            orders: if (number + 1).is_multiple_of(size.bulk_every) { BULK } else { 1 },
        };
        let publishes = (0..size.messages).map(publish).collect();
        let (nodes, warmup_ms) = (size.nodes, size.warmup_ms);
        Plan { seed, nodes, one_way_us, dials, warmup_ms, publishes, epoch_ms: 2_000 }
    }

    /// Where the committed plan is.
    pub fn path() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../simulations/calibration/plan.json")
    }

    pub fn read() -> Plan {
        serde_json::from_str(&std::fs::read_to_string(Plan::path()).unwrap()).unwrap()
    }

    /// As it is committed: a line for each row, dial and publish.
    pub fn text(&self) -> String {
        fn list<T: Serialize>(items: &[T]) -> String {
            let lines: Vec<String> = items.iter().map(|item| serde_json::to_string(item).unwrap()).collect();
            format!("[\n    {}\n  ]", lines.join(",\n    "))
        }
        let (rows, dials, publishes) = (list(&self.one_way_us), list(&self.dials), list(&self.publishes));
        format!(
            "{{\n  \"seed\": {},\n  \"nodes\": {},\n  \"one_way_us\": {rows},\n  \"dials\": {dials},\n  \"warmup_ms\": {},\n  \
             \"publishes\": {publishes},\n  \"epoch_ms\": {}\n}}\n",
            self.seed, self.nodes, self.warmup_ms, self.epoch_ms
        )
    }

    pub fn delays(&self) -> Vec<Vec<Duration>> {
        self.one_way_us.iter().map(|row| row.iter().map(|us| Duration::from_micros(*us)).collect()).collect()
    }

    /// Orders in all.
    pub fn orders(&self) -> usize {
        self.publishes.iter().map(|publish| publish.orders).sum()
    }

    /// The shortest time in us from each node to each over `links`: no message is faster. `u64::MAX` where none leads.
    pub fn shortest_us(&self, links: &[[usize; 2]]) -> Vec<Vec<u64>> {
        let mut best = vec![vec![u64::MAX; self.nodes]; self.nodes];
        (0..self.nodes).for_each(|node| best[node][node] = 0);
        for &[a, b] in links {
            best[a][b] = self.one_way_us[a][b];
            best[b][a] = self.one_way_us[b][a];
        }
        for over in 0..self.nodes {
            for a in 0..self.nodes {
                for b in 0..self.nodes {
                    best[a][b] = best[a][b].min(best[a][over].saturating_add(best[over][b]));
                }
            }
        }
        best
    }
}

fn one_way_us(a: usize, b: usize) -> u64 {
    let km = if a == b { 0 } else { DISTANCES_KM[a.max(b)][a.min(b)] };
    (km * 1_000 * PATH_PERCENT * 10 / METRES_PER_MS + 2 * ACCESS_US).max(ONE_WAY_MIN_US)
}

#[test]
fn the_committed_plan_is_the_one_of_its_seed() {
    let plan = Plan::make(SEED, FULL);
    assert!(Plan::read() == plan, "run the ignored test writes_the_plan and commit what it writes");
    assert_eq!((plan.orders(), plan.dials.len()), (600, 400));
    let far = plan.one_way_us.iter().flatten().max().unwrap();
    assert!((100_000..150_000).contains(far), "{far}");
    for node in 0..plan.nodes {
        let own = plan.publishes.iter().filter(|publish| publish.node == node);
        assert!(own.map(|publish| publish.orders).sum::<usize>() <= 64, "an owner has 64 slots");
    }
}

#[test]
#[ignore = "writes into the repository"]
fn writes_the_plan() {
    std::fs::create_dir_all(Plan::path().parent().unwrap()).unwrap();
    std::fs::write(Plan::path(), Plan::make(SEED, FULL).text()).unwrap();
}
