//! `pipe:COMMAND`: pictures from any command's standard output. The ribbon cameras of boards come through `rpicam-vid` or
//! GStreamer, not through V4L2; network cameras through ffmpeg.
//!
//! The command runs in a shell, in a process group of its own: all that it starts ends with it. Nothing here waits for
//! longer than it is told to, so no thread is needed.

use std::io::{ErrorKind, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

#[cfg(feature = "clip")]
use super::annexb;
use super::camera_spec::{CameraSpec, Coding};
use super::jpeg;
use super::live::{Camera, Capture};
use super::unpack::Layout;
use crate::frame::Frame;

/// Read at once: what a pipe holds.
const CHUNK: usize = 64 * 1024;
/// Of what the command says on its standard error, the end is kept.
const SAID: usize = 400;
/// A command that has closed its output, or was asked to end, has this long to let go of its camera.
const FAREWELL: Duration = Duration::from_millis(500);

pub(super) struct Pipe {
    child: Child,
    out: ChildStdout,
    /// `None` once it is closed.
    err: Option<ChildStderr>,
    chunk: Vec<u8>,
    said: Vec<u8>,
    stream: Stream,
    /// Number of the next picture, whole or damaged.
    seq: u64,
    fps: f64,
}

/// Cuts the command's output into pictures.
enum Stream {
    /// Pictures of one length, without a mark between them.
    Raw {
        layout: Layout,
        buffer: Vec<u8>,
    },
    Mjpg(jpeg::Splitter),
    #[cfg(feature = "clip")]
    H264(Box<annexb::Stream>),
}

impl Stream {
    fn new(spec: &CameraSpec) -> Result<Self, String> {
        match (spec.format, spec.size) {
            (None, _) => Err("which format? e.g. pipe,format=mjpg:…, format=h264, or format=nv12,size=1280x720".into()),
            (Some(Coding::Mjpg), _) => Ok(Self::Mjpg(jpeg::Splitter::default())),
            #[cfg(feature = "clip")]
            (Some(Coding::H264), _) => Ok(Self::H264(Box::new(annexb::Stream::new()?))),
            #[cfg(not(feature = "clip"))]
            (Some(Coding::H264), _) => Err("this build has no H.264 decoder (feature `clip`): use format=mjpg".into()),
            (Some(raw), Some((width, height))) => match Layout::packed(raw, width, height) {
                Some(layout) => Ok(Self::Raw { layout, buffer: Vec::with_capacity(layout.bytes()) }),
                None => Err(format!("format={raw} is not read from a command")),
            },
            (Some(raw), None) => Err(format!("format={raw} needs the size: pipe,format={raw},size=1280x720:…")),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Raw { buffer, .. } => buffer.extend_from_slice(bytes),
            Self::Mjpg(splitter) => splitter.push(bytes),
            #[cfg(feature = "clip")]
            Self::H264(stream) => stream.push(bytes),
        }
    }

    /// How much more to read: of a raw picture not beyond its end, so that nothing has to be moved.
    fn wants(&self) -> usize {
        match self {
            Self::Raw { layout, buffer } => (layout.bytes() - buffer.len()).min(CHUNK),
            _ => CHUNK,
        }
    }

    fn next(&mut self, frame: &mut Frame, seq: &mut u64) -> Option<Capture> {
        let picture = match self {
            Self::Raw { layout, buffer } => {
                if buffer.len() < layout.bytes() {
                    return None;
                }
                let unpacked = layout.unpack(buffer, frame);
                buffer.clear();
                unpacked
            }
            Self::Mjpg(splitter) => splitter.next(|picture| jpeg::decode(picture, frame))?.flatten(),
            #[cfg(feature = "clip")]
            Self::H264(stream) => return stream.next(frame),
        };
        let number = *seq;
        *seq += 1;
        Some(picture.map_or_else(Capture::Damaged, |()| Capture::Picture { seq: number, time: None }))
    }
}

impl Pipe {
    /// Whether the spec says all that is needed.
    pub fn check(spec: &CameraSpec) -> Result<(), String> {
        Stream::new(spec).map(drop)
    }

    /// Starts the command.
    ///
    /// # Errors
    /// What the spec lacks, or why no shell starts.
    pub fn open(spec: &CameraSpec) -> Result<Self, String> {
        let stream = Stream::new(spec)?;
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(&spec.what)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("no shell to start the command: {error}"))?;
        let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
            unreachable!("both were piped above");
        };
        Ok(Self {
            child,
            out,
            err: Some(err),
            chunk: vec![0; CHUNK],
            said: Vec::new(),
            stream,
            seq: 0,
            fps: spec.fps.unwrap_or(0.0),
        })
    }

    /// Waits for output of either kind and reads it once. `false`: the command's output has ended.
    fn read(&mut self, patience: Duration) -> std::io::Result<bool> {
        let (has_pictures, has_words) = {
            let mut fds = vec![PollFd::new(&self.out, PollFlags::IN)];
            fds.extend(self.err.as_ref().map(|err| PollFd::new(err, PollFlags::IN)));
            match wait(&mut fds, patience) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
                Err(error) => return Err(error),
            }
            let ready = |fd: Option<&PollFd<'_>>| fd.is_some_and(|fd| !fd.revents().is_empty());
            (ready(fds.first()), ready(fds.get(1)))
        };
        if let Some(err) = self.err.as_mut().filter(|_| has_words) {
            match err.read(&mut self.chunk)? {
                0 => self.err = None,
                length => {
                    self.said.extend_from_slice(&self.chunk[..length]);
                    let old = self.said.len().saturating_sub(SAID);
                    self.said.drain(..old);
                }
            }
        }
        if !has_pictures {
            return Ok(true);
        }
        let wanted = self.stream.wants();
        let length = self.out.read(&mut self.chunk[..wanted])?;
        self.stream.push(&self.chunk[..length]);
        Ok(length > 0)
    }

    /// Why its output has ended, in one line.
    fn epitaph(&mut self) -> String {
        self.wait_for_end();
        // What it said last; children of it may hold the other end open, so nobody waits for more.
        for _ in 0..SAID {
            let Some(err) = &mut self.err else { break };
            let mut fds = [PollFd::new(err, PollFlags::IN)];
            let has_words = wait(&mut fds, Duration::ZERO).is_ok() && !fds[0].revents().is_empty();
            match has_words.then(|| err.read(&mut self.chunk)) {
                Some(Ok(length)) if length > 0 => self.said.extend_from_slice(&self.chunk[..length]),
                _ => break,
            }
        }
        let how = match self.child.try_wait() {
            Ok(Some(status)) => format!("the command ended ({status})"),
            _ => "the command closed its output".into(),
        };
        match last_line(&self.said) {
            Some(line) => format!("{how}: {line}"),
            None => how,
        }
    }

    /// Gives the command a moment to end by itself.
    fn wait_for_end(&mut self) {
        if let (Ok(None), Ok(end)) = (self.child.try_wait(), pidfd_open(self.group(), PidfdFlags::empty())) {
            let _ = wait(&mut [PollFd::new(&end, PollFlags::IN)], FAREWELL);
        }
    }

    /// The command, and all that it started.
    fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Camera for Pipe {
    fn fps(&self) -> f64 {
        self.fps
    }

    fn capture(&mut self, frame: &mut Frame, patience: Duration) -> Result<Capture, String> {
        if let Some(capture) = self.stream.next(frame, &mut self.seq) {
            return Ok(capture);
        }
        match self.read(patience) {
            Ok(true) => Ok(self.stream.next(frame, &mut self.seq).unwrap_or(Capture::Nothing)),
            Ok(false) => Err(self.epitaph()),
            Err(error) => Err(format!("the command's output cannot be read: {error}")),
        }
    }
}

