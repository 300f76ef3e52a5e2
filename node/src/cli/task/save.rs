//! Keeping what a task left: fetched, hashed again here, and written where nothing is yet.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use protocol::task::is_plain_path;
use protocol::{Hash, TaskFile};
use serde::Serialize;

use crate::cli::client::Client;
use crate::cli::error::CliError;

/// A file that was kept.
#[derive(Debug, Clone, Serialize)]
pub struct Saved {
    /// Where.
    pub path: PathBuf,
    /// BLAKE3 of its bytes, computed here.
    pub blake3: Hash,
    /// How many there are.
    pub bytes: u64,
}

/// Where and how to keep files.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder; made if it is not there.
    pub folder: PathBuf,
    /// Whether files that exist are replaced.
    pub is_forced: bool,
}

impl Place {
    /// Refuses before any work is done if one of `names` is taken.
    ///
    /// # Errors
    /// `file_exists`.
    pub fn ensure_free(&self, names: &[String]) -> Result<(), CliError> {
        let taken = names.iter().map(|name| self.folder.join(name)).find(|path| path.exists());
        match taken.filter(|_| !self.is_forced) {
            Some(path) => Err(CliError::writing(&path, &std::io::ErrorKind::AlreadyExists.into())),
            None => Ok(()),
        }
    }

    /// Fetches every file, checks its hash and writes it.
    ///
    /// # Errors
    /// `output_mismatch` if the node's bytes are not what the receipt names, or the disk's own.
    pub fn save(&self, client: &Client, files: &[TaskFile]) -> Result<Vec<Saved>, CliError> {
        files.iter().map(|file| self.save_one(file, &fetch(client, file)?)).collect()
    }

    fn save_one(&self, file: &TaskFile, bytes: &[u8]) -> Result<Saved, CliError> {
        if !is_plain_path(&file.path) {
            let message = format!("the output `{}` would leave the folder", file.path);
            return Err(CliError::ours("bad_output_path", message).next("nothing was written; do not trust this node"));
        }
        let path = self.folder.join(&file.path);
        write(&path, bytes, self.is_forced).map_err(|error| CliError::writing(&path, &error))?;
        Ok(Saved { path, blake3: file.content, bytes: bytes.len() as u64 })
    }
}

/// The bytes of one output, whose hash and size were checked here.
fn fetch(client: &Client, file: &TaskFile) -> Result<Vec<u8>, CliError> {
    let bytes = client.file(&file.content)?;
    let hash = Hash(*blake3::hash(&bytes).as_bytes());
    match hash == file.content && bytes.len() as u64 == file.size {
        true => Ok(bytes),
        false => {
            let message = format!("the bytes of {} have BLAKE3 {hash}, not {}", file.path, file.content);
            Err(CliError::ours("output_mismatch", message).next("souk task result ID fetches them again"))
        }
    }
}

fn write(path: &Path, bytes: &[u8], is_forced: bool) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file =
        OpenOptions::new().write(true).create_new(!is_forced).create(is_forced).truncate(is_forced).open(path)?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> TaskFile {
        TaskFile { path: path.into(), content: Hash([1; 32]), size: 1 }
    }

    #[test]
    fn a_file_that_is_there_is_replaced_only_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let place = |is_forced| Place { folder: folder.path().into(), is_forced };
        let saved = place(false).save_one(&file("a/b"), b"first").unwrap();
        assert_eq!(fs::read(&saved.path).unwrap(), b"first");
        assert_eq!(place(false).save_one(&file("a/b"), b"second").unwrap_err().code, "file_exists");
        assert_eq!(place(false).ensure_free(&["a/b".into()]).unwrap_err().code, "file_exists");
        assert!(place(true).ensure_free(&["a/b".into()]).is_ok());
        place(true).save_one(&file("a/b"), b"x").unwrap();
        assert_eq!(fs::read(&saved.path).unwrap(), b"x");
    }

    #[test]
    fn an_output_never_leaves_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { folder: folder.path().join("in"), is_forced: true };
        for path in ["../out", "/tmp/out", "a/../../out"] {
            assert_eq!(place.save_one(&file(path), b"x").unwrap_err().code, "bad_output_path");
        }
    }
}
