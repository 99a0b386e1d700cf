//! A counting line as people write it, in the config and on the command line, and its way into picture pixels.
//! Not here: what counts as a crossing (count/).

use std::str::FromStr;

use crate::geometry::{Point, Segment};
use crate::limits::{MAX_LINES, MAX_SIDE};

/// A line before the picture's size is known.
///
/// On the command line: `x1,y1,x2,y2`, with a name `east:x1,y1,x2,y2`, with names for its directions
/// `east:x1,y1,x2,y2:down/up` (A→B first). Looking from the first point to the second, side A is on the left and side B
/// on the right: a line drawn from left to right is crossed downwards from A to B.
#[derive(Debug, Clone, PartialEq)]
pub struct LineSpec {
    /// Empty until [`name_lines`] has numbered it.
    pub name: String,
    pub from: Point,
    pub to: Point,
    pub unit: Unit,
    /// What a crossing from side A to side B is called, and the other way.
    pub a_to_b: String,
    pub b_to_a: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// 0..=1 of the picture's width and height.
    Relative,
    /// Pixels of the source picture.
    Pixels,
}

/// What is wrong with a line, and what belongs there; the caller says where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineError(String);

pub const DEFAULT_A_TO_B: &str = "in";
pub const DEFAULT_B_TO_A: &str = "out";

const SYNTAX: &str = "expected [NAME:]x1,y1,x2,y2[:A_TO_B/B_TO_A], e.g. east:0.1,0.6,0.9,0.6:down/up";

impl LineSpec {
    /// A line from `from` to `to`: in pixels if any of the four numbers is above 1, else relative to the picture.
    pub fn new(name: &str, from: Point, to: Point, [a_to_b, b_to_a]: [&str; 2]) -> Result<Self, LineError> {
        let all = [from.x, from.y, to.x, to.y];
        let unit = if all.iter().any(|v| *v > 1.0) { Unit::Pixels } else { Unit::Relative };
        if let Some(bad) = all.iter().find(|v| !(0.0..=MAX_SIDE as f32).contains(*v)) {
            return fail(format!("{bad} lies outside every picture (allowed: 0 to 1, or pixels to {MAX_SIDE})"));
        }
        if from == to {
            return fail("both ends are the same point: a line has a length".into());
        }
        check_word("name", name)?;
        check_word("direction", a_to_b)?;
        check_word("direction", b_to_a)?;
        if a_to_b == b_to_a {
            return fail(format!("both directions are called {a_to_b:?}: give them different names"));
        }
        let (a_to_b, b_to_a) = (a_to_b.to_owned(), b_to_a.to_owned());
        Ok(Self { name: name.to_owned(), from, to, unit, a_to_b, b_to_a })
    }

    /// In pixels of a picture of this size.
    ///
    /// # Errors
    /// A pixel line that reaches outside the picture, and one that is shorter than a pixel in it.
    pub fn on_picture(&self, width: u32, height: u32) -> Result<Segment, LineError> {
        let (w, h) = (width as f32, height as f32);
        let [from, to] = [self.from, self.to].map(|p| match self.unit {
            Unit::Relative => Point::new(p.x * w, p.y * h),
            Unit::Pixels => p,
        });
        for p in [from, to] {
            if p.x > w || p.y > h {
                let name = &self.name;
                return fail(format!("line {name:?}: {},{} lies outside the {width}x{height} picture", p.x, p.y));
            }
        }
        let segment = Segment::new(from, to);
        if segment.length() < 1.0 {
            return fail(format!("line {:?}: is shorter than a pixel of the {width}x{height} picture", self.name));
        }
        Ok(segment)
    }

    /// Relative to a picture of this size, 0..=1 for a line inside it: as it is stored.
    pub fn relative(&self, width: f32, height: f32) -> Segment {
        let [from, to] = [self.from, self.to].map(|p| match self.unit {
            Unit::Relative => p,
            Unit::Pixels => Point::new(p.x / width, p.y / height),
        });
        Segment::new(from, to)
    }
}

impl FromStr for LineSpec {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        let is_place = |part: &str| part.split(',').count() == 4;
        let (name, place, directions) = match parts[..] {
            [place] => ("", place, None),
            [place, directions] if is_place(place) => ("", place, Some(directions)),
            [name, place] => (name, place, None),
            [name, place, directions] => (name, place, Some(directions)),
            _ => return fail(SYNTAX.into()),
        };
        let [from, to] = parse_place(place)?;
        let directions = match directions {
            None => [DEFAULT_A_TO_B, DEFAULT_B_TO_A],
            Some(text) => match text.split('/').map(str::trim).collect::<Vec<_>>()[..] {
                [a_to_b, b_to_a] if !a_to_b.is_empty() && !b_to_a.is_empty() => [a_to_b, b_to_a],
                _ => return fail(format!("{text:?} are no two directions: {SYNTAX}")),
            },
        };
        LineSpec::new(name, from, to, directions)
    }
}

fn parse_place(text: &str) -> Result<[Point; 2], LineError> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(|n| n.trim().parse::<f32>()).collect();
    match numbers.as_deref() {
        Ok(&[x1, y1, x2, y2]) => Ok([Point::new(x1, y1), Point::new(x2, y2)]),
        _ => fail(format!("{text:?} are no four numbers: {SYNTAX}")),
    }
}

