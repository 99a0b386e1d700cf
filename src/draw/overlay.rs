//! Boxes, labels, trails and counting lines over a picture.
//!
//! Not here: what is a track or a line (track/, count/); callers fill in plain marks.

use std::convert::Infallible;

use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{
    Circle, Line, PrimitiveStyle, PrimitiveStyleBuilder, Rectangle, StrokeAlignment, Triangle,
};
use image::RgbImage;

use super::canvas::Canvas;
use super::text::{Lettering, inside};
use crate::geometry::{self, BBox, Segment};

/// One object.
#[derive(Debug, Clone, Copy)]
pub struct Mark<'a> {
    /// In pixels of the picture.
    pub bbox: BBox,
    /// Picks the colour.
    pub class: u16,
    /// The class's name, or empty for no label at all.
    pub label: &'a str,
    /// 0..=1; printed in per cent.
    pub score: Option<f32>,
    pub track: Option<u64>,
    /// Where it was, oldest first; drawn as a line.
    pub trail: &'a [geometry::Point],
}

/// One counting line.
#[derive(Debug, Clone, Copy)]
pub struct LineMark<'a> {
    pub segment: Segment,
    /// Shown in front of the counts.
    pub name: &'a str,
    /// Name and running count of the direction A→B (where the arrow points), then of B→A.
    pub a_to_b: (&'a str, u64),
    pub b_to_a: (&'a str, u64),
}

/// Told apart by hue and lightness, also by most colour-blind eyes, and all visible on asphalt (after Okabe and Ito,
/// "Color Universal Design", 2008, brightened).
const PALETTE: [Rgb888; 8] = [
    Rgb888::new(86, 180, 233),
    Rgb888::new(255, 159, 28),
    Rgb888::new(0, 200, 140),
    Rgb888::new(240, 228, 66),
    Rgb888::new(230, 97, 190),
    Rgb888::new(255, 110, 64),
    Rgb888::new(70, 120, 255),
    Rgb888::new(200, 200, 200),
];
/// Of the counting lines: no paint on a road has this colour.
const LINE: Rgb888 = Rgb888::new(255, 60, 100);
const OUTLINE: Rgb888 = Rgb888::new(20, 20, 20);
const PLATE: Rgb888 = Rgb888::new(30, 30, 30);

/// Draws everything over `picture`; text is drawn last, so that no box crosses it. Of marks that compete for a place the
/// first has it.
pub fn draw(picture: &mut RgbImage, marks: &[Mark], lines: &[LineMark]) {
    let mut pen = Pen {
        thick: (picture.height() as f32 / 360.0).round().max(1.0) as u32,
        lettering: Lettering::for_height(picture.height().min(picture.width())),
        canvas: Canvas { picture },
    };
    let Ok(()) = pen.draw_all(marks, lines); // writing to memory cannot fail, and its error type says so
}

struct Pen<'a> {
    canvas: Canvas<'a>,
    lettering: Lettering,
    /// Stroke of a box, in pixels.
    thick: u32,
}

