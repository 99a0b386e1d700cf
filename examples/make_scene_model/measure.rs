//! Measures the coloured part of each kind of vehicle, as the network sees it: at half the picture's size.

use wayside::frame::Frame;
use wayside::source::Source;
use wayside::source::scene::{HEIGHT, Heading, Kind, Lane, Scene, SceneSource, Vehicle, WIDTH, Waypoint};

/// A linear function of red, green and blue (0..=255) that is above `high` for one class's body colours and below
/// `low` for everything else on the road. Between them the mask rises from 0 to 1.
pub struct Colour {
    pub weights: [f32; 3],
    pub low: f32,
    pub high: f32,
}

impl Colour {
    /// Red minus most of the rest; blue and some red minus green; red and green minus blue; blue minus red.
    pub fn of(kind: Kind) -> Colour {
        let (weights, low, high) = match kind {
            Kind::Car => ([1.0, -0.8, -0.8], 80.0, 120.0),
            Kind::Motorcycle => ([0.3, -1.0, 0.7], 65.0, 120.0),
            Kind::Bus => ([0.5, 0.5, -1.0], 70.0, 130.0),
            Kind::Truck => ([-1.0, 0.0, 1.0], 65.0, 125.0),
        };
        Colour { weights, low, high }
    }

    fn mask(&self, rgb: [f32; 3]) -> f32 {
        let value: f32 = rgb.iter().zip(self.weights).map(|(c, w)| c * w).sum();
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// All in pixels of the network's input, half a picture's pixel; places are relative to the middle of the box.
#[derive(Debug, Clone, Copy)]
pub struct Blob {
    pub area: f32,
    pub middle: [f32; 2],
    /// About the middle.
    pub variance: [f32; 2],
    /// The farthest coloured pixel's middle from `middle`, along x and y.
    pub reach: [f32; 2],
}

/// Eight places that differ by eighths of a pixel of the input, on an even and on an odd row, in both headings and every
/// shade.
const PLACES: u32 = 8;
const GROUNDS: [f32; 2] = [200.0, 201.0];

pub fn blob(kind: Kind) -> Blob {
    let (mut sums, mut seen, mut samples) = ([0.0f64; 5], Vec::new(), 0.0);
    let lanes = GROUNDS.into_iter().flat_map(|y| [Heading::Right, Heading::Left].map(|heading| Lane { y, heading }));
    for (lane, paint) in lanes.flat_map(|lane| [0, 1, 2].map(|paint| (lane, paint))) {
        let from = f64::from(WIDTH / 2);
        let path = vec![Waypoint { t: 0.0, x: from }, Waypoint { t: 8.0, x: from + 2.0 }];
        let scene = Scene {
            name: "measure".into(),
            fps: 1.0,
            seconds: f64::from(PLACES),
            lanes: vec![lane],
            vehicles: vec![Vehicle { kind, lane: 0, paint, path, hidden: vec![] }],
        };
        let mut source = SceneSource::new(scene);
        let mut frame = Frame::default();
        while source.next_frame(&mut frame).expect("a scene has no errors") {
            let t = frame.stamp.mono.as_secs_f64();
            let centre = source.scene().boxes_at(t)[0].bbox.center();
            let points = masked(&frame, &Colour::of(kind), centre.x / 2.0, centre.y / 2.0);
            for &[x, y, m] in &points {
                let (x, y, m) = (f64::from(x), f64::from(y), f64::from(m));
                for (sum, term) in sums.iter_mut().zip([m, m * x, m * y, m * x * x, m * y * y]) {
                    *sum += term;
                }
            }
            seen.extend(points);
            samples += 1.0;
        }
    }
    let [mass, x, y, xx, yy] = sums;
    let middle = [(x / mass) as f32, (y / mass) as f32];
    let variance = [(xx / mass - (x / mass) * (x / mass)) as f32, (yy / mass - (y / mass) * (y / mass)) as f32];
    let reach = [0, 1].map(|axis| seen.iter().map(|p| (p[axis] - middle[axis]).abs()).fold(0.0, f32::max));
    Blob { area: (mass / samples) as f32, middle, variance, reach }
}

/// The pixels of the half-size picture with any mask: place relative to (`cx`, `cy`) and mask.
fn masked(frame: &Frame, colour: &Colour, cx: f32, cy: f32) -> Vec<[f32; 3]> {
    let (half_w, half_h) = (WIDTH / 2, HEIGHT / 2);
    let at = |x: u32, y: u32, c: u32| f32::from(frame.data[((y * WIDTH + x) * 3 + c) as usize]);
    let pixels = (0..half_h).flat_map(|y| (0..half_w).map(move |x| (x, y)));
    let mut found = Vec::new();
    for (x, y) in pixels {
        let mean = |c| {
            (at(2 * x, 2 * y, c) + at(2 * x + 1, 2 * y, c) + at(2 * x, 2 * y + 1, c) + at(2 * x + 1, 2 * y + 1, c))
                / 4.0
        };
        let mask = colour.mask([mean(0), mean(1), mean(2)]);
        if mask > 0.0 {
            found.push([x as f32 + 0.5 - cx, y as f32 + 0.5 - cy, mask]);
        }
    }
    found
}
