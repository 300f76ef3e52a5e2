//! Peers that were met, kept on disk so that a node finds its market again when its first peers are gone. Knows the store;
//! who is dialed, and when, is the mesh's affair.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use protocol::{Address, wire};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::net::{KnownPeer, PLACES_MAX};
use crate::store::{Change, Row, Store, StoreError, Table};

/// Peers that wait to be written. At the bound the news is lost; the peer is told of again.
const QUEUE_CAP: usize = 256;
/// How long news is gathered before it is written in one commit.
const PAUSE: Duration = Duration::from_secs(1);
/// A peer that was not seen for so long is forgotten.
const AGE_MS_MAX: u64 = 60 * 86_400_000;
/// Bytes of one record.
const RECORD_MAX: usize = 4096;

/// What is kept of one peer, under its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    multiaddrs: Vec<String>,
    latency_ms: Option<u32>,
    was_dialed: bool,
    seen_ms: u64,
}

/// What is kept of all of them; at most [`PLACES_MAX`].
#[derive(Debug, Default)]
struct Records(BTreeMap<Address, Record>);

impl Records {
    /// Reads the table. Rows that cannot be read any more are taken out of it, like those that are too old or too many.
    fn read(rows: Vec<Row>, now_ms: u64) -> (Records, Vec<Change>) {
        let (mut records, mut changes) = (Records::default(), Vec::new());
        for (key, value) in rows {
            let record: Option<Record> = wire::decode(&value, RECORD_MAX).ok();
            let address = key.as_slice().try_into().map(Address).ok();
            let is_young = |record: &Record| now_ms.saturating_sub(record.seen_ms) <= AGE_MS_MAX;
            match address.zip(record.filter(is_young)) {
                Some((address, record)) => drop(records.0.insert(address, record)),
                None => changes.push(Change::Delete { table: Table::Peers, key }),
            }
        }
        changes.extend(records.shrink());
        (records, changes)
    }

    /// Keeps a peer from now on.
    fn keep(&mut self, peer: &KnownPeer, now_ms: u64) -> Vec<Change> {
        let was_dialed = peer.was_dialed || self.0.get(&peer.address).is_some_and(|before| before.was_dialed);
        let multiaddrs = peer.multiaddrs.iter().map(ToString::to_string).collect();
        let record = Record { multiaddrs, latency_ms: peer.latency_ms, was_dialed, seen_ms: now_ms };
        let value = wire::encode(&record);
        if value.len() > RECORD_MAX {
            return Vec::new();
        }
        self.0.insert(peer.address, record);
        let mut changes = vec![Change::Put { table: Table::Peers, key: peer.address.0.to_vec(), value }];
        changes.extend(self.shrink());
        changes
    }

    /// Makes room: peers that never answered a dial of this node leave first, then those not seen for longest.
    fn shrink(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        while self.0.len() > PLACES_MAX {
            let first = self.0.iter().min_by_key(|(address, record)| (record.was_dialed, record.seen_ms, **address));
            let Some(address) = first.map(|(address, _)| *address) else { break };
            self.0.remove(&address);
            changes.push(Change::Delete { table: Table::Peers, key: address.0.to_vec() });
        }
        changes
    }

    /// For the mesh, the peer seen last first.
    fn known(&self) -> Vec<KnownPeer> {
        let mut rows: Vec<(&Address, &Record)> = self.0.iter().collect();
        rows.sort_by_key(|(_, record)| std::cmp::Reverse(record.seen_ms));
        let peer = |(address, record): (&Address, &Record)| KnownPeer {
            address: *address,
            multiaddrs: record.multiaddrs.iter().filter_map(|text| text.parse().ok()).collect(),
            latency_ms: record.latency_ms,
            was_dialed: record.was_dialed,
        };
        rows.into_iter().map(peer).collect()
    }
}

/// Where news of peers goes.
pub struct PeerRecords {
    queue: mpsc::Sender<KnownPeer>,
    writer: tokio::task::JoinHandle<()>,
}

/// Reads what an earlier life of the node kept, for the mesh, and starts to keep more.
///
/// # Errors
/// [`StoreError`] if the disk cannot be read or written.
pub fn start(store: Arc<Store>, clock: Arc<Clock>) -> Result<(PeerRecords, Vec<KnownPeer>), StoreError> {
    let (records, changes) = Records::read(store.load(Table::Peers)?, clock.now_ms());
    if !changes.is_empty() {
        store.commit(&changes)?;
    }
    let known = records.known();
    let (queue, news) = mpsc::channel(QUEUE_CAP);
    let writer = tokio::spawn(write(records, news, store, clock));
    Ok((PeerRecords { queue, writer }, known))
}

