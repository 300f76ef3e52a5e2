//! Checking what somebody says an epoch was: its orders one by one, the book that they make, the clearing of that book.
//! Believes nothing, recovers no signature itself and knows no file.
//!
//! ```text
//! Claimed --screen--> Screened: recoveries --(the caller runs them)--> sealed --> SealedBook
//!                                                                                    | examine: roots and certificate
//!                                                                                    | repeat: clears it again
//! ```

use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::market::ParametersError;
use protocol::{Entry, Hash, Identity, MarketId, Memo, Order, Parameters, Recovery, Rejected, Side, Signed};

use crate::book::Head;
use crate::clearing::{self, Clearing, Violation, clear, verify};
use crate::sealed::{SealedBook, SealedOrder};

/// Orders of an epoch that is checked; one with more is refused. Some times what a market's default lets a node keep.
pub const ORDERS_MAX: usize = 1 << 19;

/// An order as it is said to have been sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedOrder {
    /// Its id, allegedly.
    pub id: Hash,
    /// What was signed, and by what authority.
    pub order: Signed<Order>,
    /// The ranges `first..end` of its lots that were open.
    pub open: Vec<(u32, u32)>,
    /// The owner's identity level.
    pub identity: Identity,
}

/// What somebody says was sealed for an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The market, allegedly that of the parameters.
    pub market: MarketId,
    /// What its peers agreed on.
    pub parameters: Parameters,
    /// The epoch.
    pub epoch: u64,
    /// Asks by id.
    pub asks: Vec<ClaimedOrder>,
    /// Bids by id.
    pub bids: Vec<ClaimedOrder>,
}

/// What is wrong with an order of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderFlaw {
    /// Its id is another.
    #[error("what it says has the id {computed}")]
    Id {
        /// The id of what it says.
        computed: Hash,
    },
    /// Its id is not above that of the order before it.
    #[error("it does not come after the one before it: the orders of a side stand by id, each once")]
    Place,
    /// It is on the other side.
    #[error("it is no {expected}")]
    Side {
        /// The side that it was said to be on.
        expected: Side,
    },
    /// No market admits it, or nobody who may has signed it.
    #[error("{0}")]
    Rejected(Rejected),
    /// It does not count for the epoch.
    #[error("it counts for the epochs {from}..{expiry} and not for this one")]
    Epoch {
        /// Its first epoch.
        from: u64,
        /// The first epoch it no longer counts for.
        expiry: u64,
    },
    /// Its open lots are none, or not ranges of its lots, ascending and apart.
    #[error("its open lots are not ascending ranges of its lots with gaps between them")]
    Open,
    /// Nobody vouches for more than a key in a market without a chain.
    #[error("its owner is said to be known, which nobody can be in a market without a chain")]
    Identity,
    /// Another order of the claim stands in the same slot.
    #[error("another order stands in the same slot of its owner")]
    Slot,
}

/// The first thing found wrong with a claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A market cannot run on the parameters.
    #[error("the parameters make no market: {0}")]
    Parameters(ParametersError),
    /// The parameters are those of another market.
    #[error("it says it is of market {named}, but its parameters are those of market {computed}")]
    Market {
        /// What the claim says.
        named: MarketId,
        /// The id of its parameters.
        computed: MarketId,
    },
    /// There are more orders than are checked, or than the market's peers keep.
    #[error("it holds {orders} orders, and there can be at most {most}")]
    TooMany {
        /// How many there are.
        orders: usize,
        /// How many there may be.
        most: usize,
    },
    /// An order is not in order.
    #[error("order {id}: {flaw}")]
    Order {
        /// Its id, as the claim says it.
        id: Hash,
        /// What is wrong.
        flaw: OrderFlaw,
    },
    /// The clearing is of another epoch or another number of orders.
    #[error("the clearing is of {orders} orders in epoch {epoch}")]
    Book {
        /// The epoch that the clearing names.
        epoch: u64,
        /// The number of orders that it names.
        orders: u32,
    },
    /// The clearing is of another book.
    #[error("the orders have the sealed root {computed}, not {named}")]
    SealedRoot {
        /// What the clearing names.
        named: Hash,
        /// The root of the orders.
        computed: Hash,
    },
    /// The clearing was made under a seed that the epoch does not have.
    #[error("the seed is not the one of this epoch")]
    Seed,
    /// The root of the clearing is not that of its matches.
    #[error("the matches have the root {computed}, not {named}")]
    Root {
        /// What the clearing names.
        named: Hash,
        /// The root of its matches.
        computed: Hash,
    },
    /// The certificate does not show that the clearing is the right one.
    #[error("the certificate does not hold: {0}")]
    Certificate(Violation),
    /// Clearing the book again comes to something else.
    #[error("clearing these orders again comes to the root {computed}, not {named}")]
    Repeated {
        /// What the clearing names.
        named: Hash,
        /// The root of the clearing that was made here.
        computed: Hash,
    },
}

