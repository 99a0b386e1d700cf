//! Rows per second into the ledger, every commit with its fsync, and how long a report takes.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::tz::TimeZone;
use wayside::event::{Crossing, Direction};
use wayside::frame::Stamp;
use wayside::geometry::{Point, Segment};
use wayside::ledger::{
    Batch, ClockKind, Ledger, LineInfo, Query, Range, RunId, RunInfo, Seen, SqliteLedger, read_report,
};

/// Unix microseconds of the first frame.
const START: i64 = 1_777_629_600_000_000;

/// On the disk of the build, because /tmp may be memory.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))).expect("the build folder is writable")
}

fn open(path: &Path) -> (SqliteLedger, RunId) {
    let line = LineInfo {
        name: "line".into(),
        segment: Segment::new(Point::new(0.0, 0.5), Point::new(1.0, 0.5)),
        a_to_b: "down".into(),
        b_to_a: "up".into(),
    };
    let info = RunInfo {
        source_name: "gate".into(),
        source_digest: None,
        live: true,
        width: 1280,
        height: 720,
        config_digest: "c".into(),
        model_name: "m".into(),
        model_sha256: "s".into(),
        labels: vec!["car".into(), "truck".into()],
        lines: vec![line],
        topic: None,
    };
    let mut ledger = SqliteLedger::open(path).expect("a new database");
    let run = ledger.begin(&info, START).expect("a new run");
    (ledger, run)
}

/// A vehicle every two seconds.
fn batch(run: RunId, first: u64, size: u64) -> Batch {
    let stamp = |track: u64| Stamp {
        seq: track * 50,
        mono: Duration::from_secs(track * 2),
        wall: Some(START + track as i64 * 2_000_000),
    };
    let crossing = |track: u64| Crossing {
        line: 0,
        track,
        direction: if track.is_multiple_of(3) { Direction::BtoA } else { Direction::AtoB },
        class: (track % 2) as u16,
        score: 0.8,
        stamp: stamp(track),
        at: Point::new(640.0, 360.0),
    };
    let crossings = (first..first + size).map(|track| (run, crossing(track))).collect();
    Batch { crossings, gaps: vec![], seen: vec![Seen { run, from: stamp(0), until: stamp(first + size) }] }
}

fn commit(c: &mut Criterion) {
    let mut group = c.benchmark_group("commit");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    for size in [1, 100, 256, 1000] {
        let folder = folder();
        let (mut ledger, run) = open(&folder.path().join("w.db"));
        let mut first = 1;
        group.throughput(Throughput::Elements(size));
        group.bench_function(format!("{size} rows"), |b| {
            b.iter(|| {
                ledger.commit(&batch(run, first, size), START).expect("committed");
                first += size;
            });
        });
    }
    group.finish();
}

/// Half a million crossings, eleven days of them; a report of all, and of one day.
fn report(c: &mut Criterion) {
    let folder = folder();
    let path = folder.path().join("w.db");
    let (mut ledger, run) = open(&path);
    for first in (1..500_000).step_by(10_000) {
        ledger.commit(&batch(run, first, 10_000), START).expect("committed");
    }
    let day = Range { clock: ClockKind::Wall, from_us: START + 86_400_000_000, to_us: START + 2 * 86_400_000_000 };
    let mut group = c.benchmark_group("report");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for (name, range) in [("500000 rows", None), ("one day of them", Some(day))] {
        let query = Query { minutes: 15, zone: TimeZone::UTC, source: None, run: None, line: None, range };
        group.bench_function(name, |b| b.iter(|| black_box(read_report(&path, &query).expect("a report"))));
    }
    group.finish();
}

criterion_group!(benches, commit, report);
criterion_main!(benches);
