//! What calibration has gathered so far, in a file beside the result: a run that was ended goes on where it was.
//!
//! The file is for the same machine and version: little-endian numbers behind a key, and the key is the digest of
//! everything that decides them. One that does not fit is passed over.

use std::path::PathBuf;

use super::statistics::{Channel, Statistics, Tensor};
use crate::part_file;

const MAGIC: &[u8; 8] = b"wsq-cal1";

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Checkpoint {
    /// Where it lies; `None`: it is not kept.
    path: Option<PathBuf>,
    /// Lower-case hex.
    key: String,
    /// Pictures that are in it.
    pub pictures: usize,
    /// Those of them that show nothing.
    pub blank: usize,
    pub tensors: Statistics,
}

impl Checkpoint {
    /// What lies at `path` for `key`, or nothing yet.
    pub fn open(path: Option<PathBuf>, key: String) -> Self {
        let stored = path.as_ref().and_then(|path| std::fs::read(path).ok());
        let stored = stored.and_then(|bytes| Reader(&bytes).checkpoint(&key));
        Self { path, key, ..stored.unwrap_or_default() }
    }

    /// One more picture.
    pub fn add(&mut self, tensors: Statistics, blank: bool) {
        for (name, tensor) in tensors {
            self.tensors.entry(name).or_default().add(tensor);
        }
        self.pictures += 1;
        self.blank += usize::from(blank);
    }

    /// Writes it. A disk that is full costs the time of a second run, no more, so the error is only noted.
    pub fn save(&self) {
        if let Some(path) = &self.path
            && let Err(error) = part_file::write(path, &self.bytes())
        {
            log::warn!("{}: {error}: if this run is ended, the next one begins anew", path.display());
        }
    }

    /// Once the result is written.
    pub fn remove(&self) {
        if let Some(path) = &self.path {
            // It may never have been written.
            std::fs::remove_file(path).ok();
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let number = |out: &mut Vec<u8>, value: usize| out.extend((value as u64).to_le_bytes());
        let text = |out: &mut Vec<u8>, text: &str| {
            number(out, text.len());
            out.extend(text.as_bytes());
        };
        text(&mut out, &self.key);
        [self.pictures, self.blank, self.tensors.len()].into_iter().for_each(|value| number(&mut out, value));
        for (name, tensor) in &self.tensors {
            text(&mut out, name);
            number(&mut out, tensor.dims.len());
            tensor.dims.iter().for_each(|&dim| number(&mut out, dim));
            number(&mut out, tensor.channels.len());
            for channel in &tensor.channels {
                out.extend(channel.low.to_le_bytes());
                out.extend(channel.high.to_le_bytes());
                out.extend(channel.sum.to_le_bytes());
                out.extend(channel.count.to_le_bytes());
                number(&mut out, channel.samples.len());
                out.extend(channel.samples.iter().flat_map(|sample| sample.to_le_bytes()));
            }
        }
        out
    }
}

/// What is left of the file; `None` where it ends early.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn checkpoint(mut self, key: &str) -> Option<Checkpoint> {
        if self.take(MAGIC.len())? != MAGIC || self.text()? != key {
            return None;
        }
        let (pictures, blank) = (self.number()?, self.number()?);
        let mut tensors = Statistics::new();
        for _ in 0..self.number()? {
            let (name, tensor) = (self.text()?.to_owned(), self.tensor()?);
            tensors.insert(name, tensor);
        }
        Some(Checkpoint { pictures, blank, tensors, ..Checkpoint::default() })
    }

    fn tensor(&mut self) -> Option<Tensor> {
        let count = self.number()?;
        let dims = (0..count).map(|_| self.number()).collect::<Option<_>>()?;
        let count = self.number()?;
        Some(Tensor { dims, channels: (0..count).map(|_| self.channel()).collect::<Option<_>>()? })
    }

    fn channel(&mut self) -> Option<Channel> {
        let (low, high) = (self.float()?, self.float()?);
        let sum = f64::from_le_bytes(self.array()?);
        let (count, samples) = (u64::from_le_bytes(self.array()?), self.number()?);
        let samples = self.take(samples.checked_mul(4)?)?.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        Some(Channel { low, high, sum, count, samples: samples.collect() })
    }

    fn float(&mut self) -> Option<f32> {
        Some(f32::from_le_bytes(self.array()?))
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(self.array()?)).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.number()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(path: PathBuf) -> Checkpoint {
        let mut checkpoint = Checkpoint::open(Some(path), "key".into());
        let tensor = |seed| Tensor::of(&[1, 2, 4, 4], &[0.5; 32], 3, seed);
        checkpoint.add(Statistics::from([("a".into(), tensor(1)), ("b".into(), tensor(2))]), false);
        checkpoint.add(Statistics::from([("a".into(), tensor(3)), ("b".into(), tensor(4))]), true);
        checkpoint
    }

    #[test]
    fn what_was_saved_is_found_again_by_its_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        let saved = filled(path.clone());
        saved.save();
        let found = Checkpoint::open(Some(path.clone()), "key".into());
        assert_eq!((found.pictures, found.blank, &found.tensors), (2, 1, &saved.tensors));
        assert_eq!(Checkpoint::open(Some(path.clone()), "other".into()).pictures, 0);
        found.remove();
        assert!(!path.exists());
    }

    #[test]
    fn a_damaged_file_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        filled(path.clone()).save();
        let bytes = std::fs::read(&path).unwrap();
        for end in (0..bytes.len()).step_by(7) {
            std::fs::write(&path, &bytes[..end]).unwrap();
            assert_eq!(Checkpoint::open(Some(path.clone()), "key".into()).pictures, 0, "cut at {end}");
        }
        let absurd = [&bytes[..8 + 8 + 3 + 16], &[0xff; 16]].concat();
        std::fs::write(&path, absurd).unwrap();
        assert_eq!(Checkpoint::open(Some(path), "key".into()).pictures, 0);
    }
}
