//! What a scenario file says: who is there, what the network does, what goes wrong, who cheats, and what must hold.
//! Numbers are written for people and become integers here; everything else is what `run` makes of it.

mod check;
mod load;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use check::ScenarioError;
pub use load::{LoadError, load};
pub(crate) use load::{parse, read};

/// One scenario. Every field but the first three has a default, written in docs/simulation.md.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Lowercase letters, digits and `-`; the name of its file.
    pub name: String,
    /// What question it answers, in a paragraph.
    pub question: String,
    /// How many peers, unless the command says otherwise.
    pub nodes: u32,
    /// Virtual seconds after the warm-up.
    pub seconds: u32,
    /// Virtual seconds in which peers connect, the mesh forms and nothing is measured.
    #[serde(default = "defaults::warmup_s")]
    pub warmup_s: u32,
    /// What each peer runs.
    #[serde(default)]
    pub mode: Mode,
    /// Parameters of the market that differ from the defaults, by their names in a market file.
    #[serde(default)]
    pub market: BTreeMap<String, u64>,
    /// The network.
    #[serde(default)]
    pub links: Links,
    /// Who is connected with whom, and the gossip mesh.
    #[serde(default)]
    pub mesh: Mesh,
    /// How wrong clocks are.
    #[serde(default)]
    pub clocks: Clocks,
    /// What computing costs.
    #[serde(default)]
    pub machines: Machines,
    /// Honest supply and demand.
    #[serde(default)]
    pub traders: Traders,
    /// What goes wrong, and when.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// Who cheats.
    #[serde(default)]
    pub cheats: Vec<Cheat>,
    /// What must hold, and how often it is looked at.
    #[serde(default)]
    pub checks: Checks,
    /// What figures must reach; a run that falls short fails.
    #[serde(default)]
    pub expect: BTreeMap<String, Bound>,
}

impl Scenario {
    /// So many peers for so many seconds, everything else as by default.
    pub fn plain(name: &str, nodes: u32, seconds: u32) -> Scenario {
        Scenario {
            name: name.into(),
            question: String::new(),
            nodes,
            seconds,
            warmup_s: defaults::warmup_s(),
            mode: Mode::default(),
            market: BTreeMap::new(),
            links: Links::default(),
            mesh: Mesh::default(),
            clocks: Clocks::default(),
            machines: Machines::default(),
            traders: Traders::default(),
            faults: Vec::new(),
            cheats: Vec::new(),
            checks: Checks::default(),
            expect: BTreeMap::new(),
        }
    }
}

/// What each peer runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The whole machine.
    #[default]
    Market,
    /// Gossip and reconciliation of orders of real size, without books: for very many peers.
    Gossip,
}

/// How long messages take, and what becomes of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Links {
    /// Where latency comes from.
    pub latency: Latency,
    /// One-way latency varies around its mean by this standard deviation, in percent.
    pub jitter_percent: f64,
    /// Messages that are lost. A connection sends again, so most of them come late (one more round trip and 200 ms); see
    /// docs/simulation.md.
    pub loss_percent: f64,
    /// Messages that never come although the connection stands: what a full queue or a dying peer swallows.
    pub dropped_percent: f64,
    /// Gossip messages that come twice.
    pub duplicated_percent: f64,
    /// Messages that others overtake, by up to 200 ms.
    pub reordered_percent: f64,
    /// Megabits a second that a peer sends at most.
    pub uplink_mbit: f64,
    /// Megabits a second that a peer receives at most.
    pub downlink_mbit: f64,
}

/// Where latency comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Latency {
    /// Peers live in cities, in proportion to how many machines are there; latency by distance.
    Cities,
    /// Each pair of peers has one, drawn evenly from this range of one-way milliseconds.
    Uniform {
        /// The least.
        min_ms: f64,
        /// The most.
        max_ms: f64,
    },
    /// From a calibration plan: the matrix of one-way microseconds in this file, relative to the scenario.
    Plan {
        /// The file.
        file: String,
    },
}

/// Who is connected with whom, and the mesh. Names and defaults as the node's gossipsub has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mesh {
    /// Others that each peer dials.
    pub dials: u32,
    /// Of these, how many are chosen for being near; the others at random.
    pub near_dials: u32,
    /// Mesh degree that is sought.
    pub degree: u32,
    /// Below it, peers are grafted.
    pub degree_low: u32,
    /// Above it, peers are pruned.
    pub degree_high: u32,
    /// Outbound peers that the mesh keeps at least.
    pub degree_out: u32,
    /// Peers that lazy gossip goes to at least.
    pub lazy: u32,
    /// Between heartbeats.
    pub heartbeat_ms: u32,
    /// Heartbeats for which a message can be asked for.
    pub history: u32,
    /// Of these, heartbeats in which it is told by lazy gossip.
    pub history_gossip: u32,
    /// Whether what a peer itself publishes goes to all its neighbours.
    pub is_flood_publish: bool,
    /// Messages of at least so many bytes are announced before they are sent on (IDONTWANT); 0 for never.
    pub announce_from_bytes: u32,
    /// Whether neighbours are scored and bad ones cut off.
    pub is_scored: bool,
}

/// How wrong clocks are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Clocks {
    /// Offset at the start, drawn evenly from plus or minus so many milliseconds.
    pub skew_ms: f64,
    /// Speed, drawn evenly from plus or minus so many parts per million.
    pub drift_ppm: f64,
}

/// What computing costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Machines {
    /// Whether the cost table is charged; else computing takes no time.
    pub is_charged: bool,
    /// Cores that recover signatures beside the loop.
    pub cores: u32,
    /// How much slower than the machine of the cost table, drawn evenly from 1 to this.
    pub slower_up_to: f64,
}

