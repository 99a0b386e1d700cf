//! Paints a scene: a landscape once, then the vehicles of a moment over it.
//!
//! Each class has its own family of body colours, which nothing else in the picture has: cars are red, motorcycles
//! magenta, buses yellow, trucks blue. The test network (`models/scene`) knows the vehicles by that. The coloured part
//! of a vehicle is balanced around the middle of its box, whichever way it heads.

use super::canvas::{Canvas, Rgb, mix, shade};
use super::script::{HEIGHT, Heading, Kind, Scene, WIDTH};
use crate::frame::{Frame, PixelFormat};

/// Raised when the drawing changes, so that a scene's digest changes with its bytes.
pub(super) const DRAWING: u32 = 1;

const ASPHALT: Rgb = [92, 94, 100];
const MARKING: Rgb = [228, 228, 224];
const TYRE: Rgb = [30, 30, 34];
const GLASS: Rgb = [64, 82, 100];
const HEADLIGHT: Rgb = [255, 250, 214];
const TAILLIGHT: Rgb = [92, 20, 26];
const WHITE: Rgb = [240, 240, 238];

/// Middle of the sign on a truck's side, from the middle of its box.
const SIGN: f32 = -23.5;

/// Shades of each class's colour, chosen by [`super::Vehicle::paint`].
fn body(kind: Kind, paint: u8) -> Rgb {
    let shades: [Rgb; 3] = match kind {
        Kind::Car => [[214, 40, 48], [235, 58, 50], [196, 26, 38]],
        Kind::Motorcycle => [[205, 40, 170], [214, 52, 190], [196, 30, 156]],
        Kind::Bus => [[244, 188, 34], [242, 194, 44], [246, 184, 30]],
        Kind::Truck => [[44, 100, 200], [56, 118, 216], [30, 82, 186]],
    };
    shades[usize::from(paint) % shades.len()]
}

/// Keeps the landscape, so that a frame costs one copy and its vehicles.
pub(super) struct Painter {
    background: Vec<u8>,
}

impl Painter {
    pub fn new(scene: &Scene) -> Self {
        Self { background: landscape(scene) }
    }

    /// Overwrites `frame` with the picture at `t` seconds. Does not touch the stamp.
    pub fn paint(&self, scene: &Scene, t: f64, frame: &mut Frame) {
        frame.reshape(WIDTH, HEIGHT, PixelFormat::Rgb8);
        frame.data.copy_from_slice(&self.background);
        let mut canvas = Canvas { width: WIDTH, height: HEIGHT, pixels: &mut frame.data };
        for sight in scene.boxes_at(t) {
            let vehicle = &scene.vehicles[sight.vehicle];
            let forward = match scene.lanes[vehicle.lane].heading {
                Heading::Right => 1.0,
                Heading::Left => -1.0,
            };
            let stand = sight.bbox.bottom_center();
            let fog = vehicle.hidden_at(t);
            let mut pen = Pen { canvas: &mut canvas, x: stand.x, ground: stand.y, forward, fog };
            let color = body(vehicle.kind, vehicle.paint);
            match vehicle.kind {
                Kind::Car => car(&mut pen, color),
                Kind::Motorcycle => motorcycle(&mut pen, color),
                Kind::Bus => bus(&mut pen, color),
                Kind::Truck => truck(&mut pen, color),
            }
        }
    }
}

/// Draws in a vehicle's own coordinates: x forwards from the middle of its box, y upwards from the ground.
struct Pen<'a, 'b> {
    canvas: &'a mut Canvas<'b>,
    x: f32,
    ground: f32,
    forward: f32,
    fog: bool,
}

impl Pen<'_, '_> {
    fn ink(&self, color: Rgb) -> Rgb {
        let grey = ((u16::from(color[0]) + u16::from(color[1]) + u16::from(color[2])) / 3) as u8;
        if self.fog { mix(ASPHALT, [grey; 3], 0.3) } else { color }
    }

    /// From (`x1`, `y1`) below behind to (`x2`, `y2`) above in front.
    fn block(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, r: f32, color: Rgb) {
        let (a, b) = (self.x + self.forward * x1, self.x + self.forward * x2);
        let bounds = [a.min(b), self.ground - y2, a.max(b), self.ground - y1];
        self.canvas.rounded(bounds, r, self.ink(color), 1.0);
    }

    fn shape(&mut self, corners: &[(f32, f32)], color: Rgb) {
        let placed: Vec<_> = corners.iter().map(|(x, y)| (self.x + self.forward * x, self.ground - y)).collect();
        self.canvas.polygon(&placed, self.ink(color));
    }

    fn disc(&mut self, x: f32, y: f32, r: f32, color: Rgb) {
        self.canvas.circle(self.x + self.forward * x, self.ground - y, r, self.ink(color));
    }

    fn wheel(&mut self, x: f32, r: f32) {
        self.disc(x, r, r, TYRE);
        self.disc(x, r, r * 0.5, [168, 170, 176]);
    }

