//! Every container and codec that is not ours, decoded by an `ffmpeg` (5.1 or newer) on the PATH.
//!
//! Not here: H.264 in mp4 (clip.rs), which needs no other program. The pictures come as raw I420 on ffmpeg's standard
//! output; their times and sizes are what its `showinfo` filter logs, in the stream's own time base, so that variable
//! frame rates come out as they are.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::timeline::{Timeline, ticks_to_time};
use super::{Source, SourceError, SourceInfo, digest};
use crate::frame::{Frame, PixelFormat};
use crate::limits::check_picture_size;

/// Log notes that may wait: more than the frames that ffmpeg holds between its filter and its output, so that
/// neither side can block the other.
const NOTES: usize = 1024;

pub(super) struct Ffmpeg {
    info: SourceInfo,
    path: PathBuf,
    child: Child,
    pictures: ChildStdout,
    /// `None` only while being dropped.
    notes: Option<Receiver<Note>>,
    log_reader: Option<JoinHandle<()>>,
    clock: TimeBase,
    timeline: Timeline,
    first: Option<Frame>,
    seq: u64,
    problems: u64,
    last_problem: Option<String>,
}

/// One line of ffmpeg's log that matters.
#[derive(Debug, PartialEq)]
enum Note {
    /// Length of the file.
    Length(Duration),
    TimeBase {
        numerator: u32,
        denominator: u32,
        fps: f64,
    },
    /// A picture is on its way; `pts` in the time base where the stream has one.
    Picture {
        pts: Option<i64>,
        width: u32,
        height: u32,
    },
    Problem(String),
}

#[derive(Debug, Default)]
struct TimeBase {
    numerator: u32,
    denominator: u32,
    first: Option<i64>,
    last: Duration,
}

impl Ffmpeg {
    /// Starts `program` on the file and waits for the first picture. `why`: what makes ffmpeg necessary, for the error
    /// where it is missing. `start`: unix time of the first picture in microseconds.
    pub fn open(program: &str, path: &Path, why: &str, start: Option<i64>) -> Result<Self, SourceError> {
        let mut child = command(program, path).spawn().map_err(|error| unavailable(program, path, why, &error))?;
        let (Some(pictures), Some(log)) = (child.stdout.take(), child.stderr.take()) else {
            unreachable!("both were piped by `command`");
        };
        let (sender, notes) = sync_channel(NOTES);
        let log_reader = std::thread::Builder::new()
            .name("ffmpeg-log".into())
            .spawn(move || read_log(log, &sender))
            .map_err(|source| SourceError::Io { path: path.to_owned(), source })?;
        let mut source = Self {
            info: SourceInfo {
                name: super::file_name(path),
                width: 0,
                height: 0,
                nominal_fps: 0.0,
                frames: None,
                seq_step: 1,
                duration: None,
                live: false,
                digest: None,
            },
            path: path.to_owned(),
            child,
            pictures,
            notes: Some(notes),
            log_reader: Some(log_reader),
            clock: TimeBase::default(),
            timeline: Timeline::new(start),
            first: None,
            seq: 0,
            problems: 0,
            last_problem: None,
        };
        let mut first = Frame::default();
        if !source.advance(&mut first)? {
            return Err(source.unreadable("ffmpeg found no picture in it".into()));
        }
        (source.info.width, source.info.height) = (first.width, first.height);
        source.first = Some(first);
        let digest = digest::of_file(path).map_err(|source| SourceError::Io { path: path.to_owned(), source })?;
        source.info.digest = Some(digest);
        Ok(source)
    }

