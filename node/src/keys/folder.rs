//! Where a key lies in the data folder: `key.json` under a passphrase, or `key.hex` in the open. Never overwrites one.

use std::io;
use std::path::{Path, PathBuf};

use protocol::Address;
use zeroize::Zeroizing;

use super::Key;
use super::keystore::{self, KeystoreError};
use crate::store::file;

const SEALED: &str = "key.json";
const BARE: &str = "key.hex";
/// Bytes of a key file that are read; ours have fewer than 700.
const FILE_MAX: u64 = 64 * 1024;

/// Why there is no key to sign with. Each text names the next step.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The folder holds no key file.
    #[error("there is no key in {folder}: run `souk key new` to make one, or `souk key import` to bring one")]
    NoKey {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A key is there already.
    #[error(
        "there is a key at {path} already and it is never overwritten: move it to a safe place first, \
         or choose another folder with --data"
    )]
    KeyExists {
        /// The key that is in the way.
        path: PathBuf,
    },
    /// Both kinds of key file are there.
    #[error(
        "{folder} holds both key.json and key.hex, and which one is meant is not for the node to guess: \
         move one of them away"
    )]
    TwoKeys {
        /// Where they lie.
        folder: PathBuf,
    },
    /// The key is under a passphrase and none was given.
    #[error("the key at {path} needs its passphrase: set SOUK_PASSPHRASE, or run the command in a terminal")]
    PassphraseNeeded {
        /// The key file.
        path: PathBuf,
    },
    /// An empty passphrase protects nothing.
    #[error("an empty passphrase protects nothing: choose one, or ask for `--unencrypted` in so many words")]
    EmptyPassphrase,
    /// The passphrase is not the one that the key was saved with.
    #[error("the passphrase does not open {path}: try again; without it the key cannot be recovered")]
    WrongPassphrase {
        /// The key file.
        path: PathBuf,
    },
    /// The key file is not one, or was damaged.
    #[error("{path} is not a key file that can be read ({reason}): restore it from a backup")]
    KeyFileCorrupt {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        reason: KeystoreError,
    },
    /// The key file asks for more memory or time than is given to it.
    #[error(
        "{path} is refused ({reason}): if it is yours, open it with the wallet that made it and save it with \
         N = 262144, r = 8, p = 1"
    )]
    KeyFileCostly {
        /// The key file.
        path: PathBuf,
        /// Which parameter.
        reason: KeystoreError,
    },
    /// The bytes or digits are not a secp256k1 secret.
    #[error("this is not a secret key: expected 64 hex digits, neither zero nor above the order of secp256k1")]
    NotAKey,
    /// A warning: others than the owner can read the key.
    #[error("others can read {path} (mode {mode:03o}): run `chmod 600 {path}`")]
    InsecurePermissions {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The operating system gave no randomness.
    #[error("the system has no randomness to make a key from: {0}")]
    Randomness(#[source] getrandom::Error),
    /// The disk failed.
    #[error("{path}: {source}: check the disk and the folder's permissions")]
    Io {
        /// The file in question.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl KeyError {
    /// A name for programs; never changes.
    pub fn code(&self) -> &'static str {
        match self {
            KeyError::NoKey { .. } => "no_key",
            KeyError::KeyExists { .. } => "key_exists",
            KeyError::TwoKeys { .. } => "two_keys",
            KeyError::PassphraseNeeded { .. } => "passphrase_needed",
            KeyError::EmptyPassphrase => "empty_passphrase",
            KeyError::WrongPassphrase { .. } => "wrong_passphrase",
            KeyError::KeyFileCorrupt { .. } => "key_file_corrupt",
            KeyError::KeyFileCostly { .. } => "key_file_costly",
            KeyError::NotAKey => "not_a_key",
            KeyError::InsecurePermissions { .. } => "insecure_permissions",
            KeyError::Randomness(_) => "no_randomness",
            KeyError::Io { .. } => "key_file_io",
        }
    }
}

/// How a key is kept.
#[derive(Clone, Copy)]
pub enum Protection<'a> {
    /// `key.json`, keystore version 3 under this passphrase.
    Passphrase(&'a str),
    /// `key.hex`, readable to anyone who can read the file. Only for who asks for it.
    Unencrypted,
}

/// Keeps `key` in `folder` with mode 0600 and returns the file's path. Takes about a second under a passphrase.
///
/// # Errors
/// [`KeyError::KeyExists`] if the folder holds any key, [`KeyError::EmptyPassphrase`], [`KeyError::Randomness`],
/// [`KeyError::Io`].
pub fn save(folder: &Path, key: &Key, protection: Protection) -> Result<PathBuf, KeyError> {
    save_with_cost(folder, key, protection, keystore::LOG_N)
}

fn save_with_cost(folder: &Path, key: &Key, protection: Protection, log_n: u8) -> Result<PathBuf, KeyError> {
    match find(folder) {
        Err(KeyError::NoKey { .. }) => {}
        Ok(KeyFile::Sealed(path) | KeyFile::Bare(path)) => return Err(KeyError::KeyExists { path }),
        Err(error) => return Err(error),
    }
    let (path, text) = match protection {
        Protection::Passphrase("") => return Err(KeyError::EmptyPassphrase),
        Protection::Passphrase(passphrase) => {
            (folder.join(SEALED), keystore::seal(key, passphrase, log_n).map_err(KeyError::Randomness)?)
        }
        Protection::Unencrypted => (folder.join(BARE), protocol::hash::hex_encode(&*key.secret_bytes()) + "\n"),
    };
    let text = Zeroizing::new(text);
    match file::write_new(&path, text.as_bytes(), file::OWNER_ONLY) {
        Ok(()) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(KeyError::KeyExists { path }),
        Err(source) => Err(KeyError::Io { path, source }),
    }
}

/// The key in `folder`. A passphrase that is not needed is ignored. Takes about a second if one is.
///
/// # Errors
/// [`KeyError`], whatever the file holds.
pub fn load(folder: &Path, passphrase: Option<&str>) -> Result<Key, KeyError> {
    let (KeyFile::Sealed(path) | KeyFile::Bare(path)) = find(folder)?;
    load_file(&path, passphrase)
}

/// As [`load`], from a file of any name: a keystore if it begins as JSON does, else hex digits.
///
/// # Errors
/// [`KeyError`], whatever the file holds.
pub fn load_file(path: &Path, passphrase: Option<&str>) -> Result<Key, KeyError> {
    let text = read(path)?;
    if !text.trim_start().starts_with('{') {
        return Key::from_hex(&text).map_err(|_| unreadable(path, KeystoreError::Field("secret")));
    }
    // A damaged file is reported before a passphrase is asked for.
    keystore::named_address(&text).map_err(|error| unreadable(path, error))?;
    let Some(passphrase) = passphrase else { return Err(KeyError::PassphraseNeeded { path: path.into() }) };
    keystore::open(&text, passphrase).map_err(|error| unreadable(path, error))
}

/// The address of the key in `folder` without its passphrase: what is written on the file, which only [`load`] proves.
///
/// # Errors
/// [`KeyError::PassphraseNeeded`] if no address is written on it, else as [`load`].
pub fn stored_address(folder: &Path) -> Result<Address, KeyError> {
    match find(folder)? {
        KeyFile::Sealed(path) => keystore::named_address(&read(&path)?)
            .map_err(|error| unreadable(&path, error))?
            .ok_or(KeyError::PassphraseNeeded { path }),
        KeyFile::Bare(_) => load(folder, None).map(|key| key.address()),
    }
}

/// Whether the key in `folder` is for its owner's eyes only. A warning to show, never a reason to stop.
///
/// # Errors
/// [`KeyError::InsecurePermissions`], or as [`load`] if there is no one key to look at.
pub fn check_permissions(folder: &Path) -> Result<(), KeyError> {
    let (KeyFile::Sealed(path) | KeyFile::Bare(path)) = find(folder)?;
    match file::open_to_others(&path) {
        Ok(None) => Ok(()),
        Ok(Some(mode)) => Err(KeyError::InsecurePermissions { path, mode }),
        Err(source) => Err(KeyError::Io { path, source }),
    }
}

enum KeyFile {
    Sealed(PathBuf),
    Bare(PathBuf),
}

fn find(folder: &Path) -> Result<KeyFile, KeyError> {
    let (sealed, bare) = (folder.join(SEALED), folder.join(BARE));
    let exists = |path: &Path| path.try_exists().map_err(|source| KeyError::Io { path: path.into(), source });
    match (exists(&sealed)?, exists(&bare)?) {
        (true, true) => Err(KeyError::TwoKeys { folder: folder.into() }),
        (true, false) => Ok(KeyFile::Sealed(sealed)),
        (false, true) => Ok(KeyFile::Bare(bare)),
        (false, false) => Err(KeyError::NoKey { folder: folder.into() }),
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    match file::read_text(path, FILE_MAX) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::FileTooLarge) => {
            Err(unreadable(path, KeystoreError::Field("text")))
        }
        Err(source) => Err(KeyError::Io { path: path.into(), source }),
    }
}

