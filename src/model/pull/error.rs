//! Why a model was not pulled: one line each, with what to do.

use std::path::PathBuf;

use crate::model::ModelError;

#[derive(Debug, thiserror::Error)]
pub enum PullError {
    #[error("no model `{name}` in the catalogue, which `wayside model pull` lists{hint}")]
    Unknown { name: String, hint: String },
    #[error("{}: exists; --force replaces it, once the new one is verified", .0.display())]
    Exists(PathBuf),
    #[error("{}: no such file or folder, and no http:// or https:// address", .0.display())]
    NoSource(PathBuf),
    #[error("{}: another command is writing it: wait for its end", .0.display())]
    Busy(PathBuf),
    /// The file of a server can't be had, and another try would not help.
    #[error("{url}: {reason}")]
    Server { url: String, reason: String },
    /// `kept` says what of it is there.
    #[error("{url}: {reason} (tries: {tries}); {kept}, or name another place with --from")]
    GaveUp { url: String, reason: String, tries: u32, kept: String },
    #[error(
        "{}: the disk is full, {missing} bytes are missing: make room, then the same command goes on from there",
        part.display()
    )]
    Full { part: PathBuf, missing: u64 },
    #[error(
        "{from}: sha256 is {found}, the catalogue of this version says {expected}: it is another file, and nothing was \
         installed; name another place with --from"
    )]
    Digest { from: String, expected: String, found: String },
    #[error(transparent)]
    Model(#[from] ModelError),
}
