//! Content-addressed files: what programs, inputs and outputs are kept in. A file is only ever seen whole and with
//! the BLAKE3 hash that names it.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use protocol::{Hash, TaskFile};

/// Bytes that all files may take together, whole ones and pieces; beyond it old whole files make room.
const CACHE_MAX: u64 = 8 << 30;
/// The largest single file.
pub const FILE_MAX: u64 = 1 << 30;
/// A whole file makes room only when it is older than this: by then a task has its own copy.
const KEPT_AT_LEAST: Duration = Duration::from_secs(3600);
/// Locks that files are spread over by their hash.
const STRIPES: usize = 16;

/// Why a file was not taken or given.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// Nothing is kept under this hash.
    #[error("no file with this hash is kept here")]
    Unknown,
    /// The whole does not have the hash that names it.
    #[error("the bytes do not have the announced hash")]
    WrongHash,
    /// A piece does not follow the one before it.
    #[error("the piece at {offset} does not follow the {have} bytes that are here")]
    Gap {
        /// Where the piece begins.
        offset: u64,
        /// What is here.
        have: u64,
    },
    /// Larger than one file may be, or the quota of all is used up.
    #[error("the file is too large, or the quota for files is used up")]
    TooLarge,
    /// The disk failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl FilesError {
    /// The stable code, part of the API.
    pub fn code(&self) -> &'static str {
        match self {
            FilesError::Unknown => "unknown_file",
            FilesError::WrongHash => "wrong_bytes",
            FilesError::Gap { .. } => "bad_offset",
            FilesError::TooLarge => "file_too_large",
            FilesError::Io { .. } => "disk_failed",
        }
    }
}

/// The kept files of one node.
#[derive(Debug)]
pub struct Files {
    whole: PathBuf,
    partial: PathBuf,
    used: AtomicU64,
    drafts: AtomicU64,
    /// Whoever writes under a hash holds its lock, so that what is checked is what is kept.
    stripes: [Mutex<()>; STRIPES],
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FilesError + '_ {
    move |source| FilesError::Io { path: path.to_owned(), source }
}

fn length_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

impl Files {
    /// Opens the folder, drops unfinished pieces of an earlier life and counts what is kept.
    ///
    /// # Errors
    /// [`FilesError::Io`] if the disk fails.
    pub fn open(folder: &Path) -> Result<Files, FilesError> {
        let files = Files {
            whole: folder.join("whole"),
            partial: folder.join("partial"),
            used: AtomicU64::new(0),
            drafts: AtomicU64::new(0),
            stripes: Default::default(),
        };
        if files.partial.exists() {
            std::fs::remove_dir_all(&files.partial).map_err(at(&files.partial))?;
        }
        for path in [&files.whole, &files.partial] {
            std::fs::create_dir_all(path).map_err(at(path))?;
        }
        let mut used = 0;
        for entry in std::fs::read_dir(&files.whole).map_err(at(&files.whole))? {
            used += entry.and_then(|entry| entry.metadata()).map_err(at(&files.whole))?.len();
        }
        files.used.store(used, Ordering::Relaxed);
        Ok(files)
    }

