//! Peers that do not follow the rules: one strategy a file, each a filter around one desk. A strategy has its own key and
//! what its peer sees; it cannot sign for others, nor look into them.

mod never_countersign;
mod order_flood;

use matcher::{Effect, Input, Market};
use protocol::Side;

use crate::desk::{Deed, Hall, Moment};
use crate::engine::Nanos;
use crate::scenario::Cheat;
use crate::signatures::Key;

pub use never_countersign::NeverCountersign;
pub use order_flood::OrderFlood;

/// What a strategy sees and may use.
pub struct Scene<'a> {
    /// Now.
    pub moment: Moment,
    /// Its own key.
    pub key: Key,
    /// The market's parameters, and everyone's address.
    pub hall: &'a Hall,
    /// Its own machine.
    pub market: &'a Market,
    /// What it does beside its machine: gossip, requests, waking up.
    pub deeds: &'a mut Vec<Deed>,
}

impl Scene<'_> {
    /// Has it woken at that time.
    pub fn wake_at(&mut self, at: Nanos) {
        self.deeds.push(Deed::Wake(at));
    }
}

/// What a peer does instead of what it should. Every hook has the honest behaviour as its default.
pub trait Strategy: Send {
    /// On which side its peer's user trades, if that matters.
    fn side(&self) -> Option<Side> {
        None
    }

    /// It begins. [`Strategy::on_wake`] follows at once, and again whenever it has itself woken.
    fn begin(&mut self, scene: &mut Scene<'_>) {
        let _ = scene;
    }

    /// Something is about to happen to its machine: what happens instead, in order.
    fn on_input(&mut self, input: Input, scene: &mut Scene<'_>) -> Vec<Input> {
        let _ = scene;
        vec![input]
    }

    /// Its machine wants something: what is done instead, in order.
    fn on_effects(&mut self, effects: Vec<Effect>, scene: &mut Scene<'_>) -> Vec<Effect> {
        let _ = scene;
        effects
    }

    /// It is woken: what happens to its machine.
    fn on_wake(&mut self, scene: &mut Scene<'_>) -> Vec<Input> {
        let _ = scene;
        Vec::new()
    }

    /// A frame of its overlay is about to leave for a neighbour; whether it does.
    fn may_send(&mut self, to: u32) -> bool {
        let _ = to;
        true
    }

    /// A frame of a neighbour's overlay comes; whether it is looked at.
    fn may_hear(&mut self, from: u32) -> bool {
        let _ = from;
        true
    }

    /// What it reached, by names of its own.
    fn figures(&self) -> Vec<(String, f64)> {
        Vec::new()
    }
}

/// Every strategy by its name in a scenario.
pub const NAMES: [&str; 2] = ["never-countersign", "order-flood"];

/// The strategy with this name, told what the scenario says.
pub fn strategy(cheat: &Cheat) -> Option<Box<dyn Strategy>> {
    match cheat.strategy.as_str() {
        "never-countersign" => Some(Box::new(NeverCountersign::new(cheat))),
        "order-flood" => Some(Box::new(OrderFlood::new(cheat))),
        _ => None,
    }
}
