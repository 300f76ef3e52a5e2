//! Sending a file to the node piece by piece, under its BLAKE3. Knows no task.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use protocol::Hash;

use crate::cli::client::{Client, PIECE};
use crate::cli::error::CliError;
use crate::cli::progress;

/// Files below this are sent without a progress bar.
const BAR_MIN: u64 = 8 << 20;

/// Where the bytes come from.
#[derive(Debug, Clone)]
enum Source {
    File(PathBuf),
    Memory(&'static [u8]),
}

/// A file that was hashed and can be sent.
#[derive(Debug, Clone)]
pub struct Upload {
    source: Source,
    /// BLAKE3 of its bytes.
    pub content: Hash,
    /// How many there are.
    pub size: u64,
    /// The first eight of them, or fewer.
    pub head: Vec<u8>,
}

impl Upload {
    /// A file on the disk.
    ///
    /// # Errors
    /// If it cannot be read, or is no file.
    pub fn of_file(path: &Path) -> Result<Upload, CliError> {
        if path.is_dir() {
            let message = format!("{} is a folder", path.display());
            return Err(CliError::user("not_a_file", message).next("name each file in it"));
        }
        Upload::of(Source::File(path.into())).map_err(|error| CliError::reading(path, &error))
    }

    /// Bytes of this program.
    pub fn of_memory(bytes: &'static [u8]) -> Upload {
        Upload::of(Source::Memory(bytes)).expect("memory can be read")
    }

    fn of(source: Source) -> io::Result<Upload> {
        let mut reader = open(&source)?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; PIECE];
        let (mut size, mut head) = (0, Vec::new());
        loop {
            let count = fill(&mut reader, &mut buffer)?;
            if size == 0 {
                head = buffer[..count.min(8)].to_vec();
            }
            size += count as u64;
            hasher.update(&buffer[..count]);
            if count < buffer.len() {
                let content = Hash(*hasher.finalize().as_bytes());
                return Ok(Upload { source, content, size, head });
            }
        }
    }

    /// Sends it; `name` is for the progress bar.
    ///
    /// # Errors
    /// If the file changed or vanished meanwhile, or the node does not take it.
    pub fn send(&self, client: &Client, name: &str) -> Result<(), CliError> {
        let path = match &self.source {
            Source::File(path) => path.as_path(),
            Source::Memory(_) => Path::new(name),
        };
        let unreadable = |error: io::Error| CliError::reading(path, &error);
        let bar = (self.size >= BAR_MIN).then(|| progress::bytes(name, self.size));
        let mut reader = open(&self.source).map_err(unreadable)?;
        let mut buffer = vec![0; PIECE];
        let mut offset = 0;
        loop {
            let count = fill(&mut reader, &mut buffer).map_err(unreadable)?;
            let end = offset + count as u64;
            if end > self.size || (count < buffer.len() && end < self.size) {
                let message = format!("{} changed while it was sent", path.display());
                return Err(CliError::user("file_changed", message).next("run the command again"));
            }
            client.put_piece(&self.content, offset, &buffer[..count], end == self.size)?;
            offset = end;
            if let Some(bar) = &bar {
                bar.set_position(offset);
            }
            if offset == self.size {
                break;
            }
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        Ok(())
    }
}

fn open(source: &Source) -> io::Result<Box<dyn Read>> {
    Ok(match source {
        Source::File(path) => Box::new(File::open(path)?),
        Source::Memory(bytes) => Box::new(*bytes),
    })
}

/// Fills `buffer` as far as the source goes.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match reader.read(&mut buffer[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_blake3_whatever_its_length() {
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1] {
            let bytes = vec![7; length];
            let path = folder.path().join("file");
            std::fs::write(&path, &bytes).unwrap();
            let upload = Upload::of_file(&path).unwrap();
            assert_eq!(upload.size, length as u64);
            assert_eq!(upload.content.0, *blake3::hash(&bytes).as_bytes());
            assert_eq!(upload.head, bytes[..length.min(8)]);
        }
        assert_eq!(Upload::of_file(folder.path()).unwrap_err().code, "not_a_file");
    }
}
