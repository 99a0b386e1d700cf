//! `wayside detect` on a clip: every frame for itself, without tracks.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use image::RgbImage;
use serde_json::json;

use super::report::{Report, warn};
use super::{Args, Named, progress};
use crate::clock::{Clock, SystemClock};
use crate::detection::Detection;
use crate::draw::DrawSink;
use crate::frame::Frame;
use crate::pipeline::Shutdown;
use crate::source::{self, OpenOptions};

pub fn run(clip: &str, args: &Args, mut detector: Named, shutdown: &Shutdown) -> anyhow::Result<ExitCode> {
    let mut source = source::open(clip, &OpenOptions { every: args.every, ..OpenOptions::default() })?;
    let info = source.info().clone();
    let mut sink = match &args.draw {
        Some(target) => Some(DrawSink::create(target, info.nominal_fps / f64::from(args.every))?),
        None => None,
    };
    let clock = SystemClock::new();
    let bar = progress(info.frames, args.quiet);
    let mut sum = Sum { seen: vec![0; detector.labels.len()], ..Sum::default() };
    let (mut frame, mut found, mut drawn) = (Frame::default(), Vec::new(), RgbImage::default());
    while !shutdown.draining() && source.next_frame(&mut frame)? {
        let before = clock.mono();
        detector.inner.step(&frame, &mut found)?;
        let time = clock.mono() - before;
        sum.add(&found, time);
        let report = Report { name: clip, frame: &frame, found: &found, labels: &detector.labels, time };
        if args.json {
            let mut line = report.json();
            line["frame"] = json!(frame.stamp.seq);
            line["time"] = json!(frame.stamp.mono.as_secs_f64());
            bar.suspend(|| writeln!(std::io::stdout(), "{line}")).context("standard output")?;
        }
        if let Some(sink) = &mut sink {
            report.draw(&mut drawn);
            sink.write(&drawn, &frame.stamp)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    // What was drawn up to a signal is a whole file, too.
    if let Some(sink) = sink.filter(|_| sum.frames > 0) {
        sink.finish()?;
    }
    if !args.json {
        writeln!(std::io::stdout(), "{clip}: {}", sum.line(&detector.labels)).context("standard output")?;
    }
    source.warnings().iter().for_each(|warning| eprintln!("{clip}: {warning}"));
    warn(&detector.inner);
    if shutdown.draining() {
        eprintln!("ended early by a signal after {} frames", sum.frames);
        return Ok(ExitCode::from(130));
    }
    Ok(ExitCode::SUCCESS)
}

/// What was seen in all frames together.
#[derive(Default)]
struct Sum {
    frames: u64,
    /// Detections per label.
    seen: Vec<u64>,
    time: Duration,
}

impl Sum {
    fn add(&mut self, found: &[Detection], time: Duration) {
        self.frames += 1;
        self.time += time;
        for detection in found {
            if let Some(seen) = self.seen.get_mut(usize::from(detection.class)) {
                *seen += 1;
            }
        }
    }

    /// `450 frames, in each on average 3.2 × car, 0.4 × bus  (38 ms a frame)`, the most frequent class first.
    fn line(&self, labels: &[String]) -> String {
        if self.frames == 0 {
            return "no frames".into();
        }
        let frames = self.frames as f64;
        let mut seen: Vec<_> = self.seen.iter().zip(labels).filter(|(count, _)| **count > 0).collect();
        seen.sort_by_key(|(count, _)| std::cmp::Reverse(**count));
        let means: Vec<String> =
            seen.iter().map(|(count, label)| format!("{:.2} × {label}", **count as f64 / frames)).collect();
        let means = if means.is_empty() { "nothing".to_owned() } else { format!("on average {}", means.join(", ")) };
        format!("{} frames, in each {means}  ({:.0} ms a frame)", self.frames, self.time.as_secs_f64() * 1e3 / frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::BBox;

    #[test]
    fn the_line_gives_means_of_all_frames() {
        let labels = ["person", "car", "bus"].map(String::from);
        let of = |class| Detection { bbox: BBox::default(), class, score: 0.5 };
        let mut sum = Sum { seen: vec![0; 3], ..Sum::default() };
        assert_eq!(sum.line(&labels), "no frames");
        sum.add(&[], Duration::from_millis(20));
        assert_eq!(sum.line(&labels), "1 frames, in each nothing  (20 ms a frame)");
        sum.add(&[of(2), of(1), of(1)], Duration::from_millis(40));
        assert_eq!(sum.line(&labels), "2 frames, in each on average 1.00 × car, 0.50 × bus  (30 ms a frame)");
    }
}
