//! One model at the shapes of several cameras.

use std::sync::Arc;

use wayside::detect::{DetectParams, Detector, Shapes};
use wayside::detection::Detection;
use wayside::engine::EngineChoice;
use wayside::frame::Frame;
use wayside::model::find_in;

/// The picture of the model's golden, 640×360.
fn road() -> image::RgbImage {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/vehicle/golden/input.png");
    image::open(path).unwrap().to_rgb8()
}

fn frame(picture: image::RgbImage) -> Frame {
    Frame::rgb(picture.width(), picture.height(), picture.into_raw())
}

#[test]
fn each_shape_is_loaded_once_and_finds_the_same_vehicles() {
    let model = find_in("vehicle@320", &[]).unwrap();
    let params = DetectParams { score_threshold: 0.4, ..DetectParams::for_model(&model.spec) };
    let shapes = Arc::new(Shapes::load(model, EngineChoice::Auto, (0, 0)).unwrap());
    assert_eq!(shapes.first().size(), (320, 320));
    assert_eq!((shapes.size_for(640, 360), shapes.size_for(360, 640)), ((416, 256), (256, 416)));
    let [one, two] = [(1280, 720), (640, 360)].map(|(width, height)| shapes.for_frames(width, height).unwrap());
    assert!(Arc::ptr_eq(&one.program, &two.program) && !Arc::ptr_eq(&one.program, &shapes.first().program));

    let mut detector = Detector::of_shapes(&shapes, &params).unwrap();
    let mut seen = |picture: image::RgbImage| -> Vec<Detection> {
        let mut found = Vec::new();
        detector.step(&frame(picture), &mut found).unwrap();
        found
    };
    let wide = seen(road());
    // The same road in a picture that is square: grey below, as a letterbox has it.
    let mut square = image::RgbImage::from_pixel(640, 640, image::Rgb([114; 3]));
    image::imageops::replace(&mut square, &road(), 0, 0);
    let square = seen(square);
    assert!(wide.len() >= 5 && square.len() >= 5, "{wide:?} {square:?}");
    let sure: Vec<&Detection> = wide.iter().filter(|one| one.score > 0.6).collect();
    assert!(sure.len() >= 3, "{wide:?}");
    for one in sure {
        let same = |other: &Detection| other.class == one.class && one.bbox.iou(&other.bbox) > 0.6;
        assert!(square.iter().any(same), "{one:?} is missing in {square:?}");
    }
    assert_eq!(seen(road()), wide, "back at the first shape");
}
