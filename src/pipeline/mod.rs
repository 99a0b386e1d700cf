//! The only room with threads. Wires sources, engine sessions, tracker, counter and ledger together; see
//! ARCHITECTURE.md, "The way of a frame".
//!
//! Not here: what a stage computes. A stage is a plain struct; this room calls its `step` and moves the buffers.

mod count_thread;
mod engine_thread;
pub mod lanes;
mod ledger_thread;
pub mod lossless;
mod parallel;
pub mod reorder;
mod shutdown;
mod source_thread;
mod stats;
mod watchdog;

pub use count_thread::{FrameView, Observer};
pub use ledger_thread::Recorder;
pub use parallel::parallel;
pub use shutdown::Shutdown;
pub use stats::{Counter, SourceStats, Stats};
pub use watchdog::Watchdog;

use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, ScopedJoinHandle, scope};
use std::time::Duration;

use crate::beat::Beat;
use crate::clock::Clock;
use crate::count::LineCounter;
use crate::detect::{DetectError, Detector};
use crate::event::Crossing;
use crate::ledger::LedgerError;
use crate::source::{Source, SourceError};
use crate::track::Tracker;

use lanes::{LaneKind, Lanes};
use lossless::{Received, lossless};
use watchdog::Watch;

/// One source with its own tracker and lines.
pub struct SourceJob {
    pub source: Box<dyn Source>,
    pub tracker: Tracker,
    pub counter: LineCounter,
    /// Sees every processed frame in order, with its boxes, tracks and counts: drawing, evaluation.
    pub observer: Option<Box<dyn Observer>>,
}

/// Everything that one run needs.
pub struct Job {
    pub sources: Vec<SourceJob>,
    /// One engine session each; as many frames are worked on side by side.
    pub detectors: Vec<Detector>,
    /// Where crossings are stored; without one they are reported as they happen.
    pub recorder: Option<Recorder>,
    pub watchdog: Watchdog,
}

/// What the caller hears while the pipeline runs, on the calling thread.
pub trait Listener {
    /// A crossing that is stored (or, without a recorder, that happened). `source` indexes [`Job::sources`].
    fn crossing(&mut self, source: usize, crossing: &Crossing);

    /// About ten times a second, and once at the end.
    fn tick(&mut self, stats: &Stats);
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Survived damage, per source.
    pub warnings: Vec<Vec<String>>,
    /// A signal ended the run before its sources did.
    pub interrupted: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error("{0}")]
    Source(#[from] SourceError),
    #[error("{0}")]
    Detect(#[from] DetectError),
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    #[error("cannot start thread {name}: {error}")]
    Thread { name: String, error: std::io::Error },
    #[error("thread {0} panicked: please report this; what was reported is stored")]
    Panic(String),
    #[error("{0}")]
    Observer(String),
}

/// Frames in a lane: enough to even out a decoder's rhythm, few enough to keep memory small (1.4 MB each at 720p).
const LANE_CAPACITY: usize = 2;
/// Frames between count thread and observer.
const OBSERVER_CAPACITY: usize = 2;
/// Events between count thread and ledger, and between ledger and caller.
const EVENT_CAPACITY: usize = 1024;
const TICK: Duration = Duration::from_millis(100);
/// How long a run that is asked to end may finish what it has read; then what is under way is dropped. A service is killed
/// some time later (TimeoutStopSec in systemd/wayside.service).
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// A buffer on its way around: source → lane → session → count → observer → source.
#[derive(Default)]
struct Slot {
    frame: crate::frame::Frame,
    detections: Vec<crate::detection::Detection>,
    /// Frames that the source had failed to deliver up to this one.
    missing: u64,
}

/// What all threads of a run share.
struct Shared<'a> {
    clock: &'a dyn Clock,
    shutdown: &'a Shutdown,
    stats: &'a Stats,
    lanes: Lanes<Slot>,
    /// The first failure; later ones are its echoes.
    failure: Mutex<Option<PipelineError>>,
}

impl Shared<'_> {
    /// Keeps the first error and stops everything.
    fn fail(&self, error: impl Into<PipelineError>) {
        self.note(error);
        self.shutdown.stop();
        self.lanes.abort();
    }

    fn failed(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Keeps the first error; what is under way goes on to its end.
    fn note(&self, error: impl Into<PipelineError>) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.into());
    }
}

/// The end of a thread: nothing more is expected of it, and one that panics must not leave the others waiting for it.
struct End<'a>(&'a Shared<'a>, Beat);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.1.rests();
        if std::thread::panicking() {
            self.0.shutdown.stop();
            self.0.lanes.abort();
        }
    }
}

