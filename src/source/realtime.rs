//! A file or a scene at its own rate, as if it were a camera: for demonstrations, and to see what a board makes of it.

use std::time::Duration;

use super::{Source, SourceError, SourceInfo};
use crate::beat::Beat;
use crate::clock::Clock;
use crate::frame::Frame;

/// Gives each frame of `inner` when its time has come, and calls itself live: a board that is too slow drops frames and
/// says so, and every start is a run of its own. Where the frames have no wall time, the first one is taken now. A
/// decoder that is too slow plays it slower; nothing is skipped for it.
pub struct Realtime {
    inner: Box<dyn Source>,
    clock: Box<dyn Clock>,
    info: SourceInfo,
    /// When media time 0 was: on the clock, and as Unix time in microseconds.
    started: Option<(Duration, i64)>,
}

impl Realtime {
    pub fn new(inner: Box<dyn Source>, clock: Box<dyn Clock>) -> Self {
        let info = SourceInfo { live: true, digest: None, ..inner.info().clone() };
        Self { inner, clock, info, started: None }
    }
}

impl Source for Realtime {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        if !self.inner.next_frame(frame)? {
            return Ok(false);
        }
        let media = frame.stamp.mono;
        let media_us = media.as_micros() as i64;
        let (mono, wall) =
            *self.started.get_or_insert((self.clock.mono().saturating_sub(media), self.clock.wall() - media_us));
        frame.stamp.wall.get_or_insert(wall + media_us);
        let early = (mono + media).saturating_sub(self.clock.mono());
        if !early.is_zero() {
            self.clock.sleep(early);
        }
        Ok(true)
    }

    fn attend(&mut self, beat: Beat) {
        self.inner.attend(beat);
    }

    fn warnings(&self) -> Vec<String> {
        self.inner.warnings()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::source::scene::SceneSource;

    /// Moves only when somebody sleeps.
    #[derive(Clone, Default)]
    struct Script(Arc<Mutex<Duration>>);

    impl Clock for Script {
        fn mono(&self) -> Duration {
            *self.0.lock().unwrap()
        }

        fn wall(&self) -> i64 {
            1_700_000_000_000_000 + self.mono().as_micros() as i64
        }

        fn sleep(&self, time: Duration) {
            *self.0.lock().unwrap() += time;
        }
    }

    #[test]
    fn each_frame_comes_at_its_time_with_a_wall_time() {
        let clock = Script::default();
        clock.sleep(Duration::from_secs(100));
        let scene = SceneSource::open("scene:empty?fps=4").unwrap();
        let mut source = Realtime::new(Box::new(scene), Box::new(clock.clone()));
        assert!(source.info().live && source.info().digest.is_none());
        let mut frame = Frame::default();
        for ms in [0, 250, 500] {
            assert!(source.next_frame(&mut frame).unwrap());
            assert_eq!(clock.mono(), Duration::from_millis(100_000 + ms));
            assert_eq!(frame.stamp.wall, Some(clock.wall()));
        }
        clock.sleep(Duration::from_secs(1));
        assert!(source.next_frame(&mut frame).unwrap());
        assert_eq!(clock.mono(), Duration::from_millis(101_500), "a late frame comes at once");
        assert_eq!(frame.stamp.wall, Some(1_700_000_100_750_000), "with the time that it was due");
    }

    #[test]
    fn a_wall_time_of_its_own_stays() {
        let scene = SceneSource::open("scene:empty").unwrap().starting_at(Some(5));
        let mut source = Realtime::new(Box::new(scene), Box::new(Script::default()));
        let mut frame = Frame::default();
        assert!(source.next_frame(&mut frame).unwrap());
        assert_eq!(frame.stamp.wall, Some(5));
    }
}