    fn lock(&self, content: &Hash) -> MutexGuard<'_, ()> {
        let stripe = &self.stripes[usize::from(content.0[0]) % STRIPES];
        stripe.lock().expect("nothing panics while it writes a file")
    }

    fn give_back(&self, bytes: u64) {
        let less = |used: u64| Some(used.saturating_sub(bytes));
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Takes `bytes` of the quota; old whole files make room if need be.
    fn take(&self, bytes: u64) -> Result<(), FilesError> {
        let fits = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= CACHE_MAX);
        if self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok() {
            return Ok(());
        }
        self.evict(bytes);
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        taken.map(|_| ()).map_err(|_| FilesError::TooLarge)
    }

    fn evict(&self, bytes: u64) {
        let mut old = Vec::new();
        for entry in std::fs::read_dir(&self.whole).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let Ok(changed) = metadata.modified() else { continue };
            if changed.elapsed().is_ok_and(|age| age > KEPT_AT_LEAST) {
                old.push((changed, entry.path(), metadata.len()));
            }
        }
        old.sort();
        let mut freed = 0;
        for (_, path, length) in old {
            if freed >= bytes {
                return;
            }
            if std::fs::remove_file(&path).is_ok() {
                self.give_back(length);
                freed += length;
            }
        }
    }

    fn name(content: &Hash) -> String {
        content.to_string().split_off(2)
    }

    /// Whether the whole file is here.
    pub fn has(&self, content: &Hash) -> bool {
        self.whole.join(Files::name(content)).exists()
    }

    /// Where the whole file lies.
    ///
    /// # Errors
    /// [`FilesError::Unknown`] if it is not here.
    pub fn path(&self, content: &Hash) -> Result<PathBuf, FilesError> {
        let path = self.whole.join(Files::name(content));
        if path.exists() { Ok(path) } else { Err(FilesError::Unknown) }
    }

    /// Length of the whole file.
    ///
    /// # Errors
    /// [`FilesError::Unknown`] if it is not here.
    pub fn size(&self, content: &Hash) -> Result<u64, FilesError> {
        let path = self.path(content)?;
        Ok(std::fs::metadata(&path).map_err(at(&path))?.len())
    }

    /// Takes the next piece of a file that `session` sends. With the last piece the whole is checked and kept.
    /// A wrong whole is dropped, a piece at 0 starts again, and a piece that was taken already is good.
    ///
    /// # Errors
    /// [`FilesError`] if the piece does not fit, the whole is wrong, or the disk fails.
    pub fn append(
        &self,
        session: &str,
        content: &Hash,
        (offset, bytes): (u64, &[u8]),
        is_last: bool,
    ) -> Result<(), FilesError> {
        let _lock = self.lock(content);
        if self.has(content) {
            return Ok(());
        }
        let path = self.partial.join(format!("{session}-{}", Files::name(content)));
        let (length, mut have) = (bytes.len() as u64, length_of(&path));
        let end = offset.saturating_add(length);
        if offset == 0 && have > 0 {
            self.drop_partial(&path);
            have = 0;
        }
        let is_again = offset > 0 && end == have;
        if have != offset && !is_again {
            return Err(FilesError::Gap { offset, have });
        }
        if !is_again {
            if end > FILE_MAX {
                self.drop_partial(&path);
                return Err(FilesError::TooLarge);
            }
            self.take(length)?;
            let opened = std::fs::OpenOptions::new().create(true).append(true).open(&path);
            if let Err(source) = opened.and_then(|mut file| file.write_all(bytes)) {
                // A full disk: the piece, and what it had of the quota, are as if never sent.
                self.give_back(have.saturating_add(length));
                let _ = std::fs::remove_file(&path);
                return Err(FilesError::Io { path, source });
            }
        }
        if !is_last {
            return Ok(());
        }
        let kept = self.keep_locked(&path, content);
        if kept.is_err() {
            self.drop_partial(&path);
        }
        kept
    }

    fn drop_partial(&self, path: &Path) {
        let length = length_of(path);
        if std::fs::remove_file(path).is_ok() {
            self.give_back(length);
        }
    }

    /// Drops what a session left unfinished.
    pub fn forget(&self, session: &str) {
        let prefix = format!("{session}-");
        for entry in std::fs::read_dir(&self.partial).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                self.drop_partial(&entry.path());
            }
        }
    }

    /// Takes a finished file in by its hash, moving it.
    ///
    /// # Errors
    /// [`FilesError::WrongHash`] if its bytes are others, [`FilesError::TooLarge`] if there is no room.
    pub fn keep(&self, path: &Path, content: &Hash) -> Result<(), FilesError> {
        let _lock = self.lock(content);
        if self.has(content) {
            return Ok(());
        }
        let length = length_of(path);
        self.take(length)?;
        let kept = self.keep_locked(path, content);
        if kept.is_err() {
            self.give_back(length);
        }
        kept
    }

    /// The file's bytes are in the quota already.
    fn keep_locked(&self, path: &Path, content: &Hash) -> Result<(), FilesError> {
        if hash_file(path)?.0 != *content {
            return Err(FilesError::WrongHash);
        }
        std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(at(path))?;
        let target = self.whole.join(Files::name(content));
        std::fs::rename(path, &target).map_err(at(&target))
    }

    /// Keeps a few bytes of this node's own making and names them; for these there is always room.
    ///
    /// # Errors
    /// [`FilesError::Io`] if the disk fails.
    pub fn keep_bytes(&self, name: &str, bytes: &[u8]) -> Result<TaskFile, FilesError> {
        let content = Hash(*blake3::hash(bytes).as_bytes());
        let file = TaskFile { path: name.to_owned(), content, size: bytes.len() as u64 };
        let _lock = self.lock(&content);
        if self.has(&content) {
            return Ok(file);
        }
        let draft = self.partial.join(format!("own{}", self.drafts.fetch_add(1, Ordering::Relaxed)));
        std::fs::write(&draft, bytes).map_err(at(&draft))?;
        self.used.fetch_add(file.size, Ordering::Relaxed);
        self.keep_locked(&draft, &content)?;
        Ok(file)
    }

    /// Up to `length` bytes of a whole file from `offset` on.
    ///
    /// # Errors
    /// [`FilesError::Unknown`] if it is not here.
    pub fn read(&self, content: &Hash, offset: u64, length: usize) -> Result<Vec<u8>, FilesError> {
        let path = self.path(content)?;
        let mut file = std::fs::File::open(&path).map_err(at(&path))?;
        file.seek(SeekFrom::Start(offset)).map_err(at(&path))?;
        let mut bytes = Vec::new();
        file.take(length as u64).read_to_end(&mut bytes).map_err(at(&path))?;
        Ok(bytes)
    }
}

