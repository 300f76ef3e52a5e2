//! Whether a scenario can be run, with the place and the next step where it cannot.

use super::Scenario;
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
        for (at, fault) in self.faults.iter().enumerate() {
            let field = |name: &str| format!("faults[{at}].{name}");
            range(&field("peers_percent"), fault.peers_percent, (0.0, 100.0), "from 0 to 100")?;
            range(&field("at_s"), fault.at_s, (0.0, self.seconds.into()), "within the run")?;
            range(&field("for_s"), fault.for_s, (0.0, SECONDS_MAX.into()), "from 0 to 604,800")?;
        }
        for (at, cheat) in self.cheats.iter().enumerate() {
            let field = format!("cheats[{at}].peers_percent");
            range(&field, cheat.peers_percent, (0.0, 100.0), "from 0 to 100")?;
        }
        if let Some(name) = self.expect.keys().find(|name| !glossary::is_known(name)) {
            return Err(ScenarioError::Figure { name: name.clone() });
        }
        Ok(())
    }
}
