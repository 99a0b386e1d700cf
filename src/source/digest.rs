//! sha256 of what a source reads, so that a run that starts again recognises its own rows.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Hex digest of a file's bytes, read in blocks.
pub(super) fn of_file(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    add_file(&mut hash, path)?;
    Ok(hex(hash))
}

/// Feeds a file's bytes to `hash`.
pub(super) fn add_file(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut block = vec![0; 256 * 1024];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(()),
            n => hash.update(&block[..n]),
        }
    }
}

pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
