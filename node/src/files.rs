//! Content-addressed files: what programs, inputs and outputs are kept in. A file is only ever seen whole and with
//! the BLAKE3 hash that names it.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::{Hash, TaskFile};

/// Bytes that all kept files may take together.
const CACHE_MAX: u64 = 4 << 30;
/// The largest single file.
pub const FILE_MAX: u64 = 1 << 30;

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
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FilesError + '_ {
    move |source| FilesError::Io { path: path.to_owned(), source }
}

impl Files {
    /// Opens the folder, drops unfinished pieces of an earlier life and counts what is kept.
    ///
    /// # Errors
    /// [`FilesError::Io`] if the disk fails.
    pub fn open(folder: &Path) -> Result<Files, FilesError> {
        let files = Files { whole: folder.join("whole"), partial: folder.join("partial"), used: AtomicU64::new(0) };
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
    /// A wrong whole is dropped, and a piece at 0 starts again.
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
        if self.has(content) {
            return Ok(());
        }
        let path = self.partial.join(format!("{session}-{}", Files::name(content)));
        let length = bytes.len() as u64;
        let end = offset.saturating_add(length);
        if end > FILE_MAX || self.used.load(Ordering::Relaxed).saturating_add(end) > CACHE_MAX {
            let _ = std::fs::remove_file(&path);
            return Err(FilesError::TooLarge);
        }
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path).map_err(at(&path))?;
        if offset == 0 {
            file.set_len(0).map_err(at(&path))?;
        }
        let have = file.metadata().map_err(at(&path))?.len();
        if have != offset {
            return Err(FilesError::Gap { offset, have });
        }
        file.write_all(bytes).map_err(at(&path))?;
        if is_last {
            file.sync_all().map_err(at(&path))?;
            self.keep(&path, content)?;
        }
        Ok(())
    }

    /// Drops what a session left unfinished.
    pub fn forget(&self, session: &str) {
        let prefix = format!("{session}-");
        for entry in std::fs::read_dir(&self.partial).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// Takes a finished file in by its hash, moving it.
    ///
    /// # Errors
    /// [`FilesError::WrongHash`] if its bytes are others; the file is gone then.
    pub fn keep(&self, path: &Path, content: &Hash) -> Result<(), FilesError> {
        let found = hash_file(path)?;
        if found.0 != *content {
            std::fs::remove_file(path).map_err(at(path))?;
            return Err(FilesError::WrongHash);
        }
        let target = self.whole.join(Files::name(content));
        if !target.exists() {
            self.used.fetch_add(found.1, Ordering::Relaxed);
        }
        std::fs::rename(path, &target).map_err(at(&target))
    }

    /// Keeps bytes and names them.
    ///
    /// # Errors
    /// [`FilesError`] if the disk fails or the quota is used up.
    pub fn keep_bytes(&self, name: &str, bytes: &[u8]) -> Result<TaskFile, FilesError> {
        let content = Hash(*blake3::hash(bytes).as_bytes());
        let session = format!("own{}", &Files::name(&content)[..16]);
        self.append(&session, &content, (0, bytes), true)?;
        Ok(TaskFile { path: name.to_owned(), content, size: bytes.len() as u64 })
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
    fn an_unfinished_file_is_gone_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let content = hash(b"whole");
        Files::open(folder.path()).unwrap().append("a", &content, (0, b"who"), false).unwrap();
        let files = Files::open(folder.path()).unwrap();
        assert!(matches!(files.append("a", &content, (3, b"le"), true), Err(FilesError::Gap { .. })));
    }
}