fn unreadable(path: &Path, reason: KeystoreError) -> KeyError {
    let path = path.into();
    match reason {
        KeystoreError::WrongPassphrase => KeyError::WrongPassphrase { path },
        KeystoreError::Costly(_) => KeyError::KeyFileCostly { path, reason },
        _ => KeyError::KeyFileCorrupt { path, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn save_light(folder: &Path, key: &Key, protection: Protection) -> Result<PathBuf, KeyError> {
        save_with_cost(folder, key, protection, 4)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_saved_key_comes_back() {
        for (protection, passphrase, name) in
            [(Protection::Passphrase("sesame"), Some("sesame"), SEALED), (Protection::Unencrypted, None, BARE)]
        {
            let folder = tempfile::tempdir().unwrap();
            let key = Key::generate().unwrap();
            let path = save_light(folder.path(), &key, protection).unwrap();
            assert_eq!(path, folder.path().join(name));
            assert_eq!(mode(&path), 0o600);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            assert_eq!(load(folder.path(), passphrase).unwrap().address(), key.address());
            assert_eq!(stored_address(folder.path()).unwrap(), key.address());
            let elsewhere = folder.path().join("brought along");
            fs::copy(&path, &elsewhere).unwrap();
            assert_eq!(load_file(&elsewhere, passphrase).unwrap().address(), key.address());
            fs::remove_file(elsewhere).unwrap();
            assert!(check_permissions(folder.path()).is_ok());
        }
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let first = Key::generate().unwrap();
        let path = save_light(folder.path(), &first, Protection::Unencrypted).unwrap();
        let before = fs::read(&path).unwrap();
        for protection in [Protection::Unencrypted, Protection::Passphrase("sesame")] {
            let error = save_light(folder.path(), &Key::generate().unwrap(), protection).unwrap_err();
            assert_eq!(error.code(), "key_exists");
            assert!(error.to_string().contains("move it to a safe place"));
        }
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn each_way_to_have_no_key_has_its_code() {
        let folder = tempfile::tempdir().unwrap();
        let code = |passphrase| load(folder.path(), passphrase).unwrap_err().code();
        assert_eq!(code(None), "no_key");
        let key = Key::generate().unwrap();
        let empty = save_light(folder.path(), &key, Protection::Passphrase("")).unwrap_err();
        assert_eq!(empty.code(), "empty_passphrase");
        let path = save_light(folder.path(), &key, Protection::Passphrase("sesame")).unwrap();
        assert_eq!(code(None), "passphrase_needed");
        assert_eq!(code(Some("open")), "wrong_passphrase");
        fs::write(folder.path().join(BARE), "").unwrap();
        assert_eq!(code(Some("sesame")), "two_keys");
        fs::remove_file(folder.path().join(BARE)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"n\": 16", "\"n\": 1073741824")).unwrap();
        assert_eq!(code(Some("sesame")), "key_file_costly");
        fs::write(&path, &text[..text.len() / 2]).unwrap();
        assert_eq!(code(None), "key_file_corrupt");
        fs::write(&path, vec![b' '; 100_000]).unwrap();
        assert_eq!(code(Some("sesame")), "key_file_corrupt");
    }

    #[test]
    fn a_damaged_bare_key_is_a_corrupt_file() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "0x12", "not a key"] {
            fs::write(folder.path().join(BARE), text).unwrap();
            assert_eq!(load(folder.path(), None).unwrap_err().code(), "key_file_corrupt");
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let path = save_light(folder.path(), &Key::generate().unwrap(), Protection::Unencrypted).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let warning = check_permissions(folder.path()).unwrap_err();
        assert_eq!(warning.code(), "insecure_permissions");
        assert!(warning.to_string().contains("mode 644"));
        assert!(load(folder.path(), None).is_ok());
    }
}
