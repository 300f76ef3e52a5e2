//! Words about past epochs: what one came to, and all that it takes to check one without believing the node.

use std::borrow::Cow;

use matcher::{Clearing, SealedOrder, Surplus};
use protocol::{Address, Authority, Hash, Identity, MarketId, Order, Parameters, Price};
use serde::{Deserialize, Serialize, Serializer};

use crate::api::agreement::AgreementWord;

/// One clearing: `GET /v1/epochs/latest`, `GET /v1/epochs/{n}`, `GET /v1/epochs` (a list, newest first, at most 256).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EpochWord {
    /// Which.
    pub epoch: u64,
    /// Root of the set that was cleared.
    pub sealed_root: Hash,
    /// Root of the result.
    pub root: Hash,
    /// Orders that took part.
    pub orders: usize,
    /// What the bids that trade would have paid at most, less what the asks would have taken at least, for a second.
    pub surplus: String,
    /// For people.
    pub surplus_text: String,
    /// What was matched.
    pub matches: Vec<MatchWord>,
    /// Which neighbours sealed the same.
    pub agreement: Option<AgreementWord>,
}

/// One match.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MatchWord {
    /// The ask.
    pub ask: Hash,
    /// The bid.
    pub bid: Hash,
    /// Who sells.
    pub supplier: Address,
    /// Who buys.
    pub consumer: Address,
    /// How many lots.
    pub lots: u32,
    /// Price of one lot for one second.
    pub price: Price,
    /// For people.
    pub price_text: String,
}

/// A surplus for people, as prices are shown: in SNM for an hour.
pub fn surplus_text(surplus: &Surplus) -> String {
    match surplus.high {
        0 => Price(surplus.low).to_string(),
        _ => format!("{surplus}wei/s"),
    }
}

/// `GET /v1/epochs/{n}/book` and the file that `souk market export` writes; docs/export.md says what each part means.
/// `Orders` is a [`SideWord`] where it is written, a list of [`SealedWord`] where it is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportWord<Orders> {
    /// [`ExportWord::FORMAT`].
    pub format: String,
    /// [`ExportWord::VERSION`].
    pub version: u32,
    /// The version of souk that wrote it.
    pub souk: String,
    /// The market's id.
    pub market: MarketId,
    /// What makes the market: the id is their hash.
    pub parameters: Parameters,
    /// The epoch.
    pub epoch: u64,
    /// Asks by id.
    pub asks: Orders,
    /// Bids by id.
    pub bids: Orders,
    /// What was cleared; its pairs name asks and bids by their places, from 0.
    pub clearing: Clearing,
}

impl ExportWord<()> {
    /// What the file is.
    pub const FORMAT: &str = "souk-epoch";
    /// Grows when what is written before cannot be read any more.
    pub const VERSION: u32 = 1;
}

/// The orders of one side, made into words one by one as they are written.
#[derive(Debug, Clone, Copy)]
pub struct SideWord<'a>(pub &'a [SealedOrder]);

impl Serialize for SideWord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(SealedWord::from))
    }
}

/// One sealed order: what its maker signed, as `POST /v1/orders/signed` takes it, and what the seal says of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SealedWord<'a> {
    /// The EIP-712 digest.
    pub id: Hash,
    /// `Order`.
    pub primary_type: SealedType,
    /// The order.
    pub body: Cow<'a, Order>,
    /// Signature, place in a bulk-signed tree, delegation.
    pub authority: Cow<'a, Authority>,
    /// The ranges of its lots that were open: the first, and the one after the last.
    pub open: Cow<'a, [(u32, u32)]>,
    /// How well its owner was known.
    pub identity: Identity,
}

/// What stands in a sealed book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SealedType {
    /// An ask or a bid.
    Order,
}

impl<'a> From<&'a SealedOrder> for SealedWord<'a> {
    fn from(order: &'a SealedOrder) -> SealedWord<'a> {
        SealedWord {
            id: order.head.id,
            primary_type: SealedType::Order,
            body: Cow::Borrowed(order.order()),
            authority: Cow::Borrowed(order.head.entry.authority()),
            open: Cow::Borrowed(&order.open),
            identity: order.identity,
        }
    }
}
