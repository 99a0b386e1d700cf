//! Saves the model after epochs.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::{Callback, Mode, Training, find};
use crate::model::Logs;
use crate::{Error, Result};

/// Keras' ModelCheckpoint: the file is whole at every moment. In its name `{epoch}` becomes the number of the epoch, counted from
/// 1, and `{val_loss}` what was measured; `{epoch:02}` and `{val_loss:.3}` say how many digits.
#[derive(Debug, Clone)]
pub struct ModelCheckpoint {
    file: String,
    monitor: String,
    mode: Option<Mode>,
    save_best_only: bool,
    best: Option<f32>,
}

impl ModelCheckpoint {
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let file = file.into().to_string_lossy().into_owned();
        ModelCheckpoint { file, monitor: "val_loss".into(), mode: None, save_best_only: false, best: None }
    }

    pub fn monitor(mut self, name: &str) -> Self {
        self.monitor = name.into();
        self
    }

    /// Which way is better; guessed from the name unless set.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// What the first file has to be better than.
    pub fn initial_value_threshold(mut self, value: f32) -> Self {
        self.best = Some(value);
        self
    }

    pub fn save_best_only(mut self, only: bool) -> Self {
        self.save_best_only = only;
        self
    }
}

impl Callback for ModelCheckpoint {
    fn epoch_end(&mut self, epoch: usize, logs: &Logs, training: &mut Training) -> Result<()> {
        if self.save_best_only {
            let value = find(logs, &self.monitor, "ModelCheckpoint")?;
            let mode = self.mode.unwrap_or_else(|| Mode::of(&self.monitor));
            if self.best.is_some_and(|best| !mode.better(value, best, 0.0)) {
                return Ok(());
            }
            self.best = Some(value);
        }
        training.model.save(named(&self.file, epoch + 1, logs)?.as_ref())
    }

    fn state(&self) -> Json {
        json!(self.best)
    }

    fn restore(&mut self, state: &Json) {
        self.best = state.as_f64().map(|best| best as f32);
    }
}

/// The name with its braces filled in.
fn named(pattern: &str, epoch: usize, logs: &Logs) -> Result<String> {
    let mut name = String::new();
    let mut rest = pattern;
    while let Some((before, behind)) = rest.split_once('{') {
        let unknown = || Error::Model(format!("{pattern}: a brace is open"));
        let (inside, behind) = behind.split_once('}').ok_or_else(unknown)?;
        let (what, digits) = inside.split_once(':').unwrap_or((inside, ""));
        name += before;
        name += &match (what, digits.trim_start_matches(['.', '0']).trim_end_matches(['d', 'f']).parse().ok()) {
            ("epoch", digits) => format!("{epoch:0width$}", width = digits.unwrap_or(0).min(20)),
            (other, digits) => {
                let value = find(logs, other, pattern)?;
                digits.map_or_else(|| value.to_string(), |digits: usize| format!("{value:.*}", digits.min(20)))
            }
        };
        rest = behind;
    }
    Ok(name + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_as_in_keras() {
        let logs = vec![("loss".to_owned(), 0.25), ("val_loss".to_owned(), 1.0 / 3.0)];
        let filled = |pattern| named(pattern, 7, &logs).unwrap();
        assert_eq!(filled("model"), "model");
        assert_eq!(filled("m-{epoch}-{loss}"), "m-7-0.25");
        assert_eq!(filled("{epoch:02d}/{val_loss:.2f}.x"), "07/0.33.x");
        assert_eq!(filled("{epoch:03}-{val_loss:.3}"), "007-0.333");
        assert!(named("{acc}", 7, &logs).unwrap_err().to_string().contains("only loss, val_loss"));
        assert!(named("{epoch", 7, &logs).unwrap_err().to_string().contains("brace"));
    }
}
