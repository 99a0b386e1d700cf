//! Writes a model folder, whole or not at all.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use super::{GRAPH_FILE, ModelError, ModelSpec, SOURCE_FILE, SPEC_FILE};

/// A model folder in the making, beside its place: dropped before [`Self::publish`] it leaves nothing behind.
pub struct Draft {
    folder: PathBuf,
    work: tempfile::TempDir,
}

impl Draft {
    /// Whether [`Self::begin`] would refuse the place: to be asked before long work.
    pub fn check(folder: &Path, replace: bool) -> Result<(), ModelError> {
        let refuse =
            |reason: &str| ModelError::Io { path: folder.into(), source: Error::new(ErrorKind::AlreadyExists, reason) };
        if fs::symlink_metadata(folder).is_ok() {
            if !folder.join(SPEC_FILE).is_file() && !folder.join(SOURCE_FILE).is_file() {
                return Err(refuse("exists and is no model folder: name another place"));
            }
            if !replace {
                return Err(refuse("exists: name another place, or replace it with --force"));
            }
        }
        Ok(())
    }

    /// Writes graph and description for `folder`, as [`Self::begin`] and [`Self::add`] do.
    pub fn write(folder: &Path, spec: &ModelSpec, graph: &[u8], replace: bool) -> Result<Self, ModelError> {
        let draft = Self::begin(folder, replace)?;
        draft.add(GRAPH_FILE, graph)?;
        draft.add(SPEC_FILE, spec.to_toml().as_bytes())?;
        Ok(draft)
    }

    /// An empty draft of `folder`, which must not exist unless `replace` says so; a directory that is no model folder is
    /// never replaced.
    pub fn begin(folder: &Path, replace: bool) -> Result<Self, ModelError> {
        Self::check(folder, replace)?;
        let parent = folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| ModelError::Io { path, source }
        };
        fs::create_dir_all(parent).map_err(io(parent))?;
        // In the same directory, because only there a rename cannot be half done.
        let work = tempfile::Builder::new().prefix(".import-").tempdir_in(parent).map_err(io(parent))?;
        Ok(Self { folder: folder.into(), work })
    }

    /// Adds a file; `name` may lie in a folder, which is made.
    pub fn add(&self, name: &str, bytes: &[u8]) -> Result<(), ModelError> {
        let path = self.work.path().join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, bytes));
        // In words of the final place: the working folder is gone when the message is read.
        written.map_err(|source| ModelError::Io { path: self.folder.join(name), source })
    }

    /// Moves the folder to its place. After an error the old folder, if there was one, is in its place again.
    pub fn publish(self) -> Result<(), ModelError> {
        let io = |source| ModelError::Io { path: self.folder.clone(), source };
        // tempfile makes folders for the owner alone; a model is for every user of the machine.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(self.work.path(), fs::Permissions::from_mode(0o755)).map_err(io)?;
        }
        let old = self.work.path().with_extension("old");
        let replaces = fs::symlink_metadata(&self.folder).is_ok();
        if replaces {
            fs::rename(&self.folder, &old).map_err(io)?;
        }
        if let Err(source) = fs::rename(self.work.path(), &self.folder) {
            if replaces {
                fs::rename(&old, &self.folder).map_err(io)?;
            }
            return Err(io(source));
        }
        if replaces {
            fs::remove_dir_all(&old).map_err(io)?;
        }
        Ok(())
    }
}
