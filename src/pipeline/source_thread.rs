//! One thread per source: decodes into an empty buffer and hands it to its lane.

use super::lossless::Rx;
use super::{Shared, Slot};
use crate::beat::Beat;
use crate::source::Source;

/// Runs until the stream ends, fails, or the run is asked to end. Returns the source's warnings.
pub(super) fn run(
    shared: &Shared<'_>,
    lane: usize,
    mut source: Box<dyn Source>,
    home: Rx<Slot>,
    beat: Beat,
) -> Vec<String> {
    source.attend(beat.clone());
    let stats = &shared.stats.sources[lane];
    let step = source.info().seq_step.max(1);
    let mut next_seq = 0;
    let mut missing = 0;
    // A slot that a newer frame replaced in a live lane: used again at once.
    let mut spare = None;

    while !shared.shutdown.draining() {
        // It never rests: an empty buffer, and room in a lossless lane, come as long as the others move.
        beat.moved();
        let Some(mut slot) = spare.take().or_else(|| home.recv()) else { break };
        beat.moved();
        match source.next_frame(&mut slot.frame) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                // Its frames under way are still counted; the run ends with this error.
                shared.note(error);
                break;
            }
        }
        let lost = slot.frame.stamp.seq.saturating_sub(next_seq) / step;
        next_seq = slot.frame.stamp.seq + step;
        missing += lost;
        stats.missing.add(lost);
        stats.delivered.add(1);
        slot.missing = missing;
        beat.moved();
        match shared.lanes.push(lane, slot) {
            Ok(replaced) => {
                stats.overload.add(replaced.is_some() as u64);
                spare = replaced;
            }
            Err(_) => break,
        }
    }
    shared.lanes.close(lane);
    source.warnings()
}
