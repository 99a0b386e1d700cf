//! The one thread on which every frame arrives in order: reorder, track, count. Observers get theirs from here, on
//! threads of their own, because drawing costs more than counting.

use std::time::Duration;

use super::engine_thread::Detected;
use super::lossless::{Rx, Tx};
use super::reorder::Reorder;
use super::{PipelineError, Shared, Slot};
use crate::beat::Beat;
use crate::count::LineCounter;
use crate::detection::Detection;
use crate::event::{Crossing, Gap, GapReason};
use crate::frame::{Frame, Stamp};
use crate::source::SourceInfo;
use crate::track::{TrackView, Tracker};

/// What happened on a source, on its way to the ledger.
pub(super) enum Event {
    Crossing(Crossing),
    Gap(Gap),
    /// Everything up to this stamp has been looked at, and its crossings sent.
    Seen(Stamp),
    /// Nothing more comes from this source.
    End,
}

/// Sees every processed frame of a source, in order, on a thread of its own.
pub trait Observer: Send {
    /// An error, in one line, ends the run.
    fn frame(&mut self, view: &FrameView<'_>) -> Result<(), String>;

    /// The stream has ended; a writer closes its file here.
    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// One frame and what was found in it.
pub struct FrameView<'a> {
    pub frame: &'a Frame,
    pub detections: &'a [Detection],
    pub tracks: &'a [TrackView],
    /// The crossings of this frame.
    pub crossings: &'a [Crossing],
}

/// An owned [`FrameView`] between two threads.
pub(super) struct Observed {
    slot: Slot,
    tracks: Vec<TrackView>,
    crossings: Vec<Crossing>,
}

/// One source's state on the count thread.
pub(super) struct Lane {
    reorder: Reorder<Slot>,
    tracker: Tracker,
    counter: LineCounter,
    observer: Option<Tx<Observed>>,
    home: Tx<Slot>,
    crossings: Vec<Crossing>,
    gaps: GapFinder,
}

impl Lane {
    pub fn new(
        info: &SourceInfo,
        sessions: usize,
        tracker: Tracker,
        counter: LineCounter,
        observer: Option<Tx<Observed>>,
        home: Tx<Slot>,
    ) -> Self {
        let crossings = Vec::with_capacity(64);
        let gaps = GapFinder::new(info);
        Self { reorder: Reorder::new(2 * sessions + 2), tracker, counter, observer, home, crossings, gaps }
    }
}

pub(super) fn run(
    shared: &Shared<'_>,
    mut lanes: Vec<Lane>,
    detected: Rx<Detected>,
    events: Tx<(usize, Event)>,
    started: Duration,
    beat: Beat,
) {
    beat.rests();
    while let Some(Detected { lane: index, ticket, slot }) = detected.recv() {
        let lane = &mut lanes[index];
        lane.reorder.insert(ticket, slot);
        while let Some(slot) = lane.reorder.pop() {
            beat.moved();
            if shared.stats.first_frame_us.get() == 0 {
                shared.stats.first_frame_us.set((shared.clock.mono() - started).as_micros().max(1) as u64);
            }
            if step(shared, index, lane, slot, &events).is_err() {
                return;
            }
        }
        beat.rests();
    }
    beat.moved();
    for (index, lane) in lanes.iter().enumerate() {
        // Frames that nobody asked for any more, after a signal, are not missing.
        if !shared.shutdown.draining()
            && let Some(gap) = lane.gaps.tail()
        {
            shared.stats.sources[index].missing.add(gap.frames);
            let _ = events.send((index, Event::Gap(gap)));
        }
        let _ = events.send((index, Event::End));
    }
}

/// The receiver of a queue is gone: its thread has failed and said why.
struct Gone;

fn step(
    shared: &Shared<'_>,
    index: usize,
    lane: &mut Lane,
    slot: Slot,
    events: &Tx<(usize, Event)>,
) -> Result<(), Gone> {
    let stamp = slot.frame.stamp;
    let send = |event| events.send((index, event)).map_err(|_| Gone);
    for gap in lane.gaps.step(stamp, slot.missing) {
        send(Event::Gap(gap))?;
    }

    let size = (slot.frame.width, slot.frame.height);
    let tracks = lane.tracker.step(stamp.mono, size, &slot.detections);
    lane.crossings.clear();
    lane.counter.step(&stamp, tracks, &mut lane.crossings);
    for crossing in &lane.crossings {
        send(Event::Crossing(crossing.clone()))?;
    }
    send(Event::Seen(stamp))?;

    let stats = &shared.stats.sources[index];
    stats.processed.add(1);
    stats.detections.add(slot.detections.len() as u64);
    stats.crossings.add(lane.crossings.len() as u64);
    stats.position_us.set(stamp.mono.as_micros() as u64);

    match &lane.observer {
        None => drop(lane.home.send(slot)),
        Some(observer) => {
            let observed = Observed { slot, tracks: tracks.to_vec(), crossings: lane.crossings.clone() };
            // Where the observer is gone it has failed, and stopped the run with its reason.
            observer.send(observed).map_err(|_| Gone)?;
        }
    }
    Ok(())
}

pub(super) fn observe(
    shared: &Shared<'_>,
    mut observer: Box<dyn Observer>,
    observed: Rx<Observed>,
    home: Tx<Slot>,
    beat: Beat,
) {
    beat.rests();
    while let Some(Observed { slot, tracks, crossings }) = observed.recv() {
        beat.moved();
        let view =
            FrameView { frame: &slot.frame, detections: &slot.detections, tracks: &tracks, crossings: &crossings };
        if let Err(reason) = observer.frame(&view) {
            return shared.fail(PipelineError::Observer(reason));
        }
        drop(home.send(slot));
        beat.rests();
    }
    beat.moved();
    if let Err(reason) = observer.finish() {
        shared.fail(PipelineError::Observer(reason));
    }
}

/// Finds what was never processed between two frames, and whose fault it was.
struct GapFinder {
    step: u64,
    /// Number of frames in all and when they end, where the source says so.
    promised: Option<(u64, Duration)>,
    last: Option<(Stamp, u64)>,
}

impl GapFinder {
    fn new(info: &SourceInfo) -> Self {
        Self { step: info.seq_step.max(1), promised: info.frames.zip(info.duration), last: None }
    }