/// BLAKE3 and length of a file.
///
/// # Errors
/// [`FilesError::Io`] if it cannot be read.
pub fn hash_file(path: &Path) -> Result<(Hash, u64), FilesError> {
    let mut file = std::fs::File::open(path).map_err(at(path))?;
    let mut hasher = blake3::Hasher::new();
    let length = io::copy(&mut file, &mut hasher).map_err(at(path))?;
    Ok((Hash(*hasher.finalize().as_bytes()), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(bytes: &[u8]) -> Hash {
        Hash(*blake3::hash(bytes).as_bytes())
    }

    #[test]
    fn a_file_in_pieces_is_kept_only_whole_and_right() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path()).unwrap();
        let content = hash(b"hello world");
        files.append("a", &content, (0, b"hello "), false).unwrap();
        assert!(!files.has(&content));
        assert!(matches!(files.append("a", &content, (3, b"x"), false), Err(FilesError::Gap { have: 6, .. })));
        files.append("a", &content, (6, b"world"), true).unwrap();
        assert_eq!(files.read(&content, 6, 100).unwrap(), b"world");
        assert_eq!(files.size(&content).unwrap(), 11);
    }

    #[test]
    fn a_file_with_another_hash_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path()).unwrap();
        let content = hash(b"right");
        assert!(matches!(files.append("a", &content, (0, b"wrong"), true), Err(FilesError::WrongHash)));
        assert!(!files.has(&content));
        files.append("a", &content, (0, b"right"), true).unwrap();
        assert!(files.has(&content));
    }

    #[test]
    fn a_piece_that_is_sent_again_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path()).unwrap();
        let content = hash(b"abcdef");
        for (offset, bytes) in [(0, b"ab"), (2, b"cd"), (2, b"cd")] {
            files.append("a", &content, (offset, bytes), false).unwrap();
        }
        files.append("a", &content, (4, b"ef"), true).unwrap();
        files.append("a", &content, (4, b"ef"), true).unwrap();
        assert_eq!(files.read(&content, 0, 9).unwrap(), b"abcdef");
    }

    #[test]
    fn many_at_once_keep_the_same_bytes_and_every_one_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path()).unwrap();
        let content = hash(&[7; 5000]);
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (files, content) = (&files, &content);
                scope.spawn(move || {
                    let session = format!("s{number}");
                    files.keep_bytes("stdout", b"the same").unwrap();
                    files.append(&session, content, (0, &[7; 2500]), false).unwrap();
                    files.append(&session, content, (2500, &[7; 2500]), true).unwrap();
                });
            }
        });
        assert_eq!(hash_file(&files.path(&content).unwrap()).unwrap(), (content, 5000));
    }

    #[test]
    fn the_quota_counts_pieces_and_gives_them_back() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path()).unwrap();
        files.append("a", &hash(b"x"), (0, &[0; 100]), false).unwrap();
        assert_eq!(files.used.load(Ordering::Relaxed), 100);
        files.forget("a");
        assert_eq!(files.used.load(Ordering::Relaxed), 0);
        files.used.store(CACHE_MAX, Ordering::Relaxed);
        assert!(matches!(files.append("a", &hash(b"x"), (0, b"x"), true), Err(FilesError::TooLarge)));
        files.keep_bytes("stdout", b"always room").unwrap();
    }

    #[test]
    fn an_unfinished_file_is_gone_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let content = hash(b"whole");
        Files::open(folder.path()).unwrap().append("a", &content, (0, b"who"), false).unwrap();
        let files = Files::open(folder.path()).unwrap();
        assert!(matches!(files.append("a", &content, (3, b"le"), true), Err(FilesError::Gap { .. })));
    }
}
