//! Curves while it trains.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::{Callback, Training};
use crate::Result;
use crate::chart::{self, Line};
use crate::model::{History, Logs};

/// Draws what was measured over the epochs as SVG, anew after each one; the losses unless told otherwise.
#[derive(Debug, Clone)]
pub struct Curves {
    file: PathBuf,
    title: String,
    wanted: Vec<String>,
    /// Number of the first epoch, counted from 1.
    first: Option<usize>,
    history: History,
}

impl Curves {
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let wanted = ["loss", "val_loss"].map(String::from).into();
        Curves { file: file.into(), title: "Training".into(), wanted, first: None, history: History::default() }
    }

    /// Which values are drawn; those that are not measured are left out.
    pub fn of(mut self, names: &[&str]) -> Self {
        self.wanted = names.iter().map(|name| name.to_string()).collect();
        self
    }

    pub fn title(mut self, title: &str) -> Self {
        self.title = title.into();
        self
    }
}

impl Callback for Curves {
    fn epoch_end(&mut self, epoch: usize, logs: &Logs, _training: &mut Training) -> Result<()> {
        let first = *self.first.get_or_insert(epoch + 1);
        self.history.push(logs);
        let lines: Vec<Line> = self
            .wanted
            .iter()
            .filter_map(|name| {
                let points = self.history.get(name)?.iter().enumerate();
                let points = points.map(|(place, &value)| ((first + place) as f64, f64::from(value))).collect();
                Some(Line { name: name.clone(), points })
            })
            .collect();
        let y = self.wanted.first().map_or("", String::as_str);
        chart::write(&self.file, &chart::lines(&self.title, "epoch", y, &lines)?)
    }

    fn state(&self) -> Json {
        json!({ "first": self.first, "history": self.history })
    }

    fn restore(&mut self, state: &Json) {
        self.first = state["first"].as_u64().map(|first| first as usize);
        self.history = serde_json::from_value(state["history"].clone()).unwrap_or_default();
    }
}
