//! What must survive: tables of bytes in one file, changed all or nothing. The only place that knows the disk's format.
//!
//! ```text
//!   commit(changes) ──> checksum each value ──> one redb transaction, two-phase, synced ──> Ok: it survives a crash
//!   open ──> every page checked ──> format, market, owner ──> load(table) ──> checksums checked ──> (key, value)
//! ```

use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use protocol::{Address, MarketId};
use redb::{Builder, Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};

pub mod error;
pub mod file;

pub use error::{Damage, StoreError};
use error::{Fault, KEY_MAX, VALUE_MAX};

const FILE: &str = "souk.redb";
/// What a store is called until it is complete: a crash on the way leaves no half store behind.
const DRAFT: &str = "souk.redb.new";
/// The version of everything that this module lays out on the disk.
const FORMAT: u32 = 1;
/// Memory for pages; the whole of a usual store.
const CACHE_BYTES: usize = 64 << 20;
const CHECKSUM_BYTES: usize = 16;
/// Which node the store belongs to; not one of [`Table`], so that no change can reach it.
const IDENTITY: &str = "identity";

/// Whose store it is. A store is never opened for another market or owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The market that the node is in.
    pub market: MarketId,
    /// In whose name it acts.
    pub owner: Address,
}

/// The tables. What their keys and values are is their users' affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Own offers, by slot.
    Heads,
    /// Deals and their states.
    Deals,
    /// Tasks of live deals.
    Tasks,
    /// Signed receipts.
    Receipts,
    /// What was measured, here and at others.
    Measurements,
    /// Addresses that the owner keeps out.
    Bans,
    /// The replicated set: live heads, struck deals and proofs, by id.
    Book,
    /// Peers that were met, and where.
    Peers,
}

impl Table {
    /// All of them.
    pub const ALL: [Table; 8] = [
        Table::Heads,
        Table::Deals,
        Table::Tasks,
        Table::Receipts,
        Table::Measurements,
        Table::Bans,
        Table::Book,
        Table::Peers,
    ];

    /// The table's name in the file; never changes.
    pub fn name(self) -> &'static str {
        match self {
            Table::Heads => "heads",
            Table::Deals => "deals",
            Table::Tasks => "tasks",
            Table::Receipts => "receipts",
            Table::Measurements => "measurements",
            Table::Bans => "bans",
            Table::Book => "book",
            Table::Peers => "peers",
        }
    }
}

/// One step of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `key` holds `value` from now on.
    Put {
        /// Where.
        table: Table,
        /// At most [`error::KEY_MAX`] bytes.
        key: Vec<u8>,
        /// At most [`error::VALUE_MAX`] bytes.
        value: Vec<u8>,
    },
    /// `key` holds nothing from now on; no error if it held nothing.
    Delete {
        /// Where.
        table: Table,
        /// Which.
        key: Vec<u8>,
    },
}

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// The open store. One process has it at a time; calls block on the disk.
pub struct Store {
    path: PathBuf,
    /// `None` only while dropped.
    database: Option<Database>,
}

impl Store {
    /// Opens the store in `folder`, or makes it there, and checks every page: some 0.1 s for 100,000 orders.
    ///
    /// # Errors
    /// [`StoreError`]; never a panic, whatever the file holds. The file of another market or owner is not changed.
    pub fn open(folder: &Path, identity: &Identity) -> Result<Store, StoreError> {
        let path = folder.join(FILE);
        let fails = |fault: Fault| fault.at(&path);
        let exists = path.try_exists().map_err(|error| fails(error.into()))?;
        if !exists {
            create(folder, identity).map_err(fails)?;
        }
        let database = guard(|| Ok(builder().open(&path)?)).map_err(fails)?;
        let store = Store { path, database: Some(database) };
        store.check_identity(identity)?;
        Ok(store)
    }

