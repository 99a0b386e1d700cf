//! A table as a picture: lines of words, and a bar behind each.

use std::io::Cursor;

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::iso_8859_1::FONT_6X10;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Baseline, Text};
use image::{ImageFormat, RgbImage};

use super::canvas::Canvas;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRow {
    pub cells: Vec<String>,
    /// Length of its bar, 0..=1; `None`: none, and the words are in another colour.
    pub bar: Option<f32>,
}

const LINE: u32 = 14;
const LETTER: u32 = 6;
const GAP: u32 = 2 * LETTER;
const BAR: u32 = 160;
const MARGIN: u32 = 8;
/// Letters of a cell: names of nodes can be long.
const LONGEST: usize = 48;

const BACK: Rgb888 = Rgb888::new(250, 250, 250);
const INK: Rgb888 = Rgb888::new(30, 30, 30);
const STRIPE: Rgb888 = Rgb888::new(238, 240, 243);
const FULL: Rgb888 = Rgb888::new(70, 130, 180);
const OTHER: Rgb888 = Rgb888::new(190, 80, 30);

/// `rows` have as many cells as `header`.
pub fn table_picture(header: &[&str], rows: &[TableRow]) -> RgbImage {
    let titles = TableRow { cells: header.iter().map(|title| title.to_string()).collect(), bar: Some(0.0) };
    let all: Vec<&TableRow> = std::iter::once(&titles).chain(rows).collect();
    let widths: Vec<u32> = (0..header.len())
        .map(|column| {
            all.iter().map(|row| shown(&row.cells[column]).chars().count() as u32).max().unwrap_or(0) * LETTER
        })
        .collect();
    let words: u32 = widths.iter().map(|width| width + GAP).sum();
    let size = (MARGIN * 2 + words + BAR, MARGIN * 2 + LINE * all.len() as u32);
    let mut picture = RgbImage::from_pixel(size.0, size.1, image::Rgb([BACK.r(), BACK.g(), BACK.b()]));
    let mut canvas = Canvas { picture: &mut picture };
    for (index, row) in all.iter().enumerate() {
        let top = (MARGIN + LINE * index as u32) as i32;
        let mut left = MARGIN as i32;
        if index % 2 == 1 {
            fill(&mut canvas, left, top, size.0 - 2 * MARGIN, LINE, STRIPE);
        }
        let ink = if row.bar.is_some() { INK } else { OTHER };
        for (cell, width) in row.cells.iter().zip(&widths) {
            let style = MonoTextStyle::new(&FONT_6X10, ink);
            let at = Point::new(left, top + 2);
            // Infallible: what lies outside of the picture is left out.
            Text::with_baseline(&shown(cell), at, style, Baseline::Top).draw(&mut canvas).ok();
            left += (width + GAP) as i32;
        }
        let length = (row.bar.unwrap_or(0.0).clamp(0.0, 1.0) * BAR as f32) as u32;
        fill(&mut canvas, left, top + 3, length, LINE - 6, FULL);
    }
    picture
}

/// As a png file.
pub fn png(picture: &RgbImage) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

/// The end of a long name tells more than its beginning.
fn shown(cell: &str) -> String {
    let letters: Vec<char> = cell.chars().collect();
    match letters.len() {
        0..=LONGEST => cell.to_owned(),
        count => format!("..{}", letters[count - LONGEST + 2..].iter().collect::<String>()),
    }
}

fn fill(canvas: &mut Canvas, x: i32, y: i32, width: u32, height: u32, color: Rgb888) {
    let area = Rectangle::new(Point::new(x, y), Size::new(width, height));
    // Infallible, as above.
    area.into_styled(PrimitiveStyle::with_fill(color)).draw(canvas).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_per_row_and_a_bar_as_long_as_its_number() {
        let row = |bar| TableRow { cells: vec!["a".into(), "b".into()], bar };
        let picture = table_picture(&["one", "two"], &[row(Some(1.0)), row(Some(0.5)), row(None)]);
        let blue = |line: u32| {
            let y = MARGIN + LINE * line + LINE / 2;
            (0..picture.width()).filter(|&x| picture.get_pixel(x, y).0 == [FULL.r(), FULL.g(), FULL.b()]).count() as u32
        };
        assert_eq!([0, 1, 2, 3].map(blue), [0, BAR, BAR / 2, 0]);
        assert!(png(&picture).unwrap().starts_with(b"\x89PNG"));
    }

    #[test]
    fn long_names_keep_their_end() {
        let name = "x".repeat(60) + "conv";
        assert!(shown(&name).ends_with("conv") && shown(&name).len() == LONGEST);
    }
}