impl OrderFlaw {
    /// The stable code: lower case words joined by underscores.
    pub fn code(&self) -> &'static str {
        match self {
            OrderFlaw::Id { .. } => "order_id_differs",
            OrderFlaw::Place => "orders_unsorted",
            OrderFlaw::Side { .. } => "wrong_side",
            OrderFlaw::Rejected(rejected) => rejected.code(),
            OrderFlaw::Epoch { .. } => "not_in_epoch",
            OrderFlaw::Open => "bad_open_lots",
            OrderFlaw::Identity => "bad_identity",
            OrderFlaw::Slot => "slot_taken_twice",
        }
    }
}

impl Flaw {
    /// The stable code: lower case words joined by underscores.
    pub fn code(&self) -> &'static str {
        match self {
            Flaw::Parameters(_) => "market_parameters",
            Flaw::Market { .. } => "market_id_mismatch",
            Flaw::TooMany { .. } => "too_many_orders",
            Flaw::Order { flaw, .. } => flaw.code(),
            Flaw::Book { .. } => "clearing_of_other_book",
            Flaw::SealedRoot { .. } => "sealed_root_differs",
            Flaw::Seed => "seed_differs",
            Flaw::Root { .. } => "root_differs",
            Flaw::Certificate(_) => "certificate_refused",
            Flaw::Repeated { .. } => "clearing_differs",
        }
    }
}

impl Claimed {
    /// How many orders there are.
    pub fn len(&self) -> usize {
        self.asks.len() + self.bids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Checks all that costs no recovery. Whoever signed as a delegate must have been one by the end of the epoch; that an
    /// order does not outlive its delegation is checked for every order.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn screen(self) -> Result<Screened, Flaw> {
        let computed = self.parameters.id();
        if self.market != computed {
            return Err(Flaw::Market { named: self.market, computed });
        }
        self.parameters.check().map_err(Flaw::Parameters)?;
        let (orders, most) = (self.len(), ORDERS_MAX.min(self.parameters.heads_max as usize));
        if orders > most {
            return Err(Flaw::TooMany { orders, most });
        }
        let mut screening = Screening {
            memo: Memo::new(&self.parameters.domain()),
            parameters: self.parameters,
            epoch: self.epoch,
            orders: Vec::with_capacity(orders),
            work: Vec::with_capacity(orders),
        };
        screening.take_side(Side::Ask, self.asks)?;
        screening.take_side(Side::Bid, self.bids)?;
        screening.ensure_apart()?;
        let Screening { mut work, orders, .. } = screening;
        // Leaves of one tree share a recovery; it stands for the first of them.
        work.sort_unstable();
        work.dedup_by_key(|(recovery, _)| *recovery);
        Ok(Screened { market: self.market, epoch: self.epoch, orders, work })
    }
}

/// Orders under check.
struct Screening {
    memo: Memo,
    parameters: Parameters,
    epoch: u64,
    orders: Vec<SealedOrder>,
    /// Recoveries, and the order that takes each.
    work: Vec<(Recovery, usize)>,
}

impl Screening {
    fn take_side(&mut self, side: Side, claimed: Vec<ClaimedOrder>) -> Result<(), Flaw> {
        let mut last = None;
        for order in claimed {
            let id = order.id;
            let taken = match last.replace(id) {
                Some(last) if last >= id => Err(OrderFlaw::Place),
                _ => self.take(side, order),
            };
            taken.map_err(|flaw| Flaw::Order { id, flaw })?;
        }
        Ok(())
    }

