//! What the command line asks of this machine rather than of a node: folders, keys, market files, running a node.
//! The only file of the command line that knows those modules and their errors.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::hash::hex_encode;
use protocol::{Address, Delegation, Mandate};

use super::context::Context;
use super::error::CliError;
use crate::adoption::{self, AdoptionError};
use crate::data_folder::{DataFolder, DataFolderError};
use crate::keys::{self, DelegationError, Grant, Key, KeyError, Protection};
use crate::market_file::{MarketFile, MarketFileError};
use crate::node::{self, NodeError};
use crate::store::file;

/// Bytes of a key file that is imported.
const KEY_FILE_MAX: u64 = 64 * 1024;

/// How long threads of a node that ended may take to end too.
const ENDING_MAX: Duration = Duration::from_secs(1);

/// `SOUK_DATA`, else the user's own; the current folder's `souk-data` where there is no home.
pub fn default_data_folder() -> PathBuf {
    DataFolder::default_path().unwrap_or_else(|_| PathBuf::from("souk-data"))
}

/// The data folder, made if it is not there.
pub fn data_folder(data: &Path) -> Result<DataFolder, CliError> {
    DataFolder::open(data).map_err(data_folder_error)
}

/// Address and token of the API of the node that last ran on `data`; `None` if none ever did.
pub fn api_of(data: &Path) -> Result<Option<(String, String)>, CliError> {
    if !data.is_dir() {
        return Ok(None);
    }
    let folder = data_folder(data)?;
    match folder.api_address().map_err(data_folder_error)? {
        Some(address) => Ok(Some((address.to_string(), folder.api_token().map_err(data_folder_error)?))),
        None => Ok(None),
    }
}

/// Forgets where the API of an earlier node was, so that a new one can be waited for.
pub fn forget_api(data: &Path) -> Result<(), CliError> {
    let path = data_folder(data)?.api_address_path();
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(CliError::writing(&path, &error)),
        _ => Ok(()),
    }
}

/// Where the key in `data` lies and whether it needs a passphrase.
pub fn key_needs_passphrase(data: &Path) -> Result<bool, CliError> {
    keys::stored_address(data).map(|_| data.join("key.json").exists()).or_else(|error| match error {
        KeyError::PassphraseNeeded { .. } => Ok(true),
        other => Err(key_error(other)),
    })
}

/// The delegation that the node of `data` adopted, if it did.
pub fn adopted(data: &Path) -> Result<Option<Delegation>, CliError> {
    let grant = Grant::adopted(data).map_err(delegation_error)?;
    Ok(grant.map(|grant| grant.delegation))
}

/// The node of `data` trades under the delegation in the file `grant` from now on, or in its own name without one.
pub fn adopt(data: &Path, market: Option<&Path>, grant: Option<&Path>) -> Result<Mandate, CliError> {
    let grant = grant.map(Grant::read).transpose().map_err(delegation_error)?;
    adoption::adopt(data, market, grant.as_ref()).map_err(|error| match error {
        AdoptionError::DataFolder(error) => data_folder_error(error),
        AdoptionError::Key(error) => key_error(error),
        AdoptionError::Market(error) => market_error(error),
        AdoptionError::Delegation(error) => delegation_error(error),
        other => told(other.code(), &other.to_string(), 1),
    })
}

/// The file of a delegation that `key` signs for the market.
pub fn sign_grant(key: &Key, delegation: Delegation, market: &MarketFile) -> String {
    Grant::sign(key, delegation, &market.market.domain()).text()
}

/// The address of the key in `data`, as it stands on the file.
pub fn stored_address(data: &Path) -> Result<Address, CliError> {
    keys::stored_address(data).map_err(key_error)
}

/// What is wrong with the key file's permissions, for a note.
pub fn permissions_warning(data: &Path) -> Option<String> {
    match keys::check_permissions(data) {
        Err(error @ KeyError::InsecurePermissions { .. }) => Some(error.to_string()),
        _ => None,
    }
}

