//! Finding and opening what a request names. Blocking: runs away from the workers.

use super::conditional::Validators;
use super::listing;
use super::path::{Below, is_hidden};
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is to be known about the directory served.
#[derive(Debug)]
pub(super) struct Root {
    /// Canonical.
    pub(super) path: PathBuf,
    pub(super) index: Option<String>,
    pub(super) listing: bool,
    pub(super) hidden: bool,
}

/// What a request names.
pub(super) enum Found {
    File {
        file: File,
        name: String,
        len: u64,
        validators: Validators,
    },
    /// A directory, asked for without the slash at its end.
    Directory,
    /// The page that lists a directory.
    Listing(String),
    Nothing,
    Forbidden,
    Failed(io::Error),
}

/// Looks up what stands below the root.
pub(super) fn open(root: &Root, below: &Below, shown: &str) -> Found {
    match try_open(root, below, shown) {
        Ok(found) => found,
        Err(error) => match error.kind() {
            ErrorKind::PermissionDenied => Found::Forbidden,
            ErrorKind::NotFound => Found::Nothing,
            _ => Found::Failed(error),
        },
    }
}

fn try_open(root: &Root, below: &Below, shown: &str) -> io::Result<Found> {
    let mut path = root.path.clone();
    path.extend(&below.names);
    let Some((path, meta)) = inside(root, &path)? else { return Ok(Found::Nothing) };
    if !meta.is_dir() {
        let name = below.names.last().map_or("", String::as_str);
        return if below.slash { Ok(Found::Nothing) } else { open_file(root, &path, &meta, name) };
    }
    if !below.slash {
        return Ok(Found::Directory);
    }
    if let Some(index) = &root.index {
        match inside(root, &path.join(index))? {
            Some((path, meta)) if meta.is_file() => return open_file(root, &path, &meta, index),
            _ => {}
        }
    }
    if root.listing {
        return listing::page(root, &path, shown, below.names.is_empty()).map(Found::Listing);
    }
    Ok(Found::Nothing)
}

/// The canonical path, if it lies inside the root and no name on it is hidden: a symbolic link may lead
/// anywhere.
pub(super) fn inside(root: &Root, path: &Path) -> io::Result<Option<(PathBuf, Metadata)>> {
    let path = match fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(error),
        // Too long a name, a file where a directory should be, links in a circle: nothing is there.
        Err(_) => return Ok(None),
        Ok(path) => path,
    };
    let Ok(below) = path.strip_prefix(&root.path) else { return Ok(None) };
    if !root.hidden && below.iter().any(|name| is_hidden(name.as_encoded_bytes())) {
        return Ok(None);
    }
    let meta = fs::symlink_metadata(&path)?;
    Ok(Some((path, meta)))
}

fn open_file(root: &Root, path: &Path, meta: &Metadata, name: &str) -> io::Result<Found> {
    // Opening a pipe or a device may block, or do things.
    if !meta.is_file() {
        return Ok(Found::Nothing);
    }
    let file = File::open(path)?;
    let opened = file.metadata()?;
    // Between the look and the opening somebody may have put a link in the way.
    let unmoved = matches!(inside(root, path)?, Some((again, _)) if again == path);
    if !unmoved || !is_same(meta, &opened) {
        return Ok(Found::Nothing);
    }
    let modified = opened.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let validators = Validators::of(modified, opened.len(), SystemTime::now());
    Ok(Found::File { len: opened.len(), file, name: name.to_owned(), validators })
}

#[cfg(unix)]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn is_same(_: &Metadata, opened: &Metadata) -> bool {
    opened.is_file()
}