    fn take(&mut self, side: Side, claimed: ClaimedOrder) -> Result<(), OrderFlaw> {
        let ClaimedOrder { id, order, open, identity } = claimed;
        let (from, expiry) = (order.body.from_epoch, order.body.expiry_epoch);
        let (found, lots) = (order.body.side, order.body.lots);
        let entry = Entry::Order(order);
        entry.check(&self.parameters).map_err(OrderFlaw::Rejected)?;
        let claim = entry.claim(&mut self.memo);
        let computed = self.memo.domain().digest(&claim.struct_hash);
        let ensure = |is_so: bool, flaw| if is_so { Ok(()) } else { Err(flaw) };
        ensure(computed == id, OrderFlaw::Id { computed })?;
        ensure(found == side, OrderFlaw::Side { expected: side })?;
        ensure((from..expiry).contains(&self.epoch), OrderFlaw::Epoch { from, expiry })?;
        ensure(is_open(&open, lots), OrderFlaw::Open)?;
        ensure(identity == Identity::Anonymous || self.parameters.chain_id != 0, OrderFlaw::Identity)?;
        let over_s = self.parameters.epoch_start_ms(self.epoch.saturating_add(1)) / 1000;
        let delegation = entry.authority().delegation.as_ref();
        let at_s = delegation.map_or(over_s, |delegation| over_s.min(delegation.0.not_after.saturating_sub(1)));
        let recoveries = entry.authority().recoveries_of(&claim, &id, &mut self.memo, at_s);
        let (first, second) = recoveries.map_err(OrderFlaw::Rejected)?;
        let place = self.orders.len();
        self.work.extend(core::iter::once(first).chain(second).map(|recovery| (recovery, place)));
        self.orders.push(SealedOrder { head: Arc::new(Head { entry, id }), open: open.into(), identity });
        Ok(())
    }

    /// No owner has two orders in one slot.
    fn ensure_apart(&self) -> Result<(), Flaw> {
        let slot = |order: &SealedOrder| (order.order().owner, order.order().slot);
        let mut slots: Vec<_> = self.orders.iter().map(|order| (slot(order), order.head.id)).collect();
        slots.sort_unstable();
        match slots.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(Flaw::Order { id: pair[1].1, flaw: OrderFlaw::Slot }),
            None => Ok(()),
        }
    }
}

/// Whether `open` are ranges of `lots` lots, ascending, with gaps between them, and at least one.
fn is_open(open: &[(u32, u32)], lots: u32) -> bool {
    let is_range = |(first, end): &(u32, u32)| first < end && *end <= lots;
    !open.is_empty() && open.iter().all(is_range) && open.windows(2).all(|pair| pair[0].1 < pair[1].0)
}

/// Orders that are in order as far as can be told without recovering who signed them.
#[derive(Debug)]
pub struct Screened {
    market: MarketId,
    epoch: u64,
    orders: Vec<SealedOrder>,
    work: Vec<(Recovery, usize)>,
}

impl Screened {
    /// The recoveries that the caller has to run, each once.
    pub fn work(&self) -> impl ExactSizeIterator<Item = &Recovery> {
        self.work.iter().map(|(recovery, _)| recovery)
    }

    /// The book that the orders make; `failed` is the place of a recovery that did not come to whom it should.
    ///
    /// # Errors
    /// [`Flaw::Order`] with the order that takes the failed recovery.
    pub fn sealed(self, failed: Option<usize>) -> Result<SealedBook, Flaw> {
        match failed.and_then(|place| self.work.get(place)) {
            Some((_, place)) => {
                let id = self.orders[*place].head.id;
                Err(Flaw::Order { id, flaw: OrderFlaw::Rejected(Rejected::Signer) })
            }
            None => Ok(SealedBook::new(self.market, self.epoch, self.orders)),
        }
    }
}

/// Checks that `clearing` names `book`, and that it is what clearing it comes to, by its certificate.
///
/// # Errors
/// The first thing that is wrong.
pub fn examine(book: &SealedBook, clearing: &Clearing) -> Result<(), Flaw> {
    let ensure = |is_so: bool, flaw| if is_so { Ok(()) } else { Err(flaw) };
    let is_named = clearing.epoch == book.epoch && clearing.orders as usize == book.len();
    ensure(is_named, Flaw::Book { epoch: clearing.epoch, orders: clearing.orders })?;
    let (named, computed) = (clearing.sealed_root, book.root);
    ensure(named == computed, Flaw::SealedRoot { named, computed })?;
    ensure(clearing.seed == book.seed(), Flaw::Seed)?;
    let (named, computed) = (clearing.root, clearing::root(book, &clearing.seed, &clearing.pairs));
    ensure(named == computed, Flaw::Root { named, computed })?;
    verify(book, clearing).map_err(Flaw::Certificate)
}

/// Clears `book` again and compares what counts: matches, surplus and root. Another certificate may show the same.
///
/// # Errors
/// [`Flaw::Repeated`].
pub fn repeat(book: &SealedBook, clearing: &Clearing) -> Result<(), Flaw> {
    let again = clear(book, clearing.seed);
    let is_same = again.root == clearing.root && again.pairs == clearing.pairs && again.surplus == clearing.surplus;
    let differs = Flaw::Repeated { named: clearing.root, computed: again.root };
    if is_same { Ok(()) } else { Err(differs) }
}

#[cfg(test)]
mod tests;