/// Whether `data` holds a key already.
pub fn has_key(data: &Path) -> Result<bool, CliError> {
    match keys::stored_address(data) {
        Ok(_) | Err(KeyError::PassphraseNeeded { .. }) => Ok(true),
        Err(KeyError::NoKey { .. }) => Ok(false),
        Err(error) => Err(key_error(error)),
    }
}

/// Refuses early, before a passphrase is asked for, if `data` holds a key.
pub fn ensure_no_key(data: &Path) -> Result<(), CliError> {
    match has_key(data)? {
        false => Ok(()),
        true => {
            let path = ["key.json", "key.hex"].map(|name| data.join(name)).into_iter().find(|path| path.exists());
            Err(key_error(KeyError::KeyExists { path: path.unwrap_or_else(|| data.into()) }))
        }
    }
}

/// A fresh key.
pub fn generate_key() -> Result<Key, CliError> {
    Key::generate().map_err(key_error)
}

/// Reads 64 hex digits.
pub fn key_of_hex(text: &str) -> Result<Key, CliError> {
    Key::from_hex(text).map_err(key_error)
}

/// Keeps a key in `data`, unencrypted without a passphrase.
pub fn save_key(data: &Path, key: &Key, passphrase: Option<&str>) -> Result<PathBuf, CliError> {
    data_folder(data)?;
    keys::save(data, key, protection(passphrase)).map_err(key_error)
}

/// The key in `data`.
pub fn load_key(data: &Path, passphrase: Option<&str>) -> Result<Key, CliError> {
    keys::load(data, passphrase).map_err(key_error)
}

/// The key in a file of any name: a keystore, or hex digits. `passphrase` is asked only if it is needed.
pub fn key_of_file(
    path: &Path,
    passphrase: impl FnOnce() -> Result<String, CliError>,
) -> Result<(Key, Option<String>), CliError> {
    match keys::load_file(path, None) {
        Ok(key) => Ok((key, None)),
        Err(KeyError::PassphraseNeeded { .. }) => {
            let passphrase = passphrase()?;
            let key = keys::load_file(path, Some(&passphrase)).map_err(key_error)?;
            Ok((key, Some(passphrase)))
        }
        Err(KeyError::Io { path, source }) => Err(CliError::reading(&path, &source)),
        Err(error) => Err(key_error(error)),
    }
}

/// The text of a key file: a keystore under `passphrase`, or hex digits without one.
pub fn key_text(key: &Key, passphrase: Option<&str>) -> Result<String, CliError> {
    in_scratch(|folder| {
        let path = keys::save(folder, key, protection(passphrase)).map_err(key_error)?;
        read_text(&path)
    })
}

/// The keystore in `data` as it lies there, if the key is under a passphrase.
pub fn stored_keystore(data: &Path) -> Result<Option<String>, CliError> {
    match key_needs_passphrase(data)? {
        true => read_text(&data.join("key.json")).map(Some),
        false => Ok(None),
    }
}

fn protection(passphrase: Option<&str>) -> Protection<'_> {
    passphrase.map_or(Protection::Unencrypted, Protection::Passphrase)
}

/// A folder of our own in memory or on the disk, for the owner alone, gone when `work` is done.
fn in_scratch<T>(work: impl FnOnce(&Path) -> Result<T, CliError>) -> Result<T, CliError> {
    let folder = scratch_folder("souk-key")?;
    let done = work(&folder);
    let removed = fs::remove_dir_all(&folder);
    let value = done?;
    removed.map_err(|error| CliError::writing(&folder, &error))?;
    Ok(value)
}

/// A new folder of mode 0700 among the temporary files.
pub fn scratch_folder(name: &str) -> Result<PathBuf, CliError> {
    use std::os::unix::fs::DirBuilderExt;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| key_error(KeyError::Randomness(error)))?;
    let path = std::env::temp_dir().join(format!("{name}-{}", &hex_encode(&random)[2..]));
    fs::DirBuilder::new().mode(0o700).create(&path).map_err(|error| CliError::writing(&path, &error))?;
    Ok(path)
}

