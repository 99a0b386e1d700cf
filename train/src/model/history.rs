//! What a training measured, epoch by epoch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Values by name: `loss`, `accuracy`, `val_loss`, one for each epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History(BTreeMap<String, Vec<f32>>);

/// The values of one epoch, in the order in which they are printed.
pub type Logs = Vec<(String, f32)>;

impl History {
    pub fn get(&self, name: &str) -> Option<&[f32]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// The last value.
    pub fn last(&self, name: &str) -> Option<f32> {
        self.get(name)?.last().copied()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn epochs(&self) -> usize {
        self.0.values().map(Vec::len).max().unwrap_or(0)
    }

    pub(crate) fn push(&mut self, logs: &Logs) {
        for (name, value) in logs {
            self.0.entry(name.clone()).or_default().push(*value);
        }
    }
}