impl Pen<'_> {
    fn draw_all(&mut self, marks: &[Mark], lines: &[LineMark]) -> Result<(), Infallible> {
        for mark in marks.iter().rev().filter(|mark| mark.bbox.is_finite()) {
            self.trail(mark)?;
            self.outline(mark)?;
        }
        for line in lines {
            self.line(&line.segment)?;
        }
        let marks: Vec<&Mark> = marks.iter().filter(|mark| mark.bbox.is_finite()).collect();
        let boxes: Vec<Rectangle> = marks.iter().map(|mark| self.clipped(&mark.bbox)).collect();
        let mut labels = Vec::new();
        for (index, mark) in marks.iter().enumerate().filter(|(_, mark)| !mark.label.is_empty()) {
            self.label(mark, index, &boxes, &mut labels)?;
        }
        let mut plates = Vec::new();
        for line in lines {
            self.counts(line, &mut plates)?;
        }
        Ok(())
    }

    fn trail(&mut self, mark: &Mark) -> Result<(), Infallible> {
        let style = PrimitiveStyle::with_stroke(color(mark.class), self.thick);
        for step in mark.trail.windows(2) {
            Line::new(point(step[0]), point(step[1])).into_styled(style).draw(&mut self.canvas)?;
        }
        Ok(())
    }

    fn outline(&mut self, mark: &Mark) -> Result<(), Infallible> {
        let area = self.clipped(&mark.bbox);
        let style = |color, width| {
            PrimitiveStyleBuilder::new()
                .stroke_color(color)
                .stroke_width(width)
                .stroke_alignment(StrokeAlignment::Inside)
                .build()
        };
        // A small box is not filled by its own edge.
        let thick = (area.size.width.min(area.size.height) / 8).clamp(1, self.thick);
        area.offset(1).into_styled(style(OUTLINE, thick + 2)).draw(&mut self.canvas)?;
        area.into_styled(style(color(mark.class), thick)).draw(&mut self.canvas)
    }

    /// Above its box, or below or inside it; shortened where it would hide other labels or boxes, and left out where even
    /// that hides them: in a crowd the boxes are worth more.
    fn label(
        &mut self,
        mark: &Mark,
        index: usize,
        boxes: &[Rectangle],
        labels: &mut Vec<Rectangle>,
    ) -> Result<(), Infallible> {
        for text in texts(mark) {
            let size = self.lettering.plate(&text);
            let bounds = self.canvas.size();
            let places = places(&boxes[index], size).map(|at| Rectangle::new(inside(at, size, bounds), size));
            if let Some(place) = places.into_iter().find(|place| is_clear(place, index, boxes, labels)) {
                labels.push(place);
                return self.lettering.draw(&mut self.canvas, place.top_left, &text, color(mark.class));
            }
        }
        Ok(())
    }

    /// The segment with a dot at each end and, at its middle, an arrow towards side B.
    fn line(&mut self, segment: &Segment) -> Result<(), Infallible> {
        let length = segment.length();
        if !length.is_finite() || length < 1.0 {
            return Ok(());
        }
        let (from, to) = (segment.from, segment.to);
        let along = geometry::Point::new((to.x - from.x) / length, (to.y - from.y) / length);
        let across = geometry::Point::new(-along.y, along.x); // towards B, see geometry::Segment
        let middle = geometry::Point::new((from.x + to.x) / 2.0, (from.y + to.y) / 2.0);
        let unit = self.thick as f32;
        let offset = |start: geometry::Point, a: f32, b: f32| {
            geometry::Point::new(start.x + a * along.x + b * across.x, start.y + a * along.y + b * across.y)
        };
        // Everything twice: a dark, wider copy below, so that it shows on snow and on asphalt.
        for (color, extra) in [(OUTLINE, unit.max(2.0)), (LINE, 0.0)] {
            let stroke = PrimitiveStyle::with_stroke(color, 2 * self.thick + extra as u32);
            Line::new(point(from), point(to)).into_styled(stroke).draw(&mut self.canvas)?;
            for end in [from, to] {
                let diameter = 5 * self.thick + extra as u32;
                Circle::with_center(point(end), diameter)
                    .into_styled(PrimitiveStyle::with_fill(color))
                    .draw(&mut self.canvas)?;
            }
            let neck = offset(middle, 0.0, 10.0 * unit);
            Line::new(point(middle), point(neck)).into_styled(stroke).draw(&mut self.canvas)?;
            let wing = 5.0 * unit + extra;
            let head = Triangle::new(
                point(offset(neck, -wing, -extra / 2.0)),
                point(offset(neck, wing, -extra / 2.0)),
                point(offset(neck, 0.0, 9.0 * unit + extra)),
            );
            head.into_styled(PrimitiveStyle::with_fill(color)).draw(&mut self.canvas)?;
        }
        Ok(())
    }

    /// Name and counts on a plate at the line's start, clear of the line and of the plates that are already there.
    fn counts(&mut self, line: &LineMark, plates: &mut Vec<Rectangle>) -> Result<(), Infallible> {
        let ((forth, forth_count), (back, back_count)) = (line.a_to_b, line.b_to_a);
        let text = format!("{}: {forth} {forth_count}, {back} {back_count}", line.name);
        let size = self.lettering.plate(&text);
        let beside = beside_start(&line.segment, size, 4 * self.thick as i32, self.canvas.size());
        let mut area = Rectangle::new(inside(beside, size, self.canvas.size()), size);
        while let Some(taken) = plates.iter().find(|taken| !taken.intersection(&area).is_zero_sized()) {
            area.top_left.y = taken.top_left.y + taken.size.height as i32 + 1;
        }
        plates.push(area);
        self.lettering.draw(&mut self.canvas, area.top_left, &text, PLATE)
    }

    fn clipped(&self, bbox: &BBox) -> Rectangle {
        let inside = bbox.clip(self.canvas.picture.width() as f32, self.canvas.picture.height() as f32);
        let corner = Point::new(inside.x1 as i32, inside.y1 as i32);
        Rectangle::new(corner, Size::new(inside.width().max(1.0) as u32, inside.height().max(1.0) as u32))
    }
}

fn color(class: u16) -> Rgb888 {
    PALETTE[usize::from(class) % PALETTE.len()]
}