fn read_text(path: &Path) -> Result<String, CliError> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| CliError::reading(path, &error))?;
    file.take(KEY_FILE_MAX).read_to_string(&mut text).map_err(|error| CliError::reading(path, &error))?;
    Ok(text)
}

/// A new market. Its guard shrinks with short epochs, so that makers still have time.
pub fn new_market(name: &str, epoch_ms: u32, bootstrap: Vec<String>) -> Result<MarketFile, CliError> {
    const SHARE: u32 = 3;
    let mut file = MarketFile::init(name, None, bootstrap).map_err(market_error)?;
    let least = 2 * file.market.clock_tolerance_ms;
    file.market.guard_ms = (epoch_ms / 10 * SHARE).clamp(least, file.market.guard_ms);
    file.market.epoch_ms = epoch_ms;
    file.market.check().map_err(|error| {
        CliError::user("market_parameters", error.to_string()).next("choose another value; --epoch-ms 2000 works")
    })?;
    file.id = file.market.id();
    Ok(file)
}

/// Reads and checks a market file.
pub fn read_market(path: &Path) -> Result<MarketFile, CliError> {
    MarketFile::read(path).map_err(market_error)
}

/// The market file that was named, else the one that `data` joined.
pub fn joined_market(data: &Path, named: Option<&Path>) -> Result<MarketFile, CliError> {
    let joined = data_folder(data)?.market_file();
    read_market(named.unwrap_or(&joined))
}

/// The market file that was named, else the one that `data` joined, if it did.
pub fn known_market(data: &Path, named: Option<&Path>) -> Result<Option<MarketFile>, CliError> {
    if let Some(named) = named {
        return read_market(named).map(Some);
    }
    // Asking must not make a folder.
    if !data.is_dir() {
        return Ok(None);
    }
    let joined = data_folder(data)?.market_file();
    if joined.exists() { read_market(&joined).map(Some) } else { Ok(None) }
}

/// Writes a file that is meant to be passed on, where there is none.
pub fn write_shared(path: &Path, text: &str) -> Result<(), CliError> {
    let written = file::write_new(path, text.as_bytes(), file::SHARED);
    written.map_err(|error| CliError::writing(path, &error).next("choose another place with --out"))
}

/// As [`write_shared`]; by force also in place of what is there.
pub fn write_forced(path: &Path, text: &str, is_forced: bool) -> Result<(), CliError> {
    if !is_forced {
        ensure_free(path)?;
    }
    let write = if is_forced { file::replace } else { file::write_new };
    write(path, text.as_bytes(), file::SHARED).map_err(|error| CliError::writing(path, &error).next(OTHER_PLACE))
}

/// Refuses before any work is done if there is something at `path`.
pub fn ensure_free(path: &Path) -> Result<(), CliError> {
    match path.exists() {
        true => Err(CliError::writing(path, &io::ErrorKind::AlreadyExists.into()).next(OTHER_PLACE)),
        false => Ok(()),
    }
}

/// Where a file is in the way.
const OTHER_PLACE: &str = "add --force, or choose another place with --out";

/// Writes a market file where there is none.
pub fn write_market(file: &MarketFile, path: &Path) -> Result<(), CliError> {
    file.write(path).map_err(market_error)
}

/// How `souk node run` was called.
pub type NodeConfig = node::Config;

/// Runs a node until it is told to stop.
pub fn run_node(config: NodeConfig) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        CliError::ours("no_threads", format!("the system gives no threads: {error}")).next("ulimit -u")
    })?;
    let ended = runtime.block_on(node::run(config)).map_err(node_error);
    // A thread that waits for stdin would wait on.
    runtime.shutdown_timeout(ENDING_MAX);
    ended
}

/// The child that runs a stranger's program; never returns.
pub fn sandbox_child() -> ! {
    std::process::exit(sandbox::child_main())
}

