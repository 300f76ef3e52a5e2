//! The task's folder from outside: putting inputs in before, taking outputs out after. Follows no link.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use protocol::task::{LIST_MAX, TEXT_MAX, is_plain_path};
use protocol::{Hash, TaskFile};
use rustix::fs::OFlags;

use crate::job::{Job, SandboxError};

/// Permission bits of an input and of the folders about it.
const INPUT_MODE: u32 = 0o444;
const FOLDER_MODE: u32 = 0o700;

/// Why a job's folder cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The job asks for what cannot be.
    #[error("{0}")]
    Refused(String),
    /// The world failed.
    #[error(transparent)]
    Failed(#[from] SandboxError),
}

/// What a job left of its declared outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collected {
    /// All that are there, and the first that is not.
    Files {
        /// Those that are there, in the order declared.
        files: Vec<TaskFile>,
        /// The first that is missing, or is no regular file.
        missing: Option<String>,
    },
    /// More bytes than allowed.
    TooLarge {
        /// Bytes of all.
        size: u64,
    },
}

/// Whether the lists of `job` are within bounds and its paths possible.
///
/// # Errors
/// A sentence that says what is not.
pub fn check(job: &Job) -> Result<(), String> {
    let lists = [job.arguments.len(), job.environment.len(), job.inputs.len(), job.outputs.len()];
    if lists.iter().any(|&length| length > LIST_MAX) {
        return Err(format!("a list of the task has more than {LIST_MAX} items"));
    }
    let variables = job.environment.iter().flat_map(|(name, value)| [name, value]);
    let mut texts = job.arguments.iter().chain(variables);
    if texts.any(|text| text.len() > TEXT_MAX || text.contains('\0')) {
        return Err(format!("an argument or variable has more than {TEXT_MAX} bytes or a zero byte"));
    }
    if job.environment.iter().any(|(name, _)| name.is_empty() || name.contains('=')) {
        return Err(String::from("a variable's name is empty or contains `=`"));
    }
    check_paths(job.inputs.iter().map(|(path, _)| path).chain(&job.outputs))
}

/// Whether all `paths` are plain and can be files in one folder.
fn check_paths<'a>(paths: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut files = BTreeSet::new();
    for path in paths {
        if !is_plain_path(path) || path.len() > TEXT_MAX {
            return Err(format!("the path {path:?} is not a plain path inside the task's folder"));
        }
        if !files.insert(path.as_str()) {
            return Err(format!("the path {path:?} is named twice"));
        }
    }
    for path in &files {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]).find(|above| files.contains(above));
        if let Some(above) = above {
            return Err(format!("the path {path:?} lies inside {above:?}, which is a file"));
        }
    }
    Ok(())
}

/// Puts copies of the inputs into the empty `folder`, and makes the folders of the outputs.
///
/// # Errors
/// [`PlaceError::Refused`] for what the job asks, [`PlaceError::Failed`] for the world.
pub fn place(job: &Job, folder: &Path) -> Result<(), PlaceError> {
    check(job).map_err(PlaceError::Refused)?;
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| SandboxError::Folder { path, source }
    };
    if fs::read_dir(folder).map_err(failed(folder))?.next().is_some() {
        return Err(SandboxError::FolderNotEmpty { path: folder.to_path_buf() }.into());
    }
    fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE)).map_err(failed(folder))?;
    for path in job.inputs.iter().map(|(path, _)| path).chain(&job.outputs) {
        let target = folder.join(path);
        let parent = target.parent().unwrap_or(folder);
        match fs::create_dir_all(parent) {
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => {
                return Err(PlaceError::Refused(format!("the path {path:?} has too long a name")));
            }
            other => other.map_err(failed(parent))?,
        }
    }
    for (path, content) in &job.inputs {
        let target = folder.join(path);
        let unread = |source| SandboxError::Content { path: content.clone(), source };
        let mut from = File::open(content).map_err(unread)?;
        let mut to = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&target) {
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => {
                return Err(PlaceError::Refused(format!("the path {path:?} has too long a name")));
            }
            other => other.map_err(failed(&target))?,
        };
        io::copy(&mut from, &mut to).map_err(unread)?;
        to.set_permissions(Permissions::from_mode(INPUT_MODE)).map_err(failed(&target))?;
    }
    Ok(())
}

