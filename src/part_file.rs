//! Files that are there as a whole or not at all: written under another name in the same folder, then renamed.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// A file beside `path`, to be given its name with `persist` once it is complete; removed if dropped before. It gets
/// the permissions of an ordinary file.
pub fn begin(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let ordinary = Permissions::from_mode(0o666); // less the umask
    Builder::new().prefix(".wayside-").suffix(".part").permissions(ordinary).tempfile_in(folder)
}

/// Replaces `path` by `bytes`.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut part = begin(path)?;
    part.write_all(bytes)?;
    part.persist(path).map_err(|error| error.error)?;
    Ok(())
}
