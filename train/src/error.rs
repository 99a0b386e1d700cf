//! What can go wrong, each in one line: what, where, what to do.

use std::path::PathBuf;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Layers that do not fit each other; the line names both.
    #[error("{0}")]
    Shape(String),
    /// A model that can't be built, compiled or loaded as asked for.
    #[error("{0}")]
    Model(String),
    /// Arrays, files or labels that do not fit the model.
    #[error("{0}")]
    Data(String),
    /// The loss is no number any more.
    #[error("{0}")]
    Diverged(String),
    /// The line has the reason in it, so it is no source that would be printed once more.
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: std::io::Error },
}

impl Error {
    pub fn file(path: impl Into<PathBuf>, reason: std::io::Error) -> Self {
        Error::File { path: path.into(), reason }
    }
}
