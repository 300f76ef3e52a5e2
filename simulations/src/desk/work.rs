//! What a step cost, counted in the things that the cost table has a price for.

use matcher::Input;
use protocol::talk::{Request, Response};

/// How much of what was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Inputs of any kind.
    pub inputs: u32,
    /// Ticks among them.
    pub ticks: u32,
    /// Gossip messages among them.
    pub messages: u32,
    /// Bytes of these.
    pub bytes: u32,
    /// Heartbeats that compare sets.
    pub comparisons: u32,
    /// Requests and responses that carry things or symbols.
    pub exchanges: u32,
    /// Verdicts that came back: each a thing that enters the book.
    pub verdicts: u32,
    /// Signatures made.
    pub signs: u32,
    /// Records written.
    pub stores: u32,
}

impl Work {
    /// Counts an input.
    pub(super) fn takes(&mut self, input: &Input) {
        self.inputs += 1;
        match input {
            Input::Tick => self.ticks += 1,
            Input::Heard { bytes, .. } => {
                self.messages += 1;
                self.bytes += bytes.len() as u32;
            }
            Input::Recovered { verdicts, .. } => self.verdicts += verdicts.len() as u32,
            Input::Asked { request, .. } => match &**request {
                Request::Sync(_) => self.comparisons += 1,
                _ => self.exchanges += 1,
            },
            Input::Answered { result: Ok(response), .. } => match &**response {
                Response::Synced { .. } => self.comparisons += 1,
                _ => self.exchanges += 1,
            },
            _ => {}
        }
    }
}

impl std::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Work) {
        self.inputs += other.inputs;
        self.ticks += other.ticks;
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.comparisons += other.comparisons;
        self.exchanges += other.exchanges;
        self.verdicts += other.verdicts;
        self.signs += other.signs;
        self.stores += other.stores;
    }
}
