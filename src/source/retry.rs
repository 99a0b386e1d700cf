//! Keeps a camera delivering: what ends, stalls, floods or sends garbage is opened anew, with growing pauses that end at
//! once when nobody wants frames any more. Numbers and times go on over it, so that the time away is a gap like any other.
//!
//! Not here: how a device is opened and read ([`Camera`]), and whose fault a gap is (pipeline/).

use std::time::Duration;

use super::live::{Camera, Capture, Live};
use super::opening::Opening;
use super::timeline::Timeline;
use super::{Source, SourceError, SourceInfo};
use crate::beat::Beat;
use crate::frame::{Frame, Stamp};

/// The longest wait in which nobody looks whether frames are still wanted.
const STEP: Duration = Duration::from_millis(50);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A camera that has delivered for so long is well again: the next pause is the first.
const WELL_AFTER: Duration = Duration::from_secs(10);
/// Pictures that a device may hold back from before anybody asked for the first.
const BACKLOG: usize = 64;

/// Opens the camera; `Err` holds why not, in words that follow its name and a colon.
pub(super) type Opener = Box<dyn FnMut() -> Result<Box<dyn Camera>, String> + Send>;

pub(super) struct Retry {
    info: SourceInfo,
    live: Live,
    opener: Opener,
    open: Option<Opening>,
    /// Why it is not open, as it was last said.
    said: Option<String>,
    /// Before the next attempt.
    pause: Duration,
    /// Machine time of the first stamp.
    origin: Option<Duration>,
    timeline: Timeline,
    /// Stamp of the last picture, and when it came.
    last: Option<(Stamp, Duration)>,
    count: Counts,
    /// Told with every look, so that a camera that is away can be told from a driver that hangs.
    beat: Beat,
}

/// What is told at the end.
#[derive(Debug, Default)]
struct Counts {
    reopened: u64,
    damaged: u64,
    last_damage: String,
}

impl Retry {
    /// Opens the camera, and waits for its first picture, which tells the size. `size`: as promised, for a patient
    /// start without the camera. `fps`: as asked for.
    ///
    /// # Errors
    /// The camera is not there, and nobody wants to wait for it; or frames are no longer wanted.
    pub fn open(
        name: &str,
        opener: Opener,
        live: &Live,
        size: Option<(u32, u32)>,
        fps: Option<f64>,
    ) -> Result<Self, SourceError> {
        let mut source = Self {
            info: SourceInfo {
                name: name.to_owned(),
                width: 0,
                height: 0,
                nominal_fps: fps.unwrap_or(0.0),
                frames: None,
                seq_step: 1,
                duration: None,
                live: true,
                digest: None,
            },
            live: live.clone(),
            opener,
            open: None,
            said: None,
            pause: FIRST_PAUSE,
            origin: None,
            timeline: Timeline::new(None),
            last: None,
            count: Counts::default(),
            beat: Beat::default(),
        };
        let mut first = Frame::default();
        while let Err(reason) = source.begin(&mut first) {
            if !(live.going)() {
                return Err(SourceError::Stopped(name.into()));
            }
            if !live.patient {
                return Err(SourceError::Unreadable { path: name.into(), reason });
            }
            source.lost(reason);
            if let Some(size) = size {
                (source.info.width, source.info.height) = size;
                return Ok(source);
            }
            if !source.rest() {
                return Err(SourceError::Stopped(name.into()));
            }
        }
        Ok(source)
    }

    /// Opens the camera and learns its size.
    fn begin(&mut self, scratch: &mut Frame) -> Result<(), String> {
        self.connect()?;
        while (self.live.going)() {
            if self.try_capture(scratch)?.is_some() {
                // Pictures are stamped from the moment on in which they are asked for: see `next_frame`.
                return Ok(());
            }
        }
        Err("frames are no longer wanted".into())
    }

    fn connect(&mut self) -> Result<(), String> {
        let camera = (self.opener)()?;
        let now = self.live.clock.mono();
        if self.info.nominal_fps == 0.0 {
            self.info.nominal_fps = camera.fps();
        }
        self.open = Some(Opening::new(camera, now));
        Ok(())
    }