    /// What a source promised and did not deliver when it ended: a clip that was cut off.
    fn tail(&self) -> Option<Gap> {
        let ((frames, duration), (from, _)) = (self.promised?, self.last?);
        let last_seq = frames.saturating_sub(1) * self.step;
        let frames = last_seq.saturating_sub(from.seq) / self.step;
        let mono = duration.max(from.mono);
        let wall = from.wall.map(|wall| wall + (mono - from.mono).as_micros() as i64);
        let gap = Gap { from, to: Stamp { seq: last_seq, mono, wall }, frames, reason: GapReason::Source };
        (frames > 0).then_some(gap)
    }

    /// `missing`: frames that the source had failed to deliver up to this one, in all. What else is absent between
    /// the two sequence numbers was dropped by us.
    fn step(&mut self, stamp: Stamp, missing: u64) -> impl Iterator<Item = Gap> + use<> {
        let last = self.last.replace((stamp, missing));
        let (from, by_source, by_us) = match last {
            Some((from, missing_before)) => {
                let absent = (stamp.seq.saturating_sub(from.seq) / self.step).saturating_sub(1);
                let by_source = (missing - missing_before).min(absent);
                (from, by_source, absent - by_source)
            }
            None => (stamp, 0, 0),
        };
        [(by_source, GapReason::Source), (by_us, GapReason::Overload)]
            .into_iter()
            .filter(|(frames, _)| *frames > 0)
            .map(move |(frames, reason)| Gap { from, to: stamp, frames, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(seq: u64) -> Stamp {
        Stamp { seq, mono: Duration::from_millis(40 * seq), wall: None }
    }

    fn finder(seq_step: u64, frames: Option<u64>) -> GapFinder {
        GapFinder::new(&SourceInfo {
            name: "a".into(),
            width: 1,
            height: 1,
            nominal_fps: 25.0,
            frames,
            seq_step,
            duration: Some(Duration::from_secs(4)),
            live: false,
            digest: None,
        })
    }

    #[test]
    fn the_cut_end_of_a_clip_is_a_gap() {
        let mut gaps = finder(5, Some(20));
        assert_eq!(gaps.tail(), None, "nothing came at all: there is no moment to begin it");
        assert_eq!([0, 5, 10].map(|seq| gaps.step(stamp(seq), 0).count()), [0; 3]);
        let tail = gaps.tail().unwrap();
        assert_eq!((tail.frames, tail.from, tail.to.seq), (17, stamp(10), 95));
        assert_eq!((tail.to.mono, tail.reason), (Duration::from_secs(4), GapReason::Source));
        gaps.step(stamp(95), 0).for_each(drop);
        assert_eq!(gaps.tail(), None, "all of it came");
        assert_eq!(finder(1, None).tail(), None);
    }

    #[test]
    fn a_gap_adds_up_and_names_whose_fault_it_was() {
        let mut gaps = finder(1, None);
        assert_eq!(gaps.step(stamp(0), 0).count(), 0);
        assert_eq!(gaps.step(stamp(1), 0).count(), 0);
        // Frames 2..=6 are absent: the source lost 3 of them, we threw away 2.
        let found: Vec<_> = gaps.step(stamp(7), 3).collect();
        assert_eq!(
            found.iter().map(|g| (g.frames, g.reason)).collect::<Vec<_>>(),
            [(3, GapReason::Source), (2, GapReason::Overload)]
        );
        assert_eq!((found[0].from, found[0].to), (stamp(1), stamp(7)));
    }

    #[test]
    fn every_fifth_frame_by_intention_is_no_gap() {
        let mut gaps = finder(5, None);
        let found: usize = [0, 5, 10, 20].map(|seq| gaps.step(stamp(seq), 0).count()).iter().sum();
        assert_eq!(found, 1, "only 15 is missing");
    }
}
