//! A live source from end to end: real processes that write pictures in real time, the lanes that keep the newest, and the
//! rows. Whatever happens to the command, what was seen and what is in the gaps is all that there was.

#![cfg(feature = "pipe")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use wayside::clock::{Clock, SystemClock};
use wayside::count::{CountLine, CountParams, LineCounter};
use wayside::detect::{DetectParams, Detector};
use wayside::draw::{i420_from_rgb, rgb_from_frame, write_jpg};
use wayside::engine::{Engine, TractEngine};
use wayside::event::Crossing;
use wayside::frame::{Frame, Stamp};
use wayside::geometry::{Point, Segment};
use wayside::ledger::{BatchPolicy, Batcher, Ledger, LineInfo, RunInfo, SqliteLedger};
use wayside::model::ModelFolder;
use wayside::pipeline::{
    self, FrameView, Job, Listener, Observer, Recorder, Shutdown, SourceJob, Stats, Summary, Watchdog,
};
use wayside::source::scene::{HEIGHT, Scene, WIDTH};
use wayside::source::{Live, OpenOptions, open};
use wayside::track::{TrackParams, Tracker};

/// Of the scene that is played, per second.
const FPS: u64 = 10;

/// Keeps the stamps of what was processed, and takes its time for it.
struct Stamps(Arc<Mutex<Vec<Stamp>>>, Duration);

impl Observer for Stamps {
    fn frame(&mut self, view: &FrameView<'_>) -> Result<(), String> {
        self.0.lock().unwrap().push(view.frame.stamp);
        std::thread::sleep(self.1);
        Ok(())
    }
}

/// Ends the run when it has gone far enough; does something once before.
struct Until<F: FnMut(u64) -> bool> {
    shutdown: Shutdown,
    /// Told the number of processed frames; true ends the run.
    step: F,
}

impl<F: FnMut(u64) -> bool> Listener for Until<F> {
    fn crossing(&mut self, _source: usize, _crossing: &Crossing) {}

    fn tick(&mut self, stats: &Stats) {
        if !self.shutdown.draining() && (self.step)(stats.sources[0].processed.get()) {
            self.shutdown.drain();
        }
    }
}

struct Outcome {
    summary: Summary,
    stamps: Vec<Stamp>,
    /// (frames, reason)
    gaps: Vec<(u64, String)>,
    crossings: u64,
}

/// Runs the pipeline over `spec` until `step` says so, with rows in `folder`.
fn run(folder: &Path, spec: &str, step: impl FnMut(u64) -> bool) -> Outcome {
    run_with(folder, spec, Duration::ZERO, step)
}

/// The same, where every frame takes at least `work`.
fn run_with(folder: &Path, spec: &str, work: Duration, step: impl FnMut(u64) -> bool) -> Outcome {
    let shutdown = Shutdown::new();
    let asked = shutdown.clone();
    let clock = SystemClock::new();
    let live = Live { clock: Arc::new(SystemClock::new()), going: Arc::new(move || !asked.draining()), patient: false };
    let source = open(spec, &OpenOptions { live, ..OpenOptions::default() }).unwrap();
    let model = ModelFolder::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/scene")).unwrap();
    let program = TractEngine.load(&model).unwrap();
    let detector = Detector::new(&model.spec, program.as_ref(), &DetectParams::for_model(&model.spec)).unwrap();
    let segment = Scene::parse("scene:road").unwrap().line();
    let relative = |p: Point| Point::new(p.x / WIDTH as f32, p.y / HEIGHT as f32);
    let road = Segment::new(relative(segment.from), relative(segment.to));
    let info = RunInfo {
        source_name: "road".into(),
        source_digest: None,
        live: source.info().live,
        width: source.info().width,
        height: source.info().height,
        config_digest: "none".into(),
        model_name: model.spec.name.clone(),
        model_sha256: model.spec.sha256.clone(),
        labels: model.spec.labels.clone(),
        lines: vec![LineInfo { name: "road".into(), segment: road, a_to_b: "in".into(), b_to_a: "out".into() }],
        topic: None,
    };
    let path = folder.join("live.db");
    let mut ledger = SqliteLedger::open(&path).unwrap();
    let run = ledger.begin(&info, clock.wall()).unwrap();
    let stamps = Arc::new(Mutex::new(Vec::new()));
    let job = Job {
        sources: vec![SourceJob {
            source,
            tracker: Tracker::new(TrackParams::default()),
            counter: LineCounter::new(vec![CountLine { name: "road".into(), segment }], CountParams::default()),
            observer: Some(Box::new(Stamps(stamps.clone(), work))),
        }],
        detectors: vec![detector],
        recorder: Some(Recorder {
            ledger: Box::new(ledger),
            runs: vec![run],
            batcher: Batcher::new(BatchPolicy::default()),
        }),
        watchdog: Watchdog::default(),
    };
    let stats = Stats::new(1);
    let mut listener = Until { shutdown: shutdown.clone(), step };
    let summary = pipeline::run(job, &clock, &shutdown, &stats, &mut listener).unwrap();

    let db = Connection::open(&path).unwrap();
    let mut query = db.prepare("SELECT frames, reason FROM gap ORDER BY from_us").unwrap();
    let gaps = query.query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?))).unwrap();
    let gaps = gaps.map(Result::unwrap).collect();
    let one = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() as u64;
    assert_eq!(one("SELECT count(*) FROM run WHERE live"), 1);
    assert_eq!(one("SELECT count(*) FROM session WHERE ending = 'stopped'"), 1);
    let stamps = stamps.lock().unwrap().clone();
    let micros = |stamp: &Stamp| stamp.mono.as_micros() as u64;
    assert_eq!(one("SELECT max(until_us) FROM seen"), stamps.iter().map(micros).max().unwrap());
    Outcome { summary, stamps, gaps, crossings: one("SELECT count(*) FROM crossing") }
}

