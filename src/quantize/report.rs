//! What was done to each layer, as plain data. Printing is cli/quantize/, drawing draw/table.rs.

use std::collections::{BTreeMap, BTreeSet};

use super::Prepared;
use super::layers::Layer;
use super::ranges::{self, Affine};
use super::sensitivity::Scan;
use super::spots;
use super::weights::{self, Rounded};

/// One layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub name: String,
    /// "conv 3x3"
    pub kind: String,
    /// Extremes of what it reads, over the calibration pictures.
    pub low: f32,
    pub high: f32,
    /// Smallest and largest scale of what it reads; `None`: it stays float.
    pub scale: Option<(f32, f32)>,
    /// Signal to noise of what it reads, in decibels; infinite where bytes hold it exactly.
    pub input_db: Option<f64>,
    /// The same of its weights.
    pub weights_db: Option<f64>,
    /// Part of the outputs' error that goes when it alone stays float, where that was looked at.
    pub share: Option<f64>,
    /// In words.
    pub why: String,
}

impl Row {
    pub fn is_float(&self) -> bool {
        self.scale.is_none()
    }
}

impl Prepared {
    /// A row for each layer, in the graph's order.
    pub fn rows(&self, float: &BTreeSet<String>, scan: Option<&Scan>) -> Vec<Row> {
        let ranges = self.ranges(float);
        let row = |(index, layer): (usize, &Layer)| {
            let share = scan.and_then(|scan| scan.layers.iter().find(|(at, _)| *at == index)).map(|(_, share)| *share);
            Row { share, ..self.row(layer, &ranges, float) }
        };
        self.layers.iter().enumerate().map(row).collect()
    }

    fn row(&self, layer: &Layer, ranges: &BTreeMap<String, Affine>, float: &BTreeSet<String>) -> Row {
        let known = self.statistics(&layer.input);
        let origin = spots::origin(&self.graph, &layer.input);
        let affine = ranges.get(&origin);
        let affine = affine.filter(|_| !float.contains(&layer.name) && known.is_some());
        let picture = self.graph.inputs().any(|input| input == origin);
        let why = match affine {
            None if float.contains(&layer.name) => "float: it costs too much".to_owned(),
            None => "float: it reads nothing that can be bytes".into(),
            Some(_) if picture => "int8: reads the picture".into(),
            Some(affine) if affine.scale.len() > 1 => "int8: a scale per channel".into(),
            Some(_) if self.evened.contains(&layer.input) => "int8: one scale, channels evened out".into(),
            Some(_) => "int8: one scale".into(),
        };
        let ends = |affine: &Affine| {
            let fold = |of: fn(f32, f32) -> f32| affine.scale.iter().copied().reduce(of).unwrap_or_default();
            (fold(f32::min), fold(f32::max))
        };
        Row {
            name: layer.name.clone(),
            kind: layer.kind(),
            low: known.map_or(0.0, |tensor| tensor.low()),
            high: known.map_or(0.0, |tensor| tensor.high()),
            scale: affine.map(ends),
            input_db: affine.zip(known).map(|(affine, tensor)| ranges::signal_to_noise(tensor, affine)),
            weights_db: affine.map(|affine| weights::signal_to_noise(layer, &Rounded::of(layer, affine))),
            share: None,
            why,
        }
    }
}
