//! One opening of a camera, from its start to its loss: does it deliver, does it flood, what is its clock's time on ours?
//! Not here: what follows from a loss (retry.rs).

use std::time::Duration;

use super::live::Camera;
use crate::limits::{CAMERA_STALL, MAX_CAMERA_FPS};

/// When the device's clock is this far from where it should be, it was set, and is aligned with the machine's again. Less
/// is no sign of it: pictures wait in the driver while the processor is busy.
const CLOCK_STEP: i128 = 10_000_000_000;

/// From one opening of the camera to its loss.
pub(super) struct Opening {
    pub camera: Box<dyn Camera>,
    pub since: Duration,
    /// When the last picture came.
    pub heard: Duration,
    /// What the device calls the first picture, and what we call it.
    pub numbers: Option<(u64, u64)>,
    /// From the device's clock to the machine's, in nanoseconds.
    clock_offset: Option<i128>,
    /// Start of the current second, and pictures in it.
    second: (Duration, u64),
    /// Of data without a picture, since the last picture.
    pub damage: Option<String>,
}

impl Opening {
    /// `now`: of the machine.
    pub fn new(camera: Box<dyn Camera>, now: Duration) -> Self {
        Self { camera, since: now, heard: now, numbers: None, clock_offset: None, second: (now, 0), damage: None }
    }

    /// Takes note of a picture.
    pub fn arrived(&mut self, now: Duration) -> Result<(), String> {
        self.heard = now;
        self.damage = None;
        if now.saturating_sub(self.second.0) >= Duration::from_secs(1) {
            self.second = (now, 0);
        }
        self.second.1 += 1;
        match self.second.1 as f64 > MAX_CAMERA_FPS {
            true => Err(format!(
                "more than {MAX_CAMERA_FPS} pictures in a second are no camera: the sender has to keep time (ffmpeg -re)"
            )),
            false => Ok(()),
        }
    }

    pub fn check_stall(&self, now: Duration) -> Result<(), String> {
        if now.saturating_sub(self.heard) < CAMERA_STALL {
            return Ok(());
        }
        let seconds = CAMERA_STALL.as_secs();
        Err(match &self.damage {
            Some(why) => format!("no picture for {seconds} s, only damaged data ({why})"),
            None => format!("no picture for {seconds} s: is it connected, and does it send?"),
        })
    }

    /// The device's time of a picture on the machine's clock. Both run evenly; the offset is that of the first picture.
    pub fn machine_time(&mut self, time: Duration, now: Duration) -> Duration {
        let (time, now) = (time.as_nanos() as i128, now.as_nanos() as i128);
        let offset = self.clock_offset.filter(|offset| (time + offset - now).abs() <= CLOCK_STEP).unwrap_or(now - time);
        self.clock_offset = Some(offset);
        Duration::from_nanos((time + offset).clamp(0, u64::MAX.into()) as u64)
    }
}
