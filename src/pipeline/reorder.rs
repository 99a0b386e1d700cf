//! Restores the order of frames behind several engine sessions.

use std::collections::VecDeque;

/// Gives items back in the order of their tickets, which have no holes and start at 0.
pub struct Reorder<T> {
    next: u64,
    /// Slot `i` holds ticket `next + i`.
    held: VecDeque<Option<T>>,
}

impl<T> Reorder<T> {
    /// `window`: how many items can be under way at once; more only costs an allocation.
    pub fn new(window: usize) -> Self {
        Self { next: 0, held: VecDeque::with_capacity(window) }
    }

    pub fn insert(&mut self, ticket: u64, item: T) {
        debug_assert!(ticket >= self.next, "ticket {ticket} was given out already");
        let slot = (ticket - self.next) as usize;
        while self.held.len() <= slot {
            self.held.push_back(None);
        }
        self.held[slot] = Some(item);
    }

    /// The next item in order, if it is there.
    pub fn pop(&mut self) -> Option<T> {
        let item = self.held.front_mut()?.take()?;
        self.held.pop_front();
        self.next += 1;
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_order_in_gives_ticket_order_out(order in Just((0u64..60).collect::<Vec<_>>()).prop_shuffle()) {
            let mut reorder = Reorder::new(4);
            let mut out = Vec::new();
            for ticket in order {
                reorder.insert(ticket, ticket);
                while let Some(item) = reorder.pop() {
                    out.push(item);
                }
            }
            prop_assert_eq!(out, (0..60).collect::<Vec<_>>());
        }
    }
}
