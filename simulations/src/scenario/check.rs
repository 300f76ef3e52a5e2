//! Whether a scenario can be run, with the place and the next step where it cannot.

use super::{Fault, FaultKind, Latency, Scenario};
use crate::figures::glossary;

/// Most peers of one run.
pub const NODES_MAX: u32 = 1_000_000;
/// Most virtual seconds of one run.
pub const SECONDS_MAX: u32 = 7 * 24 * 3600;

/// Why a scenario cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScenarioError {
    /// A value is outside what can be simulated.
    #[error("`{field}` is {value}, but must be {expected}")]
    Range {
        /// The field, as in the file: `links.loss_percent`.
        field: String,
        /// What it holds.
        value: String,
        /// What it may hold.
        expected: &'static str,
    },
    /// No such strategy.
    #[error("there is no strategy `{name}`")]
    Strategy {
        /// What was asked for.
        name: String,
    },
    /// No such parameter of a market, or a value it cannot have.
    #[error("`market.{field}`: {why}")]
    Market {
        /// The parameter.
        field: String,
        /// What is wrong.
        why: String,
    },
    /// `expect` names a figure that no run has.
    #[error("`expect` names `{name}`, which is no figure of a run")]
    Figure {
        /// What was asked for.
        name: String,
    },
}

impl ScenarioError {
    /// The next step to try.
    pub fn next(&self) -> &'static str {
        match self {
            ScenarioError::Range { .. } => "correct the value; docs/simulation.md has all fields and their defaults",
            ScenarioError::Strategy { .. } => "souk-sim list --strategies",
            ScenarioError::Market { .. } => "correct it; the parameters are those of a market file",
            ScenarioError::Figure { .. } => "souk-sim list --figures",
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ScenarioError::Range { .. } => "scenario_range",
            ScenarioError::Strategy { .. } => "scenario_strategy",
            ScenarioError::Market { .. } => "scenario_market",
            ScenarioError::Figure { .. } => "scenario_figure",
        }
    }
}

fn range(field: &str, value: f64, (min, max): (f64, f64), expected: &'static str) -> Result<(), ScenarioError> {
    match (min..=max).contains(&value) {
        true => Ok(()),
        false => Err(ScenarioError::Range { field: field.into(), value: value.to_string(), expected }),
    }
}