    /// Makes all changes or none, in their order. When this returns they survive a crash and a power cut.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] if a key or value is above its bound: nothing was changed. After [`StoreError::Io`] and
    /// [`StoreError::Corrupt`] all changes may be there or none, and only opening the store again tells.
    pub fn commit(&self, changes: &[Change]) -> Result<(), StoreError> {
        check_sizes(changes)?;
        self.run(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            transaction.set_two_phase_commit(true);
            for table in Table::ALL {
                let mut open = None;
                for change in changes.iter().filter(|change| change.table() == table) {
                    if open.is_none() {
                        open = Some(transaction.open_table(definition(table.name()))?);
                    }
                    let Some(open) = &mut open else { continue };
                    match change {
                        Change::Put { key, value, .. } => {
                            open.insert(&key[..], &seal(table.name(), key, value)[..])?;
                        }
                        Change::Delete { key, .. } => {
                            open.remove(&key[..])?;
                        }
                    }
                }
            }
            transaction.commit()?;
            Ok(())
        })
    }

    /// Everything in `table`, in the order of its keys.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] names the first damaged value; [`StoreError::Io`].
    pub fn load(&self, table: Table) -> Result<Vec<Row>, StoreError> {
        self.run(|database| read_table(database, table.name()))
    }

    /// As [`Store::load`], each key and value as what `read` makes of them.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] also names the first value of which it makes nothing.
    pub fn load_as<T>(&self, table: Table, read: impl FnMut(&[u8], &[u8]) -> Option<T>) -> Result<Vec<T>, StoreError> {
        self.run(|database| read_table_as(database, table.name(), read))
    }

    /// One value.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is damaged; [`StoreError::Io`].
    pub fn load_one(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.run(|database| read_value(database, table.name(), key))
    }

    /// The error for a failure of this node's disk that was seen outside of the store.
    pub fn failed(&self, reason: String) -> StoreError {
        StoreError::Io { path: self.path.clone(), source: io::Error::other(reason) }
    }

    /// The error for a value of this store that is whole, but not what its reader expects.
    pub fn damaged(&self, table: Table, key: Vec<u8>) -> StoreError {
        StoreError::Corrupt { path: self.path.clone(), damage: Damage::Value { table: table.name(), key } }
    }

    /// The store in `folder` and whose it is, unless there is none yet; for who is about to change that.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_existing(folder: &Path, market: MarketId) -> Result<Option<(Store, Address)>, StoreError> {
        let path = folder.join(FILE);
        let fails = |fault: Fault| fault.at(&path);
        if !path.try_exists().map_err(|error| fails(error.into()))? {
            return Ok(None);
        }
        let database = guard(|| Ok(builder().open(&path)?)).map_err(fails)?;
        let store = Store { path, database: Some(database) };
        match store.check_identity(&Identity { market, owner: Address::ZERO }) {
            Err(StoreError::OtherOwner { theirs, .. }) => Ok(Some((store, theirs))),
            other => other.map(|()| Some((store, Address::ZERO))),
        }
    }

    /// The store is `owner`'s from now on, without the offers of who had it before. Deals and receipts stay.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Corrupt`]; all is changed or nothing.
    pub fn hand_over(&self, owner: Address) -> Result<(), StoreError> {
        let [.., (key, value)] = identity_rows(&Identity { market: MarketId::default(), owner });
        self.run(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            transaction.set_two_phase_commit(true);
            transaction.open_table(definition(IDENTITY))?.insert(key, &seal(IDENTITY, key, &value)[..])?;
            transaction.delete_table(definition(Table::Heads.name()))?;
            transaction.commit()?;
            Ok(())
        })
    }

    fn check_identity(&self, identity: &Identity) -> Result<(), StoreError> {
        let rows = self.run(|database| read_table(database, IDENTITY))?;
        let path = || self.path.clone();
        let [(_, format), (_, market), (_, owner)] = &rows[..] else {
            return Err(StoreError::corrupt(&self.path, "it does not say whose it is"));
        };
        let expected = identity_rows(identity);
        let format = format.as_slice().try_into().map_or(u32::MAX, u32::from_be_bytes);
        if format > FORMAT {
            return Err(StoreError::NewerFormat { path: path(), format });
        }
        if *market != expected[1].1 {
            let theirs = market.as_slice().try_into().map(protocol::Hash).unwrap_or_default();
            return Err(StoreError::OtherMarket { path: path(), theirs: MarketId(theirs), ours: identity.market });
        }
        if *owner != expected[2].1 {
            let theirs = owner.as_slice().try_into().map(Address).unwrap_or_default();
            return Err(StoreError::OtherOwner { path: path(), theirs, ours: identity.owner });
        }
        Ok(())
    }

    fn run<T>(&self, work: impl FnOnce(&Database) -> Result<T, Fault>) -> Result<T, StoreError> {
        let database = self.database.as_ref().expect("only Drop takes the database");
        guard(|| work(database)).map_err(|fault| fault.at(&self.path))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Closing writes, and so can fail; all that was committed is on the disk already.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(self.database.take())));
    }
}