/// Where a label of `size` may stand at a box, the best place first: outside above and below, inside above and below,
/// each at the left and at the right.
fn places(bbox: &Rectangle, size: Size) -> [Point; 8] {
    let (left, right) = (bbox.top_left.x, bbox.top_left.x + bbox.size.width as i32 - size.width as i32);
    let (top, bottom, height) = (bbox.top_left.y, bbox.top_left.y + bbox.size.height as i32, size.height as i32);
    let rows = [top - height, bottom, top, bottom - height];
    let pair = |y: i32| [Point::new(left, y), Point::new(right, y)];
    let [[a, b], [c, d], [e, f], [g, h]] = rows.map(pair);
    [a, b, c, d, e, f, g, h]
}

/// What a label says, and the least that it may say: `#7 car 81%`, `#7`; `car 81%`, `81%`.
fn texts(mark: &Mark) -> Vec<String> {
    let track = mark.track.map(|track| format!("#{track}"));
    let score = mark.score.map(|score| format!("{:.0}%", score * 100.0));
    let words = [track.as_deref(), Some(mark.label), score.as_deref()];
    let whole = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    [Some(whole), track.or(score)].into_iter().flatten().collect()
}

/// Whether a label may stand at `place`: on no other label, on not much of another box, and not on all of its own.
fn is_clear(place: &Rectangle, index: usize, boxes: &[Rectangle], labels: &[Rectangle]) -> bool {
    let area = |rectangle: Rectangle| u64::from(rectangle.size.width) * u64::from(rectangle.size.height);
    let hides = |bbox: &Rectangle, part: u64| area(bbox.intersection(place)) * part > area(*bbox);
    labels.iter().all(|other| other.intersection(place).is_zero_sized())
        && boxes.iter().enumerate().all(|(other, bbox)| !hides(bbox, if other == index { 2 } else { 8 }))
}

/// Rounded, and near enough to the picture for the integer arithmetic of the drawing.
fn point(at: geometry::Point) -> Point {
    let near = |side: f32| side.round().clamp(-32_768.0, 32_767.0) as i32;
    Point::new(near(at.x), near(at.y))
}

