//! What a step was made of, counted in the things that the cost table has a price for.

use matcher::Input;
use protocol::talk::{Request, Response, Synced};

/// How much of what was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Ticks.
    pub ticks: u32,
    /// Bytes of gossip messages.
    pub bytes: u32,
    /// Summaries that were compared.
    pub comparisons: u32,
    /// Orders and deals in requests and responses.
    pub things: u32,
    /// Verdicts that came back: each a thing that enters the book.
    pub verdicts: u32,
    /// Books sealed.
    pub seals: u32,
    /// Signatures made.
    pub signs: u32,
    /// Records written.
    pub stores: u32,
}

impl Work {
    /// Counts an input.
    pub(super) fn takes(&mut self, input: &Input) {
        match input {
            Input::Tick => self.ticks += 1,
            Input::Heard { bytes, .. } => self.bytes += bytes.len() as u32,
            Input::Recovered { verdicts, .. } => self.verdicts += verdicts.len() as u32,
            Input::Asked { request, .. } => match &**request {
                Request::Sync(_) => self.comparisons += 1,
                Request::Exchange { items, wants } => self.things += (items.len() + wants.len()) as u32,
                Request::Propose { .. } => self.things += 2,
                _ => {}
            },
            Input::Answered { result: Ok(response), .. } => match &**response {
                Response::Synced { synced: Synced::Lacking(items), .. } | Response::Items(items) => {
                    self.things += items.len() as u32;
                }
                Response::Book { entries, .. } => self.things += entries.len() as u32,
                _ => {}
            },
            _ => {}
        }
    }
}

impl std::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Work) {
        self.ticks += other.ticks;
        self.bytes += other.bytes;
        self.comparisons += other.comparisons;
        self.things += other.things;
        self.verdicts += other.verdicts;
        self.seals += other.seals;
        self.signs += other.signs;
        self.stores += other.stores;
    }
}
