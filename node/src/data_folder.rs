//! The node's folder: where its key, store, token and logs lie, and that one node uses it at a time.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use protocol::hash::hex_encode;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::store::file;

const LOCK: &str = "lock";
const API_TOKEN: &str = "api.token";
const API_ADDRESS: &str = "api.addr";
/// Bytes of a token or address file that are read.
const SMALL_FILE_MAX: u64 = 1024;
const TOKEN_BYTES: usize = 32;

/// Why the data folder cannot be used. Each text names the next step.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    /// Neither SOUK_DATA nor a home folder is known.
    #[error("no data folder is known, as neither SOUK_DATA nor HOME is set: choose one with --data")]
    NoHome,
    /// Another node uses it.
    #[error("the data folder {path} is in use by process {process}: stop that node, or choose another with --data")]
    DataFolderInUse {
        /// The folder.
        path: PathBuf,
        /// The other process, as it wrote down itself.
        process: String,
    },
    /// The token is not what `api_token` writes.
    #[error("{path} holds no API token: delete it and start the node again, which makes a new one")]
    TokenCorrupt {
        /// The token's file.
        path: PathBuf,
    },
    /// The operating system gave no randomness.
    #[error("the system has no randomness to make a token from: {0}")]
    Randomness(#[source] getrandom::Error),
    /// The disk failed.
    #[error("{path}: {source}: check that it is a folder that you may write to, or choose another with --data")]
    Io {
        /// The file or folder in question.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DataFolderError {
    /// A name for programs; never changes.
    pub fn code(&self) -> &'static str {
        match self {
            DataFolderError::NoHome => "no_data_folder",
            DataFolderError::DataFolderInUse { .. } => "data_folder_in_use",
            DataFolderError::TokenCorrupt { .. } => "api_token_corrupt",
            DataFolderError::Randomness(_) => "no_randomness",
            DataFolderError::Io { .. } => "data_folder_io",
        }
    }
}

/// A folder that exists. Commands open it freely; a node also takes its [`DataFolder::lock`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder {
    path: PathBuf,
}

/// As long as it lives, no other node uses the folder. A killed process lets go of it too.
#[derive(Debug)]
pub struct DataFolderLock {
    _file: File,
}

impl DataFolder {
    /// The folder at `path`, made with mode 0700 if it is not there.
    ///
    /// # Errors
    /// [`DataFolderError::Io`].
    pub fn open(path: &Path) -> Result<DataFolder, DataFolderError> {
        let folder = DataFolder { path: path.into() };
        for path in [path, &folder.logs(), &folder.cache()] {
            file::create_folder(path).map_err(|source| DataFolderError::Io { path: path.into(), source })?;
        }
        Ok(folder)
    }

    /// `$SOUK_DATA`, else `$XDG_DATA_HOME/souk`, else `~/.local/share/souk`.
    ///
    /// # Errors
    /// [`DataFolderError::NoHome`] if the environment names none of them.
    pub fn default_path() -> Result<PathBuf, DataFolderError> {
        default_path(|name| env::var_os(name).map(PathBuf::from))
    }

    /// Keeps other nodes out until the lock is dropped.
    ///
    /// # Errors
    /// [`DataFolderError::DataFolderInUse`] if another node, also one in this process, has it; [`DataFolderError::Io`].
    pub fn lock(&self) -> Result<DataFolderLock, DataFolderError> {
        let path = self.path.join(LOCK);
        let fails = |source: io::Error| DataFolderError::Io { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(file::OWNER_ONLY)
            .open(&path)
            .map_err(fails)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut process = String::new();
                let read = file.take(SMALL_FILE_MAX).read_to_string(&mut process);
                let process = read.ok().map(|_| process.trim()).filter(|text| !text.is_empty()).unwrap_or("unknown");
                return Err(DataFolderError::DataFolderInUse { path: self.path.clone(), process: process.into() });
            }
            Err(error) => return Err(fails(error.into())),
        }
        // For people only: the lock is the kernel's, whatever the file holds.
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(fails)?;
        Ok(DataFolderLock { _file: file })
    }

    /// The folder itself, which [`crate::keys`] and [`crate::store`] are given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where logs go.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Where files go that can be fetched or made again.
    pub fn cache(&self) -> PathBuf {
        self.path.join("cache")
    }

    /// Where tasks get their folders.
    pub fn tasks(&self) -> PathBuf {
        self.path.join("tasks")
    }

    /// The market that nodes of this folder are in.
    pub fn market_file(&self) -> PathBuf {
        self.path.join("market.toml")
    }

    /// The file of the API's bearer token.
    pub fn api_token_path(&self) -> PathBuf {
        self.path.join(API_TOKEN)
    }

    /// The file in which a running node says where its API listens.
    pub fn api_address_path(&self) -> PathBuf {
        self.path.join(API_ADDRESS)
    }

    /// The API's bearer token, 64 hex digits; made on first use, mode 0600.
    ///
    /// # Errors
    /// [`DataFolderError::TokenCorrupt`], [`DataFolderError::Randomness`], [`DataFolderError::Io`].
    pub fn api_token(&self) -> Result<String, DataFolderError> {
        let path = self.api_token_path();
        let fails = |source: io::Error| DataFolderError::Io { path: path.clone(), source };
        if !path.try_exists().map_err(fails)? {
            let mut random = [0; TOKEN_BYTES];
            getrandom::fill(&mut random).map_err(DataFolderError::Randomness)?;
            let token = hex_encode(&random).split_off(2);
            match file::write_new(&path, token.as_bytes(), file::OWNER_ONLY) {
                // Another process was first: its token is the one.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                written => written.map_err(fails)?,
            }
        }
        let token = file::read_text(&path, SMALL_FILE_MAX).map_err(fails)?;
        let token = token.trim();
        match token.len() == TOKEN_BYTES * 2 && token.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            true => Ok(token.into()),
            false => Err(DataFolderError::TokenCorrupt { path }),
        }
    }

    /// Tells commands where the API listens.
    ///
    /// # Errors
    /// [`DataFolderError::Io`].
    pub fn write_api_address(&self, address: SocketAddr) -> Result<(), DataFolderError> {
        let path = self.api_address_path();
        file::replace(&path, format!("{address}\n").as_bytes(), file::OWNER_ONLY)
            .map_err(|source| DataFolderError::Io { path, source })
    }

    /// Where the API of the node that last ran here listens; `None` if none ever ran or the file says nothing.
    ///
    /// # Errors
    /// [`DataFolderError::Io`].
    pub fn api_address(&self) -> Result<Option<SocketAddr>, DataFolderError> {
        let path = self.api_address_path();
        match file::read_text(&path, SMALL_FILE_MAX) {
            Ok(text) => Ok(text.trim().parse().ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DataFolderError::Io { path, source }),
        }
    }
}

