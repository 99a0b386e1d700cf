//! The way from the sources to the engine sessions: one lane per source, taken in turn, so that several cameras share
//! the sessions fairly. A lane is `Latest` (live: the newest frame wins, every drop is counted) or `Lossless` (a file:
//! the producer waits). These are the only two kinds of queue in wayside; see also [`super::lossless`].

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What a full lane does with one more item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneKind {
    /// Throws away the oldest waiting item.
    Latest,
    /// Makes the producer wait.
    Lossless,
}

/// An item taken from a lane, with its place in the order of what was taken from that lane: without holes, so that a
/// reorder buffer can restore the order behind several sessions.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken<T> {
    pub lane: usize,
    pub ticket: u64,
    pub item: T,
}

pub struct Lanes<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    lanes: Vec<Lane<T>>,
    /// The lane that is asked first next time.
    turn: usize,
    aborted: bool,
}

struct Lane<T> {
    kind: LaneKind,
    capacity: usize,
    waiting: VecDeque<T>,
    next_ticket: u64,
    closed: bool,
}

impl<T> Lanes<T> {
    /// One lane per `(kind, capacity)`; a capacity of 0 counts as 1.
    pub fn new(lanes: impl IntoIterator<Item = (LaneKind, usize)>) -> Self {
        let lanes = lanes
            .into_iter()
            .map(|(kind, capacity)| Lane {
                kind,
                capacity: capacity.max(1),
                waiting: VecDeque::with_capacity(capacity.max(1)),
                next_ticket: 0,
                closed: false,
            })
            .collect();
        Self { state: Mutex::new(State { lanes, turn: 0, aborted: false }), changed: Condvar::new() }
    }

    /// Adds an item. `Ok(Some(old))`: a `Latest` lane was full and gave up its oldest item, for the caller to count
    /// and reuse. `Err(item)`: the lanes were aborted and nobody will take it.
    pub fn push(&self, lane: usize, item: T) -> Result<Option<T>, T> {
        let mut state = self.lock();
        loop {
            if state.aborted {
                return Err(item);
            }
            let this = &mut state.lanes[lane];
            let replaced = match (this.waiting.len() < this.capacity, this.kind) {
                (true, _) => None,
                (false, LaneKind::Latest) => this.waiting.pop_front(),
                (false, LaneKind::Lossless) => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
            };
            this.waiting.push_back(item);
            self.changed.notify_all();
            return Ok(replaced);
        }
    }

    /// The next item of the lane whose turn it is; waits for one. `None`: every lane is closed and empty, or aborted.
    pub fn take(&self) -> Option<Taken<T>> {
        let mut state = self.lock();
        loop {
            if state.aborted {
                return None;
            }
            let count = state.lanes.len();
            let turn = state.turn;
            for lane in (0..count).map(|i| (turn + i) % count) {
                let this = &mut state.lanes[lane];
                if let Some(item) = this.waiting.pop_front() {
                    let ticket = this.next_ticket;
                    this.next_ticket += 1;
                    state.turn = (lane + 1) % count;
                    self.changed.notify_all();
                    return Some(Taken { lane, ticket, item });
                }
            }
            if state.lanes.iter().all(|lane| lane.closed) {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// No more items will come to this lane; what waits in it is still taken.
    pub fn close(&self, lane: usize) {
        self.lock().lanes[lane].closed = true;
        self.changed.notify_all();
    }

    /// Ends everything at once: waiting items are left where they are, producers and takers return.
    pub fn abort(&self) {
        self.lock().aborted = true;
        self.changed.notify_all();
    }

    /// A panic elsewhere leaves the queues themselves consistent (every change is a single push or pop), so the lock
    /// is taken over and the other threads drain.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latest_lane_keeps_the_newest_and_hands_back_the_oldest() {
        let lanes = Lanes::new([(LaneKind::Latest, 1)]);
        assert_eq!(lanes.push(0, 'a'), Ok(None));
        assert_eq!(lanes.push(0, 'b'), Ok(Some('a')));
        assert_eq!(lanes.take(), Some(Taken { lane: 0, ticket: 0, item: 'b' }), "tickets have no holes");
    }

    #[test]
    fn a_lossless_lane_makes_its_producer_wait_and_loses_nothing() {
        let lanes = Lanes::new([(LaneKind::Lossless, 2)]);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for i in 0..100 {
                    assert_eq!(lanes.push(0, i), Ok(None));
                }
                lanes.close(0);
            });
            let taken: Vec<_> = std::iter::from_fn(|| lanes.take()).map(|t| (t.ticket, t.item)).collect();
            assert_eq!(taken, (0..100).map(|i| (i, i as i32)).collect::<Vec<_>>());
        });
    }

    #[test]
    fn lanes_are_taken_in_turn() {
        let lanes = Lanes::new([(LaneKind::Lossless, 9), (LaneKind::Lossless, 9)]);
        for i in 0..3 {
            lanes.push(0, i).unwrap();
        }
        lanes.push(1, 10).unwrap();
        (0..2).for_each(|lane| lanes.close(lane));
        let order: Vec<_> = std::iter::from_fn(|| lanes.take()).map(|t| (t.lane, t.item)).collect();
        assert_eq!(order, [(0, 0), (1, 10), (0, 1), (0, 2)], "a busy lane does not starve a quiet one");
    }

    #[test]
    fn abort_wakes_a_waiting_producer_and_gives_its_item_back() {
        let lanes = Lanes::new([(LaneKind::Lossless, 1)]);
        lanes.push(0, 1).unwrap();
        std::thread::scope(|scope| {
            let producer = scope.spawn(|| lanes.push(0, 2));
            lanes.abort();
            assert_eq!(producer.join().unwrap(), Err(2));
        });
        assert_eq!(lanes.take(), None);
    }
}
