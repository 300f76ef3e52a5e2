//! What two peers say to each other outside gossip: requests and responses, with their limits.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::deal::{Acknowledgement, DealEnd, DealTerms, StruckDeal};
use crate::equivocation::Equivocation;
use crate::hash::Hash;
use crate::market::MarketId;
use crate::reconcile::{Estimator, MultisetHash, SymbolBytes};
use crate::rejected::Rejected;
use crate::signed::{Authority, Entry};
use crate::task::{Receipt, Task};

/// Bytes of one chunk of a file.
pub const CHUNK_MAX: usize = 192 * 1024;
/// Entries of one page of the book.
pub const PAGE_MAX: usize = 256;
/// Things that one request may want.
pub const WANTS_MAX: usize = 4096;
/// Bytes of things in one request, which leaves room for what it wants.
pub const REQUEST_ITEMS_BYTES_MAX: usize = 192 * 1024;
/// Bytes of things in one response.
pub const RESPONSE_ITEMS_BYTES_MAX: usize = 900 * 1024;

/// Who a peer is and which market it is in: the first words on every connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The peer's market.
    pub market: MarketId,
    /// The version of words and bytes it speaks.
    pub protocol_version: u32,
    /// Its build, for people.
    pub agent: String,
    /// Live heads in its book.
    pub heads: u64,
    /// Random, one for each life of the node: both sides' make the salt under which the pair compares sets.
    pub salt: Hash,
}

/// Why two peers do not talk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Different markets.
    #[error("the peer is in another market ({theirs})")]
    OtherMarket {
        /// The refusing peer's market.
        theirs: MarketId,
    },
    /// Different versions.
    #[error("the peer speaks protocol version {theirs}")]
    OtherVersion {
        /// The refusing peer's version.
        theirs: u32,
    },
}

impl Refusal {
    /// The stable code, part of the API.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::OtherMarket { .. } => "other_market",
            Refusal::OtherVersion { .. } => "other_version",
        }
    }
}

impl Hello {
    /// Whether a peer that says `self` belongs here.
    ///
    /// # Errors
    /// [`Refusal`] with what stands here.
    pub fn check(&self, here: &Hello) -> Result<(), Refusal> {
        if self.protocol_version != here.protocol_version {
            return Err(Refusal::OtherVersion { theirs: here.protocol_version });
        }
        if self.market != here.market {
            return Err(Refusal::OtherMarket { theirs: here.market });
        }
        Ok(())
    }
}

/// Bytes that serialise as bytes, not as a list of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

/// A message on the orders topic: 1 to 64 heads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdersMessage(pub Vec<Entry>);

impl OrdersMessage {
    /// The bytes of a message of these heads.
    pub fn encode(heads: &[&Entry]) -> Vec<u8> {
        // A list of references and one of values are the same on the wire.
        crate::wire::encode(&heads)
    }
}

/// A message on the deals topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DealMessage {
    /// A deal was struck: its lots are off the book.
    Struck(alloc::boxed::Box<StruckDeal>),
    /// An owner signed the same lots twice.
    Equivocation(alloc::boxed::Box<Equivocation>),
}

/// One thing of the set that all peers come to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are entries")]
pub enum Item {
    /// A head of a slot.
    Entry(Entry),
    /// A struck deal.
    Deal(alloc::boxed::Box<StruckDeal>),
    /// A proof against an owner.
    Proof(alloc::boxed::Box<Equivocation>),
}

/// What a peer sealed last: the epoch and the root of the set that it cleared.
pub type Sealed = Option<(u64, Hash)>;

/// A heartbeat: what a peer holds, so that its neighbour can tell whether it holds the same and mend a small
/// difference at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The epoch that runs at the sender: sets are compared within one epoch, because an epoch's end lets things go.
    pub epoch: u64,
    /// What it sealed last.
    pub sealed: Sealed,
    /// How many things it holds.
    pub count: u64,
    /// The sum of all of them, under the pair's salt.
    pub hash: MultisetHash,
    /// Tells how large a difference is.
    pub estimator: Estimator,
    /// The first coded symbols.
    pub symbols: SymbolBytes,
}

/// The answer to a [`Summary`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Synced {
    /// The two hold the same.
    Equal,
    /// Not to be compared now: another epoch runs here, or the sender asks too often or is no neighbour.
    NotNow,
    /// The difference was small: here is what the sender lacks.
    Lacking(Vec<Item>),
    /// The difference is larger: here are symbols of this side.
    Symbols {
        /// From the first on.
        symbols: SymbolBytes,
        /// How many can be had in all.
        total: u32,
    },
    /// Too different for symbols: the book goes by ranges.
    TooFar {
        /// About how many things the sender lacks.
        lacking: u64,
    },
}

