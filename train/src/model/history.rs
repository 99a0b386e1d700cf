//! What a training measured, epoch by epoch.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Values by name: `loss`, `accuracy`, `val_loss`, one for each epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    values: BTreeMap<String, Vec<f32>>,
    interrupted: bool,
}

/// The values of one epoch, in the order in which they are printed.
pub type Logs = Vec<(String, f32)>;

impl History {
    pub fn get(&self, name: &str) -> Option<&[f32]> {
        self.values.get(name).map(Vec::as_slice)
    }

    /// The last value.
    pub fn last(&self, name: &str) -> Option<f32> {
        self.get(name)?.last().copied()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    pub fn epochs(&self) -> usize {
        self.values.values().map(Vec::len).max().unwrap_or(0)
    }

    /// Whether [`super::Fit::stop`] ended it before its last epoch was done.
    pub fn interrupted(&self) -> bool {
        self.interrupted
    }

    pub(crate) fn interrupt(&mut self) {
        self.interrupted = true;
    }

    pub(crate) fn push(&mut self, logs: &Logs) {
        for (name, value) in logs {
            self.values.entry(name.clone()).or_default().push(*value);
        }
    }
}

/// JSON has no NaN and may lose a last digit: values are written as their bits.
impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bits = self.values.iter().map(|(name, values)| (name, values.iter().map(|it| it.to_bits()).collect()));
        bits.collect::<BTreeMap<&String, Vec<u32>>>().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for History {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bits = BTreeMap::<String, Vec<u32>>::deserialize(deserializer)?;
        let values = bits.into_iter().map(|(name, values)| (name, values.into_iter().map(f32::from_bits).collect()));
        Ok(History { values: values.collect(), interrupted: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_a_file_to_the_last_bit() {
        let mut history = History::default();
        for value in [0.1, f32::NAN, f32::INFINITY, 1.0e-41] {
            history.push(&vec![("loss".into(), value)]);
        }
        let again: History = serde_json::from_str(&serde_json::to_string(&history).unwrap()).unwrap();
        let bits = |history: &History| history.get("loss").unwrap().iter().map(|it| it.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&history), bits(&again));
        assert_eq!(again.epochs(), 4);
    }
}