impl Outcome {
    /// What holds in every case.
    fn check(&self) {
        let [first, .., last] = self.stamps.as_slice() else { panic!("{} frames", self.stamps.len()) };
        let grows = |pair: &[Stamp]| {
            pair[0].seq < pair[1].seq && pair[0].mono < pair[1].mono && pair[0].wall.unwrap() <= pair[1].wall.unwrap()
        };
        assert!(self.stamps.windows(2).all(grows), "{:?}", self.stamps);
        let missing: u64 = self.gaps.iter().map(|gap| gap.0).sum();
        assert_eq!(self.stamps.len() as u64 + missing, last.seq - first.seq + 1, "{:?}", self.gaps);
    }

    fn by_source(&self) -> Vec<u64> {
        self.gaps.iter().filter(|gap| gap.1 == "source").map(|gap| gap.0).collect()
    }
}

/// `seconds` of the synthetic road as raw NV12 pictures, one behind the other.
fn road(path: &Path, seconds: u64) {
    let mut source = open(&format!("scene:road?fps={FPS}"), &OpenOptions::default()).unwrap();
    let (mut frame, mut picture, mut planes) = (Frame::default(), image::RgbImage::default(), Vec::new());
    let mut film = Vec::new();
    for _ in 0..seconds * FPS {
        assert!(source.next_frame(&mut frame).unwrap());
        rgb_from_frame(&frame, &mut picture);
        let (width, height) = (WIDTH as usize, HEIGHT as usize);
        i420_from_rgb(&picture, width, height, &mut planes);
        let (luma, chroma) = planes.split_at(width * height);
        let (u, v) = chroma.split_at(chroma.len() / 2);
        film.extend_from_slice(luma);
        film.extend(u.iter().zip(v).flat_map(|(u, v)| [*u, *v]));
    }
    std::fs::write(path, film).unwrap();
}

/// A script that writes the pictures of `film`, over and over, in real time; it leaves its id in `film.id`.
fn player(film: &Path) -> String {
    let film = film.display();
    let bytes = WIDTH * HEIGHT * 3 / 2;
    format!(
        "echo $$ >{film}.id; while :; do n=0; while [ $n -lt $(($(stat -c %s {film}) / {bytes})) ]; do \
         dd if={film} bs={bytes} skip=$n count=1 2>/dev/null || exit 9; n=$((n+1)); sleep {pause}; done; done",
        pause = 1.0 / FPS as f64
    )
}

