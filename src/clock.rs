//! The only place that asks the machine for the time, or waits for it to pass, so that everything else can be tested with
//! a scripted one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub trait Clock: Send + Sync {
    /// Time since an arbitrary fixed moment; never goes backwards.
    fn mono(&self) -> Duration;
    /// Unix time in microseconds, as far as the machine knows it.
    fn wall(&self) -> i64;
    /// Lets `time` pass.
    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// The machine's own clocks.
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    #[expect(clippy::new_without_default, reason = "a clock that starts by Default reads as if all were equal")]
    #[expect(clippy::disallowed_methods, reason = "this file is where the rule points to")]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn mono(&self) -> Duration {
        self.origin.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this file is where the rule points to")]
    fn wall(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_micros() as i64,
            Err(before) => -(before.duration().as_micros() as i64),
        }
    }
}