impl PeerRecords {
    /// Keeps a peer.
    pub fn keep(&self, peer: KnownPeer) {
        // Peers are a convenience: those that find no room are told of again.
        let _ = self.queue.try_send(peer);
    }

    /// Writes what is left and ends.
    pub async fn close(self) {
        drop(self.queue);
        let _ = self.writer.await;
    }
}

async fn write(mut records: Records, mut news: mpsc::Receiver<KnownPeer>, store: Arc<Store>, clock: Arc<Clock>) {
    while let Some(first) = news.recv().await {
        let mut peers = vec![first];
        let gather = async {
            while let Some(next) = news.recv().await {
                peers.push(next);
                if peers.len() >= QUEUE_CAP {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(PAUSE, gather).await;
        let now_ms = clock.now_ms();
        let changes: Vec<Change> = peers.iter().flat_map(|peer| records.keep(peer, now_ms)).collect();
        if let Err(error) = tokio::task::block_in_place(|| store.commit(&changes)) {
            tracing::warn!(%error, "peers that were met are not kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: usize, was_dialed: bool) -> KnownPeer {
        let mut address = Address([0; 20]);
        address.0[..8].copy_from_slice(&number.to_be_bytes());
        let multiaddrs = vec![format!("/ip4/192.0.2.1/tcp/{}", number % 60_000 + 1).parse().unwrap()];
        KnownPeer { address, multiaddrs, latency_ms: Some(7), was_dialed }
    }

    fn rows(records: &Records) -> Vec<Row> {
        records.0.iter().map(|(address, record)| (address.0.to_vec(), wire::encode(record))).collect()
    }

    #[test]
    fn what_is_kept_is_read_again_the_last_seen_first_and_grows_old() {
        let mut records = Records::default();
        records.keep(&peer(1, true), 1_000);
        records.keep(&peer(2, false), 2_000);
        records.keep(&peer(1, false), 3_000);
        let (again, changes) = Records::read(rows(&records), 4_000);
        assert_eq!((again.known(), changes), (vec![peer(1, true), peer(2, false)], vec![]), "once dialed is dialed");
        let (later, changes) = Records::read(rows(&records), 2_001 + AGE_MS_MAX);
        assert_eq!((later.known(), changes.len()), (vec![peer(1, true)], 1));
        let damaged = vec![(vec![1; 20], vec![255; 40]), (vec![1; 3], wire::encode(&again.0[&peer(1, true).address]))];
        let (nothing, changes) = Records::read(damaged, 4_000);
        assert!(nothing.0.is_empty() && changes.len() == 2, "what cannot be read is taken out");
    }

    #[test]
    fn at_the_bound_strangers_leave_before_peers_that_answered_and_the_oldest_first() {
        let mut records = Records::default();
        for number in 0..PLACES_MAX {
            assert_eq!(records.keep(&peer(number, number < 10), number as u64).len(), 1);
        }
        let changes = records.keep(&peer(PLACES_MAX, false), 5_000);
        let oldest = Change::Delete { table: Table::Peers, key: peer(10, false).address.0.to_vec() };
        assert!(changes.len() == 2 && changes[1] == oldest, "{changes:?}");
        for number in PLACES_MAX + 1..3 * PLACES_MAX {
            records.keep(&peer(number, false), 5_000 + number as u64);
        }
        assert!(records.0.len() == PLACES_MAX && (0..10).all(|n| records.0.contains_key(&peer(n, true).address)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn news_of_peers_is_on_disk_when_the_records_are_closed() {
        let folder = tempfile::tempdir().unwrap();
        let identity = crate::store::Identity { market: protocol::MarketId::default(), owner: Address([9; 20]) };
        let store = Arc::new(Store::open(folder.path(), &identity).unwrap());
        let (records, known) = start(store.clone(), Arc::default()).unwrap();
        assert_eq!(known, vec![]);
        (0..3).for_each(|number| records.keep(peer(number, true)));
        records.close().await;
        let (records, known) = start(store, Arc::default()).unwrap();
        assert_eq!(known.len(), 3);
        records.close().await;
    }
}
