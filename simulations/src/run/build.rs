//! Makes the peers of a scenario: floats of its file become integers here, once. Lets no time pass.

use std::sync::Arc;

use protocol::market::ParametersError;
use protocol::{Parameters, keccak256};

use super::standing::Standings;
use super::{Options, World, side};
use crate::cheats;
use crate::clearings::Seals;
use crate::clock::Clock;
use crate::costs::Costs;
use crate::desk::{Desk, Hall};
use crate::disk::Disk;
use crate::engine::{Engine, MS, Nanos, SECOND};
use crate::faults::Plan;
use crate::network::{MatrixError, Network};
use crate::overlay::{Overlay, Rules};
use crate::peer::{Computing, Dialing, Event, Parts, Peer};
use crate::random::Random;
use crate::scenario::{Cheat, Every, Scenario, ScenarioError};
use crate::signatures::Keyring;
use crate::traders::{Habits, Trader};

/// One peer of so many looks for no sealed book of others: it shows whether sharing them changes anything.
const ALONE_EVERY: u32 = 16;
/// In which all peers come up at the start.
const BEGIN: Nanos = SECOND;

/// The market's parameters.
pub(super) fn parameters(scenario: &Scenario, seed: u64) -> Result<Parameters, ScenarioError> {
    let salt = keccak256(&[b"simulation", &seed.to_be_bytes()]);
    let mut all = Parameters::new("simulation", salt);
    for (field, value) in &scenario.market {
        let error = |why: &str| ScenarioError::Market { field: field.clone(), why: why.into() };
        let word = || u32::try_from(*value).map_err(|_| error("it is too large"));
        let half = || u16::try_from(*value).map_err(|_| error("it is too large"));
        match field.as_str() {
            "epoch_ms" => all.epoch_ms = word()?,
            "guard_ms" => all.guard_ms = word()?,
            "clock_tolerance_ms" => all.clock_tolerance_ms = word()?,
            "order_life_max_s" => all.order_life_max_s = word()?,
            "slots_per_owner" => all.slots_per_owner = half()?,
            "slots_per_owner_max" => all.slots_per_owner_max = half()?,
            "heads_max" => all.heads_max = word()?,
            "billed_min_max_s" => all.billed_min_max_s = word()?,
            "open_window_s" => all.open_window_s = word()?,
            "heartbeat_ms" => all.heartbeat_ms = word()?,
            "heartbeats_missed" => all.heartbeats_missed = half()?,
            "billing_period_s" => all.billing_period_s = word()?,
            "price_tolerance_ppm" => all.price_tolerance_ppm = word()?,
            _ => return Err(error("a market has no such parameter, or a simulation cannot change it")),
        }
    }
    all.check().map(|()| all).map_err(|wrong| {
        let field = match &wrong {
            ParametersError::Range { field, .. } => (*field).to_string(),
            _ => "name".to_string(),
        };
        ScenarioError::Market { field, why: wrong.to_string() }
    })
}

/// Who is there.
struct Crowd {
    /// Follow the rules and are there from the start.
    honest: u32,
    /// There from the start.
    first: u32,
    /// Which cheat each of the others at the start follows.
    cheats: Vec<usize>,
}

fn crowd(scenario: &Scenario, nodes: u32) -> Crowd {
    let mut cheats = Vec::new();
    for (at, cheat) in scenario.cheats.iter().enumerate() {
        let own = (f64::from(nodes) * cheat.peers_percent / 100.0).round() as u32;
        cheats.extend((0..own).map(|_| at));
    }
    cheats.truncate(nodes.saturating_sub(1) as usize);
    let honest = nodes - cheats.len() as u32;
    for (at, cheat) in scenario.cheats.iter().enumerate() {
        cheats.extend((0..cheat.extra_peers).map(|_| at));
    }
    Crowd { honest, first: honest + cheats.len() as u32, cheats }
}

