//! sources.csv: what each picture's source labels.

use std::collections::HashMap;
use std::path::Path;

use crate::{Error, Result};

/// What a source says of one picture.
pub(super) struct Labels {
    /// Number of the source from 1 on, in the order in which they come; 0 where none is named.
    pub source: usize,
    /// For each class.
    pub known: Vec<bool>,
    pub exhaustive: bool,
}

/// By the picture as the lists name it. Columns `file`, `labels_CLASS` (y or n) for each class and
/// `background_exhaustive` (y or n); classes without a column are labelled. `source` names
/// where the picture is from. No file, no entries.
pub(super) fn read(path: &Path, classes: &[String]) -> Result<HashMap<String, Labels>> {
    if !path.is_file() {
        return Ok(HashMap::new());
    }
    let refused = |why: String| Error::Data(format!("{}: {why}", path.display()));
    let mut reader = csv::Reader::from_path(path).map_err(|error| refused(error.to_string()))?;
    let header = reader.headers().map_err(|error| refused(error.to_string()))?.clone();
    let column = |name: &str| header.iter().position(|title| title == name);
    let file = column("file").ok_or_else(|| refused("has no column file".into()))?;
    let classes: Vec<Option<usize>> = classes.iter().map(|class| column(&format!("labels_{class}"))).collect();
    let exhaustive = column("background_exhaustive");
    let source = column("source");
    let (mut labels, mut sources) = (HashMap::new(), HashMap::new());
    for (number, record) in reader.records().enumerate() {
        // Numbered as an editor does: the header is line 1.
        let line = number + 2;
        let record = record.map_err(|error| refused(error.to_string()))?;
        let says = |column: Option<usize>| match column.and_then(|column| record.get(column)) {
            None | Some("y") => Ok(true),
            Some("n") => Ok(false),
            Some(other) => Err(refused(format!("line {line}: `{other}` is neither y nor n"))),
        };
        let known = classes.iter().map(|&column| says(column)).collect::<Result<_>>()?;
        let name = record.get(file).unwrap_or_default().to_owned();
        let source = match source.and_then(|source| record.get(source)) {
            None | Some("") => 0,
            Some(named) => {
                let next = sources.len() + 1;
                *sources.entry(named.to_owned()).or_insert(next)
            }
        };
        labels.insert(name, Labels { source, known, exhaustive: says(exhaustive)? });
    }
    Ok(labels)
}
