//! What can go wrong with the store, as the node sees it and as redb says it.

use std::io;
use std::path::{Path, PathBuf};

use protocol::hash::hex_encode;
use protocol::{Address, MarketId};
use redb::{CommitError, DatabaseError, SetDurabilityError, StorageError, TableError, TransactionError};

use super::Table;

/// Bytes of a key. A change above it is refused whole.
pub const KEY_MAX: usize = 1 << 10;
/// Bytes of a value. A change above it is refused whole.
pub const VALUE_MAX: usize = 4 << 20;

/// What is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// The file as a whole.
    File {
        /// What was found.
        reason: String,
    },
    /// One value; its checksum does not match.
    Value {
        /// The table's name.
        table: &'static str,
        /// The value's key.
        key: Vec<u8>,
    },
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Damage::File { reason } => f.write_str(reason),
            Damage::Value { table, key } => write!(f, "the value of {} in {table}", hex_encode(key)),
        }
    }
}

/// Why the store cannot be used. Each text names the next step.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It belongs to another market.
    #[error("{path} belongs to market {theirs}, not to {ours}: use one data folder a market, chosen with --data")]
    OtherMarket {
        /// The store.
        path: PathBuf,
        /// Whose it is.
        theirs: MarketId,
        /// Which was asked for.
        ours: MarketId,
    },
    /// It belongs to another owner.
    #[error("{path} belongs to {theirs}, not to {ours}: use one data folder an owner, chosen with --data")]
    OtherOwner {
        /// The store.
        path: PathBuf,
        /// Whose it is.
        theirs: Address,
        /// Who was named.
        ours: Address,
    },
    /// A later version of souk wrote it.
    #[error("{path} was written by a newer souk (format {format}): upgrade this one, or move the file away")]
    NewerFormat {
        /// The store.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// It cannot be read in full, so nothing of it is trusted.
    #[error(
        "{path} is damaged ({damage}): stop the node and restore the file from a backup, or move it away to start \
         with an empty one; the key is in its own file and unaffected"
    )]
    Corrupt {
        /// The store.
        path: PathBuf,
        /// What is damaged.
        damage: Damage,
    },
    /// Another process has it.
    #[error("{path} is open in another process: stop the other node, or choose another folder with --data")]
    Locked {
        /// The store.
        path: PathBuf,
    },
    /// A key or value is above its bound.
    #[error(
        "a {value_bytes}-byte value under a {key_bytes}-byte key is too large for the store's table {name}",
        name = table.name()
    )]
    TooLarge {
        /// Where it was to go.
        table: Table,
        /// Against [`KEY_MAX`].
        key_bytes: usize,
        /// Against [`VALUE_MAX`].
        value_bytes: usize,
    },
    /// The disk failed.
    #[error("{path}: {source}: check the disk's space and health and the folder's permissions, then start again")]
    Io {
        /// The store.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl StoreError {
    /// A name for programs; never changes.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::OtherMarket { .. } => "store_other_market",
            StoreError::OtherOwner { .. } => "store_other_owner",
            StoreError::NewerFormat { .. } => "store_newer_format",
            StoreError::Corrupt { .. } => "store_corrupt",
            StoreError::Locked { .. } => "store_locked",
            StoreError::TooLarge { .. } => "store_too_large",
            StoreError::Io { .. } => "store_io",
        }
    }

    pub(super) fn corrupt(path: &Path, reason: &str) -> StoreError {
        StoreError::Corrupt { path: path.into(), damage: Damage::File { reason: reason.into() } }
    }
}

/// What redb, the disk or a checksum said, before it is known of which file.
pub(super) enum Fault {
    Redb(redb::Error),
    Panic,
    Value { table: &'static str, key: Vec<u8> },
}

impl Fault {
    /// Sorts it: locked, the disk's failure, or damage.
    pub(super) fn at(self, path: &Path) -> StoreError {
        let path_owned = path.to_path_buf();
        match self {
            Fault::Redb(redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch) => {
                StoreError::Locked { path: path_owned }
            }
            Fault::Redb(redb::Error::Io(source)) if !tells_of_damage(&source) => {
                StoreError::Io { path: path_owned, source }
            }
            Fault::Redb(redb::Error::PreviousIo) => {
                StoreError::Io { path: path_owned, source: io::Error::other("an earlier write failed") }
            }
            Fault::Redb(error) => StoreError::corrupt(path, &error.to_string()),
            Fault::Panic => StoreError::corrupt(path, "its pages contradict each other"),
            Fault::Value { table, key } => {
                StoreError::Corrupt { path: path_owned, damage: Damage::Value { table, key } }
            }
        }
    }
}

/// What redb answers to a file that is none, or too short.
fn tells_of_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof)
}

macro_rules! from_redb {
    ($($error:ty),+) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Fault {
                Fault::Redb(error.into())
            }
        })+
    };
}
from_redb!(CommitError, DatabaseError, SetDurabilityError, StorageError, TableError, TransactionError, io::Error);
