//! Hears every copy of a gossip message that a node receives, before duplicates are told. Changes nothing.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use libp2p::gossipsub::{DataTransform, Message, RawMessage, TopicHash};

/// Where one node's copies are noted down; one that is made by default hears nothing.
#[derive(Clone, Default)]
pub(crate) struct Ear(Option<Arc<Mutex<ByContents>>>);

/// What was heard, by the bytes of the message.
type ByContents = HashMap<Vec<u8>, Heard>;

/// One message at one node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) first: Instant,
    pub(crate) copies: u32,
}

impl Ear {
    pub(crate) fn open() -> Ear {
        Ear(Some(Arc::default()))
    }

    /// All that was heard so far, by its bytes.
    pub(crate) fn all(&self) -> HashMap<Vec<u8>, Heard> {
        self.0.as_ref().map(|heard| heard.lock().unwrap().clone()).unwrap_or_default()
    }
}

impl DataTransform for Ear {
    fn inbound_transform(&self, raw: RawMessage) -> io::Result<Message> {
        if let Some(heard) = &self.0 {
            let now = Instant::now();
            let mut heard = heard.lock().unwrap();
            match heard.get_mut(&raw.data) {
                Some(known) => known.copies += 1,
                None => drop(heard.insert(raw.data.clone(), Heard { first: now, copies: 1 })),
            }
        }
        Ok(Message { source: raw.source, data: raw.data, sequence_number: raw.sequence_number, topic: raw.topic })
    }

    fn outbound_transform(&self, _: &TopicHash, data: Vec<u8>) -> io::Result<Vec<u8>> {
        Ok(data)
    }
}