impl Change {
    fn table(&self) -> Table {
        match self {
            Change::Put { table, .. } | Change::Delete { table, .. } => *table,
        }
    }
}

fn check_sizes(changes: &[Change]) -> Result<(), StoreError> {
    for change in changes {
        let (table, key, value) = match change {
            Change::Put { table, key, value } => (*table, key.len(), value.len()),
            Change::Delete { table, key } => (*table, key.len(), 0),
        };
        if key > KEY_MAX || value > VALUE_MAX {
            return Err(StoreError::TooLarge { table, key_bytes: key, value_bytes: value });
        }
    }
    Ok(())
}

/// redb reports most damage and asserts that there is no other: both come back as a [`Fault`].
fn guard<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Fault::Panic))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

fn create(folder: &Path, identity: &Identity) -> Result<(), Fault> {
    let draft = folder.join(DRAFT);
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    guard(|| {
        let database = builder().create(&draft)?;
        let mut transaction = database.begin_write()?;
        transaction.set_two_phase_commit(true);
        {
            let mut table = transaction.open_table(definition(IDENTITY))?;
            for (key, value) in identity_rows(identity) {
                table.insert(key, &seal(IDENTITY, key, &value)[..])?;
            }
        }
        transaction.commit()?;
        Ok(database.close()?)
    })?;
    fs::rename(&draft, folder.join(FILE))?;
    Ok(file::sync_folder(folder)?)
}

/// In the order of their keys, which is the order they are read in.
fn identity_rows(identity: &Identity) -> [(&'static [u8], Vec<u8>); 3] {
    [
        (b"0 format", FORMAT.to_be_bytes().to_vec()),
        (b"1 market", identity.market.0.0.to_vec()),
        (b"2 owner", identity.owner.0.to_vec()),
    ]
}

type Bytes = &'static [u8];

fn definition(name: &str) -> TableDefinition<'_, Bytes, Bytes> {
    TableDefinition::new(name)
}

fn read_table(database: &Database, name: &'static str) -> Result<Vec<Row>, Fault> {
    read_table_as(database, name, |key, value| Some((key.to_vec(), value.to_vec())))
}

fn read_table_as<T>(
    database: &Database,
    name: &'static str,
    mut read: impl FnMut(&[u8], &[u8]) -> Option<T>,
) -> Result<Vec<T>, Fault> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(definition(name)) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        table => table?,
    };
    let mut rows = Vec::new();
    for row in table.iter()? {
        let (key, sealed) = row?;
        let value = unseal(name, key.value(), sealed.value());
        match value.and_then(|value| read(key.value(), value)) {
            Some(value) => rows.push(value),
            None => return Err(Fault::Value { table: name, key: key.value().to_vec() }),
        }
    }
    Ok(rows)
}

fn read_value(database: &Database, name: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(definition(name)) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        table => table?,
    };
    let Some(sealed) = table.get(key)? else { return Ok(None) };
    match unseal(name, key, sealed.value()) {
        Some(value) => Ok(Some(value.to_vec())),
        None => Err(Fault::Value { table: name, key: key.to_vec() }),
    }
}

/// The value behind its checksum.
fn seal(table: &str, key: &[u8], value: &[u8]) -> Vec<u8> {
    [&checksum(table, key, value), value].concat()
}

/// `None` if the checksum is not that of this value, under this key, in this table.
fn unseal<'a>(table: &str, key: &[u8], sealed: &'a [u8]) -> Option<&'a [u8]> {
    let (expected, value) = sealed.split_at_checked(CHECKSUM_BYTES)?;
    (checksum(table, key, value) == expected).then_some(value)
}

fn checksum(table: &str, key: &[u8], value: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key("souk store 1: table, key, value");
    for part in [table.as_bytes(), key] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut out = [0; CHECKSUM_BYTES];
    hasher.update(value).finalize_xof().fill(&mut out);
    out
}

#[cfg(test)]
mod tests;
