//! Honest users: what they place, when, and what they change their mind about. Draws everything from the peer's own stream;
//! sees its node only as a user does, by answers and news.

mod shapes;

use std::collections::BTreeMap;
use std::sync::Arc;

use matcher::{Answer, Deal, Draft, Input, Placed, Refused};
use protocol::{Address, Capacity, Flags, Hash, Identity, Price, Side};

use crate::engine::{Nanos, SECOND};
use crate::random::Random;
use crate::scenario::Traders;
use shapes::{LogNormal, Zipf};

/// Wishes that a user waits for; more are not made.
const WISHES_MAX: usize = 1024;
/// Orders whose first deal is waited for; the oldest is forgotten.
const OPEN_MAX: usize = 1024;

/// What a user does at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// Places the next order, or the next few.
    Place,
    /// Takes an order back.
    Withdraw(Hash),
    /// Ends a deal early.
    EndDeal(Hash),
}

/// What all users of a scenario have in common, in integers.
#[derive(Debug)]
pub struct Habits {
    gap: Nanos,
    bundle: u32,
    classes: u32,
    prices: LogNormal,
    lots: Zipf,
    lots_max: u32,
    duration_s: u32,
    life_s: u32,
    withdrawn_ppm: u32,
    cancelled_ppm: u32,
    budget: u128,
}

impl Habits {
    /// Of the users of `peers` honest peers.
    pub fn new(traders: &Traders, peers: u32) -> Habits {
        let bundle = traders.bundle.max(1);
        let each = f64::from(peers.max(1)) * f64::from(bundle) / traders.orders_per_s.max(1e-9);
        Habits {
            gap: (each * SECOND as f64).min(1e18) as Nanos,
            bundle,
            classes: traders.classes,
            prices: LogNormal::new(traders.price, traders.price_spread_percent),
            lots: Zipf::new(traders.lots_max),
            lots_max: traders.lots_max.max(1),
            duration_s: traders.duration_s,
            life_s: traders.life_s,
            withdrawn_ppm: (traders.withdrawn_percent * 1e4) as u32,
            cancelled_ppm: (traders.cancelled_percent * 1e4) as u32,
            budget: traders.budget.into(),
        }
    }

    /// An order to sell or buy.
    pub fn draft(&self, side: Side, random: &mut Random) -> Draft {
        let duration_s = (random.exponential(self.duration_s.into()) as u32).max(2);
        let percent = if side == Side::Ask { 100 } else { [50, 75, 100][random.below(3) as usize] };
        let (duration_min_s, duration_max_s) = match side {
            Side::Ask => (1, self.duration_s.saturating_mul(30).max(60)),
            Side::Bid => (duration_s / 2, duration_s),
        };
        Draft {
            side,
            capacity: shapes::capacity(self.classes, percent, random),
            lots: self.lots.draw(random),
            price: Price(self.prices.draw(random)),
            duration_min_s,
            duration_max_s,
            billed_min_s: if side == Side::Ask { 1 } else { 60 },
            counterparty: Address::ZERO,
            excluded: Vec::new(),
            identity_min: Identity::Anonymous,
            flags: Flags::default(),
            tag: Hash::ZERO,
            life_s: self.life_s,
            is_renewed: false,
        }
    }

    /// What a supplier's machine was measured to be: enough for every lot it can offer.
    pub fn measured(&self) -> Capacity {
        shapes::plenty(self.classes, u64::from(self.lots_max) * 64)
    }
}

/// One peer's user.
#[derive(Debug)]
pub struct Trader {
    habits: Arc<Habits>,
    random: Random,
    side: Side,
    wishes: BTreeMap<u64, Nanos>,
    /// By slot: when the order was placed whose first deal is waited for.
    open: BTreeMap<u16, Nanos>,
    last_user: u64,
    spent: u128,
    /// Orders that were asked for.
    pub asked: u64,
    /// Orders that stand or stood.
    pub placed: u64,
    /// Orders that the node refused.
    pub refused: u64,
}

/// What a user does later, and when.
pub type Plans = Vec<(Nanos, Errand)>;