/// Finds, measures and hashes the declared outputs, at most `max` bytes of them together.
///
/// # Errors
/// If the folder cannot be read.
pub fn collect(outputs: &[String], folder: &Path, max: u64) -> Result<Collected, SandboxError> {
    let mut found = Vec::new();
    let mut missing = None;
    let mut total: u64 = 0;
    for path in outputs {
        let target = folder.join(path);
        let size =
            regular_size(folder, path).map_err(|source| SandboxError::Folder { path: target.clone(), source })?;
        match size {
            Some(size) => {
                total = total.saturating_add(size);
                found.push((path, target));
            }
            None => missing = missing.or_else(|| Some(path.clone())),
        }
    }
    if total > max {
        return Ok(Collected::TooLarge { size: total });
    }
    let mut files = Vec::with_capacity(found.len());
    for (path, target) in found {
        let (content, size) = hash(&target).map_err(|source| SandboxError::Folder { path: target, source })?;
        files.push(TaskFile { path: path.clone(), content, size });
    }
    Ok(Collected::Files { files, missing })
}

/// Size of the regular file at `path` below `folder`; `None` if there is none, or a link is on the way.
fn regular_size(folder: &Path, path: &str) -> io::Result<Option<u64>> {
    let mut at = PathBuf::from(folder);
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        at.push(part);
        let metadata = match fs::symlink_metadata(&at) {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        match parts.peek() {
            Some(_) if metadata.is_dir() => {}
            None if metadata.is_file() => return Ok(Some(metadata.len())),
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// BLAKE3 and length of a file that is no link. The child is dead by now, so nothing changes underneath.
fn hash(path: &Path) -> io::Result<(Hash, u64)> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok((Hash(*hasher.finalize().as_bytes()), hasher.count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_must_be_plain_single_and_no_folder_of_another() {
        let check = |paths: &[&str]| {
            let paths: Vec<String> = paths.iter().map(|path| (*path).to_string()).collect();
            check_paths(paths.iter()).map_err(|sentence| sentence.split(' ').next_back().map(str::to_string))
        };
        assert_eq!(check(&["a", "b/c", "b/d", "ab"]), Ok(()));
        for wrong in [&["../a"][..], &["/a"], &["a", "a"], &["a", "a/b"], &["a/b/c", "a"], &["a/./b"], &[""]] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_output_behind_a_link_is_not_an_output() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("real"), "12345").unwrap();
        fs::create_dir(at("folder")).unwrap();
        std::os::unix::fs::symlink(outside.path(), at("out")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), at("link")).unwrap();
        std::os::unix::fs::symlink("real", at("inner")).unwrap();
        for (path, size) in [
            ("real", Some(5)),
            ("folder", None),
            ("out/secret", None),
            ("link", None),
            ("inner", None),
            ("real/x", None),
            ("none", None),
        ] {
            assert_eq!(regular_size(folder.path(), path).unwrap(), size, "{path}");
        }
        assert!(hash(&at("link")).is_err());
        let file = TaskFile { path: "real".into(), content: Hash(*blake3::hash(b"12345").as_bytes()), size: 5 };
        let outputs = ["link".to_string(), "real".to_string()];
        let found = Collected::Files { files: vec![file], missing: Some("link".into()) };
        assert_eq!(collect(&outputs, folder.path(), 5).unwrap(), found);
        assert_eq!(collect(&outputs, folder.path(), 4).unwrap(), Collected::TooLarge { size: 5 });
    }
}
