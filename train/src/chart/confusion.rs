//! A confusion matrix as a picture.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::unable;
use crate::Result;
use crate::measure::Confusion;

/// Pixels of a cell, and of the names beside it.
const CELL: i32 = 84;
const NAMES: i32 = 120;
const TITLE: i32 = 64;

/// Rows are the truth, columns the answers; the darker, the larger the part of its row.
pub fn confusion(title: &str, matrix: &Confusion) -> Result<String> {
    let count = matrix.classes.len() as i32;
    let size = ((NAMES + CELL * count + 20) as u32, (TITLE + CELL * count + 44) as u32);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE).map_err(unable)?;
        let write = |words: &str, at: (i32, i32), (size, ink, across): (u32, RGBColor, HPos)| {
            let style = TextStyle::from(("sans-serif", size)).color(&ink).pos(Pos::new(across, VPos::Center));
            area.draw(&Text::new(words.to_owned(), at, style)).map_err(unable)
        };
        write(title, (12, 22), (18, BLACK, HPos::Left))?;
        write("truth ↓   answer →", (12, TITLE - 14), (12, RGBColor(110, 110, 110), HPos::Left))?;
        for (row, name) in matrix.classes.iter().enumerate() {
            let (row, cells) = (row as i32, &matrix.counts[row]);
            let middle = TITLE + CELL * row + CELL / 2;
            let all: usize = cells.iter().sum();
            write(name, (NAMES - 10, middle), (14, BLACK, HPos::Right))?;
            write(name, (NAMES + CELL * row + CELL / 2, TITLE + CELL * count + 18), (14, BLACK, HPos::Center))?;
            for (column, &cell) in cells.iter().enumerate() {
                let part = cell as f64 / all.max(1) as f64;
                let left = NAMES + CELL * column as i32;
                let top = TITLE + CELL * row;
                area.draw(&Rectangle::new([(left, top), (left + CELL - 2, top + CELL - 2)], shade(part).filled()))
                    .map_err(unable)?;
                let ink = if part > 0.55 { WHITE } else { BLACK };
                write(&cell.to_string(), (left + CELL / 2, middle - 9), (16, ink, HPos::Center))?;
                write(&format!("{:.1} %", 100.0 * part), (left + CELL / 2, middle + 13), (12, ink, HPos::Center))?;
            }
        }
        area.present().map_err(unable)?;
    }
    Ok(svg)
}

/// From nearly white to a dark blue.
fn shade(part: f64) -> RGBColor {
    let between = |light: f64, dark: f64| (light + (dark - light) * part.clamp(0.0, 1.0)).round() as u8;
    RGBColor(between(244.0, 8.0), between(247.0, 69.0), between(251.0, 138.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_written() {
        let matrix = Confusion::of(&["car", "bus"].map(String::from), &[0, 0, 0, 1], &[0, 0, 1, 1]);
        let svg = confusion("Vehicles", &matrix).unwrap();
        for text in ["Vehicles", "car", "bus", "66.7 %", "33.3 %", "100.0 %", "0.0 %"] {
            assert!(svg.contains(text), "{text}");
        }
    }
}
