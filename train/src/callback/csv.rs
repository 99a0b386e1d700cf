//! A row for each epoch.

use std::fs;
use std::path::PathBuf;

use super::{Callback, Training};
use crate::model::Logs;
use crate::{Error, Result};

/// Keras' CSVLogger. Rows of epochs that are trained again, after a kill, are written anew.
#[derive(Debug, Clone)]
pub struct CsvLogger {
    file: PathBuf,
}

impl CsvLogger {
    pub fn new(file: impl Into<PathBuf>) -> Self {
        CsvLogger { file: file.into() }
    }
}

impl Callback for CsvLogger {
    fn epoch_end(&mut self, epoch: usize, logs: &Logs, training: &mut Training) -> Result<()> {
        let names: Vec<&str> = logs.iter().map(|(name, _)| name.as_str()).collect();
        let head = format!("epoch,learning_rate,{}", names.join(","));
        let old = if epoch == 0 { String::new() } else { fs::read_to_string(&self.file).unwrap_or_default() };
        let mut rows: Vec<&str> = old.lines().skip(1).take(epoch).collect();
        let values: Vec<String> = logs.iter().map(|(_, value)| value.to_string()).collect();
        let row = format!("{},{},{}", epoch + 1, training.model.learning_rate()?, values.join(","));
        rows.push(&row);
        let text = format!("{head}\n{}\n", rows.join("\n"));
        wayside::part_file::write(&self.file, text.as_bytes()).map_err(|error| Error::file(&self.file, error))
    }
}
