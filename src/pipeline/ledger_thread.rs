//! The thread that stores what happened, and reports it once it is stored.

use std::time::Duration;

use super::count_thread::Event;
use super::lossless::{Received, Rx, Tx};
use super::{PipelineError, Shared};
use crate::beat::Beat;
use crate::event::Crossing;
use crate::ledger::{Batcher, EndReason, Ledger, LedgerError, RunId, Stored};

/// An open ledger with a run begun for every source of the job, in its order.
pub struct Recorder {
    pub ledger: Box<dyn Ledger>,
    pub runs: Vec<RunId>,
    pub batcher: Batcher,
}

/// The longest sleep while nothing waits to be stored.
const IDLE: Duration = Duration::from_secs(1);

pub(super) fn run(
    shared: &Shared<'_>,
    recorder: Option<Recorder>,
    events: Rx<(usize, Event)>,
    reports: Tx<(usize, Crossing)>,
    beat: Beat,
) {
    match recorder {
        Some(recorder) => {
            if let Err(error) = store(shared, recorder, &events, &reports, &beat) {
                shared.fail(PipelineError::Ledger(error));
            }
        }
        None => {
            beat.rests();
            while let Some((source, event)) = events.recv() {
                beat.moved();
                if let Event::Crossing(crossing) = event {
                    // The receiver lives in `pipeline::run`, which outlives this thread.
                    let _ = reports.send((source, crossing));
                }
                beat.rests();
            }
        }
    }
}

fn store(
    shared: &Shared<'_>,
    recorder: Recorder,
    events: &Rx<(usize, Event)>,
    reports: &Tx<(usize, Crossing)>,
    beat: &Beat,
) -> Result<(), LedgerError> {
    let Recorder { mut ledger, runs, mut batcher } = recorder;
    let mut ended = vec![false; runs.len()];
    loop {
        let now = shared.clock.mono();
        let wait = batcher.deadline().map_or(IDLE, |due| due.saturating_sub(now));
        beat.rests();
        let received = events.recv_for(wait);
        beat.moved();
        let now = shared.clock.mono();
        match received {
            Received::Item((source, event)) => match event {
                Event::Crossing(crossing) => batcher.crossing(runs[source], crossing, now),
                Event::Gap(gap) => batcher.gap(runs[source], gap, now),
                Event::Seen(stamp) => batcher.seen(runs[source], stamp, now),
                Event::End => ended[source] = true,
            },
            Received::Timeout => {}
            Received::End => break,
        }
        if batcher.due(now) {
            commit(shared, ledger.as_mut(), &mut batcher, &runs, reports)?;
        }
    }
    if !batcher.batch().is_empty() {
        commit(shared, ledger.as_mut(), &mut batcher, &runs, reports)?;
    }
    for (source, &run) in runs.iter().enumerate() {
        let reason = match (shared.failed(), shared.shutdown.draining() || !ended[source]) {
            (true, _) => EndReason::Failed,
            (false, true) => EndReason::Stopped,
            (false, false) => EndReason::Complete,
        };
        ledger.end(run, reason, shared.clock.wall())?;
    }
    Ok(())
}

/// One transaction; then, and only then, its new rows are reported.
fn commit(
    shared: &Shared<'_>,
    ledger: &mut dyn Ledger,
    batcher: &mut Batcher,
    runs: &[RunId],
    reports: &Tx<(usize, Crossing)>,
) -> Result<(), LedgerError> {
    let batch = batcher.batch();
    let report = ledger.commit(batch, shared.clock.wall())?;
    shared.stats.committed.add(report.count(Stored::New) as u64);
    shared.stats.known.add(report.count(Stored::Known) as u64);
    shared.stats.differing.add(report.count(Stored::Differing) as u64);
    for ((run, crossing), _) in batch.crossings.iter().zip(&report.crossings) {
        // Every run of a batch is one of ours.
        let source = runs.iter().position(|r| r == run).unwrap_or_default();
        let _ = reports.send((source, crossing.clone()));
    }
    batcher.committed();
    Ok(())
}
