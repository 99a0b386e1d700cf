//! Points, segments and boxes in picture pixels: x to the right, y downwards. Plain values: no I/O, no threads.

/// A point in picture pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    pub x: f32,
    pub y: f32,
}

impl Point {
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    pub fn distance(self, other: Point) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// An axis-aligned box in picture pixels, by its corners; `x1 <= x2`, `y1 <= y2` for a valid one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BBox {
    pub x1: f32,
    pub y1: f32,
    pub x2: f32,
    pub y2: f32,
}

impl BBox {
    pub const fn new(x1: f32, y1: f32, x2: f32, y2: f32) -> Self {
        Self { x1, y1, x2, y2 }
    }

    /// From centre and size, as YOLO heads give it.
    pub fn from_center(cx: f32, cy: f32, w: f32, h: f32) -> Self {
        Self::new(cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0)
    }

    pub fn width(&self) -> f32 {
        self.x2 - self.x1
    }

    pub fn height(&self) -> f32 {
        self.y2 - self.y1
    }

    /// Area in square pixels; 0 for an inverted box.
    pub fn area(&self) -> f32 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    pub fn center(&self) -> Point {
        Point::new((self.x1 + self.x2) / 2.0, (self.y1 + self.y2) / 2.0)
    }

    /// Where a vehicle stands on the road: the middle of the lower edge.
    pub fn bottom_center(&self) -> Point {
        Point::new((self.x1 + self.x2) / 2.0, self.y2)
    }

    pub fn is_finite(&self) -> bool {
        self.x1.is_finite() && self.y1.is_finite() && self.x2.is_finite() && self.y2.is_finite()
    }

    /// The part inside a picture of `width` × `height`.
    pub fn clip(&self, width: f32, height: f32) -> Self {
        Self::new(
            self.x1.clamp(0.0, width),
            self.y1.clamp(0.0, height),
            self.x2.clamp(0.0, width),
            self.y2.clamp(0.0, height),
        )
    }

    /// Area of the common part, in square pixels.
    pub fn intersection(&self, other: &BBox) -> f32 {
        let w = self.x2.min(other.x2) - self.x1.max(other.x1);
        let h = self.y2.min(other.y2) - self.y1.max(other.y1);
        w.max(0.0) * h.max(0.0)
    }

    /// Intersection over union by definition: continuous coordinates, no +1 pixel; 0 where both are empty.
    pub fn iou(&self, other: &BBox) -> f32 {
        let inter = self.intersection(other);
        let union = self.area() + other.area() - inter;
        if union > 0.0 { inter / union } else { 0.0 }
    }
}

/// A directed segment `from` → `to`. Looking along it, side A is on the left hand and side B on the right
/// (in a picture, with y downwards): below a segment that runs from left to right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    pub from: Point,
    pub to: Point,
}

impl Segment {
    pub const fn new(from: Point, to: Point) -> Self {
        Self { from, to }
    }

    pub fn length(&self) -> f32 {
        self.from.distance(self.to)
    }

    /// Signed distance of `p` from the infinite line, in pixels: negative on side A, positive on side B.
    pub fn signed_distance(&self, p: Point) -> f32 {
        let (dx, dy) = (self.to.x - self.from.x, self.to.y - self.from.y);
        let cross = dx * (p.y - self.from.y) - dy * (p.x - self.from.x);
        cross / self.length().max(f32::MIN_POSITIVE)
    }

    /// Where `p` falls along the segment: 0 at `from`, 1 at `to`, outside beyond the ends.
    pub fn along(&self, p: Point) -> f32 {
        let (dx, dy) = (self.to.x - self.from.x, self.to.y - self.from.y);
        let len2 = (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
        ((p.x - self.from.x) * dx + (p.y - self.from.y) * dy) / len2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iou_is_by_definition_without_the_extra_pixel() {
        let a = BBox::new(0.0, 0.0, 10.0, 10.0);
        assert_eq!(a.iou(&a), 1.0);
        assert_eq!(a.iou(&BBox::new(5.0, 0.0, 15.0, 10.0)), 50.0 / 150.0);
        assert_eq!(a.iou(&BBox::new(10.0, 0.0, 20.0, 10.0)), 0.0, "touching boxes share no area");
        let empty = BBox::new(3.0, 3.0, 3.0, 3.0);
        assert_eq!(empty.iou(&empty), 0.0);
    }

    #[test]
    fn side_b_is_below_a_segment_from_left_to_right() {
        let s = Segment::new(Point::new(0.0, 100.0), Point::new(200.0, 100.0));
        assert_eq!(s.signed_distance(Point::new(50.0, 130.0)), 30.0);
        assert_eq!(s.signed_distance(Point::new(50.0, 90.0)), -10.0);
        assert_eq!(s.along(Point::new(50.0, 130.0)), 0.25);
    }
}
