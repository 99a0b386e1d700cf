//! The layers of a quantised network as lines of words, for the terminal and the picture.

use comfy_table::{CellAlignment, Table, presets};

use crate::draw::TableRow;
use crate::quantize::Row;

pub const HEADER: [&str; 8] =
    ["layer", "kind", "range", "scale", "input dB", "weights dB", "of the error", "what and why"];

/// Decibels of a full bar: as much as 8 bits hold of an even spread.
const FULL_DB: f64 = 50.0;

const EXACT_DB: f64 = 120.0;

/// One layer in words.
pub struct Line {
    pub cells: [String; 8],
    /// Signal to noise of what it reads, 0..=1.
    pub bar: Option<f32>,
}

pub fn lines(rows: &[Row]) -> Vec<Line> {
    rows.iter().map(line).collect()
}

fn line(row: &Row) -> Line {
    let scale = match row.scale {
        None => "-".into(),
        Some((low, high)) if low == high => format!("{low:.4}"),
        Some((low, high)) => format!("{low:.4} to {high:.4}"),
    };
    let cells = [
        row.name.clone(),
        row.kind.clone(),
        format!("{:.2} to {:.2}", row.low, row.high),
        scale,
        decibels(row.input_db),
        decibels(row.weights_db),
        row.share.map_or("-".into(), |share| format!("{:.1} %", 100.0 * share)),
        row.why.clone(),
    ];
    let bar = row.input_db.map(|db| (db / FULL_DB).clamp(0.0, 1.0) as f32);
    Line { cells, bar }
}

fn decibels(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        // Beyond it there is only the rounding of 32-bit floats.
        Some(db) if db < EXACT_DB => format!("{db:.1}"),
        Some(_) => "exact".into(),
    }
}

pub fn text(lines: &[Line]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(HEADER);
    for line in lines {
        table.add_row(&line.cells);
    }
    for index in 2..7 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

pub fn pictured(lines: &[Line]) -> Vec<TableRow> {
    lines.iter().map(|line| TableRow { cells: line.cells.to_vec(), bar: line.bar }).collect()
}