fn default_path(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, DataFolderError> {
    let set = |name| variable(name).filter(|path| !path.as_os_str().is_empty());
    // The XDG specification: a relative path there is to be ignored.
    let xdg = set("XDG_DATA_HOME").filter(|path| path.is_absolute()).map(|path| path.join("souk"));
    let home = || set("HOME").map(|path| path.join(".local/share/souk"));
    set("SOUK_DATA").or(xdg).or_else(home).ok_or(DataFolderError::NoHome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_folder_and_its_secrets_are_the_owners_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/souk");
        let folder = DataFolder::open(&path).unwrap();
        assert_eq!(DataFolder::open(&path).unwrap(), folder);
        let token = folder.api_token().unwrap();
        assert_eq!(token.len(), 64);
        assert_eq!(folder.api_token().unwrap(), token);
        let _lock = folder.lock().unwrap();
        for (path, expected) in [
            (path.clone(), 0o700),
            (folder.logs(), 0o700),
            (folder.cache(), 0o700),
            (folder.api_token_path(), 0o600),
            (path.join(LOCK), 0o600),
        ] {
            assert_eq!(mode(&path), expected, "{}", path.display());
        }
    }

    #[test]
    fn two_nodes_cannot_use_one_folder() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(parent.path()).unwrap();
        let lock = folder.lock().unwrap();
        let error = folder.clone().lock().unwrap_err();
        assert_eq!(error.code(), "data_folder_in_use");
        assert!(error.to_string().contains(&format!("process {}", std::process::id())));
        drop(lock);
        folder.lock().unwrap();
    }

    #[test]
    fn a_damaged_token_is_not_used() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(parent.path()).unwrap();
        for text in ["", "short", &"z".repeat(64)] {
            fs::write(folder.api_token_path(), text).unwrap();
            assert_eq!(folder.api_token().unwrap_err().code(), "api_token_corrupt");
        }
    }

    #[test]
    fn the_api_address_is_the_last_one_written() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(parent.path()).unwrap();
        assert_eq!(folder.api_address().unwrap(), None);
        for port in [4001, 5001] {
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            folder.write_api_address(address).unwrap();
            assert_eq!(folder.api_address().unwrap(), Some(address));
        }
        fs::write(folder.api_address_path(), "nowhere").unwrap();
        assert_eq!(folder.api_address().unwrap(), None);
    }

    #[test]
    fn the_environment_chooses_the_folder_in_the_documented_order() {
        let choose = |set: &[(&str, &str)]| {
            let set: Vec<_> = set.iter().map(|(name, value)| (name.to_string(), PathBuf::from(value))).collect();
            default_path(|name| set.iter().find(|(known, _)| known == name).map(|(_, path)| path.clone())).ok()
        };
        let all = [("SOUK_DATA", "/data"), ("XDG_DATA_HOME", "/xdg"), ("HOME", "/home/a")];
        assert_eq!(choose(&all), Some("/data".into()));
        assert_eq!(choose(&all[1..]), Some("/xdg/souk".into()));
        assert_eq!(choose(&all[2..]), Some("/home/a/.local/share/souk".into()));
        assert_eq!(choose(&[]), None);
        let odd = [("SOUK_DATA", ""), ("XDG_DATA_HOME", "relative"), ("HOME", "/home/a")];
        assert_eq!(choose(&odd), Some("/home/a/.local/share/souk".into()));
    }

    #[test]
    fn a_file_in_the_folders_place_is_an_error_that_names_it() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("souk");
        fs::write(&path, "").unwrap();
        let error = DataFolder::open(&path).unwrap_err();
        assert_eq!(error.code(), "data_folder_io");
        assert!(error.to_string().contains(&path.display().to_string()));
    }
}
