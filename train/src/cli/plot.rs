//! `wayside-train plot`: curves of a training.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anstream::println;
use anyhow::{Context, Result, bail};

use crate::chart::{self, Line};

/// Draw columns of a history.csv as curves over the epochs
#[derive(Debug, clap::Args)]
#[command(after_help = "wayside-train plot a/history.csv b/history.csv --columns val_accuracy -o compare.svg")]
pub struct Args {
    /// Histories that a training wrote
    #[arg(required = true, value_name = "FILE")]
    histories: Vec<PathBuf>,

    /// What to draw
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "loss,val_loss")]
    columns: Vec<String>,

    /// The picture to write (SVG)
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let mut lines = Vec::new();
    for path in &args.histories {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        for column in &args.columns {
            let points = column_of(&text, column).with_context(|| path.display().to_string())?;
            let name = if args.histories.len() > 1 { format!("{} {column}", path.display()) } else { column.clone() };
            lines.push(Line { name, points });
        }
    }
    let svg = chart::lines(&args.columns.join(", "), "epoch", "", &lines)?;
    chart::write(&args.out, &svg)?;
    println!("written to {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// (epoch, value) of a column; cells that are no numbers are left out.
fn column_of(text: &str, column: &str) -> Result<Vec<(f64, f64)>> {
    let mut rows = text.lines();
    let head: Vec<&str> = rows.next().unwrap_or_default().split(',').collect();
    let Some(place) = head.iter().position(|name| *name == column) else {
        bail!("no column {column}; it has {}", head.join(", "));
    };
    Ok(rows
        .filter_map(|row| {
            let cells: Vec<&str> = row.split(',').collect();
            Some((cells.first()?.parse().ok()?, cells.get(place)?.parse().ok()?))
        })
        .collect())
}