    fn shadow(&mut self, half: f32) {
        self.canvas.rounded(
            [self.x - half, self.ground - 3.0, self.x + half, self.ground + 2.0],
            2.5,
            [40, 40, 46],
            0.45,
        );
    }
}

fn car(pen: &mut Pen, color: Rgb) {
    pen.shadow(31.0);
    pen.shape(&[(-22.0, 16.0), (-14.5, 30.0), (14.5, 30.0), (22.0, 16.0)], color);
    pen.block(-32.0, 5.0, 32.0, 18.5, 5.0, color);
    pen.block(-31.0, 4.5, 31.0, 7.5, 1.5, shade(color, 0.92));
    pen.shape(&[(-17.5, 18.5), (-12.5, 27.5), (-1.2, 27.5), (-1.2, 18.5)], GLASS);
    pen.shape(&[(17.5, 18.5), (12.5, 27.5), (1.2, 27.5), (1.2, 18.5)], GLASS);
    pen.shape(&[(7.0, 18.5), (10.5, 27.5), (12.5, 27.5), (9.0, 18.5)], shade(GLASS, 1.6));
    pen.block(28.5, 12.0, 32.0, 15.5, 1.0, HEADLIGHT);
    pen.block(-32.0, 12.0, -28.5, 15.5, 1.0, TAILLIGHT);
    pen.wheel(-18.5, 6.5);
    pen.wheel(18.5, 6.5);
}

fn motorcycle(pen: &mut Pen, color: Rgb) {
    pen.shadow(15.0);
    pen.wheel(-10.5, 6.5);
    pen.wheel(10.5, 6.5);
    pen.shape(&[(8.0, 20.0), (9.8, 20.0), (12.0, 7.0), (9.6, 7.0)], [70, 72, 78]);
    pen.block(-13.0, 9.0, 13.0, 16.0, 3.5, color);
    pen.shape(&[(-6.5, 14.0), (-5.5, 26.5), (5.5, 26.5), (6.5, 14.0)], color);
    pen.shape(&[(-3.5, 7.0), (-1.5, 16.0), (3.0, 16.0), (1.0, 7.0)], [44, 46, 60]);
    pen.shape(&[(3.0, 22.0), (3.0, 24.5), (10.0, 21.0), (9.0, 19.0)], [44, 46, 60]);
    pen.disc(1.0, 29.6, 4.4, WHITE);
    pen.block(1.5, 28.2, 5.4, 31.0, 1.2, GLASS);
    pen.block(12.0, 14.0, 15.0, 17.0, 1.0, HEADLIGHT);
    pen.block(-15.0, 12.5, -12.4, 15.0, 1.0, TAILLIGHT);
}

/// Yellow below the windows only, so that the yellow of two buses abreast never meets.
fn bus(pen: &mut Pen, color: Rgb) {
    pen.shadow(62.0);
    pen.block(-34.0, 53.0, 34.0, 58.0, 1.5, [150, 154, 160]);
    pen.block(-64.0, 10.0, 64.0, 56.0, 5.0, WHITE);
    pen.block(-64.0, 7.0, 64.0, 30.0, 4.0, color);
    pen.block(-63.0, 6.5, 63.0, 10.0, 1.5, shade(color, 0.93));
    pen.block(-64.0, 26.0, 64.0, 30.0, 0.0, color);
    for window in 0..5 {
        let x = -44.0 + 18.0 * window as f32;
        pen.block(x, 32.0, x + 16.0, 47.0, 2.0, GLASS);
        pen.shape(&[(x + 3.0, 33.0), (x + 8.0, 46.0), (x + 11.0, 46.0), (x + 6.0, 33.0)], shade(GLASS, 1.35));
    }
    for door in [-60.0, 48.0] {
        pen.block(door, 10.0, door + 12.0, 47.0, 2.0, GLASS);
        pen.block(door + 5.5, 10.0, door + 6.5, 47.0, 0.0, WHITE);
    }
    pen.block(61.0, 12.0, 64.0, 17.0, 1.0, HEADLIGHT);
    pen.block(-64.0, 12.0, -61.0, 17.0, 1.0, TAILLIGHT);
    pen.wheel(-33.0, 8.0);
    pen.wheel(33.0, 8.0);
}

