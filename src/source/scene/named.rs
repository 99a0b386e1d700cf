//! The scenes that have a name. Each is written so that its truth can be told by reading it.

use super::script::{Heading, Kind, Lane, Scene, Span, Vehicle, Waypoint};
use Kind::{Bus, Car, Motorcycle, Truck};

/// Names and what they show, in the order in which they are listed for people.
pub const NAMES: [(&str, &str); 12] = [
    ("road", "the demo: four busy lanes for half a minute"),
    ("crowd", "dense traffic in both directions"),
    ("stop-and-go", "a queue that halts again and again, with a wheel on the line"),
    ("jitter", "cars that rock on the line, then drive back or through"),
    ("reverse", "cars that pass the line and reverse over it"),
    ("abreast", "vehicles side by side over the line"),
    ("occlusion", "cars that pass the line behind a truck"),
    ("passing", "vehicles that overtake and meet on the line, close enough to swap identities"),
    ("missed", "vehicles in fog: for single frames, in bursts, and while they pass the line"),
    ("speeds", "one that creeps and some that race"),
    ("short", "vehicles that turn around or halt before the line: nothing is counted"),
    ("empty", "the road alone"),
];

/// Where vehicles come into being and vanish: the longest is out of the picture there.
pub(super) const LEFT_END: f64 = -80.0;
pub(super) const RIGHT_END: f64 = 720.0;
/// x of [`Scene::line`].
const LINE: f64 = 320.0;

/// Two lanes to the left, two nearer ones to the right, far enough apart that no box covers another.
pub(super) fn four_lanes() -> Vec<Lane> {
    let lane = |y, heading| Lane { y, heading };
    vec![
        lane(128.0, Heading::Left),
        lane(192.0, Heading::Left),
        lane(264.0, Heading::Right),
        lane(328.0, Heading::Right),
    ]
}

pub(super) fn scene(name: &str) -> Option<Scene> {
    Some(match name {
        "road" => road(),
        "crowd" => crowd(),
        "stop-and-go" => stop_and_go(),
        "jitter" => jitter(),
        "reverse" => reverse(),
        "abreast" => abreast(),
        "occlusion" => occlusion(),
        "passing" => passing(),
        "missed" => missed(),
        "speeds" => speeds(),
        "short" => short(),
        "empty" => blank("empty", 4.0),
        _ => return None,
    })
}

fn road() -> Scene {
    let mut s = blank("road", 30.0);
    let far = [
        (1.8, Car),
        (3.2, Car),
        (4.6, Motorcycle),
        (7.0, Bus),
        (9.0, Car),
        (11.0, Car),
        (12.2, Motorcycle),
        (14.5, Truck),
        (17.0, Car),
        (19.0, Car),
        (21.5, Bus),
        (24.0, Car),
        (25.6, Motorcycle),
    ];
    let second = [
        (3.0, Truck),
        (5.5, Car),
        (7.5, Car),
        (10.0, Motorcycle),
        (12.5, Bus),
        (16.0, Car),
        (18.0, Car),
        (20.5, Truck),
        (23.5, Car),
        (25.5, Car),
    ];
    let third = [
        (2.5, Car),
        (4.2, Bus),
        (6.5, Car),
        (8.0, Motorcycle),
        (10.5, Truck),
        (13.0, Car),
        (15.0, Car),
        (17.5, Motorcycle),
        (19.5, Bus),
        (22.0, Car),
        (24.2, Car),
        (26.5, Truck),
    ];
    for (at, kind) in far {
        s.pass(0, kind, at, 260.0);
    }
    for (at, kind) in second {
        s.pass(1, kind, at, 150.0);
    }
    for (at, kind) in third {
        s.pass(2, kind, at, 180.0);
    }
    s.pass(0, Motorcycle, 28.2, 620.0);
    // The nearest lane halts twice: the second car stands on the line at the first halt.
    let queue = [Truck, Car, Car, Motorcycle, Car, Bus, Car];
    let way = Way::start(0.0, 0.0).to(556.0, 130.0).wait(2.5).to(900.0, 90.0).wait(2.0).to(2100.0, 150.0);
    s.convoy(3, &queue, 40.0, &way);
    s
}