/// Runs until every source has ended or `shutdown` says so. Rows reported to `listener` are committed.
///
/// # Errors
/// The first failure of any thread. A source that fails lets the others, and its own frames under way, finish first;
/// a failing engine, ledger or observer stops everything. What was reported is stored in either case.
pub fn run(
    job: Job,
    clock: &dyn Clock,
    shutdown: &Shutdown,
    stats: &Stats,
    listener: &mut dyn Listener,
) -> Result<Summary, PipelineError> {
    let infos: Vec<_> = job.sources.iter().map(|s| s.source.info().clone()).collect();
    let sessions = job.detectors.len();
    let lane_kind = |live| if live { LaneKind::Latest } else { LaneKind::Lossless };
    let shared = Shared {
        clock,
        shutdown,
        stats,
        lanes: Lanes::new(infos.iter().map(|info| (lane_kind(info.live), LANE_CAPACITY))),
        failure: Mutex::new(None),
    };
    let started = clock.mono();

    let warnings = scope(|scope| {
        let shared = &shared;
        let mut stages: Vec<(String, Beat)> = Vec::new();
        let mut threads: Vec<(String, ScopedJoinHandle<'_, ()>)> = Vec::new();
        let mut source_threads: Vec<(String, ScopedJoinHandle<'_, Vec<String>>)> = Vec::new();
        macro_rules! start {
            ($list:ident, $name:expr, $body:expr) => {{
                let name: String = $name;
                let beat = Beat::default();
                stages.push((name.clone(), beat.clone()));
                let body = $body;
                let guarded = move || {
                    let _end = End(shared, beat.clone());
                    body(beat)
                };
                match Builder::new().name(name.clone()).spawn_scoped(scope, guarded) {
                    Ok(handle) => $list.push((name, handle)),
                    Err(error) => shared.fail(PipelineError::Thread { name, error }),
                }
            }};
        }

        let (detected_tx, detected_rx) = lossless(sessions * 2);
        let (event_tx, event_rx) = lossless(EVENT_CAPACITY);
        let (report_tx, report_rx) = lossless(EVENT_CAPACITY);

        let mut counted = Vec::new();
        for (index, SourceJob { source, tracker, counter, observer }) in job.sources.into_iter().enumerate() {
            let slots = LANE_CAPACITY + 2 * sessions + 2 + observer.as_ref().map_or(0, |_| OBSERVER_CAPACITY + 1);
            let (home_tx, home_rx) = lossless(slots);
            for _ in 0..slots {
                // Room for every slot was made in the line above and the receiver is at hand: this cannot fail.
                let _ = home_tx.send(Slot::default());
            }
            let observer = observer.map(|observer| {
                let (tx, rx) = lossless(OBSERVER_CAPACITY);
                let home = home_tx.clone();
                start!(threads, format!("observe-{index}"), move |beat| count_thread::observe(
                    shared, observer, rx, home, beat
                ));
                tx
            });
            counted.push(count_thread::Lane::new(&infos[index], sessions, tracker, counter, observer, home_tx));
            start!(source_threads, format!("source-{index}"), move |beat| source_thread::run(
                shared, index, source, home_rx, beat
            ));
        }
        for (index, detector) in job.detectors.into_iter().enumerate() {
            let tx = detected_tx.clone();
            start!(threads, format!("engine-{index}"), move |beat| engine_thread::run(shared, detector, tx, beat));
        }
        drop(detected_tx);
        start!(threads, "count".into(), move |beat| count_thread::run(
            shared,
            counted,
            detected_rx,
            event_tx,
            started,
            beat
        ));
        start!(threads, "ledger".into(), move |beat| ledger_thread::run(
            shared,
            job.recorder,
            event_rx,
            report_tx,
            beat
        ));

        let names = infos.iter().map(|info| info.name.clone()).collect();
        let mut watch = Watch::new(job.watchdog, stages, names, started);
        let mut drain_by = None;
        loop {
            match report_rx.recv_for(TICK) {
                Received::Item((source, crossing)) => listener.crossing(source, &crossing),
                Received::Timeout => listener.tick(stats),
                Received::End => break,
            }
            let now = clock.mono();
            if shutdown.draining() {
                watch.stopping();
                if now > *drain_by.get_or_insert(now + DRAIN_LIMIT) && !shutdown.stopping() {
                    log::warn!("not finished {} s after the signal: dropping what is under way", DRAIN_LIMIT.as_secs());
                    shutdown.stop();
                }
            }
            if shutdown.stopping() {
                shared.lanes.abort();
            }
            watch.step(now, stats);
        }
        watch.stopping();
        for (name, handle) in threads {
            if handle.join().is_err() {
                shared.fail(PipelineError::Panic(name));
            }
        }
        let mut warnings = Vec::new();
        for (name, handle) in source_threads {
            warnings.push(handle.join().unwrap_or_else(|_| {
                shared.fail(PipelineError::Panic(name));
                Vec::new()
            }));
        }
        warnings
    });
    listener.tick(stats);

    match shared.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(Summary { warnings, interrupted: shutdown.draining() }),
    }
}
