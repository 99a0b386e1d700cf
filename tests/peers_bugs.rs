//! Each test repeats a bug that users of other counters have reported, and is named after it.

use std::time::Duration;

use wayside::count::{CountLine, CountParams, LineCounter};
use wayside::detection::Detection;
use wayside::event::{Crossing, Direction};
use wayside::frame::Stamp;
use wayside::geometry::{BBox, Point, Segment};
use wayside::track::{TrackParams, Tracker};

const FRAME: (u32, u32) = (640, 360);
const CAR: (f32, f32) = (60.0, 40.0);

/// A horizontal line across the picture: A→B is downwards.
fn line() -> Segment {
    Segment::new(Point::new(0.0, 200.0), Point::new(640.0, 200.0))
}

/// A car whose wheels are at `(x, y)`.
fn car(x: f32, y: f32) -> Detection {
    Detection { bbox: BBox::new(x - CAR.0 / 2.0, y - CAR.1, x + CAR.0 / 2.0, y), class: 2, score: 0.8 }
}

/// A tracker and a counter over frames given as (seconds, boxes).
struct Site {
    tracker: Tracker,
    counter: LineCounter,
    seq: u64,
    most_tracks: usize,
    out: Vec<Crossing>,
}

impl Site {
    fn new(segment: Segment) -> Self {
        let line = CountLine { name: "line".into(), segment };
        Self {
            tracker: Tracker::new(TrackParams::default()),
            counter: LineCounter::new(vec![line], CountParams::default()),
            seq: 0,
            most_tracks: 0,
            out: Vec::new(),
        }
    }

    fn see(&mut self, seconds: f64, boxes: &[Detection]) {
        let mono = Duration::from_secs_f64(seconds);
        let stamp = Stamp { seq: self.seq, mono, wall: Some((seconds * 1e6) as i64) };
        let tracks = self.tracker.step(mono, FRAME, boxes);
        self.most_tracks = self.most_tracks.max(tracks.len());
        self.counter.step(&stamp, tracks, &mut self.out);
        self.seq += 1;
    }

    fn counts(&self) -> (usize, usize) {
        let down = self.out.iter().filter(|c| c.direction == Direction::AtoB).count();
        (down, self.out.len() - down)
    }
}

/// Shakes by up to ±1, differently in every frame, always the same way.
fn shake(frame: u32) -> f32 {
    let n = frame.wrapping_mul(2_654_435_761) >> 8;
    (n % 2001) as f32 / 1000.0 - 1.0
}

/// opendatacam #501, supervision #2598: a car that jitters on the line is counted again and again, in both directions.
#[test]
fn bug_1_a_car_that_jitters_on_the_line_is_counted_once() {
    let mut site = Site::new(line());
    for frame in 0..600 {
        let t = f64::from(frame) / 25.0;
        // Arrives at 2 s, trembles on the line for 18 s with boxes that are up to a tenth of its height off, drives on.
        let y = match t {
            t if t < 2.0 => 100.0 + 50.0 * t as f32,
            t if t < 20.0 => 200.0,
            t => 200.0 + 50.0 * (t - 20.0) as f32,
        };
        site.see(t, &[car(300.0 + 3.0 * shake(frame + 7000), y + 4.0 * shake(frame))]);
    }
    assert_eq!(site.counts(), (1, 0));
}

/// The same, of a car that never passes: it stands on the line from the first frame to the last.
#[test]
fn bug_1_a_car_that_stands_on_the_line_is_not_counted() {
    for foot in [190.0, 198.0, 200.0, 202.0, 210.0, 220.0] {
        let mut site = Site::new(line());
        (0..500).for_each(|f| site.see(f64::from(f) / 25.0, &[car(300.0, foot + 4.0 * shake(f))]));
        assert_eq!(site.counts(), (0, 0), "wheels at {foot}");
    }
}

/// opendatacam #204: a car that waits at a stop line is lost and found under a new id, 15 times, and counted each time.
#[test]
fn bug_2_a_waiting_car_that_is_lost_and_found_is_one_car() {
    for stop in [185.0, 195.0, 199.0, 205.0, 215.0] {
        let mut site = Site::new(line());
        for frame in 0..1500 {
            let t = f64::from(frame) / 25.0;
            let y = match t {
                t if t < 2.0 => stop - 100.0 + 50.0 * t as f32,
                t if t < 55.0 => stop,
                t => stop + 50.0 * (t - 55.0) as f32,
            };
            // Every 3 s the detector loses it for 1.2 s: longer than a track coasts.
            let seen = !(2.5..=54.0).contains(&t) || t % 3.0 > 1.2;
            let boxes = [car(300.0 + 2.0 * shake(frame + 99), y + 3.0 * shake(frame))];
            site.see(t, if seen { &boxes } else { &[] });
        }
        assert_eq!(site.counts(), (1, 0), "waits at {stop}");
    }
}