    fn advance(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        // The log ends before or with the process, so an end of the notes is the end of the stream.
        while let Some(note) = self.notes.as_ref().and_then(|notes| notes.recv().ok()) {
            match note {
                Note::Length(length) => self.info.duration = Some(length),
                Note::TimeBase { numerator, denominator, fps } => {
                    (self.clock.numerator, self.clock.denominator) = (numerator, denominator);
                    self.info.nominal_fps = fps;
                }
                Note::Problem(line) => {
                    self.problems += 1;
                    self.last_problem = Some(line);
                }
                Note::Picture { pts, width, height } => {
                    check_picture_size(width, height).map_err(|reason| self.unreadable(reason))?;
                    frame.reshape(width, height, PixelFormat::I420);
                    match self.pictures.read_exact(&mut frame.data) {
                        Ok(()) => {}
                        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                        Err(source) => return Err(SourceError::Io { path: self.path.clone(), source }),
                    }
                    let time = self.clock.time(pts, self.info.nominal_fps);
                    frame.stamp = self.timeline.stamp(self.seq, time);
                    self.seq += 1;
                    return Ok(true);
                }
            }
        }
        self.finish()?;
        Ok(false)
    }

    /// After the last picture: an error only where there was none.
    fn finish(&mut self) -> Result<(), SourceError> {
        let status = self.child.wait().map_err(|source| SourceError::Io { path: self.path.clone(), source })?;
        match (status.success(), self.seq) {
            (false, 0) => {
                let reason = self.last_problem.take().unwrap_or_else(|| format!("ffmpeg failed with {status}"));
                Err(self.unreadable(format!("ffmpeg cannot read it: {reason}")))
            }
            (false, _) => {
                self.problems += 1;
                self.last_problem.get_or_insert_with(|| format!("it ended early with {status}"));
                Ok(())
            }
            (true, _) => Ok(()),
        }
    }

    fn unreadable(&self, reason: String) -> SourceError {
        SourceError::Unreadable { path: self.path.clone(), reason }
    }
}

impl Source for Ffmpeg {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        if let Some(first) = &mut self.first {
            std::mem::swap(first, frame);
            self.first = None;
            return Ok(true);
        }
        self.advance(frame)
    }

    fn warnings(&self) -> Vec<String> {
        let reported = self.last_problem.as_ref().map(|last| match self.problems {
            1 => format!("ffmpeg reported a problem: {last}"),
            n => format!("ffmpeg reported {n} problems, the last: {last}"),
        });
        reported.into_iter().chain(self.timeline.warning()).collect()
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        // Errors mean that it has ended already. Without its receiver the reader cannot block, so the join returns.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.notes = None;
        if let Some(reader) = self.log_reader.take() {
            let _ = reader.join();
        }
    }
}

impl TimeBase {
    /// Time since the first picture. One without a time of its own follows the one before at the nominal rate.
    fn time(&mut self, pts: Option<i64>, fps: f64) -> Duration {
        let time = match pts {
            Some(pts) => {
                let first = *self.first.get_or_insert(pts);
                let ticks = pts.saturating_sub(first).saturating_mul(i64::from(self.numerator));
                ticks_to_time(ticks, self.denominator)
            }
            None if fps > 0.0 => self.last + Duration::from_secs_f64(1.0 / fps),
            None => self.last,
        };
        self.last = time;
        time
    }
}

fn command(program: &str, path: &Path) -> Command {
    // `file:` keeps names such as `a:b.avi` from being taken for an address.
    let mut input = OsString::from("file:");
    input.push(path);
    let mut command = Command::new(program);
    command
        .args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info", "-protocol_whitelist", "file"])
        .arg("-i")
        .arg(input)
        .args(["-map", "0:v:0", "-vf", "scale=out_range=tv,format=yuv420p,showinfo=checksum=0"])
        .args(["-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn unavailable(program: &str, path: &Path, why: &str, error: &io::Error) -> SourceError {
    let what = format!("{}: {why}", path.display());
    match error.kind() {
        io::ErrorKind::NotFound => SourceError::Unavailable {
            what,
            todo: format!("install {program} (it is looked for on the PATH), or convert the clip to H.264 in mp4"),
        },
        _ => SourceError::Unavailable { what, todo: format!("{program} does not start: {error}") },
    }
}

/// Runs on its own thread until ffmpeg closes its log, or nobody listens any more.
fn read_log(log: ChildStderr, notes: &SyncSender<Note>) {
    let mut log = BufReader::new(log);
    let mut line = Vec::new();
    while log.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        if let Some(note) = parse_line(String::from_utf8_lossy(&line).trim())
            && notes.send(note).is_err()
        {
            return;
        }
        line.clear();
    }
}

fn parse_line(line: &str) -> Option<Note> {
    if line.contains("Parsed_showinfo") {
        return parse_showinfo(line);
    }
    for level in ["[error] ", "[fatal] ", "[panic] "] {
        if let Some((_, message)) = line.split_once(level) {
            return Some(Note::Problem(message.trim().to_owned()));
        }
    }
    let (_, rest) = line.split_once("Duration: ")?;
    let mut parts = rest.split(',').next()?.split(':');
    let (hours, minutes) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?);
    let seconds = parts.next()?.parse::<f64>().ok()?;
    let total = f64::from(hours) * 3600.0 + f64::from(minutes) * 60.0 + seconds;
    Duration::try_from_secs_f64(total).ok().map(Note::Length)
}