fn crowd() -> Scene {
    let mut s = blank("crowd", 20.0);
    let kinds = [Car, Car, Motorcycle, Car, Truck, Car, Motorcycle, Motorcycle, Car, Bus];
    for (lane, speed) in [(0, 140.0), (1, 115.0), (2, 105.0), (3, 130.0)] {
        let mixed: Vec<Kind> = (0..10).map(|i| kinds[(i * 3 + lane * 2) % kinds.len()]).collect();
        s.convoy(lane, &mixed, 26.0, &Way::start(0.0, 0.0).to(speed * 20.0, speed));
    }
    s
}

/// Six cars, 100 px from middle to middle: every halt has one of them exactly on the line, 400 px from where it began.
fn stop_and_go() -> Scene {
    let mut s = blank("stop-and-go", 30.0);
    let mut way = Way::start(0.0, 0.0).to(400.0, 160.0);
    for _ in 0..5 {
        way = way.wait(2.0);
        let next = way.x() + 100.0;
        way = way.to(next, 80.0);
    }
    s.convoy(3, &[Car; 6], 36.0, &way.wait(2.0).to(1400.0, 160.0));
    s
}

/// Four that rock ±4 px: two go through, two go back where they came from.
fn jitter() -> Scene {
    let mut s = blank("jitter", 16.0);
    let rock = |mut way: Way| {
        for _ in 0..10 {
            way = way.to(LINE - 4.0, 24.0).to(LINE + 4.0, 24.0);
        }
        way
    };
    s.add(3, Car, rock(s.enter(3, 0.0).to(LINE - 4.0, 150.0)).to(RIGHT_END, 150.0));
    s.add(2, Truck, rock(s.enter(2, 0.5).to(LINE - 4.0, 150.0)).to(LEFT_END, 150.0));
    s.add(1, Bus, rock(s.enter(1, 1.0).to(LINE + 4.0, 150.0)).to(LEFT_END, 150.0));
    s.add(0, Car, rock(s.enter(0, 1.5).to(LINE + 4.0, 150.0)).to(RIGHT_END, 150.0));
    s
}

fn reverse() -> Scene {
    let mut s = blank("reverse", 16.0);
    // Over the line, back over it, away: one passage in each direction, net 0.
    s.add(3, Car, s.enter(3, 0.0).to(LINE + 90.0, 140.0).wait(0.8).to(LEFT_END, 140.0));
    // The same, and then through for good: net 1.
    s.add(
        2,
        Truck,
        s.enter(2, 0.0).to(LINE + 90.0, 140.0).wait(0.8).to(LINE - 90.0, 90.0).wait(0.8).to(RIGHT_END, 140.0),
    );
    // Stops short of the line, backs off, then passes: one passage.
    s.add(
        1,
        Car,
        s.enter(1, 0.0).to(LINE + 60.0, 140.0).wait(0.5).to(LINE + 160.0, 70.0).wait(0.5).to(LEFT_END, 140.0),
    );
    // Backs all the way through the picture: the motion counts, not where the headlights point.
    s.add(0, Car, Way::start(1.0, LEFT_END).to(RIGHT_END, 120.0));
    s
}

/// Pairs and fours whose bottom centres pass the line at the same moment.
fn abreast() -> Scene {
    let mut s = blank("abreast", 16.0);
    s.pass(2, Car, 3.0, 160.0);
    s.pass(3, Car, 3.0, 160.0);
    s.pass(0, Truck, 5.0, 160.0);
    s.pass(1, Bus, 5.0, 160.0);
    s.pass(2, Motorcycle, 7.0, 160.0);
    s.pass(3, Motorcycle, 7.0, 160.0);
    (0..4).for_each(|lane| s.pass(lane, Car, 9.5, 160.0));
    (0..4).for_each(|lane| s.pass(lane, Bus, 12.5, 160.0));
    s
}

