//! One thread per engine session: letterbox, network, head, NMS.

use super::lossless::Tx;
use super::{Shared, Slot};
use crate::beat::Beat;
use crate::detect::Detector;

/// A frame with its detections, on its way to the count thread.
pub(super) struct Detected {
    pub lane: usize,
    pub ticket: u64,
    pub slot: Slot,
}

pub(super) fn run(shared: &Shared<'_>, mut detector: Detector, detected: Tx<Detected>, beat: Beat) {
    beat.rests();
    while let Some(taken) = shared.lanes.take() {
        beat.moved();
        let mut slot = taken.item;
        if let Err(error) = detector.step(&slot.frame, &mut slot.detections) {
            return shared.fail(error);
        }
        if detected.send(Detected { lane: taken.lane, ticket: taken.ticket, slot }).is_err() {
            break;
        }
        beat.rests();
    }
    let counters = detector.counters();
    shared.stats.refused.add(counters.not_finite);
    shared.stats.over_limit.add(counters.over_candidates + counters.over_detections);
}