/// What one peer asks of another. The asker's address is the connection's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// First on every connection.
    Hello(Hello),
    /// A page of the book, after the head of this owner and slot.
    Book {
        /// `None` for the first page.
        after: Option<(Address, u16)>,
    },
    /// Every heartbeat, to a neighbour.
    Sync(alloc::boxed::Box<Summary>),
    /// More symbols of the set that the neighbour holds.
    Symbols {
        /// The epoch in which the comparison began.
        epoch: u64,
        /// The first one wanted.
        from: u32,
        /// How many.
        count: u32,
    },
    /// The end of a comparison: what the neighbour lacks, and what is lacking here, as the lower halves of short ids.
    Exchange {
        /// What it lacks.
        items: Vec<Item>,
        /// At most [`WANTS_MAX`].
        wants: Vec<u32>,
    },
    /// The consumer proposes a deal, with both signed orders and its own signature on the terms.
    Propose {
        /// The two orders, ask first.
        orders: alloc::boxed::Box<(Entry, Entry)>,
        /// The terms.
        terms: DealTerms,
        /// The consumer's word.
        consumer: Authority,
    },
    /// One side ends a deal early.
    EndDeal(DealEnd, Authority),
    /// Both sides, every heartbeat: the deal lives; the consumer adds its acknowledgement.
    Heartbeat {
        /// The deal.
        deal: Hash,
        /// The consumer's word on served time.
        acknowledgement: Option<(Acknowledgement, Authority)>,
    },
    /// The consumer wants a task run.
    RunTask(Task, Authority),
    /// A piece of a file that the task needs.
    PutChunk {
        /// The task it is for.
        task: Hash,
        /// BLAKE3 of the whole file.
        content: Hash,
        /// Where the piece begins.
        offset: u64,
        /// At most [`CHUNK_MAX`] bytes.
        bytes: Bytes,
    },
    /// What the task has done since; answered at once when there is news, else after a moment.
    FollowTask {
        /// The task.
        task: Hash,
        /// Bytes of standard output that the asker has.
        stdout_from: u64,
        /// Bytes of standard error that the asker has.
        stderr_from: u64,
    },
    /// A piece of a file that the task left.
    GetChunk {
        /// The task.
        task: Hash,
        /// BLAKE3 of the whole file.
        content: Hash,
        /// Where the piece begins.
        offset: u64,
    },
    /// Stop a running task.
    StopTask {
        /// The task.
        task: Hash,
    },
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// Waits for files.
    Waiting,
    /// Waits for its turn, or its program is being compiled.
    Queued,
    /// Runs.
    Running,
    /// Has a receipt.
    Done,
}

/// News of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskNews {
    /// How far it is.
    pub state: TaskState,
    /// The next bytes of standard output.
    pub stdout: Bytes,
    /// The next bytes of standard error.
    pub stderr: Bytes,
    /// What happened, as a sentence for people; not signed, and in part the program's own words.
    pub detail: String,
    /// The receipt and the supplier's signature, once done.
    pub receipt: Option<(Receipt, Authority)>,
}

/// Why a supplier does not do what a consumer asks inside a deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum TaskRefusal {
    /// The deal is not running here, or the asker is not its consumer.
    #[error("the deal is not running here, or is not yours")]
    NoDeal,
    /// The task is malformed.
    #[error("the task is malformed: {0}")]
    Malformed(Rejected),
    /// The limits exceed what the deal bought.
    #[error("the task wants more memory or time than the deal bought")]
    BeyondDeal,
    /// The supplier counts gas differently, or cannot run this kind of program.
    #[error("this kind of program or metering is not offered here")]
    NotOffered,
    /// Too many tasks or bytes at once.
    #[error("too many tasks or bytes at once; wait for one to end")]
    Busy,
    /// No such task or file.
    #[error("no such task or file")]
    Unknown,
    /// The bytes are not those that were announced.
    #[error("the bytes do not have the announced hash or size")]
    WrongBytes,
}

impl TaskRefusal {
    /// The stable code, part of the API.
    pub fn code(&self) -> &'static str {
        match self {
            TaskRefusal::NoDeal => "no_deal",
            TaskRefusal::Malformed(_) => "malformed_task",
            TaskRefusal::BeyondDeal => "beyond_deal",
            TaskRefusal::NotOffered => "not_offered",
            TaskRefusal::Busy => "busy",
            TaskRefusal::Unknown => "unknown_task",
            TaskRefusal::WrongBytes => "wrong_bytes",
        }
    }
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// To `Hello`: welcome.
    Hello(Hello),
    /// To `Hello`: we do not talk.
    Refused(Refusal),
    /// To `Book`: heads in order of owner and slot; fewer than asked for means the end.
    Book {
        /// The heads.
        entries: Vec<Entry>,
        /// Whether more follow.
        is_more: bool,
        /// Struck deals that take lots off these heads; sent with the last page.
        deals: Vec<StruckDeal>,
    },
    /// To `Sync`, with what was sealed last here.
    Synced {
        /// What was sealed last here.
        sealed: Sealed,
        /// How the two sets compare.
        synced: Synced,
    },
    /// To `Symbols`; empty if none are to be had.
    Symbols(SymbolBytes),
    /// To `Exchange`: as much of what was wanted as fits.
    Items(Vec<Item>),
    /// To `Propose`: the supplier's word.
    Countersigned(Authority),
    /// To `Propose` and others: no, and why.
    Declined(Rejected),
    /// To `Heartbeat`: whether the deal runs here.
    Alive {
        /// Whether it does.
        is_running: bool,
    },
    /// To `RunTask`: accepted; send these files.
    Needs(Vec<Hash>),
    /// To `FollowTask`.
    News(alloc::boxed::Box<TaskNews>),
    /// To `GetChunk`.
    Chunk(Bytes),
    /// Done.
    Done,
    /// To anything about tasks: no, and why.
    TaskRefused(TaskRefusal),
}
