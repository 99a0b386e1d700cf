//! A thread's sign of life: two words in one atomic number. Not here: who looks at it (pipeline/watchdog.rs).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Written by one thread, watched by another. Clones are the same sign.
#[derive(Debug, Clone, Default)]
pub struct Beat(Arc<AtomicU64>);

impl Beat {
    /// Something was done, and more is to be done: the next sign is due soon.
    pub fn moved(&self) {
        self.set(self.get() & !1);
    }

    /// There is nothing to do, which may last.
    pub fn rests(&self) {
        self.set(self.get() | 1);
    }

    /// Changes with every sign.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub fn resting(&self) -> bool {
        self.get() & 1 == 1
    }

    // One thread writes, so nothing comes between load and store. Relaxed: it orders nothing.
    fn set(&self, value: u64) {
        self.0.store(value.wrapping_add(2), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_changes_it_and_the_last_one_holds() {
        let (beat, seen) = (Beat::default(), Beat::default().get());
        let watched = beat.clone();
        assert!(!watched.resting());
        let mut last = seen;
        for rests in [false, false, true, true, false] {
            if rests {
                beat.rests()
            } else {
                beat.moved()
            }
            assert!(watched.get() != last && watched.resting() == rests);
            last = watched.get();
        }
    }
}
