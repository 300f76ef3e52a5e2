//! What the store promises: all or nothing, whose it is, and no trust in a damaged file.

use super::*;
use protocol::Hash;

mod crash;
mod damage;

fn identity() -> Identity {
    Identity { market: MarketId(Hash([7; 32])), owner: Address([9; 20]) }
}

fn put(table: Table, key: &[u8], value: &[u8]) -> Change {
    Change::Put { table, key: key.to_vec(), value: value.to_vec() }
}

fn delete(table: Table, key: &[u8]) -> Change {
    Change::Delete { table, key: key.to_vec() }
}

fn row(key: &[u8], value: &[u8]) -> Row {
    (key.to_vec(), value.to_vec())
}

fn refusal(folder: &Path, identity: &Identity) -> StoreError {
    Store::open(folder, identity).err().expect("the store opened")
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &identity()).unwrap();
    for table in Table::ALL {
        assert_eq!(store.load(table).unwrap(), []);
    }
    let name = |table: Table| table.name().as_bytes().to_vec();
    let changes: Vec<_> = Table::ALL.iter().map(|table| put(*table, b"key", &name(*table))).collect();
    store.commit(&changes).unwrap();
    store.commit(&[put(Table::Heads, b"a", b""), put(Table::Heads, b"z", &[1; 100_000])]).unwrap();
    store.commit(&[]).unwrap();
    drop(store);

    let store = Store::open(folder.path(), &identity()).unwrap();
    let heads = [row(b"a", b""), row(b"key", b"heads"), row(b"z", &[1; 100_000])];
    assert_eq!(store.load(Table::Heads).unwrap(), heads);
    for table in &Table::ALL[1..] {
        assert_eq!(store.load(*table).unwrap(), [row(b"key", &name(*table))]);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn changes_of_one_commit_apply_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &identity()).unwrap();
    store
        .commit(&[
            put(Table::Deals, b"a", b"1"),
            put(Table::Heads, b"a", b"1"),
            delete(Table::Deals, b"a"),
            put(Table::Heads, b"a", b"2"),
            put(Table::Deals, b"b", b"1"),
            delete(Table::Deals, b"never there"),
        ])
        .unwrap();
    assert_eq!(store.load(Table::Deals).unwrap(), [row(b"b", b"1")]);
    assert_eq!(store.load(Table::Heads).unwrap(), [row(b"a", b"2")]);
}

#[test]
fn a_commit_with_one_oversized_change_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &identity()).unwrap();
    let first = put(Table::Bans, b"a", b"1");
    for oversized in [
        put(Table::Tasks, b"b", &vec![0; VALUE_MAX + 1]),
        put(Table::Tasks, &[0; KEY_MAX + 1], b""),
        delete(Table::Tasks, &[0; KEY_MAX + 1]),
    ] {
        let error = store.commit(&[first.clone(), oversized]).unwrap_err();
        assert_eq!(error.code(), "store_too_large");
        assert_eq!(store.load(Table::Bans).unwrap(), []);
    }
    store.commit(&[put(Table::Tasks, &[0; KEY_MAX], &vec![0; VALUE_MAX])]).unwrap();
}

#[test]
fn a_store_opens_for_its_own_market_and_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    Store::open(folder.path(), &identity()).unwrap().commit(&[put(Table::Bans, b"a", b"1")]).unwrap();
    let other_market = Identity { market: MarketId(Hash([8; 32])), ..identity() };
    let other_owner = Identity { owner: Address([8; 20]), ..identity() };
    let error = refusal(folder.path(), &other_market);
    assert_eq!(error.code(), "store_other_market");
    assert!(error.to_string().contains(&identity().market.to_string()));
    let error = refusal(folder.path(), &other_owner);
    assert_eq!(error.code(), "store_other_owner");
    assert!(error.to_string().contains(&identity().owner.to_string()));
    let store = Store::open(folder.path(), &identity()).unwrap();
    assert_eq!(store.load(Table::Bans).unwrap(), [row(b"a", b"1")]);
}

