//! A source with two lines, and times in seconds.

use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use wayside::event::{Crossing, Direction, Gap, GapReason};
use wayside::frame::Stamp;
use wayside::geometry::{Point, Segment};
use wayside::ledger::{Batch, LineInfo, Query, Report, RunId, RunInfo, Seen, read_report};

/// 2026-05-01T10:00:00Z.
pub const MAY: i64 = 1_777_629_600_000_000;

pub fn clip(name: &str) -> RunInfo {
    let line = |name: &str, y: f32| LineInfo {
        name: name.into(),
        segment: Segment::new(Point::new(0.1, y), Point::new(0.9, y)),
        a_to_b: "down".into(),
        b_to_a: "up".into(),
    };
    RunInfo {
        source_name: name.into(),
        source_digest: Some(format!("digest of {name}")),
        live: false,
        width: 640,
        height: 360,
        config_digest: "c0ffee".into(),
        model_name: "scene".into(),
        model_sha256: "beef".into(),
        labels: vec!["car".into(), "truck".into()],
        lines: vec![line("near", 0.7), line("far", 0.3)],
        topic: None,
    }
}

pub fn camera(name: &str) -> RunInfo {
    RunInfo { source_digest: None, live: true, ..clip(name) }
}

/// `wall`: at 0 s, in microseconds.
pub fn stamp(seconds: f64, wall: Option<i64>) -> Stamp {
    let mono = Duration::from_secs_f64(seconds);
    Stamp { seq: (seconds * 25.0) as u64, mono, wall: wall.map(|w| w + mono.as_micros() as i64) }
}

pub fn crossing(track: u64, seconds: f64, wall: Option<i64>) -> Crossing {
    Crossing {
        line: 0,
        track,
        direction: Direction::AtoB,
        class: 0,
        score: 0.75,
        stamp: stamp(seconds, wall),
        at: Point::new(320.0, 252.0),
    }
}

pub fn gap(from: f64, to: f64, wall: Option<i64>, reason: GapReason) -> Gap {
    Gap { from: stamp(from, wall), to: stamp(to, wall), frames: ((to - from) * 25.0) as u64, reason }
}

pub fn seen(run: RunId, until: f64, wall: Option<i64>) -> Seen {
    Seen { run, from: stamp(0.0, wall), until: stamp(until, wall) }
}

/// What a source reports up to `until` seconds, in one batch.
pub fn batch(run: RunId, crossings: &[Crossing], until: f64, wall: Option<i64>) -> Batch {
    let crossings = crossings.iter().map(|c| (run, c.clone())).collect();
    Batch { crossings, gaps: vec![], seen: vec![seen(run, until, wall)] }
}

pub fn query(minutes: u32) -> Query {
    Query { minutes, zone: TimeZone::UTC, source: None, run: None, line: None, range: None }
}

pub fn report(path: &Path, minutes: u32) -> Report {
    read_report(path, &query(minutes)).unwrap()
}

/// All that was counted.
pub fn counted(report: &Report) -> u64 {
    report.series.iter().flat_map(|s| s.totals().into_values()).sum()
}