/// The far lane's vehicles are hidden by trucks of the near one while they are on the line.
fn occlusion() -> Scene {
    let mut s = blank("occlusion", 18.0);
    s.lanes = vec![
        Lane { y: 158.0, heading: Heading::Left },
        Lane { y: 238.0, heading: Heading::Right },
        Lane { y: 262.0, heading: Heading::Right },
    ];
    // An overtaking car, behind the truck for 56 px of difference at 40 px/s: 1.4 s wholly, from 0.7 s before the line.
    s.pass(2, Truck, 4.5, 100.0);
    s.pass(1, Car, 4.5, 140.0);
    // A car that keeps up with a bus from 1.4 s before the line to 1.4 s behind it, visible before and after.
    s.pass(2, Bus, 9.5, 120.0);
    let (a, b) = (LINE - 168.0, LINE + 168.0);
    let way = Way::start(8.1 - 0.1 - (a - LEFT_END) / 240.0, LEFT_END).to(a, 240.0).to(b, 120.0).to(RIGHT_END, 240.0);
    s.add(1, Car, way);
    // A motorcycle goes the wrong way behind a truck.
    s.pass(2, Truck, 14.0, 110.0);
    s.add(1, Motorcycle, Way::start(14.0 - 400.0 / 130.0, RIGHT_END).to(LEFT_END, 130.0));
    s
}

/// Vehicles of one class that overlap while they are on the line, in the same and in opposite directions.
fn passing() -> Scene {
    let mut s = blank("passing", 16.0);
    s.lanes = vec![
        Lane { y: 150.0, heading: Heading::Left },
        Lane { y: 164.0, heading: Heading::Right },
        Lane { y: 260.0, heading: Heading::Right },
        Lane { y: 276.0, heading: Heading::Right },
    ];
    s.pass(0, Car, 4.0, 130.0);
    s.pass(1, Car, 4.0, 130.0);
    s.pass(2, Car, 6.0, 90.0);
    s.pass(3, Car, 6.0, 170.0);
    s.pass(0, Truck, 11.0, 110.0);
    s.pass(1, Truck, 11.0, 110.0);
    s.pass(2, Car, 11.5, 120.0);
    s.pass(3, Motorcycle, 11.5, 200.0);
    s
}

fn missed() -> Scene {
    let mut s = blank("missed", 16.0);
    let every = |from: f64, step: f64, length: f64, count: u32| -> Vec<Span> {
        (0..count).map(|i| from + f64::from(i) * step).map(|t| Span { from: t, to: t + length }).collect()
    };
    // Every third frame at 25 fps.
    s.pass(3, Car, 3.0, 150.0);
    s.hide_last(every(0.0, 0.12, 0.04, 50));
    // For one second around the line.
    s.pass(2, Truck, 4.0, 150.0);
    s.hide_last(every(3.5, 1.0, 1.0, 1));
    // For 0.6 s right before the line, and again right behind it.
    s.pass(1, Car, 5.0, 150.0);
    s.hide_last(every(4.3, 0.75, 0.6, 2));
    // Seen until 1.2 s before the line, and again from 0.3 s behind it.
    s.pass(0, Bus, 6.0, 120.0);
    s.hide_last(every(4.8, 1.5, 1.5, 1));
    // Never seen: no detector can count it. It ends before the line, so that the truth has no passage that is impossible.
    s.add(3, Car, s.enter(3, 7.0).to(LINE - 90.0, 150.0));
    s.hide_last(every(0.0, 16.0, 16.0, 1));
    // Two close behind each other, the second hidden while the first is on the line.
    s.pass(2, Car, 10.0, 140.0);
    s.pass(2, Car, 10.9, 140.0);
    s.hide_last(every(9.7, 0.5, 0.5, 1));
    s
}

fn speeds() -> Scene {
    let mut s = blank("speeds", 24.0);
    s.pass(3, Truck, 10.5, 40.0);
    s.add(2, Car, Way::start(1.0, 240.0 - 320.0).to(240.0, 320.0).to(400.0, 10.0).to(RIGHT_END, 160.0));
    s.pass(1, Car, 2.0, 600.0);
    s.pass(1, Motorcycle, 4.0, 600.0);
    s.pass(0, Bus, 6.0, 450.0);
    s.pass(0, Car, 8.0, 700.0);
    s.pass(1, Car, 8.0, 500.0);
    s
}

