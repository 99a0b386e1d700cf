//! The tracker and the counter on synthetic roads, whose truth is exact: with perfect boxes every passage is counted
//! once, at a camera's rate and at a board's; with noisy ones nothing is invented.

use std::time::Duration;

use proptest::prelude::*;
use wayside::count::{CountLine, CountParams, LineCounter};
use wayside::detection::Detection;
use wayside::event::{Crossing, Direction};
use wayside::frame::Stamp;
use wayside::geometry::{BBox, Point, Segment};
use wayside::source::scene::{HEIGHT, Heading, Kind, NAMES, Scene, TrueCrossing, Vehicle, WIDTH, Waypoint};
use wayside::track::{TrackParams, Tracker};

/// Deterministic noise (PCG-like), so that a failing case is the same case again.
struct Noise(u64);

impl Noise {
    /// Even in −1..1.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// What is between the road and the tracker.
#[derive(Clone, Copy)]
struct Eyes {
    fps: f64,
    /// Of each corner, as a share of the box.
    jitter: f32,
    /// Share of the boxes that are missed.
    missed: f32,
    seed: u64,
}

const PERFECT: Eyes = Eyes { fps: 25.0, jitter: 0.0, missed: 0.0, seed: 1 };

fn watch(scene: &Scene, eyes: Eyes) -> Vec<Crossing> {
    let mut noise = Noise(eyes.seed);
    let mut tracker = Tracker::new(TrackParams::default());
    let line = CountLine { name: "line".into(), segment: scene.line() };
    let mut counter = LineCounter::new(vec![line], CountParams::default());
    let mut crossings = Vec::new();
    for seq in 0..(scene.seconds * eyes.fps) as u64 {
        let t = seq as f64 / eyes.fps;
        let mut detections = scene.detections_at(t, 0.4);
        detections.retain(|_| noise.next() >= eyes.missed * 2.0 - 1.0);
        for d in &mut detections {
            let (w, h) = (d.bbox.width() * eyes.jitter, d.bbox.height() * eyes.jitter);
            let b = &mut d.bbox;
            (b.x1, b.x2) = (b.x1 + w * noise.next(), b.x2 + w * noise.next());
            (b.y1, b.y2) = (b.y1 + h * noise.next(), b.y2 + h * noise.next());
            d.score = 0.75 + 0.2 * noise.next();
        }
        let stamp = Stamp { seq, mono: Duration::from_secs_f64(t), wall: None };
        let tracks = tracker.step(stamp.mono, (WIDTH, HEIGHT), &detections);
        counter.step(&stamp, tracks, &mut crossings);
    }
    crossings
}

fn totals(directions: impl Iterator<Item = Direction>) -> (usize, usize) {
    directions.fold((0, 0), |(a, b), d| if d == Direction::AtoB { (a + 1, b) } else { (a, b + 1) })
}

fn counted(crossings: &[Crossing]) -> (usize, usize) {
    totals(crossings.iter().map(|c| c.direction))
}

fn true_totals(truth: &[TrueCrossing]) -> (usize, usize) {
    totals(truth.iter().map(|c| c.direction))
}

/// Counted passages that no true one explains: same direction, within its time and `slack` seconds, one to one.
fn invented(crossings: &[Crossing], truth: &[TrueCrossing], slack: f64) -> Vec<String> {
    let mut free: Vec<&TrueCrossing> = truth.iter().collect();
    let mut sorted: Vec<&Crossing> = crossings.iter().collect();
    sorted.sort_by_key(|c| c.stamp.mono);
    let mut wrong = Vec::new();
    for c in sorted {
        let t = c.stamp.mono.as_secs_f64();
        // The one that ends first: with intervals, greedy is a largest matching.
        let best = (0..free.len())
            .filter(|&i| {
                let f = free[i];
                f.direction == c.direction && t >= f.since - slack && t <= f.until + slack
            })
            .min_by(|&a, &b| free[a].until.total_cmp(&free[b].until));
        match best {
            Some(i) => drop(free.remove(i)),
            None => wrong.push(format!("{t:.2} s {:?} track {}", c.direction, c.track)),
        }
    }
    wrong
}

#[test]
fn every_named_scene_is_counted_exactly_at_every_rate() {
    let mut wrong = Vec::new();
    for (name, _) in NAMES.iter().filter(|(name, _)| !["missed", "occlusion"].contains(name)) {
        let scene = Scene::parse(name).unwrap();
        let truth = scene.truth(&scene.line());
        for fps in [25.0, 12.5, 5.0] {
            let crossings = watch(&scene, Eyes { fps, ..PERFECT });
            let (got, want) = (counted(&crossings), true_totals(&truth));
            let invented = invented(&crossings, &truth, 1.0 / fps);
            if got != want || !invented.is_empty() {
                wrong.push(format!("{name} at {fps} frames/s: {got:?}, not {want:?} (a_to_b, b_to_a); {invented:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_missed_for_single_frames_and_in_bursts_is_bridged() {
    let scene = Scene::parse("missed").unwrap();
    let truth = scene.truth(&scene.line());
    for fps in [25.0, 5.0] {
        let crossings = watch(&scene, Eyes { fps, ..PERFECT });
        assert_eq!(counted(&crossings), true_totals(&truth), "at {fps} frames/s");
    }
}

/// The car that the bus hides for 3.5 s was seen in two frames before: nobody can count it. The others are.
#[test]
fn behind_a_truck_a_vehicle_is_still_there() {
    let scene = Scene::parse("occlusion").unwrap();
    let mut truth = scene.truth(&scene.line());
    truth.retain(|c| c.vehicle != 3);
    let crossings = watch(&scene, PERFECT);
    assert_eq!(counted(&crossings), true_totals(&truth));
    assert_eq!(invented(&crossings, &truth, 0.1), Vec::<String>::new());
}

#[test]
fn the_moment_of_a_passage_is_found_between_two_frames() {
    let scene = Scene::parse("road").unwrap();
    let truth = scene.truth(&scene.line());
    let crossings = watch(&scene, Eyes { fps: 5.0, ..PERFECT });
    for c in &crossings {
        let t = c.stamp.mono.as_secs_f64();
        let nearest = truth.iter().map(|x| (x.time - t).abs()).fold(f64::INFINITY, f64::min);
        assert!(nearest < 0.05, "{t} s is {nearest} s off, a quarter of a frame is 0.05");
        assert_eq!(c.stamp.seq, (t * 5.0).round() as u64, "the nearest frame");
        assert!(scene.line().signed_distance(c.at).abs() < 0.01, "the point is on the line");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flowing_traffic_is_counted_exactly(seed in 0u64..1_000_000, slow in any::<bool>()) {
        let fps = if slow { 10.0 } else { 25.0 };
        let scene = flowing(seed);
        let truth = scene.truth(&scene.line());
        let crossings = watch(&scene, Eyes { fps, ..PERFECT });
        prop_assert_eq!(counted(&crossings), true_totals(&truth), "seed {} at {} frames/s", seed, fps);
        let wrong = invented(&crossings, &truth, 1.0 / fps);
        prop_assert!(wrong.is_empty(), "seed {} at {} frames/s: {:?}", seed, fps, wrong);
    }
}

/// Over many scenes: passages, those that were missed, and those that were invented or counted twice.
fn errors(scenes: impl Iterator<Item = Scene>, eyes: Eyes, slack: f64) -> (usize, usize, usize) {
    scenes.enumerate().fold((0, 0, 0), |(all, missed, extra), (i, scene)| {
        let truth = scene.truth(&scene.line());
        let crossings = watch(&scene, Eyes { seed: i as u64, ..eyes });
        let wrong = invented(&crossings, &truth, slack).len();
        (all + truth.len(), missed + truth.len() - (crossings.len() - wrong), extra + wrong)
    })
}

/// At 5 frames/s a fast lane's vehicles are nearer to the place of the one before them than to their own of the last
/// frame. Which is which is a matter of likelihood: not one in a thousand is wrong.
#[test]
fn at_five_frames_per_second_one_in_a_thousand_is_wrong_at_most() {
    let (all, missed, extra) = errors((0..400).map(flowing), Eyes { fps: 5.0, ..PERFECT }, 0.2);
    assert!(all > 8000 && 1000 * (missed + extra) <= all, "{missed} missed and {extra} invented of {all}");
}

/// Each corner up to a twentieth of the box off, and every tenth box missed.
#[test]
fn noise_invents_or_doubles_one_in_a_thousand_at_most() {
    for fps in [25.0, 10.0, 5.0] {
        let eyes = Eyes { fps, jitter: 0.05, missed: 0.1, seed: 0 };
        let (all, missed, extra) = errors((0..200).map(flowing), eyes, 0.3);
        assert!(all > 4000 && 1000 * extra <= all, "{extra} invented of {all} at {fps} frames/s");
        assert!(100 * missed <= all, "{missed} missed of {all} at {fps} frames/s");
    }
}

/// These vehicles halt from full speed within a frame and rock on the line, as none does on a road.
#[test]
fn wild_scenes_invent_or_double_one_in_a_thousand_at_most() {
    let wild = |seed| Scene::parse(&format!("random?seed={seed}&seconds=14&vehicles=16")).unwrap();
    let (all, missed, extra) = errors((0..400).map(wild), PERFECT, 0.1);
    assert!(all > 4000 && 1000 * extra <= all, "{extra} invented of {all}");
    assert!(100 * missed <= all, "{missed} missed of {all}");
}

/// Four lanes, each at a speed of its own with vehicles a little faster and slower, 0.9 s apart at least: dense traffic.
/// At 5 frames/s the fast lanes move by more than a box's length per frame.
fn flowing(seed: u64) -> Scene {
    let mut noise = Noise(seed);
    let mut scene = Scene::parse("empty").unwrap();
    scene.seconds = 14.0;
    for lane in 0..scene.lanes.len() {
        let speed = 240.0 + 140.0 * f64::from(noise.next());
        let mut t = -4.0 + f64::from(noise.next());
        // Everyone has left the line behind when the scene ends.
        while t < 14.0 - 500.0 / speed - 1.0 {
            let kind = Kind::ALL[[0, 0, 0, 1, 2, 3][(noise.next().abs() * 5.99) as usize]];
            let own = speed * (1.0 + 0.02 * f64::from(noise.next()));
            let (from, to) = match scene.lanes[lane].heading {
                Heading::Right => (-80.0, 720.0),
                Heading::Left => (720.0, -80.0),
            };
            let path = vec![Waypoint { t, x: from }, Waypoint { t: t + 800.0 / own, x: to }];
            // Whoever is about to pass when the scene begins may be counted or not.
            let at_start = from + (to - from) * (-t * own / 800.0);
            if (at_start - 320.0).abs() < 100.0 {
                t += 0.5;
                continue;
            }
            scene.vehicles.push(Vehicle { kind, lane, paint: 0, path, hidden: Vec::new() });
            // Boxes of a lane keep clear of one another: the time is measured from bumper to bumper.
            t += 0.9 + f64::from(kind.size().0) / speed + f64::from(noise.next().abs());
        }
    }
    scene
}

/// Three hours at 5 frames/s: what is remembered depends on the traffic of the moment, not on how much there has been.
#[test]
fn memory_does_not_grow_with_time() {
    let mut tracker = Tracker::new(TrackParams::default());
    let segment = Segment::new(Point::new(320.0, 0.0), Point::new(320.0, 360.0));
    let mut counter = LineCounter::new(vec![CountLine { name: "line".into(), segment }], CountParams::default());
    let (mut out, mut passed, mut most, mut noise) = (Vec::new(), 0, 0, Noise(3));
    for seq in 0..3 * 3600 * 5 {
        let t = f64::from(seq) / 5.0;
        // A car every 4 s at 150 px/s, and a false box now and then.
        let mut boxes: Vec<Detection> = (0..2)
            .map(|k| (t % 4.0 + 4.0 * f64::from(k)) * 150.0)
            .filter(|x| *x < 640.0)
            .map(|x| Detection { bbox: BBox::from_center(x as f32, 200.0, 60.0, 40.0), class: 2, score: 0.8 })
            .collect();
        if noise.next() > 0.8 {
            let (x, y) = (320.0 + 300.0 * noise.next(), 60.0 + 50.0 * noise.next());
            boxes.push(Detection { bbox: BBox::from_center(x, y, 20.0, 20.0), class: 7, score: 0.4 });
        }
        let stamp = Stamp { seq: seq as u64, mono: Duration::from_secs_f64(t), wall: None };
        let tracks = tracker.step(stamp.mono, (640, 360), &boxes);
        most = most.max(tracks.len());
        counter.step(&stamp, tracks, &mut out);
        passed += out.drain(..).count();
    }
    assert!(most < 20, "{most} tracks at once");
    let cars = 3 * 3600 / 4;
    assert!((cars - 2..=cars).contains(&passed), "{passed} of {cars} cars, false boxes count nothing");
}

#[test]
fn nothing_depends_on_the_size_of_the_picture() {
    let scene = Scene::parse("crowd").unwrap();
    let count = |scale: f32| {
        let mut tracker = Tracker::new(TrackParams::default());
        let grow = |p: Point| Point::new(p.x * scale, p.y * scale);
        let segment = Segment::new(grow(scene.line().from), grow(scene.line().to));
        let mut counter = LineCounter::new(vec![CountLine { name: "line".into(), segment }], CountParams::default());
        let mut out = Vec::new();
        for seq in 0..(scene.seconds * 5.0) as u64 {
            let mut boxes = scene.detections_at(seq as f64 / 5.0, 0.4);
            for d in &mut boxes {
                let b = d.bbox;
                d.bbox = BBox::new(b.x1 * scale, b.y1 * scale, b.x2 * scale, b.y2 * scale);
            }
            let stamp = Stamp { seq, mono: Duration::from_millis(seq * 200), wall: None };
            let frame = ((WIDTH as f32 * scale) as u32, (HEIGHT as f32 * scale) as u32);
            counter.step(&stamp, tracker.step(stamp.mono, frame, &boxes), &mut out);
        }
        out.iter().map(|c| (c.track, c.direction, c.stamp.seq)).collect::<Vec<_>>()
    };
    assert_eq!(count(1.0), count(4.0));
    assert_eq!(count(1.0), count(0.5));
}

#[test]
fn bad_boxes_and_clocks_that_stand_still_do_no_harm() {
    let mut tracker = Tracker::new(TrackParams::default());
    let good = Detection { bbox: BBox::new(10.0, 10.0, 50.0, 40.0), class: 2, score: 0.9 };
    let odd = [
        Detection { bbox: BBox::new(f32::NAN, 0.0, 5.0, 5.0), ..good },
        Detection { bbox: BBox::new(0.0, 0.0, f32::INFINITY, 5.0), ..good },
        Detection { bbox: BBox::new(20.0, 20.0, 20.0, 20.0), ..good },
        Detection { score: f32::NAN, ..good },
        good,
    ];
    for millis in [0, 0, 40, 40, 20, 80] {
        let tracks = tracker.step(Duration::from_millis(millis), (100, 100), &odd);
        assert!(tracks.iter().all(|t| t.bbox.is_finite() && t.velocity.x.is_finite() && t.velocity.y.is_finite()));
        assert!(tracks.windows(2).all(|pair| pair[0].id < pair[1].id), "ascending");
    }
}