/// `… config in time_base: 1/25, frame_rate: 25/1` or `… n: 0 pts: 0 pts_time:0 … s:640x360 …`.
fn parse_showinfo(line: &str) -> Option<Note> {
    if let Some((_, rest)) = line.split_once("config in time_base:") {
        let (base, rate) = rest.split_once(", frame_rate:")?;
        let (numerator, denominator) = fraction(base)?;
        let fps = fraction(rate).filter(|(_, seconds)| *seconds > 0);
        let fps = fps.map_or(0.0, |(frames, seconds)| f64::from(frames) / f64::from(seconds));
        return Some(Note::TimeBase { numerator, denominator, fps });
    }
    let (_, pts) = line.split_once(" pts:")?;
    let pts = pts.split_whitespace().next()?.parse().ok(); // NOPTS where it has none
    let (width, height) = line.split_whitespace().find_map(|word| word.strip_prefix("s:")?.split_once('x'))?;
    Some(Note::Picture { pts, width: width.parse().ok()?, height: height.parse().ok()? })
}

fn fraction(text: &str) -> Option<(u32, u32)> {
    let (numerator, denominator) = text.trim().split_once('/')?;
    Some((numerator.parse().ok()?, denominator.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_become_notes() {
        let at = "[Parsed_showinfo_2 @ 0x55d0] [info] ";
        let lines = [
            (
                "config in time_base: 1/12800, frame_rate: 25/1",
                Some(Note::TimeBase { numerator: 1, denominator: 12800, fps: 25.0 }),
            ),
            ("config out time_base: 0/0, frame_rate: 0/0", None),
            (
                "n:   1 pts:    512 pts_time:0.04    duration:    512 fmt:yuv420p cl:left sar:1/1 s:640x360 i:P",
                Some(Note::Picture { pts: Some(512), width: 640, height: 360 }),
            ),
            ("n:   0 pts:  NOPTS pts_time:NOPTS s:2x2 i:P", Some(Note::Picture { pts: None, width: 2, height: 2 })),
            ("color_range:tv color_space:unknown", None),
        ];
        for (line, want) in lines {
            assert_eq!(parse_line(&format!("{at}{line}")), want, "{line}");
        }
        assert_eq!(
            parse_line("[info]   Duration: 01:00:10.50, start: 0.0, bitrate: 1 kb/s"),
            Some(Note::Length(Duration::from_millis(3_610_500)))
        );
        assert_eq!(parse_line("[info]   Duration: N/A, bitrate: N/A"), None);
        assert_eq!(
            parse_line("[in#0 @ 0x1] [error] Error opening input"),
            Some(Note::Problem("Error opening input".into()))
        );
    }

    #[test]
    fn a_missing_program_is_one_clear_line() {
        let error =
            Ffmpeg::open("no-such-ffmpeg", Path::new("a.mkv"), "it is Matroska", None).err().unwrap().to_string();
        assert_eq!(
            error,
            "a.mkv: it is Matroska: install no-such-ffmpeg (it is looked for on the PATH), or convert the clip to H.264 in mp4"
        );
    }
}
