//! A file from an address, in as many tries as it is worth, into a .part file that outlives them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::http::{Answer, Client, Patience, Trouble};
use super::{ModelError, PullError};
use crate::clock::Clock;
use crate::limits::PULL_WORTH;

/// What a person may want to see meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// So many bytes are there.
    There(u64),
    /// It is tried again, for this reason.
    Again(String),
}

/// A file to be fetched.
pub struct Fetch<'a> {
    pub url: &'a str,
    /// Its size: not one byte more is written.
    pub bytes: u64,
    /// What is there already is taken for its beginning.
    pub part: &'a Path,
    pub patience: &'a Patience,
    pub clock: &'a dyn Clock,
}

/// Why a try ended early.
enum End {
    Trouble(Trouble),
    Error(PullError),
}

impl From<Trouble> for End {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<PullError> for End {
    fn from(error: PullError) -> Self {
        Self::Error(error)
    }
}

impl Fetch<'_> {
    /// Returns with all bytes in `part`. After an error the part holds what came so far.
    pub fn run(&self, tell: &mut dyn FnMut(Event)) -> Result<(), PullError> {
        let client = Client::new(self.url, *self.patience);
        let (mut etag, mut pause, mut failures) = (None, self.patience.pause, 0);
        loop {
            let before = self.there()?;
            if before == self.bytes {
                return Ok(());
            }
            let reason = match self.once(&client, before, &mut etag, tell) {
                Ok(()) => continue,
                Err(End::Error(error)) => return Err(error),
                Err(End::Trouble(Trouble::Final(reason))) => {
                    return Err(PullError::Server { url: self.url.into(), reason });
                }
                Err(End::Trouble(Trouble::Passing(reason) | Trouble::NoPart(reason))) => reason,
            };
            let there = self.there()?;
            if there.saturating_sub(before) >= PULL_WORTH {
                (failures, pause) = (0, self.patience.pause);
            }
            failures += 1;
            if failures >= self.patience.tries {
                let kept = match there {
                    0 => "nothing came: try again later".into(),
                    there => format!(
                        "{there} of {} bytes are kept in {}: the same command goes on from there",
                        self.bytes,
                        self.part.display()
                    ),
                };
                return Err(PullError::GaveUp { url: self.url.into(), reason, tries: failures, kept });
            }
            tell(Event::Again(format!("{reason}; {there} of {} bytes are there, going on in {pause:?}", self.bytes)));
            self.clock.sleep(pause);
            pause *= 2;
        }
    }

    /// One question and its answer, from `there` on; less than all of it is trouble.
    fn once(
        &self,
        client: &Client,
        there: u64,
        etag: &mut Option<String>,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), End> {
        // More than the file has is no beginning of it.
        let start = if there < self.bytes { there } else { 0 };
        let mut answer = match client.ask(start, etag.as_deref()) {
            Err(Trouble::NoPart(_)) if start > 0 => client.ask(0, None)?,
            answer => answer?,
        };
        // Half a file of another version is worth nothing, which the digest would only say at the end.
        self.check_size(&answer)?;
        *etag = answer.etag.take();
        let mut file = self.open(answer.start)?;
        let mut at = answer.start;
        let mut buffer = vec![0; 64 * 1024];
        while at < self.bytes {
            tell(Event::There(at));
            let wanted = buffer.len().min(usize::try_from(self.bytes - at).unwrap_or(usize::MAX));
            match client.read(&mut answer.body, &mut buffer[..wanted])? {
                0 => return Err(Trouble::Passing("the server ended early".into()).into()),
                n => {
                    file.write_all(&buffer[..n]).map_err(|error| self.unwritten(error, at))?;
                    at += n as u64;
                }
            }
        }
        tell(Event::There(at));
        Ok(())
    }

    fn check_size(&self, answer: &Answer) -> Result<(), Trouble> {
        let total = answer.total.or(answer.length.map(|length| answer.start.saturating_add(length)));
        match total {
            Some(total) if total != self.bytes => Err(Trouble::Final(format!(
                "has {total} bytes there, the catalogue of this version says {}: it is another file; name another place \
                 with --from",
                self.bytes
            ))),
            _ => Ok(()),
        }
    }

    fn there(&self) -> Result<u64, PullError> {
        match fs::metadata(self.part) {
            Ok(part) => Ok(part.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(self.io(error)),
        }
    }

    /// The part, to be written from `start` on, and by nobody else until it is closed.
    fn open(&self, start: u64) -> Result<File, End> {
        let folder = self.part.parent().unwrap_or(Path::new(""));
        let io = |error| self.io(error);
        fs::create_dir_all(folder).map_err(io)?;
        let part = OpenOptions::new().create(true).append(true).open(self.part).map_err(io)?;
        match part.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(PullError::Busy(self.part.into()).into()),
            Err(TryLockError::Error(error)) => return Err(self.io(error).into()),
        }
        match self.there()? {
            there if there < start => return Err(Trouble::Passing("the .part was changed meanwhile".into()).into()),
            there if there > start => part.set_len(start).map_err(io)?,
            _ => {}
        }
        Ok(part)
    }

    fn unwritten(&self, error: std::io::Error, at: u64) -> PullError {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                PullError::Full { part: self.part.into(), missing: self.bytes - at }
            }
            _ => self.io(error),
        }
    }

    fn io(&self, source: std::io::Error) -> PullError {
        ModelError::Io { path: self.part.into(), source }.into()
    }
}