impl Scenario {
    /// Whether it can be run.
    ///
    /// # Errors
    /// [`ScenarioError`] names the first field that is wrong.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || !self.name.chars().all(is_name) {
            let (field, value) = ("name".into(), format!("{:?}", self.name));
            return Err(ScenarioError::Range { field, value, expected: "of lowercase letters, digits and `-`" });
        }
        range("nodes", self.nodes.into(), (1.0, NODES_MAX.into()), "from 1 to 1,000,000")?;
        range("seconds", self.seconds.into(), (1.0, SECONDS_MAX.into()), "from 1 to 604,800 (a week)")?;
        let links = &self.links;
        let percents = [
            ("links.jitter_percent", links.jitter_percent),
            ("links.loss_percent", links.loss_percent),
            ("links.dropped_percent", links.dropped_percent),
            ("links.duplicated_percent", links.duplicated_percent),
            ("links.reordered_percent", links.reordered_percent),
            ("traders.suppliers_percent", self.traders.suppliers_percent),
            ("traders.withdrawn_percent", self.traders.withdrawn_percent),
            ("traders.cancelled_percent", self.traders.cancelled_percent),
        ];
        percents.iter().try_for_each(|(field, value)| range(field, *value, (0.0, 100.0), "from 0 to 100"))?;
        let rates = [("links.uplink_mbit", links.uplink_mbit), ("links.downlink_mbit", links.downlink_mbit)];
        rates.iter().try_for_each(|(field, value)| range(field, *value, (0.001, 1e6), "from 0.001 to 1,000,000"))?;
        range("traders.orders_per_s", self.traders.orders_per_s, (0.0, 1e6), "from 0 to 1,000,000")?;
        range("machines.slower_up_to", self.machines.slower_up_to, (1.0, 1e4), "from 1 to 10,000")?;
        self.check_crowd()?;
        self.faults.iter().enumerate().try_for_each(|(at, fault)| self.check_fault(at, fault))?;
        for (at, cheat) in self.cheats.iter().enumerate() {
            let field = |name: &str| format!("cheats[{at}].{name}");
            range(&field("peers_percent"), cheat.peers_percent, (0.0, 100.0), "from 0 to 100")?;
            range(&field("extra_peers"), cheat.extra_peers.into(), (0.0, NODES_MAX.into()), "from 0 to 1,000,000")?;
            range(&field("at_s"), cheat.at_s, (0.0, self.seconds.into()), "within the run")?;
            range(&field("for_s"), cheat.for_s, (0.0, SECONDS_MAX.into()), "from 0 to 604,800")?;
        }
        if let Some(name) = self.expect.keys().find(|name| !glossary::is_known(name)) {
            return Err(ScenarioError::Figure { name: name.clone() });
        }
        Ok(())
    }

    /// Mesh, clocks and people: what would stand still, never end or fill all memory is refused.
    fn check_crowd(&self) -> Result<(), ScenarioError> {
        let (mesh, traders, clocks) = (&self.mesh, &self.traders, &self.clocks);
        if let Latency::Uniform { min_ms, max_ms } = self.links.latency {
            range("links.latency.uniform.min_ms", min_ms, (0.001, 60_000.0), "from 0.001 to 60,000")?;
            range("links.latency.uniform.max_ms", max_ms, (min_ms, 60_000.0), "from min_ms to 60,000")?;
        }
        range("warmup_s", self.warmup_s.into(), (0.0, SECONDS_MAX.into()), "from 0 to 604,800")?;
        range("mesh.heartbeat_ms", mesh.heartbeat_ms.into(), (10.0, 60_000.0), "from 10 to 60,000")?;
        range("mesh.dials", mesh.dials.into(), (0.0, 1_000.0), "from 0 to 1,000")?;
        range(
            "mesh.degree",
            mesh.degree.into(),
            (mesh.degree_low.into(), mesh.degree_high.into()),
            "from low to high",
        )?;
        range("mesh.degree_high", mesh.degree_high.into(), (1.0, 1_000.0), "from 1 to 1,000")?;
        range("mesh.history", mesh.history.into(), (1.0, 100.0), "from 1 to 100")?;
        range("mesh.history_gossip", mesh.history_gossip.into(), (0.0, mesh.history.into()), "at most history")?;
        range("clocks.skew_ms", clocks.skew_ms, (0.0, 1e9), "from 0 to 10^9")?;
        range("clocks.drift_ppm", clocks.drift_ppm, (0.0, 1e5), "from 0 to 100,000")?;
        range("machines.cores", self.machines.cores.into(), (1.0, 1_024.0), "from 1 to 1,024")?;
        let counts = [
            ("traders.classes", u64::from(traders.classes), 1e4, "from 1 to 10,000"),
            ("traders.price", traders.price, 1e18, "from 1 to 10^18"),
            ("traders.lots_max", traders.lots_max.into(), 1e6, "from 1 to 1,000,000"),
            ("traders.duration_s", traders.duration_s.into(), 1e6, "from 1 to 1,000,000"),
            ("traders.life_s", traders.life_s.into(), 86_400.0, "from 1 to 86,400"),
            ("traders.bundle", traders.bundle.into(), 64.0, "from 1 to 64"),
        ];
        counts
            .iter()
            .try_for_each(|(field, value, max, expected)| range(field, *value as f64, (1.0, *max), expected))?;
        range("traders.standing", traders.standing.into(), (0.0, 1e6), "from 0 to 1,000,000")?;
        range("traders.price_spread_percent", traders.price_spread_percent, (0.0, 1e3), "from 0 to 1,000")
    }

    fn check_fault(&self, at: usize, fault: &Fault) -> Result<(), ScenarioError> {
        let field = |name: &str| format!("faults[{at}].{name}");
        range(&field("peers_percent"), fault.peers_percent, (0.0, 100.0), "from 0 to 100")?;
        range(&field("at_s"), fault.at_s, (0.0, self.seconds.into()), "within the run")?;
        range(&field("for_s"), fault.for_s, (0.0, SECONDS_MAX.into()), "from 0 to 604,800")?;
        if fault.every_s != 0.0 {
            range(&field("every_s"), fault.every_s, (0.1, SECONDS_MAX.into()), "0, or from 0.1 to 604,800")?;
        }
        match fault.kind {
            FaultKind::ClockStep { ms } => range(&field("kind.clock_step.ms"), ms, (-1e9, 1e9), "within 10^9"),
            FaultKind::Slow { times } => range(&field("kind.slow.times"), times, (1.0, 1e4), "from 1 to 10,000"),
            FaultKind::Churn { percent_a_minute } => {
                range(&field("kind.churn.percent_a_minute"), percent_a_minute, (0.0, 1e3), "from 0 to 1,000")
            }
            FaultKind::Lossy { percent } => range(&field("kind.lossy.percent"), percent, (0.0, 100.0), "from 0 to 100"),
            FaultKind::Crash { .. }
            | FaultKind::Pause
            | FaultKind::Partition
            | FaultKind::Deaf
            | FaultKind::FullDisk => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Cheat, Clocks, Mesh, Traders};

    fn refused(scenario: Scenario) -> String {
        match scenario.check() {
            Err(ScenarioError::Range { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    /// A fault that came again after every nanosecond was planned for ever before anything ran.
    #[test]
    fn what_would_never_end_or_fill_all_memory_is_refused_with_its_field() {
        let plain = || Scenario::plain("plain", 10, 10);
        let fault = |every_s, kind| Fault { at_s: 1.0, for_s: 1.0, peers_percent: 10.0, every_s, kind };
        for every_s in [1e-9, -1.0, f64::NAN, f64::INFINITY] {
            let faults = vec![fault(every_s, FaultKind::Pause)];
            assert_eq!(refused(Scenario { faults, ..plain() }), "faults[0].every_s");
        }
        let faults = vec![fault(0.0, FaultKind::Slow { times: f64::NAN })];
        assert_eq!(refused(Scenario { faults, ..plain() }), "faults[0].kind.slow.times");
        let mesh = Mesh { heartbeat_ms: 0, ..Mesh::default() };
        assert_eq!(refused(Scenario { mesh, ..plain() }), "mesh.heartbeat_ms");
        let traders = Traders { classes: 0, ..Traders::default() };
        assert_eq!(refused(Scenario { traders, ..plain() }), "traders.classes");
        let clocks = Clocks { skew_ms: f64::NAN, ..Clocks::default() };
        assert_eq!(refused(Scenario { clocks, ..plain() }), "clocks.skew_ms");
        let with = std::collections::BTreeMap::new();
        let cheat =
            Cheat { strategy: "x".into(), peers_percent: 0.0, extra_peers: u32::MAX, at_s: 0.0, for_s: 0.0, with };
        assert_eq!(refused(Scenario { cheats: vec![cheat], ..plain() }), "cheats[0].extra_peers");
        assert_eq!(plain().check(), Ok(()));
    }
}
