//! A batch as a picture, for people: what the network sees and is told.

use image::{Rgb, RgbImage};

use crate::data::Dataset;
use crate::{Error, Result};

/// Samples are drawn this much larger, so that the lines are thin beside the pixels.
const ENLARGED: u32 = 2;
/// Side of a class's mark, and the gap between samples.
const MARK: u32 = 7;
const GAP: u32 = 6;

const WHITE: Rgb<u8> = Rgb([255; 3]);
const GREY: Rgb<u8> = Rgb([150; 3]);
const ORANGE: Rgb<u8> = Rgb([255, 140, 0]);

/// Draws samples of a detection dataset (as the module describes its batches), `columns` side by side. A box has its
/// class's colour, an ignored one is grey and crossed out. A region has a white edge, or an orange one where objects may
/// lack labels; in its corner stands a mark in the colour of each class, hollow where the class is not labelled there.
pub fn sheet(data: &dyn Dataset, samples: &[usize], epoch: usize, columns: usize) -> Result<RgbImage> {
    let batch = data.batch(samples, epoch)?;
    let [x] = &batch.x[..] else { return Err(unlike()) };
    let ([count, height, width, 3], [boxes, ignored, regions]) = (x.shape(), &batch.y[..]) else {
        return Err(unlike());
    };
    let (width, height, columns) = (*width as u32, *height as u32, columns.clamp(1, samples.len().max(1)) as u32);
    let (step_x, step_y) = (width * ENLARGED + GAP, height * ENLARGED + GAP);
    let lines = (*count as u32).div_ceil(columns);
    let mut out = RgbImage::new(step_x * columns + GAP, step_y * lines + GAP);
    let corner = |sample: u32| (GAP + sample % columns * step_x, GAP + sample / columns * step_y);
    for sample in 0..*count as u32 {
        let (left, top) = corner(sample);
        for (px, py) in (0..width * ENLARGED).flat_map(|px| (0..height * ENLARGED).map(move |py| (px, py))) {
            let at = |channel| x[[sample as usize, (py / ENLARGED) as usize, (px / ENLARGED) as usize, channel]];
            out.put_pixel(left + px, top + py, Rgb([0, 1, 2].map(|channel| (at(channel) * 255.0).round() as u8)));
        }
    }
    let mut pen = Pen { out: &mut out, step: (width * ENLARGED, height * ENLARGED) };
    for region in regions.outer_iter() {
        let numbers: Vec<f32> = region.iter().copied().collect();
        let [sample, x1, y1, x2, y2, exhaustive, known @ ..] = &numbers[..] else { return Err(unlike()) };
        let at = corner(*sample as u32);
        pen.frame(at, [*x1, *y1, *x2, *y2], if *exhaustive > 0.5 { WHITE } else { ORANGE });
        for (class, &known) in known.iter().enumerate() {
            let place =
                (at.0 + *x1 as u32 * ENLARGED + 3 + class as u32 * (MARK + 2), at.1 + *y1 as u32 * ENLARGED + 3);
            pen.mark(place, colour(class), known > 0.5);
        }
    }
    for row in ignored.outer_iter() {
        let rect = [row[1], row[2], row[3], row[4]];
        pen.frame(corner(row[0] as u32), rect, GREY);
        pen.cross(corner(row[0] as u32), rect, GREY);
    }
    for row in boxes.outer_iter() {
        pen.frame(corner(row[0] as u32), [row[2], row[3], row[4], row[5]], colour(row[1] as usize));
    }
    Ok(out)
}

fn unlike() -> Error {
    Error::Data(
        "a sheet needs the batches of a detection dataset: pictures with boxes, ignored boxes and regions".into(),
    )
}

/// Red, green, blue, yellow, magenta, cyan, then paler ones.
fn colour(class: usize) -> Rgb<u8> {
    const BRIGHT: [[u8; 3]; 6] =
        [[255, 50, 50], [60, 230, 60], [70, 110, 255], [255, 235, 40], [255, 60, 255], [40, 240, 240]];
    let pale = (class / BRIGHT.len() % 3) as u8 * 70;
    Rgb(BRIGHT[class % BRIGHT.len()].map(|byte| byte.max(pale)))
}

struct Pen<'a> {
    out: &'a mut RgbImage,
    /// Width and height of a sample on the sheet.
    step: (u32, u32),
}

impl Pen<'_> {
    /// A point of the sample whose upper left corner is at `corner`; what is outside stays undrawn.
    fn dot(&mut self, corner: (u32, u32), x: i64, y: i64, colour: Rgb<u8>) {
        if (0..i64::from(self.step.0)).contains(&x) && (0..i64::from(self.step.1)).contains(&y) {
            self.out.put_pixel(corner.0 + x as u32, corner.1 + y as u32, colour);
        }
    }

    /// The outermost points inside the rectangle.
    fn frame(&mut self, corner: (u32, u32), rect: [f32; 4], colour: Rgb<u8>) {
        let [x1, y1, x2, y2] = rect.map(|side| (side * ENLARGED as f32).round() as i64);
        for x in x1..x2 {
            self.dot(corner, x, y1, colour);
            self.dot(corner, x, y2 - 1, colour);
        }
        for y in y1..y2 {
            self.dot(corner, x1, y, colour);
            self.dot(corner, x2 - 1, y, colour);
        }
    }

    /// A dotted diagonal.
    fn cross(&mut self, corner: (u32, u32), rect: [f32; 4], colour: Rgb<u8>) {
        let [x1, y1, x2, y2] = rect.map(|side| side * ENLARGED as f32);
        let length = (x2 - x1).max(y2 - y1).max(1.0);
        for place in (0..length as usize).step_by(2) {
            let part = place as f32 / length;
            let (x, y) = ((x1 + (x2 - x1) * part) as i64, (y1 + (y2 - y1) * part) as i64);
            self.dot(corner, x, y, colour);
        }
    }

    fn mark(&mut self, (left, top): (u32, u32), colour: Rgb<u8>, full: bool) {
        for (x, y) in (0..MARK).flat_map(|x| (0..MARK).map(move |y| (x, y))) {
            let edge = x == 0 || y == 0 || x == MARK - 1 || y == MARK - 1;
            if (full || edge) && left + x < self.out.width() && top + y < self.out.height() {
                self.out.put_pixel(left + x, top + y, colour);
            }
        }
    }
}
