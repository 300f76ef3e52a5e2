//! Coalescing, order and bounds of what is kept, and what a disk that fails does.

use std::collections::BTreeMap;

use matcher::Head;
use protocol::talk::Item;
use protocol::{Address, Authority, Cancel, Entry, MarketId, Signature, Signed};

use super::*;
use crate::store::Identity;

/// An empty slot; `version` tells two apart.
fn kept(version: u64) -> Kept {
    let body = Cancel { owner: Address([1; 20]), slot: 0, version, from_epoch: 1, expiry_epoch: 2 };
    let entry = Entry::Cancel(Signed { body, authority: Authority::own(Signature([27; 65])) });
    Kept::Head(Arc::new(Head { entry, id: id(version) }))
}

fn id(number: u64) -> Hash {
    let mut id = Hash([0; 32]);
    id.0[..8].copy_from_slice(&number.to_be_bytes());
    id
}

fn came(number: u64) -> Change {
    Change::In(id(number), kept(number))
}

fn went(number: u64) -> Change {
    Change::Out(id(number))
}

fn backlog(changes: Vec<Change>) -> Backlog {
    let mut backlog = Backlog::default();
    changes.into_iter().for_each(|change| backlog.add(change));
    backlog
}

struct Disk {
    _folder: tempfile::TempDir,
    store: Arc<Store>,
    unkept: Arc<AtomicUsize>,
}

fn disk() -> (Disk, Keeping) {
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity { market: MarketId(Hash([7; 32])), owner: Address([9; 20]) };
    let store = Arc::new(Store::open(folder.path(), &identity).unwrap());
    let unkept = Arc::new(AtomicUsize::new(0));
    let keeping = Keeping::new(store.clone(), unkept.clone());
    (Disk { _folder: folder, store, unkept }, keeping)
}

impl Disk {
    /// The numbers of what it holds, each of which must read as what was put there.
    fn numbers(&self) -> Vec<u64> {
        let read = |key: &[u8], value: &[u8]| {
            let number = u64::from_be_bytes(key[..8].try_into().unwrap());
            assert_eq!(wire::decode::<Item>(value, 4096), Ok(kept(number).to_item()));
            Some(number)
        };
        self.store.load_as(Table::Book, read).unwrap()
    }

    fn unkept(&self) -> usize {
        self.unkept.load(Ordering::Relaxed)
    }
}

#[test]
fn what_came_and_went_leaves_nothing_and_what_the_disk_has_is_removed_once() {
    assert_eq!(backlog(vec![came(1), went(1)]).take(9), []);
    assert_eq!(backlog(vec![went(1), came(1), went(1)]).take(9), [(id(1), Wanted::Removed)]);
    assert_eq!(backlog(vec![went(1), came(1)]).take(9), [(id(1), Wanted::Replaced(kept(1)))]);
    assert_eq!(backlog(vec![came(1), went(1), came(1)]).take(9), [(id(1), Wanted::Added(kept(1)))]);
    let mut both = backlog(vec![came(2), went(1), came(3), went(2)]);
    assert_eq!((both.len(), both.oldest()), (2, Some(2)));
    assert_eq!(both.take(1), [(id(1), Wanted::Removed)], "the oldest first");
    assert_eq!(both.take(9), [(id(3), Wanted::Added(kept(3)))]);
    assert_eq!((both.len(), both.oldest()), (0, None));
}

/// A batch that was taken is on its way: a change that undoes it must still reach the disk.
#[test]
fn what_goes_after_it_was_taken_is_removed_from_the_disk() {
    let mut backlog = backlog(vec![came(1)]);
    backlog.take(9);
    backlog.add(went(1));
    assert_eq!(backlog.take(9), [(id(1), Wanted::Removed)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_wait_for_the_second_and_are_then_on_the_disk() {
    let (disk, mut keeping) = disk();
    keeping.add(vec![came(1), came(2), came(3), went(2)]).unwrap();
    assert!(keeping.writing.is_none());
    assert_eq!((disk.unkept(), disk.numbers()), (2, vec![]));
    keeping.on_second();
    // While that commit is under way its changes count as not kept, and later ones wait.
    keeping.add(vec![went(3), came(4)]).unwrap();
    assert_eq!(disk.unkept(), 4);
    keeping.settled().await.unwrap();
    assert_eq!((disk.unkept(), disk.numbers()), (2, vec![1, 3]));
    assert!(keeping.writing.is_none(), "the later ones wait for the next second");
    keeping.on_second();
    keeping.settled().await.unwrap();
    assert_eq!((disk.unkept(), disk.numbers()), (0, vec![1, 4]));
    keeping.on_second();
    assert!(keeping.writing.is_none(), "nothing to write");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_written_in_bounded_commits_one_after_the_other() {
    let (disk, mut keeping) = disk();
    let count = BATCH_MAX as u64 * 2 + 10;
    keeping.add((0..count).map(came).collect()).unwrap();
    let mut left = Vec::new();
    assert!(keeping.writing.is_some(), "a full batch does not wait for the second");
    keeping.on_second();
    while keeping.writing.is_some() {
        keeping.settled().await.unwrap();
        left.push(disk.unkept());
    }
    assert_eq!(left, [BATCH_MAX + 10, 10, 0]);
    assert_eq!(disk.numbers(), (0..count).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_bound_the_loop_writes_before_it_goes_on_and_shutdown_writes_the_rest() {
    let (disk, mut keeping) = disk();
    let count = WAITING_MAX as u64 * 3;
    // One input may change more than may wait.
    keeping.add((0..count).map(came).collect()).unwrap();
    assert!(keeping.backlog.len() < WAITING_MAX, "{} wait", keeping.backlog.len());
    assert!(disk.numbers().len() as u64 >= count - (WAITING_MAX + BATCH_MAX) as u64);
    keeping.add((0..count).step_by(2).map(went).collect()).unwrap();
    keeping.finish().await.unwrap();
    assert_eq!((disk.unkept(), disk.numbers()), (0, (0..count).skip(1).step_by(2).collect()));
}

/// Any sequence of changes, cut into commits anywhere, leaves what an ordinary map would hold.
#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_changes_of_one_id_is_never_lost() {
    let (disk, mut keeping) = disk();
    let mut expected = BTreeMap::new();
    for _ in 0..2_000 {
        let random = getrandom::u32().unwrap();
        let number = u64::from(random % 7);
        let change = match expected.remove(&number) {
            Some(()) => went(number),
            None => {
                expected.insert(number, ());
                came(number)
            }
        };
        keeping.add(vec![change]).unwrap();
        match random >> 8 & 7 {
            0 => keeping.on_second(),
            1 if keeping.writing.is_some() => keeping.settled().await.unwrap(),
            _ => {}
        }
    }
    keeping.finish().await.unwrap();
    assert_eq!(disk.numbers(), expected.into_keys().collect::<Vec<_>>());
}

/// A disk that is full or broken fails a commit: the next look at it says so, and the loop ends with that.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_is_told_when_it_settles_and_at_shutdown() {
    for is_shutdown in [false, true] {
        let (disk, mut keeping) = disk();
        keeping.add(vec![came(1)]).unwrap();
        keeping.writing = Some(spawn_blocking({
            let store = disk.store.clone();
            move || Err(store.failed("no space left on device".into()))
        }));
        let ended = if is_shutdown { keeping.finish().await } else { keeping.settled().await };
        assert_eq!(ended.unwrap_err().code(), "store_io");
    }
}