impl Drop for Pipe {
    /// Asks the command to end, so that it lets go of its camera in order; then ends the whole group.
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = kill_process_group(self.group(), Signal::TERM);
        self.wait_for_end();
        let _ = kill_process_group(self.group(), Signal::KILL);
        let _ = self.child.wait();
    }
}

fn wait(fds: &mut [PollFd<'_>], patience: Duration) -> std::io::Result<()> {
    // A patience of milliseconds fits any clock type.
    let timeout = Timespec { tv_sec: patience.as_secs() as _, tv_nsec: patience.subsec_nanos() as _ };
    poll(fds, Some(&timeout))?;
    Ok(())
}

/// The last line with anything on it, without what would upset a terminal.
fn last_line(said: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).take(SAID / 2).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::PixelFormat;

    fn pipe(head: &str, command: &str) -> Result<Pipe, String> {
        Pipe::open(&CameraSpec::parse(&format!("pipe{head}:{command}")).unwrap()?)
    }

    /// Looks until a picture, damage or an end comes.
    fn next(pipe: &mut Pipe, frame: &mut Frame) -> Result<Capture, String> {
        for _ in 0..2000 {
            match pipe.capture(frame, Duration::from_millis(10))? {
                Capture::Nothing => {}
                found => return Ok(found),
            }
        }
        panic!("nothing came");
    }

    #[test]
    fn raw_pictures_come_out_in_order_and_the_end_is_explained() {
        let command =
            "for n in 1 2 3; do head -c 12 /dev/zero | tr '\\0' $n; done; printf 12345; echo lens cap on >&2; exit 3";
        let mut camera = pipe(",format=nv12,size=4x2,fps=5", command).unwrap();
        let mut frame = Frame::default();
        for n in 0..3u64 {
            assert_eq!(next(&mut camera, &mut frame), Ok(Capture::Picture { seq: n, time: None }));
            assert_eq!((frame.width, frame.height, frame.format), (4, 2, PixelFormat::Nv12));
            assert_eq!(frame.data, [b'1' + n as u8; 12]);
        }
        let end = next(&mut camera, &mut frame).unwrap_err();
        assert!(end.contains("exit status: 3") && end.ends_with("lens cap on"), "{end}");
    }

    #[test]
    fn a_command_that_does_not_exist_says_so() {
        let mut camera = pipe(",format=mjpg", "no-such-camera-program -o -").unwrap();
        let end = next(&mut camera, &mut Frame::default()).unwrap_err();
        assert!(end.contains("127") && end.contains("no-such-camera-program"), "{end}");
    }

    #[test]
    fn a_flood_of_words_blocks_nothing_and_is_not_kept() {
        let mut camera =
            pipe(",format=grey,size=4x2", "yes warning | head -c 3000000 >&2; printf 12345678; exec sleep 9");
        let camera = camera.as_mut().unwrap();
        assert_eq!(next(camera, &mut Frame::default()), Ok(Capture::Picture { seq: 0, time: None }));
        assert!(camera.said.len() <= SAID);
    }

    #[test]
    fn all_that_the_command_started_ends_with_it() {
        // The shell waits for a child that ignores the polite signal and holds the pipe open.
        let script = "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done'; echo not reached";
        let mut camera = pipe(",format=grey,size=1x1", script).unwrap();
        let mut id = String::new();
        while !id.ends_with('\n') {
            let mut frame = Frame::default();
            assert!(matches!(next(&mut camera, &mut frame), Ok(Capture::Picture { .. })));
            id.push(char::from(frame.data[0]));
        }
        let process = std::path::PathBuf::from(format!("/proc/{}/stat", id.trim()));
        let lives = || std::fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z "));
        assert!(lives());
        drop(camera);
        // It is gone, or waits for somebody to notice that it is.
        assert!((0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            !lives()
        }));
    }

    #[test]
    fn what_the_spec_lacks_is_named() {
        for (head, words) in [("", "which format?"), (",format=nv12", "needs the size"), (",size=4x4", "which format?")]
        {
            let error = pipe(head, "true").err().unwrap();
            assert!(error.contains(words), "{head}: {error}");
        }
    }
}