/// Errors of those modules say what happened, then, after the last colon, what to do.
fn told(code: &str, text: &str, exit: u8) -> CliError {
    let error = match text.rsplit_once(": ") {
        Some((message, next)) => CliError::user(code, message).next(next),
        None => CliError::user(code, text),
    };
    CliError { exit, ..error }
}

fn key_error(error: KeyError) -> CliError {
    match error {
        KeyError::NoKey { folder } => {
            let context =
                Context::new(Some(folder.clone()).filter(|folder| *folder != default_data_folder()), false, 0);
            CliError::user("no_key", format!("there is no key in {}", folder.display()))
                .next(context.command("key new"))
        }
        KeyError::PassphraseNeeded { path } => {
            CliError::user("passphrase_needed", format!("the key at {} needs its passphrase", path.display()))
                .next("add --passphrase-file FILE, or run the command in a terminal")
        }
        KeyError::EmptyPassphrase => CliError::user("empty_passphrase", "an empty passphrase protects nothing")
            .next("choose one, or ask for --insecure-unencrypted in so many words"),
        KeyError::Randomness(_) => told(error.code(), &error.to_string(), 2),
        other => told(other.code(), &other.to_string(), 1),
    }
}

fn data_folder_error(error: DataFolderError) -> CliError {
    let exit = if matches!(error, DataFolderError::Randomness(_)) { 2 } else { 1 };
    told(error.code(), &error.to_string(), exit)
}

fn delegation_error(error: DelegationError) -> CliError {
    match error {
        DelegationError::Io { path, source } => CliError::reading(&path, &source),
        other => told(other.code(), &other.to_string(), 1),
    }
}

fn market_error(error: MarketFileError) -> CliError {
    let exit = if matches!(error, MarketFileError::Randomness(_)) { 2 } else { 1 };
    told(error.code(), &error.to_string(), exit)
}

fn node_error(error: NodeError) -> CliError {
    let (code, text) = (error.code(), error.to_string());
    match error {
        NodeError::DataFolder(error) => data_folder_error(error),
        NodeError::Key(error) => key_error(error),
        NodeError::Delegation(error) => delegation_error(error),
        NodeError::Market(error) => market_error(error),
        NodeError::Store(_) | NodeError::Files(_) => told(code, &text, 1),
        NodeError::Net(_) if code == "port_in_use" => {
            CliError::user(code, text).next("choose another address with --listen, or stop the other process")
        }
        NodeError::Net(_) | NodeError::BadAddress { .. } => {
            CliError::user(code, text).next("correct --listen or --bootstrap")
        }
        NodeError::Api { .. } => CliError::user(code, text).next("choose another port with --api, or any: 127.0.0.1:0"),
        NodeError::ApiNotLocal { .. } => CliError::user(code, text).next("--api 127.0.0.1:7625"),
        NodeError::System { .. } => CliError::ours(code, text).next("look at the lines above, then start it again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leaves_and_comes_back_in_both_forms() {
        let key = generate_key().unwrap();
        let bare = key_text(&key, None).unwrap();
        assert_eq!(key_of_hex(&bare).unwrap().address(), key.address());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exported");
        fs::write(&path, bare).unwrap();
        let (back, _) = key_of_file(&path, || panic!("asked for a passphrase")).unwrap();
        assert_eq!(back.address(), key.address());
    }

    #[test]
    fn what_to_do_is_told_apart_from_what_happened() {
        let error = told("x", "/a: no space: check the disk", 1);
        assert_eq!((error.message.as_str(), error.next.as_deref()), ("/a: no space", Some("check the disk")));
    }

    #[test]
    fn a_market_with_short_epochs_still_has_a_guard() {
        assert_eq!(new_market("m", 1000, Vec::new()).unwrap().market.guard_ms, 300);
        assert_eq!(new_market("m", 10_000, Vec::new()).unwrap().market.guard_ms, 600);
        assert_eq!(new_market("m", 0, Vec::new()).unwrap_err().code, "market_parameters");
    }
}