/// Honest supply and demand. Prices are in units of the market per lot-second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Traders {
    /// Orders a second in the whole market, with exponential gaps (a Poisson process).
    pub orders_per_s: f64,
    /// Peers that sell, in percent of all; the others buy.
    pub suppliers_percent: f64,
    /// Orders that are in the book when the run begins.
    pub standing: u32,
    /// Kinds of machines: capacities that differ in what they are good at.
    pub classes: u32,
    /// Mean price.
    pub price: u64,
    /// Standard deviation of log-normal prices, in percent of the mean.
    pub price_spread_percent: f64,
    /// Lots of an order: drawn from 1 to this, small ones more often (Zipf).
    pub lots_max: u32,
    /// Deal durations are exponential with this mean.
    pub duration_s: u32,
    /// How long an order stands.
    pub life_s: u32,
    /// Orders that are withdrawn before that, in percent.
    pub withdrawn_percent: f64,
    /// Deals that the consumer cancels before their end, in percent.
    pub cancelled_percent: f64,
    /// Whether orders of peers come bundled: so many under one signature.
    pub bundle: u32,
    /// What a consumer may spend in all; 0 for no bound. Whoever has spent it bids no more.
    pub budget: u64,
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Seconds after the warm-up at which it begins.
    pub at_s: f64,
    /// How long it lasts.
    #[serde(default)]
    pub for_s: f64,
    /// Peers that it hits, in percent of all, chosen by the seed.
    #[serde(default = "defaults::all_percent")]
    pub peers_percent: f64,
    /// It comes again after so many seconds; 0 for once.
    #[serde(default)]
    pub every_s: f64,
    /// What it is.
    pub kind: FaultKind,
}

/// What can go wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum FaultKind {
    /// The process dies and comes back after `for_s` with what was on its disk, or without.
    Crash {
        /// Whether its disk is there again.
        keeps_disk: bool,
    },
    /// It stands still for `for_s`, and everything waits for it.
    Pause,
    /// Its clock jumps by so many milliseconds, and back after `for_s` if that is not 0.
    ClockStep {
        /// Forward if positive.
        ms: f64,
    },
    /// The peers that it hits cannot hear the others, nor they them.
    Partition,
    /// The others do not hear the peers that it hits, who hear everything.
    Deaf,
    /// Everything that it computes takes so many times longer.
    Slow {
        /// How many times.
        times: f64,
    },
    /// Peers leave for good and as many new ones come, so many a minute in percent of all.
    Churn {
        /// Percent of all peers a minute.
        percent_a_minute: f64,
    },
    /// Nothing more can be written to disk.
    FullDisk,
    /// The links of peers that it hits lose so much in addition.
    Lossy {
        /// Percent.
        percent: f64,
    },
}

/// Some peers that follow a strategy of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cheat {
    /// The strategy's name: a file in `cheats`.
    pub strategy: String,
    /// Peers that follow it, in percent of all.
    #[serde(default)]
    pub peers_percent: f64,
    /// Peers beyond the scenario's number, for attacks that bring their own.
    #[serde(default)]
    pub extra_peers: u32,
    /// Seconds after the warm-up at which it begins.
    #[serde(default)]
    pub at_s: f64,
    /// How long it goes on; 0 to the end.
    #[serde(default)]
    pub for_s: f64,
    /// What the strategy may be told, by name.
    #[serde(default)]
    pub with: BTreeMap<String, f64>,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Checks {
    /// How often it is looked at.
    pub every: Every,
    /// After all faults are over for so many seconds, all honest peers must agree again.
    pub heals_within_s: u32,
}

/// How often checks look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// After each event.
    Step,
    /// At the end of each epoch.
    Epoch,
}

/// What a figure must reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// At least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// At most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

mod defaults {
    use super::*;

    pub(super) fn warmup_s() -> u32 {
        10
    }

    pub(super) fn all_percent() -> f64 {
        100.0
    }

    impl Default for Links {
        fn default() -> Links {
            Links {
                latency: Latency::Cities,
                jitter_percent: 5.0,
                loss_percent: 0.0,
                dropped_percent: 0.0,
                duplicated_percent: 0.0,
                reordered_percent: 0.0,
                uplink_mbit: 100.0,
                downlink_mbit: 100.0,
            }
        }
    }

    impl Default for Mesh {
        fn default() -> Mesh {
            Mesh {
                dials: 8,
                near_dials: 4,
                degree: 8,
                degree_low: 6,
                degree_high: 10,
                degree_out: 3,
                lazy: 6,
                heartbeat_ms: 1_000,
                history: 5,
                history_gossip: 3,
                is_flood_publish: false,
                announce_from_bytes: 1_000,
                is_scored: true,
            }
        }
    }

    impl Default for Clocks {
        fn default() -> Clocks {
            Clocks { skew_ms: 20.0, drift_ppm: 20.0 }
        }
    }

    impl Default for Machines {
        fn default() -> Machines {
            Machines { is_charged: true, cores: 4, slower_up_to: 2.0 }
        }
    }

    impl Default for Traders {
        fn default() -> Traders {
            Traders {
                orders_per_s: 5.0,
                suppliers_percent: 50.0,
                standing: 0,
                classes: 4,
                price: 1_000_000,
                price_spread_percent: 30.0,
                lots_max: 8,
                duration_s: 30,
                life_s: 60,
                withdrawn_percent: 5.0,
                cancelled_percent: 5.0,
                bundle: 1,
                budget: 0,
            }
        }
    }

    impl Default for Checks {
        fn default() -> Checks {
            Checks { every: Every::Epoch, heals_within_s: 10 }
        }
    }
}
