//! Small whole files: written at once or not at all, with the mode they need. Knows nothing of what they hold.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Readable and writable by the owner alone.
pub const OWNER_ONLY: u32 = 0o600;
/// For files that are meant to be passed on.
pub const SHARED: u32 = 0o644;

/// Makes `path` hold `bytes`, all or nothing, and on the disk when this returns.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if there is such a file, which is then untouched; else what the disk said.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let draft = Draft::write(path, bytes, mode)?;
    // Unlike a rename, a link never replaces what is there, also when two processes race.
    fs::hard_link(&draft.path, path)?;
    drop(draft);
    sync_folder(folder_of(path))
}

/// As [`write_new`], in place of whatever `path` held.
///
/// # Errors
/// What the disk said; `path` then holds what it held.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let draft = Draft::write(path, bytes, mode)?;
    fs::rename(&draft.path, path)?;
    sync_folder(folder_of(path))
}

/// Reads a text of at most `bytes_max` bytes.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] above that, [`io::ErrorKind::InvalidData`] if it is not UTF-8, else what the disk
/// said.
pub fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(bytes_max + 1).read_to_string(&mut text)?;
    match text.len() as u64 > bytes_max {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(text),
    }
}

/// Creates `path` and the folders above it, open to the owner alone. A folder that exists keeps its mode.
///
/// # Errors
/// What the disk said.
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Whether others than the owner can read or write `path`; its permission bits if so.
///
/// # Errors
/// What the disk said.
pub fn open_to_others(path: &Path) -> io::Result<Option<u32>> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

/// Makes names created, linked or renamed in `folder` survive a power cut.
///
/// # Errors
/// What the disk said.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file under a passing name, complete and synced; goes away when dropped, unless it was renamed.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn write(target: &Path, bytes: &[u8], mode: u32) -> io::Result<Draft> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let mut name = target.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{:016x}.tmp", u64::from_le_bytes(random)));
        let path = target.with_file_name(name);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
        let draft = Draft { path };
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing to remove; after a failed removal nothing is lost but a few bytes.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_never_replaces_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_new(&path, b"first", OWNER_ONLY).unwrap();
        assert_eq!(write_new(&path, b"second", OWNER_ONLY).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(open_to_others(&path).unwrap(), None);
        replace(&path, b"third", SHARED).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(open_to_others(&path).unwrap().map(|mode| mode & 0o400), Some(0o400));
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_file_above_the_bound_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_text(&path, 5).unwrap(), "12345");
        assert_eq!(read_text(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(read_text(&path, 4).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
