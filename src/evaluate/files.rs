//! The files of an evaluation: `lines.json` (what to count), `crossings.csv` (truth) and the predictions' CSV.
//! Not here: scoring, finding or decoding the clips.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{EvaluateError, Predicted, TruthEvent, Way, io, unreadable};
use crate::geometry::{Point, Segment};
use crate::part_file;

/// One clip to count, as `lines.json` gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipLine {
    /// File name below the clips' folder.
    pub file: String,
    /// Native size in pixels; the line's unit.
    pub width: u32,
    pub height: u32,
    pub line: Segment,
}

impl ClipLine {
    /// The name that the truth and the predictions share.
    pub fn key(&self) -> &str {
        key(&self.file)
    }
}

/// A clip's name: its file name without the last extension.
fn key(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

#[derive(Deserialize)]
struct RawClip {
    file: String,
    width: u32,
    height: u32,
    line: [[f32; 2]; 2],
}

/// Reads `lines.json`: an object of clips by name, each with `file`, `width`, `height` and `line` (two end points in
/// pixels; horizontal, or at least not vertical, because truth only says up and down). Other fields are ignored. In the
/// order of the names.
pub fn read_lines(path: &Path) -> Result<Vec<ClipLine>, EvaluateError> {
    let text = std::fs::read_to_string(path).map_err(|source| io(path, source))?;
    let clips: BTreeMap<String, RawClip> =
        serde_json::from_str(&text).map_err(|error| unreadable(path, format!("is no lines.json: {error}")))?;
    if clips.is_empty() {
        return Err(unreadable(path, "names no clip".into()));
    }
    clips
        .into_iter()
        .map(|(name, raw)| {
            let [from, to] = raw.line.map(|[x, y]| Point::new(x, y));
            let outside =
                |p: Point| !(0.0..=raw.width as f32).contains(&p.x) || !(0.0..=raw.height as f32).contains(&p.y);
            if outside(from) || outside(to) {
                let reason = format!("the line of {name:?} leaves its {}x{} picture", raw.width, raw.height);
                return Err(unreadable(path, reason));
            }
            if from.x == to.x {
                return Err(unreadable(
                    path,
                    format!("the line of {name:?} is vertical: up and down need another one"),
                ));
            }
            Ok(ClipLine { file: raw.file, width: raw.width, height: raw.height, line: Segment::new(from, to) })
        })
        .collect()
}

#[derive(Deserialize)]
struct RawEvent {
    clip: String,
    event: String,
    frame_first_touch: u64,
    frame_last_touch: u64,
    x_min: f32,
    x_max: f32,
    direction: Way,
    class_seen: String,
    flag: String,
}

/// Reads `crossings.csv`: the events of each clip, by the clip's name without extension, in the file's order.
pub fn read_truth(path: &Path) -> Result<BTreeMap<String, Vec<TruthEvent>>, EvaluateError> {
    let file = std::fs::File::open(path).map_err(|source| io(path, source))?;
    let mut truth: BTreeMap<String, Vec<TruthEvent>> = BTreeMap::new();
    let mut rows = csv::Reader::from_reader(file);
    let columns = rows.headers().map_err(|error| unreadable(path, error.to_string()))?.clone();
    for (index, row) in rows.into_deserialize::<RawEvent>().enumerate() {
        let raw = row.map_err(|error| unreadable(path, csv_reason(&error, &columns)))?;
        let in_order = raw.frame_first_touch <= raw.frame_last_touch && raw.x_min <= raw.x_max;
        if !in_order {
            let reason = format!("row {}: frames or x_min/x_max run backwards", index + 1);
            return Err(unreadable(path, reason));
        }
        truth.entry(key(&raw.clip).to_owned()).or_default().push(TruthEvent {
            id: raw.event,
            first: raw.frame_first_touch,
            last: raw.frame_last_touch,
            x: (raw.x_min, raw.x_max),
            way: raw.direction,
            class: raw.class_seen,
            free: !raw.flag.is_empty(),
        });
    }
    Ok(truth)
}

/// The csv crate's messages start with its own name and count fields from zero; people read lines and column names.
fn csv_reason(error: &csv::Error, columns: &csv::StringRecord) -> String {
    let line = error.position().map_or(1, csv::Position::line);
    let csv::ErrorKind::Deserialize { err, .. } = error.kind() else { return format!("line {line}: {error}") };
    let column = err.field().and_then(|field| columns.get(field as usize));
    format!("line {line}{}: {}", column.map(|name| format!(", {name}")).unwrap_or_default(), err.kind())
}

/// Writes the predictions of all clips with the columns clip, frame, direction, class: either whole or not at all.
pub fn write_predictions(path: &Path, clips: &[(String, Vec<Predicted>)]) -> Result<(), EvaluateError> {
    part_file::write(path, &predictions_csv(path, clips)?).map_err(|source| io(path, source))
}

fn predictions_csv(path: &Path, clips: &[(String, Vec<Predicted>)]) -> Result<Vec<u8>, EvaluateError> {
    let failed = |error: String| unreadable(path, format!("cannot be written: {error}"));
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(["clip", "frame", "direction", "class"]).map_err(|e| failed(e.to_string()))?;
    for (clip, predicted) in clips {
        for p in predicted {
            let frame = p.frame.to_string();
            rows.write_record([clip, &frame, p.way.as_str(), &p.class]).map_err(|e| failed(e.to_string()))?;
        }
    }
    rows.into_inner().map_err(|e| failed(e.to_string()))
}
