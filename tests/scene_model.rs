//! The test network sees the synthetic road's vehicles through the ordinary path, and nothing else.

#[path = "../examples/make_scene_model/measure.rs"]
mod measure;
#[path = "../examples/make_scene_model/network.rs"]
mod network;
#[path = "../examples/make_scene_model/onnx.rs"]
mod onnx;

use std::path::{Path, PathBuf};

use wayside::detect::{DetectParams, Detector};
use wayside::detection::Detection;
use wayside::engine::{Engine, TractEngine};
use wayside::frame::Frame;
use wayside::geometry::BBox;
use wayside::model::ModelFolder;
use wayside::source::scene::{
    HEIGHT, Kind, NAMES, Random, Scene, SceneSource, Sight, Vehicle, WIDTH, Waypoint, random,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/scene")
}

fn detector() -> Detector {
    let model = ModelFolder::open(&folder()).unwrap();
    let program = TractEngine.load(&model).unwrap();
    Detector::new(&model.spec, program.as_ref(), &DetectParams::for_model(&model.spec)).unwrap()
}

/// The largest distance between the sides of two boxes, in pixels.
fn error(a: &BBox, b: &BBox) -> f32 {
    [a.x1 - b.x1, a.y1 - b.y1, a.x2 - b.x2, a.y2 - b.y2].map(f32::abs).into_iter().fold(0.0, f32::max)
}

/// Whether the network promises to find it: wholly visible, and no other vehicle beside it in its row nearer than 20 px.
fn promised(sight: &Sight, all: &[Sight]) -> bool {
    let b = sight.bbox;
    let around = BBox::new(b.x1 - 20.0, b.y1, b.x2 + 20.0, b.y2);
    let alone = all.iter().all(|other| other.vehicle == sight.vehicle || other.bbox.intersection(&around) == 0.0);
    sight.visible >= 1.0 && alone
}

/// Same class, and more overlap than two neighbours' boxes could have.
fn is(detection: &Detection, sight: &Sight) -> bool {
    let shown = sight.bbox.clip(WIDTH as f32, HEIGHT as f32);
    detection.class == sight.class && detection.bbox.iou(&shown) > 0.6
}

/// Runs every `step`-th frame. Each promised vehicle must be found within 2 px with its class; whatever else is found
/// must lie on a vehicle that is at least partly visible, one box a vehicle. Returns how many were found.
fn check(detector: &mut Detector, scene: Scene, step: u64) -> usize {
    let source = SceneSource::new(scene);
    let (mut frame, mut found, mut whole) = (Frame::default(), Vec::new(), 0);
    for index in (0..source.scene().frames()).step_by(step as usize) {
        let t = source.scene().time_of(index);
        source.paint(t, &mut frame);
        detector.step(&frame, &mut found).unwrap();
        let sights = source.scene().boxes_at(t);
        let place = format!("{} at {t:.2} s", source.scene().name);
        for sight in sights.iter().filter(|s| promised(s, &sights)) {
            let off = |d: &Detection| error(&d.bbox, &sight.bbox);
            let best = found.iter().filter(|d| d.class == sight.class).min_by(|a, b| off(a).total_cmp(&off(b)));
            let best = best.unwrap_or_else(|| panic!("{place}: not found: {sight:?}"));
            assert!(off(best) <= 2.0, "{place}: not found: {sight:?}; nearest {best:?}");
            assert!(best.score > 0.6, "{place}: hardly found: {sight:?}, {best:?}");
            whole += 1;
        }
        for d in &found {
            let explained = sights.iter().any(|s| s.visible > 0.0 && is(d, s));
            assert!(explained, "{place}: false alarm {d:?}; there are {sights:?}");
        }
        let seen = sights.iter().filter(|s| s.visible > 0.0).count();
        assert!(found.len() <= seen, "{place}: {} boxes for {seen} vehicles", found.len());
    }
    whole
}

#[test]
fn the_committed_network_is_what_the_program_makes() {
    let made = network::make();
    let read = |name: &str| std::fs::read(folder().join(name)).unwrap();
    assert!(read("model.onnx") == made.graph, "model.onnx differs: cargo run --example make_scene_model");
    assert_eq!(String::from_utf8(read("model.toml")).unwrap(), made.description);
    assert!(made.graph.len() < 100_000, "{} bytes are too many for the binary", made.graph.len());
}

#[test]
fn every_whole_vehicle_of_every_named_scene_is_found_and_nothing_else() {
    let mut detector = detector();
    for (name, _) in NAMES {
        // 23 has no common divisor with any rhythm of the scenes.
        let found = check(&mut detector, Scene::parse(name).unwrap(), 23);
        assert!(found > 0 || name == "empty", "{name} shows nothing");
    }
}

#[test]
fn random_scenes_hold_no_surprise() {
    let mut detector = detector();
    let scene = |seed| random(&Random { seed, seconds: 16.0, vehicles: 40, fps: 25.0 });
    let found: usize = (0..6).map(|seed| check(&mut detector, scene(seed), 41)).sum();
    assert!(found > 200, "only {found} vehicles were to be seen");
}

/// Halves of two vehicles must not add up to one: four of a kind side by side, at every place within two cells.
#[test]
fn four_of_a_kind_abreast_are_four() {
    let mut detector = detector();
    for kind in Kind::ALL {
        let mut scene = Scene::parse("empty?fps=1").unwrap();
        (scene.name, scene.seconds) = (format!("abreast of {kind:?}"), 22.0);
        scene.vehicles = (0..4)
            .map(|lane| {
                let path = vec![Waypoint { t: 0.0, x: 300.0 }, Waypoint { t: 22.0, x: 333.0 }];
                Vehicle { kind, lane, paint: lane as u8, path, hidden: vec![] }
            })
            .collect();
        assert_eq!(check(&mut detector, scene, 1), 4 * 22, "{kind:?}");
    }
}
