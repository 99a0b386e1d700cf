//! Stamps that never go backwards, whatever the file's own times do.

use std::time::Duration;

use crate::frame::Stamp;

/// Turns a file's presentation times into stamps.
#[derive(Debug)]
pub(super) struct Timeline {
    /// Unix time of media time 0, in microseconds, where it is known.
    start: Option<i64>,
    last: Option<Duration>,
    lifted: u64,
}

impl Timeline {
    pub fn new(start: Option<i64>) -> Self {
        Self { start, last: None, lifted: 0 }
    }

    /// The stamp of frame `seq` at media time `mono`. A time that is not after the frame's before is lifted to a
    /// microsecond after it, so that speeds and order stay defined, and counted.
    pub fn stamp(&mut self, seq: u64, mut mono: Duration) -> Stamp {
        if let Some(last) = self.last
            && mono <= last
        {
            mono = last + Duration::from_micros(1);
            self.lifted += 1;
        }
        self.last = Some(mono);
        let micros = i64::try_from(mono.as_micros()).unwrap_or(i64::MAX);
        Stamp { seq, mono, wall: self.start.map(|start| start.saturating_add(micros)) }
    }

    /// The line for `Source::warnings`.
    pub fn warning(&self) -> Option<String> {
        match self.lifted {
            0 => None,
            n => Some(format!("{n} pictures had repeated or backward times, and were put a microsecond apart")),
        }
    }
}

/// `ticks / rate` seconds, to the nanosecond; negative ticks give 0.
pub(super) fn ticks_to_time(ticks: i64, rate: u32) -> Duration {
    let ticks = u64::try_from(ticks).unwrap_or(0);
    let rate = u64::from(rate.max(1));
    let nanos = u128::from(ticks % rate) * 1_000_000_000 / u128::from(rate);
    Duration::from_secs(ticks / rate) + Duration::from_nanos(nanos as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_and_backward_times_are_lifted_and_counted() {
        let mut timeline = Timeline::new(Some(1_000_000));
        let times = [0, 40, 40, 20, 80].map(Duration::from_millis);
        let stamps: Vec<_> = times.iter().enumerate().map(|(i, t)| timeline.stamp(i as u64, *t)).collect();
        let micros: Vec<_> = stamps.iter().map(|s| s.mono.as_micros()).collect();
        assert_eq!(micros, [0, 40_000, 40_001, 40_002, 80_000]);
        assert_eq!(stamps[4].wall, Some(1_080_000));
        assert!(timeline.warning().unwrap().starts_with("2 pictures"));
    }

    #[test]
    fn ticks_are_exact_at_odd_rates() {
        assert_eq!(ticks_to_time(30_030, 30_000), Duration::from_millis(1001));
        assert_eq!(ticks_to_time(-5, 30), Duration::ZERO);
        assert_eq!(ticks_to_time(i64::MAX, u32::MAX).as_secs(), (1 << 31));
    }
}