impl Trader {
    /// A user who sells or buys by the given habits.
    pub fn new(habits: Arc<Habits>, side: Side, random: Random) -> Trader {
        Trader {
            habits,
            random,
            side,
            wishes: BTreeMap::new(),
            open: BTreeMap::new(),
            last_user: 0,
            spent: 0,
            asked: 0,
            placed: 0,
            refused: 0,
        }
    }

    /// Which side it is on.
    pub fn side(&self) -> Side {
        self.side
    }

    /// What its machine was measured to be.
    pub fn measured(&self) -> Capacity {
        self.habits.measured()
    }

    /// When it first places something.
    pub fn begin(&mut self, now: Nanos, plans: &mut Plans) {
        plans.push((now.saturating_add(self.random.exponential(self.habits.gap)), Errand::Place));
    }

    /// Does an errand: what the node is told, if it `is_up`.
    pub fn run(&mut self, errand: Errand, (now, is_up): (Nanos, bool), plans: &mut Plans) -> Option<Input> {
        if errand == Errand::Place {
            self.begin(now, plans);
        }
        let is_broke = self.habits.budget > 0 && self.spent >= self.habits.budget && self.side == Side::Bid;
        if !is_up || self.wishes.len() >= WISHES_MAX || (is_broke && errand == Errand::Place) {
            return None;
        }
        self.last_user += 1;
        let user = self.last_user;
        self.wishes.insert(user, now);
        let (habits, random) = (self.habits.clone(), &mut self.random);
        Some(match errand {
            Errand::Place if habits.bundle == 1 => {
                self.asked += 1;
                Input::Place { user, draft: Box::new(habits.draft(self.side, random)) }
            }
            Errand::Place => {
                self.asked += u64::from(habits.bundle);
                let drafts = (0..habits.bundle).map(|_| habits.draft(self.side, random)).collect();
                Input::PlaceList { user, drafts }
            }
            Errand::Withdraw(order) => Input::Withdraw { user, order },
            Errand::EndDeal(deal) => Input::EndDeal { user, deal },
        })
    }

    /// The node answers.
    pub fn on_answer(&mut self, user: u64, answer: Result<Answer, Refused>, now: Nanos, plans: &mut Plans) {
        let Some(asked) = self.wishes.remove(&user) else { return };
        match answer {
            Ok(Answer::Placed { id, slot, version, from_epoch }) => {
                self.on_placed(&Placed { id, slot, version, from_epoch }, (asked, now), plans);
            }
            Ok(Answer::PlacedList(list)) => {
                for one in list {
                    match one {
                        Ok(placed) => self.on_placed(&placed, (asked, now), plans),
                        Err(_) => self.refused += 1,
                    }
                }
            }
            Ok(Answer::Withdrawn { slot }) => drop(self.open.remove(&slot)),
            Ok(_) => {}
            Err(_) => self.refused += 1,
        }
    }

    fn on_placed(&mut self, placed: &Placed, (asked, now): (Nanos, Nanos), plans: &mut Plans) {
        self.placed += 1;
        if self.side == Side::Bid {
            if self.open.len() >= OPEN_MAX {
                self.open.pop_first();
            }
            self.open.insert(placed.slot, asked);
        }
        if self.random.chance(self.habits.withdrawn_ppm) {
            let life = u64::from(self.habits.life_s) * SECOND;
            plans.push((now + self.random.below(life), Errand::Withdraw(placed.id)));
        }
    }

    /// A deal of this user as a consumer was struck. Gives when its order was placed, if it is the order's first.
    pub fn on_struck(&mut self, deal: &Deal, now: Nanos, plans: &mut Plans) -> Option<Nanos> {
        if deal.side == Side::Ask {
            return None;
        }
        let cost = deal.terms.price.amount(deal.lots(), deal.terms.duration_s.into());
        self.spent = self.spent.saturating_add(cost.map_or(0, |cost| cost.0));
        if self.random.chance(self.habits.cancelled_ppm) {
            let life = u64::from(deal.terms.duration_s) * SECOND;
            plans.push((now + self.random.below(life), Errand::EndDeal(deal.id)));
        }
        self.open.remove(&deal.terms.bid.slot)
    }

    /// The node died: nobody answers what was asked of it.
    pub fn on_crash(&mut self) {
        self.wishes.clear();
    }
}

#[cfg(test)]
mod tests;
