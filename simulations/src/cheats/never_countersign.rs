//! Suppliers that offer cheaply and never countersign: whoever is matched with them waits for nothing. Costs them nothing but
//! what their peers make of it.

use matcher::Input;
use protocol::talk::Request;
use protocol::{Price, Side};

use super::{Scene, Strategy};
use crate::scenario::Cheat;

/// See the module.
#[derive(Debug)]
pub struct NeverCountersign {
    /// Its price, in percent of an honest one.
    price_percent: u128,
    proposals: u64,
}

impl NeverCountersign {
    /// May be told `price_percent`, 10 by default.
    pub fn new(cheat: &Cheat) -> NeverCountersign {
        let percent = cheat.with.get("price_percent").copied().unwrap_or(10.0);
        NeverCountersign { price_percent: percent.max(0.0) as u128, proposals: 0 }
    }
}

impl Strategy for NeverCountersign {
    fn side(&self) -> Option<Side> {
        Some(Side::Ask)
    }

    fn on_input(&mut self, input: Input, _: &mut Scene<'_>) -> Vec<Input> {
        match input {
            Input::Place { user, mut draft } => {
                draft.price = Price((draft.price.0 * self.price_percent / 100).max(1));
                vec![Input::Place { user, draft }]
            }
            // The consumer hears nothing until it gives up.
            Input::Asked { request, .. } if matches!(&*request, Request::Propose { .. }) => {
                self.proposals += 1;
                Vec::new()
            }
            other => vec![other],
        }
    }

    fn figures(&self) -> Vec<(String, f64)> {
        vec![("never_countersign.proposals_swallowed".into(), self.proposals as f64)]
    }
}
