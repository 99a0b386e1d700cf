//! The one thread on which every frame arrives in order: reorder, track, count. Observers get theirs from here, on
//! threads of their own, because drawing costs more than counting.

use std::time::Duration;

use super::engine_thread::Detected;
use super::lossless::{Rx, Tx};
use super::reorder::Reorder;
use super::{PipelineError, Shared, Slot};
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
        let gaps = GapFinder::new(info.seq_step.max(1));
        Self { reorder: Reorder::new(2 * sessions + 2), tracker, counter, observer, home, crossings, gaps }
    }
}

pub(super) fn run(
    shared: &Shared<'_>,
    mut lanes: Vec<Lane>,
    detected: Rx<Detected>,
    events: Tx<(usize, Event)>,
    started: Duration,
) {
    while let Some(Detected { lane: index, ticket, slot }) = detected.recv() {
        let lane = &mut lanes[index];
        lane.reorder.insert(ticket, slot);
        while let Some(slot) = lane.reorder.pop() {
            if shared.stats.first_frame_us.get() == 0 {
                shared.stats.first_frame_us.set((shared.clock.mono() - started).as_micros().max(1) as u64);
            }
            if step(shared, index, lane, slot, &events).is_err() {
                return;
            }
        }
    }
    for index in 0..lanes.len() {
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

pub(super) fn observe(shared: &Shared<'_>, mut observer: Box<dyn Observer>, observed: Rx<Observed>, home: Tx<Slot>) {
    while let Some(Observed { slot, tracks, crossings }) = observed.recv() {
        let view =
            FrameView { frame: &slot.frame, detections: &slot.detections, tracks: &tracks, crossings: &crossings };
        if let Err(reason) = observer.frame(&view) {
            return shared.fail(PipelineError::Observer(reason));
        }
        drop(home.send(slot));
    }
    if let Err(reason) = observer.finish() {
        shared.fail(PipelineError::Observer(reason));
    }
}

/// Finds what was never processed between two frames, and whose fault it was.
struct GapFinder {
    step: u64,
    last: Option<(Stamp, u64)>,
}

impl GapFinder {
    fn new(step: u64) -> Self {
        Self { step, last: None }
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

    #[test]
    fn a_gap_adds_up_and_names_whose_fault_it_was() {
        let mut gaps = GapFinder::new(1);
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
        let mut gaps = GapFinder::new(5);
        let found: usize = [0, 5, 10, 20].map(|seq| gaps.step(stamp(seq), 0).count()).iter().sum();
        assert_eq!(found, 1, "only 15 is missing");
    }
}