/// The peers, none of which is up yet, and what is planned for them.
pub(super) fn world(scenario: &Scenario, options: &Options) -> Result<World, ScenarioError> {
    scenario.check()?;
    let (seed, nodes) = (options.seed, options.nodes.unwrap_or(scenario.nodes).max(1));
    let parameters = parameters(scenario, seed)?;
    let crowd = crowd(scenario, nodes);
    let plan = Plan::new(scenario, (crowd.honest, crowd.first), seed);
    let count = crowd.first + plan.joiners;
    let network = Network::new(&scenario.links, count, seed, options.matrix.clone()).map_err(no_matrix)?;
    let network = Arc::new(network);
    let (epoch_ms, lookahead) = (u64::from(parameters.epoch_ms), network.lookahead());
    let ring = Keyring::new(seed);
    let addresses = (0..count).map(|number| ring.address(number)).collect();
    let hall = Arc::new(Hall { parameters, ring, addresses, clearings: Arc::default() });
    let builder = Builder {
        scenario,
        options,
        plan: &plan,
        honest: crowd.honest,
        hall: hall.clone(),
        network: network.clone(),
        habits: Arc::new(Habits::new(&scenario.traders, crowd.honest)),
        rules: Arc::new(Rules::new(&scenario.mesh)),
        costs: Arc::new(Costs::table()),
    };
    let standings = Standings::new(&scenario.traders, &builder.habits, &hall, crowd.honest, seed);
    let mut peers: Vec<Peer> = Vec::with_capacity(count as usize);
    for number in 0..count {
        let cheat = number.checked_sub(crowd.honest).and_then(|at| crowd.cheats.get(at as usize));
        let mut peer = builder.peer(number, cheat.map(|at| &scenario.cheats[*at]))?;
        peer.set_surroundings(&network, crowd.first);
        standings.give(&mut peer.desk, number, peers.first().map(|first| first.desk.market()));
        if number == 0 {
            peer.desk.fold();
        }
        peers.push(peer);
    }
    let mut engine = Engine::new(peers, lookahead, options.threads.max(1));
    let mut random = Random::new(seed, 0xbe61_0000);
    (0..crowd.first).for_each(|peer| engine.inject(peer as usize, random.below(BEGIN), Event::Begin));
    let end = u64::from(scenario.warmup_s + scenario.seconds) * SECOND;
    Ok(World { engine, network, plan, honest: crowd.honest, population: crowd.first, end, epoch_ms })
}

/// The latencies that the scenario names are not to be had.
pub(super) fn no_matrix(wrong: MatrixError) -> ScenarioError {
    let (field, value) = ("links.latency".into(), wrong.to_string());
    ScenarioError::Range { field, value, expected: "a matrix of latencies for all peers" }
}

struct Builder<'a> {
    scenario: &'a Scenario,
    options: &'a Options,
    plan: &'a Plan,
    honest: u32,
    hall: Arc<Hall>,
    network: Arc<Network>,
    habits: Arc<Habits>,
    rules: Arc<Rules>,
    costs: Arc<Costs>,
}

impl Builder<'_> {
    fn peer(&self, number: u32, cheat: Option<&Cheat>) -> Result<Peer, ScenarioError> {
        let (seed, scenario) = (self.options.seed, self.scenario);
        let mut random = Random::new(seed, u64::from(number));
        let even = |random: &mut Random, limit: i64| random.below(2 * limit as u64 + 1) as i64 - limit;
        let skew = even(&mut random, (scenario.clocks.skew_ms.max(0.0) * MS as f64) as i64);
        let drift = even(&mut random, (scenario.clocks.drift_ppm.max(0.0) * 1e3) as i64);
        let slowest = (scenario.machines.slower_up_to.max(1.0) * 1e3) as u64;
        let slowness = if scenario.machines.is_charged { random.between(1_000, slowest) } else { 0 };
        let desk = self.desk(number, cheat)?;
        let overlay = Overlay::new(self.rules.clone(), Random::new(seed, 0x0e00_0000_0000 | u64::from(number)));
        let mut peer = Peer::new(Parts {
            number,
            hall: self.hall.clone(),
            network: self.network.clone(),
            random,
            clock: Clock::new(skew, drift),
            overlay,
            dialing: Dialing::new(&scenario.mesh),
            desk,
            computing: Computing::new(self.costs.clone(), slowness, scenario.machines.cores),
        });
        if scenario.checks.every == Every::Step {
            peer.look_at_each_step();
        }
        Ok(peer)
    }

    fn desk(&self, number: u32, cheat: Option<&Cheat>) -> Result<Desk, ScenarioError> {
        let strategy = cheat.map(|cheat| {
            let wrong = || ScenarioError::Strategy { name: cheat.strategy.clone() };
            cheats::strategy(cheat).ok_or_else(wrong)
        });
        let strategy = strategy.transpose()?;
        let suppliers_ppm = (self.scenario.traders.suppliers_percent * 1e4) as u64;
        let side =
            strategy.as_ref().and_then(|strategy| strategy.side()).unwrap_or_else(|| side(number, suppliers_ppm));
        let trader = Trader::new(
            self.habits.clone(),
            side,
            Random::new(self.options.seed, 0x7ade_0000_0000 | u64::from(number)),
        );
        let bug = self.options.bug.filter(|_| number + 1 == self.honest);
        let is_alone = self.scenario.checks.every == Every::Step || number % ALONE_EVERY == ALONE_EVERY - 1;
        let is_alone = is_alone && self.options.bug.is_none();
        let seals = Seals::new(self.hall.clearings.clone(), is_alone, bug);
        let disk = Disk::new(self.plan.disks.contains(&number));
        let mut desk = Desk::new(self.hall.clone(), self.hall.ring.key(number), (seals, disk), trader);
        if let (Some(strategy), Some(cheat)) = (strategy, cheat) {
            let warm = f64::from(self.scenario.warmup_s);
            let seconds = |seconds: f64| (seconds * SECOND as f64) as Nanos;
            let from = seconds(warm + cheat.at_s);
            let until = if cheat.for_s > 0.0 { from + seconds(cheat.for_s) } else { Nanos::MAX };
            desk.cheat(strategy, (from, until));
        }
        Ok(desk)
    }
}
