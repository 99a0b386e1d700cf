//! The queue for what must not be lost: events, detections, frames to be drawn. Bounded; a full one makes the sender
//! wait and counts it, so that a slow disk shows as a number and not as memory that grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use std::time::Duration;

pub struct Tx<T> {
    sender: Sender<T>,
    waits: Arc<AtomicU64>,
}

pub struct Rx<T> {
    receiver: Receiver<T>,
    waits: Arc<AtomicU64>,
}

/// What [`Rx::recv_for`] found.
pub enum Received<T> {
    Item(T),
    Timeout,
    /// Every sender is gone and the queue is empty.
    End,
}

pub fn lossless<T>(capacity: usize) -> (Tx<T>, Rx<T>) {
    let (sender, receiver) = bounded(capacity.max(1));
    let waits = Arc::new(AtomicU64::new(0));
    (Tx { sender, waits: waits.clone() }, Rx { receiver, waits })
}

impl<T> Tx<T> {
    /// Waits for room. `Err(item)`: the receiver is gone; the sender's stage ends too.
    pub fn send(&self, item: T) -> Result<(), T> {
        match self.sender.try_send(item) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(item)) => Err(item),
            Err(TrySendError::Full(item)) => {
                self.waits.fetch_add(1, Ordering::Relaxed);
                self.sender.send(item).map_err(|error| error.0)
            }
        }
    }
}

impl<T> Clone for Tx<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), waits: self.waits.clone() }
    }
}

impl<T> Rx<T> {
    /// Waits for an item; `None` once every sender is gone and the queue is empty.
    pub fn recv(&self) -> Option<T> {
        self.receiver.recv().ok()
    }

    pub fn recv_for(&self, timeout: Duration) -> Received<T> {
        match self.receiver.recv_timeout(timeout) {
            Ok(item) => Received::Item(item),
            Err(RecvTimeoutError::Timeout) => Received::Timeout,
            Err(RecvTimeoutError::Disconnected) => Received::End,
        }
    }

    /// How often a sender had to wait for room.
    pub fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_makes_the_sender_wait_and_counts_it() {
        let (tx, rx) = lossless(1);
        tx.send(1).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || tx.send(2).unwrap());
            while rx.waits() == 0 {
                std::thread::yield_now();
            }
            assert_eq!([rx.recv(), rx.recv(), rx.recv()], [Some(1), Some(2), None]);
        });
    }

    #[test]
    fn a_gone_receiver_gives_the_item_back() {
        let (tx, rx) = lossless(1);
        drop(rx);
        assert_eq!(tx.send(7), Err(7));
    }
}
