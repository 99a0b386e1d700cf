//! `--explain`: where the error comes from, and what each layer would cost in float.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use anstream::println;
use comfy_table::{CellAlignment, Table, presets};

use super::Bar;
use crate::clock::SystemClock;
use crate::engine::{EngineChoice, Outputs};
use crate::model::ModelFolder;
use crate::quantize::{Prepared, QuantizeError, Reference, inputs, scan, with_graph};

/// Timed runs: the best counts.
const RUNS: usize = 20;

pub fn run(
    model: &ModelFolder,
    prepared: &Prepared,
    pictures: &[std::path::PathBuf],
    bar: &Bar,
) -> Result<(), QuantizeError> {
    let scan = scan(&Reference::of(model, prepared, pictures)?, prepared, bar)?;
    let all: BTreeSet<String> = prepared.layers.iter().map(|layer| layer.name.clone()).collect();
    let bytes = times(model, prepared, &BTreeSet::new(), pictures)?;
    let float = times(model, prepared, &all, pictures)?;
    let rows = prepared.rows(&BTreeSet::new(), Some(&scan));
    bar.finish();
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["layer", "kind", "of the error", "input dB", "weights dB", "ms int8", "ms more in float"]);
    for (index, share) in &scan.layers {
        let row = &rows[*index];
        let [eight, whole] = [&bytes, &float].map(|times| times.get(&row.name).copied().unwrap_or_default());
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let decibels = |db: Option<f64>| db.map_or("-".into(), |db| format!("{db:.1}"));
        table.add_row([
            row.name.clone(),
            row.kind.clone(),
            format!("{:.1} %", 100.0 * share),
            decibels(row.input_db),
            decibels(row.weights_db),
            format!("{:.3}", ms(eight)),
            format!("{:+.3}", ms(whole) - ms(eight)),
        ]);
    }
    for index in 2..7 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("{table}");
    println!(
        "error of the outputs with all {} layers in 8 bits: {:.2} % of their variance ({:.1} dB)",
        rows.len(),
        100.0 * scan.error,
        -10.0 * scan.error.log10()
    );
    Ok(())
}

/// What each layer takes, with the function behind it.
fn times(
    model: &ModelFolder,
    prepared: &Prepared,
    float: &BTreeSet<String>,
    pictures: &[std::path::PathBuf],
) -> Result<HashMap<String, Duration>, QuantizeError> {
    let quantised = with_graph(&model.spec, prepared.quantised(float).encode());
    let program = super::load(&quantised, EngineChoice::Int8)?;
    let (mut session, mut outputs, clock) = (program.session()?, Outputs::default(), SystemClock::new());
    let inputs = inputs(model, pictures, 1)?;
    let Some(input) = inputs.first() else { return Ok(HashMap::new()) };
    let owners = prepared.owners();
    let mut best: Vec<(String, Duration)> = Vec::new();
    for _ in 0..RUNS {
        for (index, step) in session.profile(input, &mut outputs, &clock)?.into_iter().enumerate() {
            match best.get_mut(index) {
                Some((_, time)) => *time = step.time.min(*time),
                None => best.push((step.node, step.time)),
            }
        }
    }
    let mut times: HashMap<String, Duration> = HashMap::new();
    for (node, time) in best {
        // A quantiser's name begins with that of what it quantises; its time belongs to who made that.
        if let Some(layer) = owners.get(&node) {
            *times.entry(layer.clone()).or_default() += time;
        }
    }
    Ok(times)
}