/// Where a plate of `size` at the start of a line does not cover it: above a flat line, beside a steep one.
fn beside_start(line: &Segment, size: Size, gap: i32, bounds: Size) -> Point {
    let (from, to) = (line.from, line.to);
    let (run, rise) = (to.x - from.x, to.y - from.y);
    let (width, height) = (size.width as i32, size.height as i32);
    let start = point(from);
    if rise.abs() > run.abs() {
        let (left, right) = (start.x - gap - width, start.x + gap);
        let right_fits = right + width <= bounds.width as i32;
        let x = if (run < 0.0 && right_fits) || left < 0 { right } else { left };
        return Point::new(x, start.y - height / 2);
    }
    let climb = (-rise / run.abs().max(1.0) * (size.width as f32).min(run.abs())).max(0.0);
    let x = if run < 0.0 { start.x - width } else { start.x };
    Point::new(x, start.y - climb.round() as i32 - gap - height)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn mark(bbox: BBox, label: &str) -> Mark<'_> {
        Mark { bbox, class: 2, label, score: Some(0.5), track: Some(1), trail: &[] }
    }

    fn bytes(color: Rgb888) -> Rgb<u8> {
        Rgb([color.r(), color.g(), color.b()])
    }

    #[test]
    fn a_box_is_drawn_along_its_edge_and_its_inside_is_left_alone() {
        let mut picture = RgbImage::new(320, 240);
        draw(&mut picture, &[mark(BBox::new(100.0, 100.0, 200.0, 180.0), "")], &[]);
        assert_eq!(*picture.get_pixel(150, 100), bytes(color(2)), "upper edge");
        assert_eq!(*picture.get_pixel(100, 140), bytes(color(2)), "left edge");
        assert_eq!(*picture.get_pixel(199, 140), bytes(color(2)), "right edge");
        assert_eq!(*picture.get_pixel(150, 140), Rgb([0, 0, 0]), "inside");
        assert_eq!(*picture.get_pixel(90, 90), Rgb([0, 0, 0]), "outside");
    }

    #[test]
    fn labels_stay_inside_in_every_corner() {
        let whole = Lettering::for_height(240).plate("#1 motorcycle 50%");
        let plate = (whole.width * whole.height) as usize;
        for (x, y) in [(0.0, 0.0), (300.0, 0.0), (0.0, 230.0), (300.0, 230.0), (-50.0, -50.0), (310.0, 235.0)] {
            let mut picture = RgbImage::new(320, 240);
            draw(&mut picture, &[mark(BBox::new(x, y, x + 40.0, y + 40.0), "motorcycle")], &[]);
            let coloured = picture.pixels().filter(|pixel| **pixel == bytes(color(2))).count();
            // The letters take up to half of the plate; a plate cut by the picture's edge would lose more.
            assert!(coloured > plate / 2, "box at {x}, {y}: {coloured} of {plate} pixels");
        }
    }

    #[test]
    fn labels_of_neighbours_do_not_cover_each_other() {
        let plate = Lettering::for_height(240).plate("#1 car 50%");
        let whole = (plate.width * plate.height) as usize;
        let mut picture = RgbImage::new(320, 240);
        // The same box three times, and one that begins a little to the right.
        let mut marks = vec![mark(BBox::new(60.0, 60.0, 200.0, 160.0), "car"); 3];
        marks.push(Mark { class: 1, ..mark(BBox::new(70.0, 60.0, 210.0, 160.0), "car") });
        draw(&mut picture, &marks, &[]);
        let coloured = |class: u16| picture.pixels().filter(|pixel| **pixel == bytes(color(class))).count();
        assert!(coloured(2) > 3 * whole / 2, "{} of {}", coloured(2), 3 * whole);
        assert!(coloured(1) > whole / 2, "{} of {whole}", coloured(1));
    }

    #[test]
    fn a_label_that_would_hide_others_is_shortened_or_left_out() {
        let texts = texts(&mark(BBox::default(), "motorcycle"));
        assert_eq!(texts, ["#1 motorcycle 50%", "#1"]);
        assert_eq!(super::texts(&Mark { track: None, ..mark(BBox::default(), "car") }), ["car 50%", "50%"]);
        let rectangle =
            |x: i32, y: i32, width: u32, height: u32| Rectangle::new(Point::new(x, y), Size::new(width, height));
        let boxes = [rectangle(100, 100, 20, 20), rectangle(125, 100, 20, 20)];
        let clear = |place: Rectangle, labels: &[Rectangle]| is_clear(&place, 0, &boxes, labels);
        let above = rectangle(100, 88, 60, 12);
        assert!(clear(above, &[]) && clear(rectangle(100, 90, 60, 12), &[]), "a little of another box may be hidden");
        assert!(!clear(rectangle(100, 96, 60, 12), &[]), "hides the neighbour");
        assert!(!clear(rectangle(95, 100, 29, 12), &[]), "hides its own box");
        assert!(!clear(above, &[rectangle(150, 80, 20, 20)]), "hides a label");
    }

    #[test]
    fn a_crowd_of_small_boxes_stays_visible() {
        let mut picture = RgbImage::new(320, 240);
        let corners = (0..100).map(|n| (60.0 + 9.0 * (n % 10) as f32, 60.0 + 9.0 * (n / 10) as f32));
        let boxes: Vec<BBox> = corners.map(|(x, y)| BBox::new(x, y, x + 8.0, y + 8.0)).collect();
        let marks: Vec<Mark> = boxes.iter().map(|bbox| mark(*bbox, "motorcycle")).collect();
        draw(&mut picture, &marks, &[]);
        for bbox in boxes {
            let center = bbox.center();
            assert_eq!(*picture.get_pixel(center.x as u32, center.y as u32), Rgb([0, 0, 0]), "{bbox:?}");
        }
    }

    #[test]
    fn the_arrow_points_from_a_to_b() {
        for (from, to, below) in [((40.0, 120.0), (280.0, 120.0), true), ((280.0, 120.0), (40.0, 120.0), false)] {
            let segment = Segment::new(geometry::Point::new(from.0, from.1), geometry::Point::new(to.0, to.1));
            let line = LineMark { segment, name: "road", a_to_b: ("in", 1), b_to_a: ("out", 2) };
            let mut picture = RgbImage::new(320, 240);
            draw(&mut picture, &[], &[line]);
            let side_b = geometry::Point::new(160.0, if below { 132.0 } else { 108.0 });
            assert!(segment.signed_distance(side_b) > 0.0);
            assert_eq!(*picture.get_pixel(160, side_b.y as u32), bytes(LINE));
            assert_eq!(*picture.get_pixel(160, 240 - side_b.y as u32), Rgb([0, 0, 0]), "nothing on side A");
        }
    }

    #[test]
    fn odd_input_draws_nothing_wrong() {
        let far = geometry::Point::new(f32::MAX, f32::NAN);
        let segment = Segment::new(far, geometry::Point::new(0.0, f32::NEG_INFINITY));
        let line = LineMark { segment, name: "x", a_to_b: ("a", 0), b_to_a: ("b", u64::MAX) };
        for (width, height) in [(1, 1), (2, 5000), (33, 7)] {
            let mut picture = RgbImage::new(width, height);
            let boxes = [
                mark(BBox::new(f32::NAN, 0.0, 1.0, 1.0), "nan"),
                mark(BBox::new(-1e9, -1e9, 1e9, 1e9), "huge"),
                mark(BBox::new(5.0, 5.0, 1.0, 1.0), "inverted"),
            ];
            draw(&mut picture, &boxes, &[line]);
        }
    }
}
