//! `wayside model pull`: a model of the catalogue, from its publisher, a mirror or a file, into a model folder.
//!
//! The digest alone decides whether a file is the right one. Until it has, nothing of what was installed before is
//! touched, and the file lies beside the folder as NAME.part, so that a broken download goes on where it ended.

mod catalog;
mod error;
mod fetch;
mod http;

pub use catalog::{Detect, Entry, Labels, catalog, entry};
pub use error::PullError;
pub use fetch::Event;
pub use http::Patience;

use std::fs;
use std::path::{Path, PathBuf};

use super::{Draft, GRAPH_FILE, ModelError, SOURCE_FILE, SPEC_FILE, read_limited, sha256_hex};
use crate::clock::Clock;

/// Where the bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Url(String),
    File(PathBuf),
}

impl Origin {
    /// `from`: a file; a folder or an address below which the file lies by its publisher's name; the file's own
    /// address. `None`: the publisher.
    pub fn new(entry: &Entry, from: Option<&str>) -> Result<Self, PullError> {
        let Some(from) = from else { return Ok(Self::Url(entry.url.clone())) };
        let file = entry.file_name();
        if from.starts_with("http://") || from.starts_with("https://") {
            let whole = from.rsplit('/').next() == Some(file);
            return Ok(Self::Url(if whole { from.into() } else { format!("{}/{file}", from.trim_end_matches('/')) }));
        }
        let path = Path::new(from);
        let path = if path.is_dir() { path.join(file) } else { path.into() };
        if path.exists() { Ok(Self::File(path)) } else { Err(PullError::NoSource(path)) }
    }
}

/// The place of a model in the making: a folder, and beside it the file that is not verified yet.
#[derive(Debug)]
pub struct Place {
    pub folder: PathBuf,
    pub part: PathBuf,
    replace: bool,
}

impl Place {
    /// The folder of the model `name` in the directory `into`. It must not exist yet unless `replace`, and then be one
    /// that wayside made. Nothing is written.
    pub fn new(into: &Path, name: &str, replace: bool) -> Result<Self, PullError> {
        let folder = into.join(name);
        if !replace && is_installed(&folder) {
            return Err(PullError::Exists(folder));
        }
        Draft::check(&folder, replace)?;
        Ok(Self { part: into.join(format!("{name}.part")), folder, replace })
    }

    /// The bytes of `entry`, verified. From an address they also lie in `part` afterwards, until [`Self::install`].
    pub fn obtain(
        &self,
        entry: &Entry,
        origin: &Origin,
        patience: &Patience,
        clock: &dyn Clock,
        tell: &mut dyn FnMut(Event),
    ) -> Result<Vec<u8>, PullError> {
        let url = match origin {
            Origin::File(path) => return verified(entry, read_limited(path)?, &path.display()),
            Origin::Url(url) => url,
        };
        let begun = fs::metadata(&self.part).is_ok_and(|part| part.len() > 0);
        let fetch = fetch::Fetch { url, bytes: entry.bytes, part: &self.part, patience, clock };
        fetch.run(tell)?;
        match self.judge(entry, url) {
            // What lay there may have been the wrong half, of an older file or another server: once more, whole.
            Err(PullError::Digest { .. }) if begun => {
                tell(Event::Again("what was there did not fit: once more, from the beginning".into()));
                fetch.run(tell)?;
                self.judge(entry, url)
            }
            judged => judged,
        }
    }

    /// The bytes of `part`, which is removed if they are proven wrong.
    fn judge(&self, entry: &Entry, url: &str) -> Result<Vec<u8>, PullError> {
        let judged = verified(entry, read_limited(&self.part)?, &url);
        if matches!(judged, Err(PullError::Digest { .. })) {
            self.forget()?;
        }
        judged
    }

    /// Makes the folder of bytes that [`Self::obtain`] gave; model.toml only where this version runs the model. After an
    /// error the old folder, if there was one, is in its place.
    pub fn install(self, entry: &Entry, bytes: &[u8]) -> Result<(), PullError> {
        let draft = Draft::begin(&self.folder, self.replace)?;
        draft.add(GRAPH_FILE, bytes)?;
        draft.add(SOURCE_FILE, entry.source_toml().as_bytes())?;
        if let Some(spec) = entry.spec() {
            draft.add(SPEC_FILE, spec.to_toml().as_bytes())?;
        }
        draft.publish()?;
        self.forget()
    }

    fn forget(&self) -> Result<(), PullError> {
        match fs::remove_file(&self.part) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(ModelError::Io { path: self.part.clone(), source }.into())
            }
            _ => Ok(()),
        }
    }
}

/// Whether `folder` is one that `pull` or `import` made.
pub fn is_installed(folder: &Path) -> bool {
    folder.join(SOURCE_FILE).is_file() || folder.join(SPEC_FILE).is_file()
}

/// The bytes, if they are those of the catalogue.
fn verified(entry: &Entry, bytes: Vec<u8>, from: &dyn std::fmt::Display) -> Result<Vec<u8>, PullError> {
    let found = sha256_hex(&bytes);
    if found == entry.sha256 {
        return Ok(bytes);
    }
    Err(PullError::Digest { from: from.to_string(), expected: entry.sha256.clone(), found })
}