/// Names stand in tables, file names of reports and MQTT topics.
fn check_word(what: &str, word: &str) -> Result<(), LineError> {
    match word.chars().find(|c| c.is_control() || "/:,#+\"".contains(*c)) {
        Some(bad) => {
            fail(format!("{what} {word:?} contains {bad:?} (not allowed: / : , # + \" and control characters)"))
        }
        None if word.chars().count() > 64 => fail(format!("{what} {word:?} is longer than 64 characters")),
        None => Ok(()),
    }
}

/// Checks the lines of one source together, and calls those without a name `line1`, `line2`… by their place.
pub fn name_lines(lines: &mut [LineSpec]) -> Result<(), LineError> {
    if lines.len() > MAX_LINES {
        return fail(format!("{} lines, at most {MAX_LINES} are allowed per source", lines.len()));
    }
    for index in 0..lines.len() {
        if lines[index].name.is_empty() {
            lines[index].name = format!("line{}", index + 1);
        }
        if lines[..index].iter().any(|earlier| earlier.name == lines[index].name) {
            return fail(format!("two lines are called {:?}: rename one", lines[index].name));
        }
    }
    Ok(())
}

fn fail<T>(reason: String) -> Result<T, LineError> {
    Err(LineError(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LineSpec {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_form_of_the_command_line() {
        let bare = line("0.1,0.6,0.9,0.6");
        assert_eq!((bare.from, bare.to), (Point::new(0.1, 0.6), Point::new(0.9, 0.6)));
        assert_eq!((bare.name.as_str(), bare.a_to_b.as_str(), bare.b_to_a.as_str()), ("", "in", "out"));
        assert_eq!(line(" east : 0.1, 0.6, 0.9, 0.6 ").name, "east");
        let full = line("east:0.1,0.6,0.9,0.6:down/up");
        assert_eq!((full.a_to_b.as_str(), full.b_to_a.as_str()), ("down", "up"));
        assert_eq!(line("0.1,0.6,0.9,0.6:down/up"), LineSpec { name: String::new(), ..full });
    }

    #[test]
    fn one_number_above_1_makes_all_of_them_pixels() {
        assert_eq!(line("0,1,1,1").unit, Unit::Relative);
        assert_eq!(line("0,1,320,1").unit, Unit::Pixels);
        let relative = line("0.25,0.5,0.75,0.5").on_picture(640, 360).unwrap();
        assert_eq!(relative, line("160,180,480,180").on_picture(640, 360).unwrap());
        assert_eq!(relative.signed_distance(Point::new(300.0, 200.0)), 20.0, "below is side B");
        assert_eq!(line("160,180,480,180").relative(640.0, 360.0), line("0.25,0.5,0.75,0.5").relative(640.0, 360.0));
    }

    #[test]
    fn what_is_no_line_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "no four numbers"),
            ("0.1,0.6,0.9", "no four numbers"),
            ("a:b:c:d", "expected [NAME:]x1,y1"),
            ("east:0.1,0.6,zebra,0.6", "no four numbers"),
            ("0.1,0.6,nan,0.6", "NaN lies outside every picture"),
            ("0.1,0.6,inf,0.6", "inf lies outside every picture"),
            ("-0.1,0.6,0.9,0.6", "-0.1 lies outside every picture"),
            ("0,0,99999,0", "99999 lies outside every picture"),
            ("0.1,0.6,0.1,0.6", "both ends are the same point"),
            ("0.1,0.6,0.9,0.6:down", "no two directions"),
            ("0.1,0.6,0.9,0.6:down/", "no two directions"),
            ("0.1,0.6,0.9,0.6:in/in", "both directions are called"),
            ("a/b:0.1,0.6,0.9,0.6", "contains '/'"),
        ] {
            let error = text.parse::<LineSpec>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_pixel_line_outside_the_picture_is_refused_once_its_size_is_known() {
        let error = line("a:10,700,600,700").on_picture(640, 360).unwrap_err().to_string();
        assert_eq!(error, "line \"a\": 10,700 lies outside the 640x360 picture");
        assert!(line("a:0.5,0.5,0.5001,0.5").on_picture(640, 360).is_err(), "shorter than a pixel");
        assert!(line("a:0,0,640,360").on_picture(640, 360).is_ok(), "the edge belongs to the picture");
    }

    #[test]
    fn lines_are_numbered_and_their_names_unique() {
        let mut lines = vec![line("0,0.5,1,0.5"), line("b:0,0.6,1,0.6"), line("0,0.7,1,0.7")];
        name_lines(&mut lines).unwrap();
        assert_eq!(lines.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["line1", "b", "line3"]);
        lines[2].name = "b".into();
        assert_eq!(name_lines(&mut lines).unwrap_err().to_string(), "two lines are called \"b\": rename one");
        let mut many: Vec<_> = (0..=MAX_LINES).map(|_| line("0,0.5,1,0.5")).collect();
        assert!(name_lines(&mut many).unwrap_err().to_string().contains("at most 64"));
    }
}
