//! Whole trainings: from files to a network, its measures and its pictures.

pub mod classify;
pub mod detect;
pub mod embed;
pub mod label;

use std::path::Path;

use crate::chart::{self, Line};
use crate::model::History;
use crate::{Error, Result};

/// Makes the folder that a training writes into.
fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))
}

/// Writes the curves of these values over the epochs, where they were measured.
fn draw_curves(path: &Path, title: &str, y: &str, history: &History, names: &[&str]) -> Result<()> {
    let lines: Vec<Line> = names
        .iter()
        .filter_map(|name| {
            let values = history.get(name)?;
            let points = values.iter().enumerate().map(|(epoch, &value)| ((epoch + 1) as f64, f64::from(value)));
            Some(Line { name: (*name).to_owned(), points: points.collect() })
        })
        .collect();
    chart::write(path, &chart::lines(title, "epoch", y, &lines)?)
}
