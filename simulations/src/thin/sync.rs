//! Reconciliation as it is on the wire: how many bytes its requests and answers take, and how many steps a difference needs.
//! Knows sizes and counts; what differs is found by looking, where real peers decode symbols.

use protocol::reconcile::{SYMBOLS_HEARTBEAT, Salt, Sketch};
use protocol::talk::{Request, Response, Summary, Synced};
use protocol::wire;

/// Differences that the symbols of a heartbeat show nearly always.
pub(super) const PEELED: usize = 5;
/// Coded symbols for a hundred differences.
const SYMBOLS_FOR_100: u32 = 145;
/// What an item of an answer takes beside the order: its kind.
const ITEM_BYTES: u32 = 1;
/// An id that is asked for.
const WANT_BYTES: u32 = 4;

/// Bytes of requests and answers, before stream, TLS and packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// A heartbeat's summary.
    pub summary: u32,
    /// The answer that the two hold the same.
    pub equal: u32,
    /// One coded symbol, in hundredths.
    pub symbol_percent: u32,
}

impl Sizes {
    /// Of the protocol's own types, encoded.
    pub fn measured() -> Sizes {
        let sketch = Sketch::new(Salt([7; 16]), SYMBOLS_HEARTBEAT + 100);
        let summary = |symbols| Summary {
            epoch: 1 << 30,
            sealed: Some((1 << 30, protocol::Hash([9; 32]))),
            count: 1_000,
            hash: sketch.hash(),
            estimator: sketch.estimator(),
            symbols: sketch.encode(0, symbols),
        };
        let bytes = |symbols| wire::encode(&Request::Sync(Box::new(summary(symbols)))).len() as u32;
        let sealed = Some((1 << 30, protocol::Hash([9; 32])));
        Sizes {
            summary: bytes(SYMBOLS_HEARTBEAT),
            equal: wire::encode(&Response::Synced { sealed, synced: Synced::Equal }).len() as u32,
            symbol_percent: bytes(SYMBOLS_HEARTBEAT + 100) - bytes(SYMBOLS_HEARTBEAT),
        }
    }

    /// An answer with so many items of so many bytes together.
    pub(super) fn items(&self, count: usize, bytes: u32) -> u32 {
        self.equal + count as u32 * ITEM_BYTES + bytes
    }

    /// Symbols enough for so many differences.
    pub(super) fn symbols(&self, differences: usize) -> u32 {
        let symbols = differences as u32 * SYMBOLS_FOR_100 / 100 + 8;
        self.equal + symbols * self.symbol_percent / 100
    }

    /// A question for so many things.
    pub(super) fn wants(&self, count: usize) -> u32 {
        8 + count as u32 * WANT_BYTES
    }
}
