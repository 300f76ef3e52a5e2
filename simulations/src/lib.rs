//! A whole market in one process: the very [`matcher::Market`] that the node runs, thousands of them, on one virtual clock.
//! A seed and a commit give one trace hash.
//!
//! ```text
//!  Scenario + nodes + seed --> run --> Outcome: figures, series, what broke, trace hash --> report
//!
//!  Engine   windows of events, any number of threads, one outcome                       (engine)
//!    Peer   one node: clock with skew and drift, cost of what it computes, disk         (peer, desk, disk, clock)
//!      Overlay   gossipsub's mesh, lazy gossip, scores: which neighbour gets which bytes (overlay)
//!      Network   when they arrive, if at all: latency, bandwidth, loss, cuts             (network)
//!      Market    the node's machine, its effects carried out as the node does            (desk)
//!    Faults, cheats, traders   what a scenario does to peers, and what peers do          (faults, cheats, traders)
//!    Checks   what must hold, at every step or every epoch                               (checks)
//!
//!  souk-sim --> catalogue, seeds --Scenario--> Runner --Outcome--> verdict, report         (cli)
//!               sweep: a grid of runs          shrink: the smallest scenario that fails
//! ```
//!
//! What is modelled and how far off it was is in docs/simulation.md.

pub mod catalogue;
pub mod cheats;
pub mod checks;
pub mod clearings;
pub mod cli;
pub mod clock;
pub mod costs;
pub mod desk;
pub mod disk;
pub mod engine;
#[cfg(test)]
mod fake;
pub mod faults;
pub mod figures;
pub mod measure;
pub mod mixed;
pub mod network;
pub mod overlay;
pub mod peer;
pub mod random;
pub mod report;
pub mod run;
pub mod runner;
pub mod scenario;
pub mod seeds;
pub mod shrink;
pub mod signatures;
pub mod sweep;
pub mod thin;
pub mod traders;
pub mod verdict;

pub use figures::{Broken, Figures, Outcome, Row};
pub use run::{Options, Progress, run};
pub use scenario::{Scenario, ScenarioError};
