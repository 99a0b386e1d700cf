//! Which vehicles truly passed a line, from their ways alone: exact, and independent of the frame rate.
//!
//! A **passage** is: the vehicle's bottom centre moves from farther than [`BAND`] on one side of the line to farther
//! than [`BAND`] on the other. What happens within the band (a stop, a jitter, a nose put over and drawn back) is
//! nothing. A vehicle that passes, reverses and passes again has made two passages, one in each direction: its net is 0.

use super::script::{LABELS, Scene};
use crate::event::Direction;
use crate::geometry::{Point, Segment};

/// Half width of the band around a line, in pixels: twice the worst error of the test network's boxes and then some,
/// and less than a tenth of the way that any scene's vehicle goes on after it has passed.
pub const BAND: f32 = 10.0;

/// One passage of one vehicle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrueCrossing {
    /// When the bottom centre was last on the line, in seconds.
    pub time: f64,
    /// When it left the old side's far zone, and when it reached the new side's: `since < time < until`.
    pub since: f64,
    pub until: f64,
    pub direction: Direction,
    /// Index into [`LABELS`].
    pub class: u16,
    /// Index into [`Scene::vehicles`].
    pub vehicle: usize,
}

impl TrueCrossing {
    pub fn label(&self) -> &'static str {
        LABELS[usize::from(self.class)]
    }
}

impl Scene {
    /// All passages over `line` (picture pixels) that begin and end within the scene's time, in order of time. Passing
    /// the line's prolongation beyond an end is none.
    pub fn truth(&self, line: &Segment) -> Vec<TrueCrossing> {
        let mut crossings: Vec<TrueCrossing> = (0..self.vehicles.len()).flat_map(|v| self.passages(v, line)).collect();
        crossings.retain(|c| c.since >= 0.0 && c.until < self.seconds);
        crossings.sort_by(|a, b| a.time.total_cmp(&b.time).then(a.vehicle.cmp(&b.vehicle)));
        crossings
    }

    fn passages(&self, index: usize, line: &Segment) -> Vec<TrueCrossing> {
        let vehicle = &self.vehicles[index];
        let y = self.lanes[vehicle.lane].y;
        let band = f64::from(BAND);
        let mut found = Vec::new();
        let mut side = 0.0; // -1 on side A, 1 on side B, 0 as long as the vehicle was never outside the band
        let (mut since, mut on_line) = (0.0, None);
        for leg in vehicle.path.windows(2) {
            // Along a leg the signed distance is linear in time.
            let [d0, d1] = [leg[0].x, leg[1].x].map(|x| f64::from(line.signed_distance(Point::new(x as f32, y))));
            let time_at = |d: f64| leg[0].t + (leg[1].t - leg[0].t) * (d - d0) / (d1 - d0);
            if (d0 <= 0.0 && d1 > 0.0) || (d0 >= 0.0 && d1 < 0.0) {
                let x = leg[0].x + (leg[1].x - leg[0].x) * d0 / (d0 - d1);
                on_line = Some((time_at(0.0), Point::new(x as f32, y)));
            }
            if side == 0.0 && d0.abs() > band {
                side = d0.signum();
            }
            let leaves = side * d0 >= band && side * d1 < band;
            if leaves {
                since = time_at(side * band);
            }
            let new_side = if d1 > band {
                1.0
            } else if d1 < -band {
                -1.0
            } else {
                continue;
            };
            if let Some((time, at)) = on_line.filter(|_| side * new_side < 0.0)
                && (0.0..=1.0).contains(&line.along(at))
            {
                let direction = if new_side > 0.0 { Direction::AtoB } else { Direction::BtoA };
                let until = time_at(new_side * band);
                found.push(TrueCrossing { time, since, until, direction, class: vehicle.kind.class(), vehicle: index });
            }
            side = new_side;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{Heading, Kind, Lane, Vehicle, Waypoint};
    use super::*;

    /// One car that is at the given places one second after the other; the line is at x = 320.
    fn directions(places: &[f64]) -> Vec<(Direction, f64)> {
        let path = places.iter().enumerate().map(|(t, &x)| Waypoint { t: t as f64, x }).collect();
        let scene = Scene {
            name: "test".into(),
            fps: 25.0,
            seconds: 100.0,
            lanes: vec![Lane { y: 200.0, heading: Heading::Right }],
            vehicles: vec![Vehicle { kind: Kind::Car, lane: 0, paint: 0, path, hidden: vec![] }],
        };
        scene.truth(&scene.line()).iter().map(|c| (c.direction, c.time)).collect()
    }

    #[test]
    fn through_is_one_passage_at_the_moment_on_the_line() {
        assert_eq!(directions(&[220.0, 420.0]), [(Direction::AtoB, 0.5)]);
        assert_eq!(directions(&[420.0, 220.0]), [(Direction::BtoA, 0.5)]);
    }

    #[test]
    fn a_stop_on_the_line_is_one_passage_when_it_moves_on() {
        assert_eq!(directions(&[220.0, 320.0, 320.0, 420.0]), [(Direction::AtoB, 2.0)]);
    }

    #[test]
    fn jitter_in_the_band_is_nothing_and_the_last_pass_counts() {
        let rocking = [220.0, 316.0, 324.0, 316.0, 324.0, 316.0];
        assert_eq!(directions(&[&rocking[..], &[220.0]].concat()), []);
        assert_eq!(directions(&[&rocking[..], &[324.0, 424.0]].concat()), [(Direction::AtoB, 5.5)]);
    }

    #[test]
    fn a_reverse_is_a_passage_in_each_direction() {
        use Direction::{AtoB, BtoA};
        assert_eq!(directions(&[220.0, 420.0, 220.0]), [(AtoB, 0.5), (BtoA, 1.5)]);
        assert_eq!(directions(&[220.0, 420.0, 220.0, 420.0]), [(AtoB, 0.5), (BtoA, 1.5), (AtoB, 2.5)]);
    }

    #[test]
    fn the_prolongation_of_the_line_is_no_line() {
        let mut scene = super::super::named::scene("abreast").unwrap();
        scene.vehicles.truncate(1);
        let y = scene.lanes[scene.vehicles[0].lane].y;
        let above = Segment::new(Point::new(320.0, y - 1.0), Point::new(320.0, 0.0));
        assert_eq!(scene.truth(&above), []);
        assert_eq!(scene.truth(&scene.line()).len(), 1);
    }
}