fn short() -> Scene {
    let mut s = blank("short", 12.0);
    s.add(3, Car, s.enter(3, 0.0).to(LINE - 60.0, 150.0).wait(2.0).to(LEFT_END, 150.0));
    s.add(2, Bus, s.enter(2, 0.5).to(LINE - 110.0, 150.0).wait(20.0));
    s.add(1, Truck, s.enter(1, 0.0).to(LINE + 90.0, 150.0).wait(1.0).to(RIGHT_END, 100.0));
    s.add(0, Motorcycle, s.enter(0, 1.0).to(LINE + 40.0, 200.0).wait(1.0).to(RIGHT_END, 150.0));
    s
}

fn blank(name: &str, seconds: f64) -> Scene {
    Scene { name: name.into(), fps: 25.0, seconds, lanes: four_lanes(), vehicles: Vec::new() }
}

/// How the scripts above are written.
impl Scene {
    fn add(&mut self, lane: usize, kind: Kind, way: Way) {
        let paint = self.vehicles.len() as u8;
        self.vehicles.push(Vehicle { kind, lane, paint, path: way.0, hidden: Vec::new() });
    }

    /// Straight through at `speed` px/s, with the bottom centre on the line at `at` seconds.
    fn pass(&mut self, lane: usize, kind: Kind, at: f64, speed: f64) {
        let (from, to) = self.ends(lane);
        let start = at - (LINE - from).abs() / speed;
        self.add(lane, kind, Way::start(start, from).to(to, speed));
    }

    fn enter(&self, lane: usize, t: f64) -> Way {
        Way::start(t, self.ends(lane).0)
    }

    /// Vehicles in one file, `gap` px between their boxes; `way` is how far they have come, the first from its lane's
    /// end. None can run into another, whatever the way.
    pub(super) fn convoy(&mut self, lane: usize, kinds: &[Kind], gap: f64, way: &Way) {
        let (from, to) = self.ends(lane);
        let forward = (to - from).signum();
        let mut behind = 0.0;
        for (i, &kind) in kinds.iter().enumerate() {
            if let Some(previous) = i.checked_sub(1) {
                behind += gap + f64::from(kinds[previous].size().0 + kind.size().0) / 2.0;
            }
            let path = way.0.iter().map(|p| Waypoint { t: p.t, x: from + forward * (p.x - behind) }).collect();
            self.add(lane, kind, Way(path));
        }
    }

    fn hide_last(&mut self, spans: Vec<Span>) {
        if let Some(last) = self.vehicles.last_mut() {
            last.hidden = spans;
        }
    }

    /// Where a lane begins and ends in its direction.
    pub(super) fn ends(&self, lane: usize) -> (f64, f64) {
        match self.lanes[lane].heading {
            Heading::Right => (LEFT_END, RIGHT_END),
            Heading::Left => (RIGHT_END, LEFT_END),
        }
    }
}

/// A way in the making: from place to place at a speed, with waits.
#[derive(Debug, Clone)]
pub(super) struct Way(pub Vec<Waypoint>);

impl Way {
    pub fn start(t: f64, x: f64) -> Self {
        Self(vec![Waypoint { t, x }])
    }

    /// Drives to `x` at `speed` px/s, forwards or back. No motion, no point.
    pub fn to(mut self, x: f64, speed: f64) -> Self {
        let seconds = (x - self.x()).abs() / speed;
        if seconds > 0.0 {
            self.0.push(Waypoint { t: self.t() + seconds, x });
        }
        self
    }

    pub fn wait(mut self, seconds: f64) -> Self {
        self.0.push(Waypoint { t: self.t() + seconds, x: self.x() });
        self
    }

    pub fn x(&self) -> f64 {
        self.0[self.0.len() - 1].x
    }

    pub fn t(&self) -> f64 {
        self.0[self.0.len() - 1].t
    }
}
