//! What systemd hears of a run: that it is ready, that it is alive while every stage moves, nothing more once a stage
//! hangs. The socket is a real one, the stages hang for real.

use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use wayside::beat::Beat;
use wayside::clock::SystemClock;
use wayside::count::{CountParams, LineCounter};
use wayside::detect::{DetectParams, Detector};
use wayside::engine::{Engine, EngineError, OutputInfo, Outputs, Program, Session, TractEngine};
use wayside::event::Crossing;
use wayside::frame::Frame;
use wayside::model;
use wayside::pipeline::{self, Job, Listener, Shutdown, SourceJob, Stats, Watchdog};
use wayside::preprocess::Letterboxed;
use wayside::source::scene::SceneSource;
use wayside::source::{Source, SourceError, SourceInfo};
use wayside::track::{TrackParams, Tracker};

/// Closed, until the test opens it.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits for it, at most this long; whether it is open.
    fn wait(&self, time: Duration) -> bool {
        let (open, opened) = &*self.0;
        *opened.wait_timeout_while(open.lock().unwrap(), time, |open| !*open).unwrap().0
    }
}

const FOR_EVER: Duration = Duration::from_secs(600);

/// The network of the synthetic road; its third picture takes until the gate opens.
struct Hanging(Box<dyn Program>, Gate);

impl Program for Hanging {
    fn engine(&self) -> &'static str {
        "hanging"
    }

    fn outputs(&self) -> &[OutputInfo] {
        self.0.outputs()
    }

    fn session(&self) -> Result<Box<dyn Session>, EngineError> {
        Ok(Box::new(HangingSession(self.0.session()?, self.1.clone(), 0)))
    }
}

struct HangingSession(Box<dyn Session>, Gate, u32);

impl Session for HangingSession {
    fn run(&mut self, input: &Letterboxed, outputs: &mut Outputs) -> Result<(), EngineError> {
        self.2 += 1;
        if self.2 == 3 {
            self.1.wait(FOR_EVER);
        }
        self.0.run(input, outputs)
    }
}

/// Gives three frames; the fourth comes when the gate opens. Whether it is a driver that hangs or a camera that is
/// waited for shows in the signs of life alone.
struct Away {
    inner: SceneSource,
    gate: Gate,
    beat: Option<Beat>,
    waits_for_camera: bool,
    frames: u32,
}

impl Away {
    fn new(gate: &Gate, waits_for_camera: bool) -> Self {
        let inner = SceneSource::open("scene:empty").unwrap();
        Self { inner, gate: gate.clone(), beat: None, waits_for_camera, frames: 0 }
    }
}

impl Source for Away {
    fn info(&self) -> &SourceInfo {
        self.inner.info()
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        self.frames += 1;
        if self.frames == 4 {
            while self.waits_for_camera && !self.gate.wait(Duration::from_millis(20)) {
                self.beat.as_ref().unwrap().moved();
            }
            self.gate.wait(FOR_EVER);
        }
        self.inner.next_frame(frame)
    }

    fn attend(&mut self, beat: Beat) {
        self.beat = Some(beat);
    }
}

struct Nobody;

impl Listener for Nobody {
    fn crossing(&mut self, _source: usize, _crossing: &Crossing) {}
    fn tick(&mut self, _stats: &Stats) {}
}

/// The end of a run that systemd watches with WatchdogSec=1: what it hears, message by message.
struct Ear(UnixDatagram);

impl Ear {
    /// The next message; one that does not come fails the test.
    fn hear(&self) -> String {
        let mut buffer = [0; 1024];
        let n = self.0.recv(&mut buffer).expect("a message");
        String::from_utf8(buffer[..n].to_vec()).unwrap()
    }

    fn hear_until(&self, words: &str) -> String {
        std::iter::repeat_with(|| self.hear()).take(200).find(|message| message.contains(words)).unwrap()
    }
}

/// Runs `source` through `program` while `watch` listens.
fn run(source: Box<dyn Source>, gate: &Gate, hang: bool, watch: impl FnOnce(&Ear) + Send) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let ear = Ear(UnixDatagram::bind(&path).unwrap());
    ear.0.set_read_timeout(Some(Duration::from_secs(60))).unwrap();

    let model = model::find("scene").unwrap();
    let mut program = TractEngine.load(&model).unwrap();
    if hang {
        program = Box::new(Hanging(program, gate.clone()));
    }
    let detector = Detector::new(&model.spec, program.as_ref(), &DetectParams::for_model(&model.spec)).unwrap();
    let job = Job {
        sources: vec![SourceJob {
            source,
            tracker: Tracker::new(TrackParams::default()),
            counter: LineCounter::new(Vec::new(), CountParams::default()),
            observer: None,
        }],
        detectors: vec![detector],
        recorder: None,
        watchdog: Watchdog::new(path.as_os_str(), Some(Duration::from_secs(1))).unwrap(),
    };
    let shutdown = Shutdown::new();
    std::thread::scope(|scope| {
        let shutdown = &shutdown;
        scope.spawn(move || {
            // Also where an assertion fails: else the run waits for ever.
            let _open = OpenAtEnd(gate, shutdown);
            watch(&ear);
        });
        pipeline::run(job, &SystemClock::new(), shutdown, &Stats::new(1), &mut Nobody).unwrap();
    });
}

struct OpenAtEnd<'a>(&'a Gate, &'a Shutdown);

impl Drop for OpenAtEnd<'_> {
    fn drop(&mut self) {
        self.0.open();
        self.1.drain();
    }
}

/// Silence from the moment at which the stage is missed, until it moves again.
fn hangs_and_moves_again(ear: &Ear, gate: &Gate, stage: &str) {
    assert!(ear.hear().starts_with("READY=1\n"));
    ear.hear_until(&format!("STATUS={stage} has not moved"));
    for _ in 0..5 {
        let message = ear.hear();
        assert!(!message.contains("WATCHDOG=1"), "fed while {stage} hangs: {message}");
    }
    gate.open();
    ear.hear_until("WATCHDOG=1");
}

#[test]
fn an_engine_that_hangs_ends_the_feeding() {
    let gate = Gate::default();
    let endless = SceneSource::open("scene:random?seconds=86400&vehicles=0&fps=240").unwrap();
    run(Box::new(endless), &gate, true, |ear| hangs_and_moves_again(ear, &gate, "engine-0"));
}

#[test]
fn a_driver_that_hangs_ends_the_feeding() {
    let gate = Gate::default();
    let mut away = Away::new(&gate, false);
    away.inner = SceneSource::open("scene:random?seconds=86400&vehicles=0&fps=240").unwrap();
    run(Box::new(away), &gate, false, |ear| hangs_and_moves_again(ear, &gate, "source-0"));
}

#[test]
fn a_source_that_waits_for_its_camera_is_waited_for() {
    let gate = Gate::default();
    run(Box::new(Away::new(&gate, true)), &gate, false, |ear| {
        assert!(ear.hear().starts_with("READY=1\nWATCHDOG=1\n"));
        ear.hear_until("waiting for scene:empty");
        for _ in 0..8 {
            let message = ear.hear();
            assert!(message.contains("WATCHDOG=1") && message.contains("waiting for scene:empty"), "{message}");
        }
        gate.open();
        ear.hear_until("STOPPING=1");
    });
}