    /// One short look. `Some` is the picture's own number and time; `frame` is filled then.
    fn try_capture(&mut self, frame: &mut Frame) -> Result<Option<(u64, Option<Duration>)>, String> {
        let Some(open) = &mut self.open else { return Err("closed".into()) };
        self.beat.moved();
        let capture = open.camera.capture(frame, STEP)?;
        let now = self.live.clock.mono();
        match capture {
            Capture::Picture { seq, time } => {
                open.arrived(now)?;
                let (width, height) = (frame.width, frame.height);
                if (self.info.width, self.info.height) == (0, 0) {
                    (self.info.width, self.info.height) = (width, height);
                }
                if (self.info.width, self.info.height) != (width, height) {
                    let (w, h) = (self.info.width, self.info.height);
                    return Err(format!("its picture is {width}x{height} now, not {w}x{h}: the lines would be wrong"));
                }
                Ok(Some((seq, time)))
            }
            Capture::Damaged(why) => {
                self.count.damaged += 1;
                self.count.last_damage.clone_from(&why);
                open.damage = Some(why);
                open.check_stall(now).map(|()| None)
            }
            Capture::Nothing => open.check_stall(now).map(|()| None),
        }
    }

    /// The stamp of a picture that has just come.
    fn stamp(&mut self, device_seq: u64, device_time: Option<Duration>) -> Stamp {
        let now = self.live.clock.mono();
        let time = match (&mut self.open, device_time) {
            (Some(open), Some(time)) => open.machine_time(time, now),
            _ => now,
        };
        let origin = *self.origin.get_or_insert(time);
        let seq = match (self.open.as_mut().and_then(|open| open.numbers.as_mut()), &self.last) {
            (Some((device_first, first)), Some((last, _))) => {
                (*first + device_seq.saturating_sub(*device_first)).max(last.seq + 1)
            }
            (_, Some((last, heard))) => last.seq + 1 + self.missed(now.saturating_sub(*heard)),
            (_, None) => 0,
        };
        if let Some(open) = &mut self.open {
            open.numbers.get_or_insert((device_seq, seq));
        }
        let mut stamp = self.timeline.stamp(seq, time.saturating_sub(origin));
        stamp.wall = Some(self.live.clock.wall());
        self.last = Some((stamp, now));
        stamp
    }

    /// Frames that were due while the camera was away for so long; at least one, so that it shows.
    fn missed(&self, away: Duration) -> u64 {
        let due = (away.as_secs_f64() * self.rate()).round() as u64;
        due.saturating_sub(1).max(1)
    }

    /// As agreed; else as seen over the whole run.
    fn rate(&self) -> f64 {
        match self.last {
            _ if self.info.nominal_fps > 0.0 => self.info.nominal_fps,
            Some((last, _)) if !last.mono.is_zero() => last.seq as f64 / last.mono.as_secs_f64(),
            _ => 0.0,
        }
    }

    /// Closes the camera, and says why, once for each reason.
    fn lost(&mut self, reason: String) {
        let name = &self.info.name;
        if self.open.take().is_some_and(|open| self.live.clock.mono().saturating_sub(open.since) >= WELL_AFTER) {
            self.pause = FIRST_PAUSE;
        }
        if self.said.as_ref() != Some(&reason) {
            log::warn!("{name}: {reason}; it is tried again");
            self.said = Some(reason);
        }
    }

    /// Waits before the next attempt, each time twice as long; `false` as soon as frames are no longer wanted.
    fn rest(&mut self) -> bool {
        let end = self.live.clock.mono() + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        while (self.live.going)() {
            let left = end.saturating_sub(self.live.clock.mono());
            if left.is_zero() {
                return true;
            }
            self.beat.moved();
            self.live.clock.sleep(left.min(STEP));
        }
        false
    }

    fn reconnect(&mut self) -> Result<(), String> {
        self.connect()?;
        self.count.reopened += 1;
        Ok(())
    }

    /// What has waited since the camera was opened is old: a model may have been loaded in between.
    fn drop_backlog(&mut self, scratch: &mut Frame) -> Result<(), String> {
        for _ in 0..BACKLOG {
            let Some(open) = &mut self.open else { break };
            if open.camera.capture(scratch, Duration::ZERO)? == Capture::Nothing {
                open.heard = self.live.clock.mono();
                break;
            }
        }
        Ok(())
    }
}