#[test]
fn a_store_of_a_newer_souk_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &identity()).unwrap();
    let key = identity_rows(&identity())[0].0;
    write_raw(&store, IDENTITY, key, &seal(IDENTITY, key, &(FORMAT + 1).to_be_bytes()));
    drop(store);
    assert_eq!(refusal(folder.path(), &identity()).code(), "store_newer_format");
}

#[test]
fn a_store_has_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &identity()).unwrap();
    assert_eq!(refusal(folder.path(), &identity()).code(), "store_locked");
    drop(store);
    assert!(Store::open(folder.path(), &identity()).is_ok());
}

#[test]
fn a_folder_that_is_not_there_is_the_disks_failure() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(refusal(&folder.path().join("gone"), &identity()).code(), "store_io");
}

#[test]
fn a_creation_that_was_cut_short_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(DRAFT), b"half a sto").unwrap();
    Store::open(folder.path(), &identity()).unwrap();
    assert!(!folder.path().join(DRAFT).exists());
}

#[test]
fn a_value_that_was_changed_or_moved_is_damage_with_a_name() {
    for table in Table::ALL {
        let name = table.name();
        let elsewhere = if table == Table::Deals { "heads" } else { "deals" };
        let right = seal(name, b"key", b"value");
        let mut flipped = right.clone();
        flipped[CHECKSUM_BYTES] ^= 1;
        for sealed in [
            flipped,
            seal(elsewhere, b"key", b"value"),
            seal(name, b"other", b"value"),
            right[..CHECKSUM_BYTES].to_vec(),
            right[..3].to_vec(),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path(), &identity()).unwrap();
            write_raw(&store, name, b"key", &right);
            assert_eq!(store.load(table).unwrap(), [row(b"key", b"value")]);
            write_raw(&store, name, b"key", &sealed);
            let Err(StoreError::Corrupt { damage, .. }) = store.load(table) else { panic!("it was trusted") };
            assert_eq!(damage, Damage::Value { table: name, key: b"key".to_vec() });
        }
    }
}

#[test]
fn a_store_from_before_there_was_a_book_opens_with_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let earlier = Table::ALL.iter().filter(|table| **table != Table::Book);
    let changes: Vec<_> = earlier.map(|table| put(*table, b"key", b"value")).collect();
    Store::open(folder.path(), &identity()).unwrap().commit(&changes).unwrap();
    let store = Store::open(folder.path(), &identity()).unwrap();
    assert_eq!(store.load(Table::Book).unwrap(), []);
    assert_eq!(store.load(Table::Heads).unwrap(), [row(b"key", b"value")]);
    store.commit(&[put(Table::Book, b"id", b"item")]).unwrap();
    assert_eq!(store.load(Table::Book).unwrap(), [row(b"id", b"item")]);
}

#[test]
fn a_value_that_its_reader_refuses_is_damage_with_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &identity()).unwrap();
    store.commit(&[put(Table::Book, b"a", b"1"), put(Table::Book, b"b", b"2")]).unwrap();
    assert_eq!(store.load_as(Table::Book, |_, value| Some(value[0])).unwrap(), *b"12");
    let refused = store.load_as(Table::Book, |key, _| (key == b"a").then_some(()));
    let Err(StoreError::Corrupt { damage, .. }) = refused else { panic!("it was taken") };
    assert_eq!(damage, Damage::Value { table: "book", key: b"b".to_vec() });
}

#[test]
fn a_panic_inside_the_database_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &identity()).unwrap();
    let result = store.run(|_| -> Result<(), Fault> { panic!("an assertion of the database") });
    assert_eq!(result.unwrap_err().code(), "store_corrupt");
    store.commit(&[put(Table::Bans, b"a", b"1")]).unwrap();
}

/// Past the checksums, as a damaged disk or another program would.
fn write_raw(store: &Store, table: &str, key: &[u8], sealed: &[u8]) {
    let transaction = store.database.as_ref().unwrap().begin_write().unwrap();
    transaction.open_table(definition(table)).unwrap().insert(key, sealed).unwrap();
    transaction.commit().unwrap();
}
