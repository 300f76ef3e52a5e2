//! What one overlay sends another, and what it takes on the wire. Anybody may build any frame, attackers included.

use std::sync::Arc;

/// Names one message everywhere: its origin and the origin's count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

impl MessageId {
    /// The origin's message of this number. Other contents have another number.
    pub fn new(origin: u32, number: u32) -> MessageId {
        MessageId(u64::from(origin) << 32 | u64::from(number))
    }

    /// Who published it first.
    pub fn origin(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// The topics of a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Heads of the book.
    Orders,
    /// Struck deals and proofs.
    Deals,
}

impl Topic {
    /// Both.
    pub const ALL: [Topic; 2] = [Topic::Orders, Topic::Deals];

    /// The bytes of its name: `souk/`, 64 hexadecimal digits, `/orders` or `/deals`.
    pub fn name_bytes(self) -> u32 {
        match self {
            Topic::Orders => 76,
            Topic::Deals => 75,
        }
    }
}

/// What the overlay has to know of a message.
pub trait Gossip: Clone {
    /// Its name.
    fn id(&self) -> MessageId;
    /// Where it is published.
    fn topic(&self) -> Topic;
    /// The bytes of its contents.
    fn bytes(&self) -> u32;
}

/// A message with its contents, shared by all who have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its name.
    pub id: MessageId,
    /// Where it is published.
    pub topic: Topic,
    /// Virtual time of its publication, for figures; no peer may look at it.
    pub born: u64,
    /// As on the wire.
    pub contents: Vec<u8>,
}

impl Gossip for Arc<Message> {
    fn id(&self) -> MessageId {
        self.id
    }

    fn topic(&self) -> Topic {
        self.topic
    }

    fn bytes(&self) -> u32 {
        self.contents.len() as u32
    }
}

/// Some messages by name; one pointer wide, since frames are many.
pub type Ids = Arc<Vec<MessageId>>;

/// One frame between two connected peers. Gossipsub sends each in a frame of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<M> {
    /// Both topics are subscribed: first on every connection.
    Subscribe,
    /// A message.
    Message(M),
    /// The sender takes the receiver into its mesh.
    Graft(Topic),
    /// The sender leaves the receiver out of its mesh, and will for a while.
    Prune {
        /// Of which topic.
        topic: Topic,
        /// Seconds in which it shall not be grafted.
        backoff_s: u16,
    },
    /// The sender has these.
    IHave {
        /// Of which topic.
        topic: Topic,
        /// Which.
        ids: Ids,
    },
    /// The sender wants these.
    IWant(Ids),
    /// The sender has this one already.
    IDontWant(MessageId),
}

/// A message id on the wire: a hash, and its tag and length.
const ID_BYTES: u32 = 34;
/// An RPC's length prefix, and the tag and length of what it holds.
const RPC_BYTES: u32 = 5;
/// Tags and lengths around a list within a control message.
const CONTROL_BYTES: u32 = 6;

impl<M: Gossip> Frame<M> {
    /// Its bytes as one RPC of gossipsub, before stream, TLS and packets.
    pub fn bytes(&self) -> u32 {
        RPC_BYTES
            + match self {
                // Per topic: subscribe flag, topic, and the offer of extensions beside them.
                Frame::Subscribe => Topic::ALL.iter().map(|topic| topic.name_bytes() + 6).sum::<u32>() + 4,
                Frame::Message(message) => message.bytes() + message.topic().name_bytes() + 8,
                Frame::Graft(topic) => CONTROL_BYTES + topic.name_bytes(),
                Frame::Prune { topic, .. } => CONTROL_BYTES + topic.name_bytes() + 2,
                Frame::IHave { topic, ids } => CONTROL_BYTES + topic.name_bytes() + ids.len() as u32 * ID_BYTES,
                Frame::IWant(ids) => CONTROL_BYTES + ids.len() as u32 * ID_BYTES,
                Frame::IDontWant(_) => CONTROL_BYTES + ID_BYTES,
            }
    }

    /// Whether it carries a message, not a word about messages.
    pub fn is_message(&self) -> bool {
        matches!(self, Frame::Message(_))
    }

    /// Two frames of equal digests are equal, but for chance.
    pub fn digest(&self) -> u64 {
        let ids = |ids: &[MessageId]| ids.iter().fold(ids.len() as u64, |sum, id| sum.rotate_left(5) ^ id.0);
        match self {
            Frame::Subscribe => 1,
            Frame::Message(message) => message.id().0 << 3 | 2,
            Frame::Graft(topic) => 3 | (*topic as u64) << 3,
            Frame::Prune { topic, backoff_s } => 4 | (*topic as u64) << 3 | u64::from(*backoff_s) << 4,
            Frame::IHave { topic, ids: all } => 5 ^ (*topic as u64) << 3 ^ ids(all) << 4,
            Frame::IWant(all) => 6 ^ ids(all) << 3,
            Frame::IDontWant(id) => id.0 << 3 | 7,
        }
    }
}