/// supervision #2578: boxes that are not tracked share the id −1, and two cars become one history (97/95 instead of
/// 7/9). Here a box that is seen once, or has no sure detection, has an id of its own or none, and counts nothing.
#[test]
fn bug_3_boxes_without_a_track_are_nobody() {
    let mut site = Site::new(line());
    for frame in 0..250u32 {
        let t = f64::from(frame) / 25.0;
        // One car drives down slowly; single boxes flash up on both sides of the line, and unsure ones stay there.
        let x = 80.0 + 60.0 * (frame % 8) as f32;
        let flash = car(x, if frame % 2 == 0 { 120.0 } else { 320.0 });
        let unsure = Detection { score: 0.2, ..car(600.0, if frame % 2 == 0 { 150.0 } else { 250.0 }) };
        let mut boxes = vec![car(40.0, 120.0 + 16.0 * t as f32), unsure];
        if frame % 10 == 3 {
            boxes.push(flash);
        }
        site.see(t, &boxes);
    }
    assert_eq!(site.counts(), (1, 0));
    let ids: Vec<u64> = site.out.iter().map(|c| c.track).collect();
    assert!(ids.iter().all(|&id| id > 0), "{ids:?}");
}

/// ultralytics #25103: direction was taken from the shape of the zone. Here it is the motion across the directed line,
/// whichever way the line lies.
#[test]
fn bug_4_direction_is_the_motion_not_the_shape() {
    let center = Point::new(320.0, 180.0);
    for degrees in (0..360).step_by(15) {
        let (sin, cos) = (degrees as f32).to_radians().sin_cos();
        let reach = 150.0;
        let segment = Segment::new(
            Point::new(center.x - reach * cos, center.y - reach * sin),
            Point::new(center.x + reach * cos, center.y + reach * sin),
        );
        // To the right of the segment's own direction, which in a picture is (−sin, cos).
        let across = Point::new(-sin, cos);
        for (sign, want) in [(1.0, (1, 0)), (-1.0, (0, 1))] {
            let mut site = Site::new(segment);
            for frame in 0..50 {
                let way = sign * (frame as f32 * 5.0 - 122.0);
                site.see(f64::from(frame) / 25.0, &[car(center.x + way * across.x, center.y + way * across.y)]);
            }
            assert_eq!(site.counts(), want, "line at {degrees}°, {sign}");
        }
    }
}

/// ultralytics #14291: of two vehicles that cross together only one was counted.
#[test]
fn bug_4_two_that_cross_together_are_two() {
    for fps in [25.0, 5.0] {
        let mut site = Site::new(line());
        for frame in 0..(4.0 * fps) as u32 {
            let t = f64::from(frame) / fps;
            let y = 50.0 + 80.0 * t as f32;
            site.see(t, &[car(250.0, y), car(325.0, y), car(500.0, 400.0 - y)]);
        }
        assert_eq!(site.counts(), (2, 1), "at {fps} frames/s");
    }
}

/// ultralytics #20342, #19212: 1536 km/h, because time was the rate of processing. Here every time is the frame's own:
/// with frames at uneven moments and a counter of frames that jumps, the moment of the passage is still right.
#[test]
fn bug_5_times_come_from_the_frames() {
    let mut site = Site::new(line());
    let mut t = 0.0;
    for frame in 0..60 {
        site.see(t, &[car(300.0, 100.0 + 60.0 * t as f32)]);
        t += [0.04, 0.2, 0.033, 0.12][frame % 4];
        site.seq += [0, 3, 0, 1][frame % 4];
    }
    assert_eq!(site.counts(), (1, 0));
    let crossing = &site.out[0];
    let passed = 100.0 / 60.0;
    let error = crossing.stamp.mono.as_secs_f64() - passed;
    assert!(error.abs() < 0.05, "passed at {passed} s, not {:?}", crossing.stamp.mono);
    let wall = crossing.stamp.wall.unwrap();
    assert!((wall - crossing.stamp.mono.as_micros() as i64).abs() <= 1, "wall time is interpolated alike: {wall}");
}

/// supervision, Frigate discussions #19925: state of every id was kept for ever, and memory grew until the restart.
#[test]
fn bug_6_what_has_left_is_forgotten() {
    let mut site = Site::new(line());
    for frame in 0..20_000u32 {
        // A new car every 0.8 s.
        let t = f64::from(frame) / 10.0;
        let y = 40.0 * (frame % 8) as f32 + 40.0;
        site.see(t, &[car(100.0 + 60.0 * ((frame / 8) % 8) as f32, y)]);
    }
    assert_eq!(site.counts(), (2500, 0));
    assert!(site.most_tracks <= 8, "{} tracks at once, of 2500 cars", site.most_tracks);
}