impl Source for Retry {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// `Ok(false)` once frames are no longer wanted: a camera has no other end.
    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        if self.last.is_none()
            && let Err(reason) = self.drop_backlog(frame)
        {
            self.lost(reason);
        }
        while (self.live.going)() {
            let result = if self.open.is_some() {
                self.try_capture(frame)
            } else if self.rest() {
                self.reconnect().map(|()| None)
            } else {
                break;
            };
            match result {
                Ok(Some((seq, time))) => {
                    frame.stamp = self.stamp(seq, time);
                    if self.said.take().is_some() {
                        log::warn!("{}: delivers again", self.info.name);
                    }
                    return Ok(true);
                }
                Ok(None) => {}
                Err(reason) => self.lost(reason),
            }
        }
        Ok(false)
    }

    fn attend(&mut self, beat: Beat) {
        self.beat = beat;
    }

    fn warnings(&self) -> Vec<String> {
        let Counts { reopened, damaged, last_damage } = &self.count;
        let reopened = (*reopened > 0).then(|| match self.said.as_ref() {
            Some(reason) => format!("opened anew {reopened} times; at the end: {reason}"),
            None => format!("opened anew {reopened} times"),
        });
        let damaged = (*damaged > 0).then(|| format!("{damaged} damaged pictures skipped, the last: {last_damage}"));
        reopened.into_iter().chain(damaged).chain(self.timeline.warning()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::clock::Clock;
    use crate::limits::MAX_CAMERA_FPS;

    /// Time passes only by sleeping, and while a camera waits.
    #[derive(Default)]
    struct Scripted {
        micros: AtomicU64,
        slept: Mutex<Vec<Duration>>,
    }

    impl Scripted {
        fn pass(&self, time: Duration) {
            self.micros.fetch_add(time.as_micros() as u64, Ordering::SeqCst);
        }
    }

    impl Clock for Scripted {
        fn mono(&self) -> Duration {
            Duration::from_micros(self.micros.load(Ordering::SeqCst))
        }

        fn wall(&self) -> i64 {
            1_000_000_000_000_000 + self.mono().as_micros() as i64
        }

        fn sleep(&self, time: Duration) {
            self.slept.lock().unwrap().push(time);
            self.pass(time);
        }
    }

    /// What a camera does next.
    #[derive(Clone)]
    enum Act {
        /// After so many milliseconds the picture of this number, taken at this time (milliseconds).
        Picture(u64, u64, u64),
        Damaged,
        /// Data without end and without a picture.
        DamagedForever,
        Stall,
        Resize(u32),
    }
    use Act::*;

    struct Fake {
        acts: VecDeque<Act>,
        clock: Arc<Scripted>,
        side: u32,
    }

    impl Camera for Fake {
        fn fps(&self) -> f64 {
            10.0
        }

        fn capture(&mut self, frame: &mut Frame, patience: Duration) -> Result<Capture, String> {
            if patience.is_zero() {
                return Ok(Capture::Nothing);
            }
            frame.reshape(self.side, 2, crate::frame::PixelFormat::Rgb8);
            Ok(match self.acts.front().cloned() {
                Some(Picture(seq, wait, time)) => {
                    self.clock.pass(Duration::from_millis(wait));
                    self.acts.pop_front();
                    Capture::Picture { seq, time: Some(Duration::from_millis(time)) }
                }
                Some(Damaged) => {
                    self.acts.pop_front();
                    Capture::Damaged("torn".into())
                }
                Some(Resize(side)) => {
                    self.side = side;
                    self.acts.pop_front();
                    Capture::Nothing
                }
                Some(DamagedForever) => {
                    self.clock.pass(patience);
                    Capture::Damaged("noise".into())
                }
                Some(Stall) => {
                    self.clock.pass(patience);
                    Capture::Nothing
                }
                None => return Err("it went away".into()),
            })
        }
    }

    struct Rig {
        clock: Arc<Scripted>,
        going: Arc<AtomicBool>,
        live: Live,
    }

    fn rig(patient: bool) -> Rig {
        let (clock, going) = (Arc::new(Scripted::default()), Arc::new(AtomicBool::new(true)));
        let asked = going.clone();
        let live = Live { clock: clock.clone(), going: Arc::new(move || asked.load(Ordering::SeqCst)), patient };
        Rig { clock, going, live }
    }

    impl Rig {
        /// A camera that is opened once per script; `None`: it is not there.
        fn opener(&self, scripts: Vec<Option<Vec<Act>>>) -> Opener {
            let (clock, going) = (self.clock.clone(), self.going.clone());
            let mut scripts = VecDeque::from(scripts);
            Box::new(move || {
                let script = scripts.pop_front().unwrap_or_else(|| {
                    going.store(false, Ordering::SeqCst);
                    None
                });
                let acts = script.ok_or("no such device")?.into();
                Ok(Box::new(Fake { acts, clock: clock.clone(), side: 4 }))
            })
        }

        fn open(&self, scripts: Vec<Option<Vec<Act>>>) -> Retry {
            Retry::open("cam", self.opener(scripts), &self.live, None, None).unwrap()
        }
    }

    /// (seq, mono in milliseconds) of every frame up to the end.
    fn stamps(source: &mut Retry) -> Vec<(u64, u64)> {
        let mut frame = Frame::default();
        let mut found = Vec::new();
        while source.next_frame(&mut frame).unwrap() {
            found.push((frame.stamp.seq, frame.stamp.mono.as_millis() as u64));
        }
        found
    }

    /// Pictures number `from..`, one per 100 ms, whose device clock shows `epoch` at number 0.
    fn steady(numbers: std::ops::Range<u64>, epoch: u64) -> Vec<Act> {
        numbers.map(|n| Picture(n, 100, epoch + 100 * n)).collect()
    }

    #[test]
    fn the_drivers_numbers_and_times_become_stamps() {
        let rig = rig(false);
        let mut script = steady(7..10, 5000);
        // Number 10 and 11 were dropped; 12 came late, but was taken in time.
        script.push(Picture(12, 380, 6200));
        let mut source = rig.open(vec![Some(script)]);
        assert!(source.info().live);
        assert_eq!((source.info().width, source.info().nominal_fps), (4, 10.0));
        // The first picture told the size.
        assert_eq!(stamps(&mut source), [(0, 0), (1, 100), (4, 400)]);
    }

    #[test]
    fn the_time_away_is_counted_in_frames_and_the_clock_goes_on() {
        let rig = rig(false);
        // The device's clock begins anew with it.
        let mut source = rig.open(vec![Some(steady(0..4, 9000)), None, None, Some(steady(0..2, 77))]);
        let found = stamps(&mut source);
        // Away for 0.5 + 1 + 2 s and the 0.1 s of the next picture: 3.6 s, which are 36 frames, the last of them there.
        assert_eq!(found[..3], [(0, 0), (1, 100), (2, 200)]);
        assert_eq!(found[3..5], [(3 + 35, 200 + 3600), (39, 3900)]);
        assert!(source.warnings()[0].starts_with("opened anew 1 times"), "{:?}", source.warnings());
    }

    #[test]
    fn pauses_double_up_to_half_a_minute_and_begin_anew_after_ten_good_seconds() {
        let pauses = |scripts: Vec<Option<Vec<Act>>>| {
            let rig = rig(false);
            let mut source = rig.open(scripts);
            let mut times = Vec::new();
            let mut said = rig.clock.mono();
            let mut frame = Frame::default();
            while source.next_frame(&mut frame).unwrap() {
                said = rig.clock.mono();
            }
            let slept = rig.clock.slept.lock().unwrap();
            assert!(slept.iter().all(|step| *step <= STEP), "a longer step sleeps through a signal");
            times.push(slept.iter().sum::<Duration>().as_secs_f64());
            (times[0], said)
        };
        let (total, _) = pauses([vec![Some(steady(0..2, 0))], vec![None; 8]].concat());
        assert_eq!(total, 0.5 + 1.0 + 2.0 + 4.0 + 8.0 + 16.0 + 30.0 + 30.0 + 30.0);
        // One picture and away again: no good camera.
        let flaky = vec![Some(steady(0..2, 0)), Some(steady(0..1, 0)), Some(steady(0..1, 0))];
        assert_eq!(pauses(flaky).0, 0.5 + 1.0 + 2.0);
        let well = vec![Some(steady(0..2, 0)), None, Some(steady(0..150, 0))];
        assert_eq!(pauses(well).0, 0.5 + 1.0 + 0.5);
    }

    #[test]
    fn stalls_and_garbage_are_opened_anew_and_said() {
        for (act, words) in [(Stall, "no picture for 8 s: is it"), (DamagedForever, "only damaged data (noise)")] {
            let rig = rig(false);
            let mut source = rig.open(vec![Some([steady(0..3, 0), vec![act]].concat()), Some(steady(0..2, 0))]);
            let mut frame = Frame::default();
            for _ in 0..2 {
                assert!(source.next_frame(&mut frame).unwrap());
            }
            source.lost_for_test(&mut frame, words);
            assert_eq!(stamps(&mut source).len(), 2);
        }
    }

    impl Retry {
        /// Runs into the loss of the camera, whose reason must hold `words`.
        fn lost_for_test(&mut self, frame: &mut Frame, words: &str) {
            let reason = loop {
                match self.try_capture(frame) {
                    Ok(None) => {}
                    Ok(Some(_)) => panic!("a picture"),
                    Err(reason) => break reason,
                }
            };
            assert!(reason.contains(words), "{reason}");
            self.lost(reason);
        }
    }

    #[test]
    fn a_damaged_picture_is_skipped_and_its_number_is_missing() {
        let rig = rig(false);
        let script = vec![Picture(0, 10, 10), Picture(1, 100, 110), Damaged, Picture(3, 200, 310)];
        let mut source = rig.open(vec![Some(script)]);
        assert_eq!(stamps(&mut source), [(0, 0), (2, 200)]);
        assert!(source.warnings().iter().any(|w| w.starts_with("1 damaged pictures skipped, the last: torn")));
    }

    #[test]
    fn a_flood_and_another_size_are_refused() {
        let rig1 = rig(false);
        let flood = (0..1000).map(|n| Picture(n, 0, n)).collect();
        let mut source = rig1.open(vec![Some(flood)]);
        assert!(stamps(&mut source).len() as f64 <= MAX_CAMERA_FPS, "given up, and not opened anew in this script");
        let rig2 = rig(false);
        let mut source =
            rig2.open(vec![Some([steady(0..2, 0), vec![Resize(6)], steady(3..4, 0)].concat()), Some(steady(0..1, 0))]);
        let found = stamps(&mut source);
        assert_eq!(found.len(), 2, "the picture of another size is none: {found:?}");
    }

    #[test]
    fn repeated_numbers_and_backward_clocks_are_lifted() {
        let rig = rig(false);
        let script = vec![Picture(0, 10, 100), Picture(0, 100, 100), Picture(0, 100, 90), Picture(0, 100, 9_000_000)];
        let mut source = rig.open(vec![Some(script)]);
        let mut frame = Frame::default();
        let mut last = None;
        while source.next_frame(&mut frame).unwrap() {
            assert!(last < Some((frame.stamp.seq, frame.stamp.mono)), "{:?} after {last:?}", frame.stamp);
            last = Some((frame.stamp.seq, frame.stamp.mono));
        }
        // A clock that jumps by hours is not believed.
        assert!(last.unwrap().1 < Duration::from_secs(1));
    }

    #[test]
    fn a_camera_that_is_missing_at_the_start_is_an_error_or_is_waited_for() {
        let impatient = rig(false);
        let error = Retry::open("cam", impatient.opener(vec![None]), &impatient.live, None, None).err().unwrap();
        assert_eq!(error.to_string(), "cam: no such device");

        let patient = rig(true);
        let mut source = patient.open(vec![None, None, Some(steady(0..3, 0))]);
        assert_eq!(patient.clock.mono(), Duration::from_millis(1600), "0.5 + 1 s, and the first picture");
        assert_eq!(stamps(&mut source).len(), 2);

        // With the size promised nobody else has to wait.
        let promised = rig(true);
        let opener = promised.opener(vec![None, Some(steady(0..3, 0))]);
        let mut source = Retry::open("cam", opener, &promised.live, Some((4, 2)), Some(10.0)).unwrap();
        assert_eq!((promised.clock.mono(), source.info().width), (Duration::ZERO, 4));
        assert_eq!(stamps(&mut source).len(), 3);

        let stopped = rig(true);
        stopped.going.store(false, Ordering::SeqCst);
        let error = Retry::open("cam", stopped.opener(vec![None]), &stopped.live, None, None).err();
        assert!(matches!(error, Some(SourceError::Stopped(_))), "{error:?}");
    }

    #[test]
    fn a_camera_that_is_waited_for_shows_that_its_thread_lives() {
        let rig = rig(true);
        let mut source = rig.open(vec![Some(steady(0..3, 0)), None, None]);
        let beat = Beat::default();
        source.attend(beat.clone());
        let before = beat.get();
        assert_eq!(stamps(&mut source).len(), 2);
        // 0.5 + 1 s of pauses alone, a sign each 50 ms.
        assert!(beat.get() - before >= 2 * 30 && !beat.resting(), "{}", beat.get() - before);
    }
}