/// Blue up to the cab's height, a light canvas above: as with the bus, the blue of two abreast never meets.
fn truck(pen: &mut Pen, color: Rgb) {
    pen.shadow(58.0);
    pen.block(-58.0, 8.0, 58.0, 13.0, 1.0, [52, 54, 60]);
    pen.block(-60.0, 12.0, 26.0, 58.0, 3.0, [222, 224, 226]);
    pen.block(-60.0, 12.0, 26.0, 44.0, 1.5, color);
    for rib in 0..6 {
        let x = -52.0 + 14.0 * rib as f32;
        pen.block(x, 13.0, x + 1.5, 43.5, 0.0, shade(color, 0.94));
        pen.block(x, 44.5, x + 1.5, 57.0, 0.0, [196, 200, 204]);
    }
    // The sign balances the gap before the cab and the window in it, so that the blue has its middle in the box's.
    pen.block(SIGN - 13.0, 18.0, SIGN + 13.0, 39.0, 3.0, WHITE);
    pen.disc(SIGN, 28.5, 8.0, [120, 128, 136]);
    pen.disc(SIGN, 28.5, 4.5, WHITE);
    pen.block(30.0, 9.0, 60.0, 43.0, 4.0, shade(color, 0.96));
    pen.shape(&[(42.0, 27.0), (42.0, 40.0), (55.5, 40.0), (58.5, 27.0)], GLASS);
    pen.block(26.0, 16.0, 30.0, 22.0, 0.0, [52, 54, 60]);
    pen.block(56.5, 11.5, 60.0, 16.0, 1.0, HEADLIGHT);
    pen.block(-60.0, 12.5, -57.0, 17.0, 0.5, TAILLIGHT);
    pen.wheel(-44.0, 8.5);
    pen.wheel(-24.0, 8.5);
    pen.wheel(44.0, 8.5);
}

fn landscape(scene: &Scene) -> Vec<u8> {
    let mut pixels = vec![0; PixelFormat::Rgb8.bytes(WIDTH, HEIGHT)];
    let road_top = scene.lanes.iter().map(|l| l.y).fold(f32::MAX, f32::min) - 44.0;
    let road_bottom = scene.lanes.iter().map(|l| l.y).fold(f32::MIN, f32::max) + 12.0;
    for (row, line) in pixels.chunks_exact_mut(WIDTH as usize * 3).enumerate() {
        let y = row as f32;
        let color =
            if y < road_top { mix([178, 208, 232], [226, 232, 230], (y / 80.0).min(1.0)) } else { [122, 160, 88] };
        line.as_chunks_mut::<3>().0.fill(color);
    }
    let mut canvas = Canvas { width: WIDTH, height: HEIGHT, pixels: &mut pixels };
    canvas.circle(540.0, 26.0, 13.0, [255, 246, 218]);
    for (x, r) in [(60.0, 150.0), (250.0, 190.0), (460.0, 170.0), (640.0, 150.0)] {
        canvas.circle(x, road_top + r - 46.0, r, [168, 190, 182]);
    }
    for (x, r) in [(-20.0, 120.0), (150.0, 160.0), (370.0, 200.0), (590.0, 140.0)] {
        canvas.circle(x, road_top + r - 30.0, r, [142, 174, 134]);
    }
    canvas.rounded([-9.0, road_top - 12.0, 649.0, 360.0], 0.0, [122, 160, 88], 1.0);
    for tree in 0..11 {
        let x = 24.0 + 61.0 * tree as f32 + 17.0 * (tree * 7 % 3) as f32;
        let r = 8.0 + 2.5 * (tree * 5 % 3) as f32;
        canvas.rounded([x - 1.5, road_top - 14.0, x + 1.5, road_top - 4.0], 0.0, [110, 92, 74], 1.0);
        canvas.circle(x, road_top - 13.0 - r, r, [86, 132, 74]);
        canvas.circle(x - r * 0.3, road_top - 15.0 - r, r * 0.6, [104, 150, 86]);
    }
    road(&mut canvas, scene, road_top, road_bottom);
    pixels
}

fn road(canvas: &mut Canvas, scene: &Scene, top: f32, bottom: f32) {
    canvas.rounded([-9.0, top - 3.0, 649.0, bottom + 3.0], 0.0, [150, 152, 150], 1.0);
    canvas.rounded([-9.0, top, 649.0, bottom], 0.0, ASPHALT, 1.0);
    canvas.rounded([-9.0, top + 4.0, 649.0, top + 6.0], 0.0, MARKING, 1.0);
    canvas.rounded([-9.0, bottom - 6.0, 649.0, bottom - 4.0], 0.0, MARKING, 1.0);
    for pair in scene.lanes.windows(2) {
        // Lanes closer than this are one lane in which vehicles hide each other: nothing is marked between them.
        if pair[1].y - pair[0].y < 50.0 {
            continue;
        }
        let y = pair[0].y + 11.0;
        if pair[0].heading == pair[1].heading {
            for dash in 0..11 {
                let x = 8.0 + 60.0 * dash as f32;
                canvas.rounded([x, y - 1.0, x + 26.0, y + 1.0], 0.0, MARKING, 1.0);
            }
        } else {
            canvas.rounded([-9.0, y - 2.5, 649.0, y - 0.5], 0.0, MARKING, 1.0);
            canvas.rounded([-9.0, y + 1.5, 649.0, y + 3.5], 0.0, MARKING, 1.0);
        }
    }
}