#[test]
fn pictures_of_a_command_become_rows_also_after_it_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("road.nv12");
    road(&film, 14);
    let spec = format!("pipe,format=nv12,size={WIDTH}x{HEIGHT},fps={FPS}:{}", player(&film));
    let mut killed_at = None;
    let outcome = run(dir.path(), &spec, |processed| {
        if processed >= 60 && killed_at.is_none() {
            let id = std::fs::read_to_string(film.with_extension("nv12.id")).unwrap();
            let killed = std::process::Command::new("kill").args(["-KILL", id.trim()]).status().unwrap();
            assert!(killed.success());
            killed_at = Some(processed);
        }
        killed_at.is_some_and(|at| processed >= at + 30)
    });
    outcome.check();
    assert!(outcome.summary.interrupted);
    assert!(outcome.crossings >= 1, "no vehicle crossed");
    // Away for half a second and the start of a shell: some 6 pictures of 10 a second.
    assert!(outcome.by_source().iter().any(|frames| *frames >= 4), "{:?}", outcome.gaps);
    assert!(outcome.summary.warnings[0].iter().any(|w| w.starts_with("opened anew 1 times")), "{:?}", outcome.summary);
}

#[test]
fn what_is_too_fast_for_us_is_dropped_and_is_a_gap_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let spec = "pipe,format=grey,size=64x36,fps=40:while :; do head -c 2304 /dev/zero; sleep 0.025; done";
    let outcome = run_with(dir.path(), spec, Duration::from_millis(250), |processed| processed >= 25);
    outcome.check();
    let overload: u64 = outcome.gaps.iter().filter(|gap| gap.1 == "overload").map(|gap| gap.0).sum();
    assert!(overload >= 10, "{:?}", outcome.gaps);
    assert!(outcome.by_source().is_empty(), "the command has sent everything");
    // The newest is kept: what is processed is never older than what waits and is worked on.
    assert!(outcome.stamps.windows(2).skip(8).all(|pair| pair[1].seq - pair[0].seq < 100), "{:?}", outcome.stamps);
}

#[test]
fn garbage_between_pictures_is_skipped_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, torn) = (dir.path().join("whole.jpg"), dir.path().join("torn.jpg"));
    write_jpg(&whole, &image::RgbImage::from_pixel(WIDTH, HEIGHT, image::Rgb([90, 90, 90]))).unwrap();
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(&torn, &bytes[..bytes.len() - 200]).unwrap();
    let (whole, torn) = (whole.display(), torn.display());
    let spec = format!(
        "pipe,format=mjpg,fps=20:while :; do cat {whole} {whole}; echo noise; sleep 0.1; cat {torn} {whole}; sleep 0.1; done"
    );
    let outcome = run(dir.path(), &spec, |processed| processed >= 30);
    outcome.check();
    // Each torn picture has used up a number.
    let missing: u64 = outcome.by_source().iter().sum();
    assert!(missing >= 5, "{:?}", outcome.gaps);
    assert!(
        outcome.summary.warnings[0]
            .iter()
            .any(|w| w.contains("damaged pictures skipped, the last: a JPEG picture broke off"))
    );
}

#[test]
fn a_flood_is_held_back_and_the_end_comes_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut calls = 0;
    // 8000 small pictures a second and more; between the attempts nothing comes, and the run still ends when asked to.
    let outcome = run(dir.path(), "pipe,format=grey,size=64x36,fps=30:exec cat /dev/zero", |_| {
        calls += 1;
        calls == 30
    });
    outcome.check();
    let said = outcome.summary.warnings[0].join("; ");
    assert!(said.contains("opened anew") && said.contains("pictures in a second"), "{said}");
    let last = outcome.stamps[outcome.stamps.len() - 1];
    assert!(last.seq < 4000, "{last:?}: it was read at full speed");
    assert!(last.mono < Duration::from_secs(60));
}

#[cfg(feature = "clip")]
#[test]
fn h264_of_a_command_is_decoded() {
    let film = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/assets/clips");
    if !film.is_dir() || std::process::Command::new("ffmpeg").arg("-version").output().is_err() {
        eprintln!("skipped: no ../shared/assets, or no ffmpeg");
        return;
    }
    let mut clips: Vec<_> = std::fs::read_dir(film).unwrap().map(|entry| entry.unwrap().path()).collect();
    clips.retain(|path| path.extension().is_some_and(|extension| extension == "mp4"));
    clips.sort();
    let dir = tempfile::tempdir().unwrap();
    let command = format!(
        "ffmpeg -v error -re -stream_loop -1 -i {} -vf scale=320:180 -c:v libx264 -tune zerolatency -f h264 -",
        clips[0].display()
    );
    let outcome = run(dir.path(), &format!("pipe,format=h264:{command}"), |processed| processed >= 20);
    outcome.check();
}
