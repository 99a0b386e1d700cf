//! What the tract engine computes, on networks whose answer is known.

use wayside::engine::{Engine, Outputs, Program, TractEngine};
use wayside::model::ModelSpec;
use wayside::preprocess::Letterboxed;

use crate::onnx::{self, BOOL, FLOAT, FLOAT16, INT64, Net, fixed};
use crate::{asset, model, spec};

fn picture(width: u32, height: u32, pixels: Vec<u8>) -> Letterboxed {
    Letterboxed { width, height, pixels, ..Letterboxed::default() }
}

fn load(width: u32, height: u32, graph: Vec<u8>) -> Box<dyn Program> {
    TractEngine.load(&model(spec(width, height, &graph), graph)).unwrap()
}

#[test]
fn the_network_sees_normalised_pixels_in_planes() {
    let graph = onnx::identity(1, 2).output("out", FLOAT, &fixed(&[1, 3, 1, 2])).bytes();
    let mut spec = spec(2, 1, &graph);
    (spec.input.mean, spec.input.std) = ([0.0, 10.0, 20.0], [1.0, 2.0, 4.0]);
    let program = TractEngine.load(&model(spec, graph)).unwrap();
    assert_eq!((program.engine(), program.outputs().len()), ("tract", 1));
    assert_eq!((&*program.outputs()[0].name, &*program.outputs()[0].shape), ("out", &[1, 3, 1, 2][..]));

    let mut outputs = Outputs::default();
    program.session().unwrap().run(&picture(2, 1, vec![0, 10, 20, 255, 12, 16]), &mut outputs).unwrap();
    assert_eq!(outputs.tensors[0].shape, [1, 3, 1, 2]);
    assert_eq!(outputs.tensors[0].data, [0.0, 255.0, 0.0, 1.0, 0.0, -1.0]);
}

#[test]
fn a_graph_may_want_channels_last() {
    let graph = Net::default()
        .input("picture", FLOAT, &fixed(&[1, 1, 2, 3]))
        .node("Neg", &["picture"], "out", &[])
        .output("out", FLOAT, &fixed(&[1, 1, 2, 3]))
        .bytes();
    let mut outputs = Outputs::default();
    let program = load(2, 1, graph);
    program.session().unwrap().run(&picture(2, 1, vec![1, 2, 3, 4, 5, 6]), &mut outputs).unwrap();
    assert_eq!(outputs.tensors[0].data, [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]);
}

#[test]
fn sessions_share_a_program_and_reuse_buffers() {
    let program = load(2, 1, onnx::identity(1, 2).output("out", FLOAT, &fixed(&[1, 3, 1, 2])).bytes());
    let (mut one, mut two) = (program.session().unwrap(), program.session().unwrap());
    let (mut first, mut second) = (Outputs::default(), Outputs::default());
    one.run(&picture(2, 1, vec![7; 6]), &mut first).unwrap();
    two.run(&picture(2, 1, vec![9; 6]), &mut second).unwrap();
    let buffer = first.tensors[0].data.as_ptr();
    one.run(&picture(2, 1, vec![8; 6]), &mut first).unwrap();
    assert_eq!(first.tensors[0].data, [8.0; 6]);
    assert_eq!(second.tensors[0].data, [9.0; 6]);
    assert_eq!(first.tensors[0].data.as_ptr(), buffer, "the buffer is the same");
}

#[test]
fn a_picture_of_another_size_is_refused_and_the_next_one_runs() {
    let program = load(2, 1, onnx::identity(1, 2).output("out", FLOAT, &fixed(&[1, 3, 1, 2])).bytes());
    let mut session = program.session().unwrap();
    let mut outputs = Outputs::default();
    for wrong in [picture(1, 2, vec![0; 6]), picture(2, 1, vec![0; 5])] {
        let error = session.run(&wrong, &mut outputs).unwrap_err().to_string();
        assert!(error.contains("2x1"), "{error}");
    }
    session.run(&picture(2, 1, vec![3; 6]), &mut outputs).unwrap();
    assert_eq!(outputs.tensors[0].data, [3.0; 6]);
}

#[test]
fn sizes_that_a_file_leaves_open_are_bound() {
    let graph = Net::default()
        .input("picture", FLOAT, &[None, Some(3), None, None])
        .node("MaxPool", &["picture"], "out", &[("kernel_shape", &[2, 2]), ("strides", &[2, 2])])
        .output("out", FLOAT, &[None, Some(3), None, None])
        .bytes();
    let program = load(6, 4, graph);
    assert_eq!(program.outputs()[0].shape, [1, 3, 2, 3]);
}

#[test]
fn half_floats_and_integers_become_floats_and_truth_values_are_refused() {
    let cast = |kind| {
        onnx::identity(1, 2)
            .node("Cast", &["out"], "cast", &[("to", &[i64::from(kind)])])
            .output("cast", kind, &fixed(&[1, 3, 1, 2]))
            .bytes()
    };
    for kind in [FLOAT16, INT64] {
        let mut outputs = Outputs::default();
        let program = load(2, 1, cast(kind));
        program.session().unwrap().run(&picture(2, 1, vec![1, 2, 3, 4, 5, 6]), &mut outputs).unwrap();
        assert_eq!(outputs.tensors[0].data, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
    let graph = cast(BOOL);
    let error = TractEngine.load(&model(spec(2, 1, &graph), graph)).err().unwrap().to_string();
    assert!(error.contains("output `cast`"), "{error}");
}

#[test]
fn a_half_float_input_is_fed() {
    let graph = Net::default()
        .input("picture", FLOAT16, &fixed(&[1, 3, 1, 2]))
        .node("Cast", &["picture"], "out", &[("to", &[i64::from(FLOAT)])])
        .output("out", FLOAT, &fixed(&[1, 3, 1, 2]))
        .bytes();
    let mut outputs = Outputs::default();
    let program = load(2, 1, graph);
    program.session().unwrap().run(&picture(2, 1, vec![1, 2, 3, 4, 5, 255]), &mut outputs).unwrap();
    assert_eq!(outputs.tensors[0].data, [1.0, 4.0, 2.0, 5.0, 3.0, 255.0]);
}

/// Every network of the assets that takes one picture, with its number of outputs.
#[test]
fn published_networks_load() {
    for (name, side, outputs) in [
        ("face_detection_yunet_2023mar.onnx", 640, 12),
        ("minifasnet_v2_2.7_80x80.onnx", 80, 1),
        ("mobilefacenet_foamliu.onnx", 112, 1),
        ("object_detection_nanodet_2022nov.onnx", 416, 6),
        ("yolo-fastest-1.1.onnx", 320, 2),
        ("yolo-lite-coco.onnx", 224, 1),
        ("yolo-lite-coco_int8_qdq_derived.onnx", 224, 1),
        ("yolo11n_320_fp32_dequantised.onnx", 320, 1),
        ("yolox_nano.onnx", 416, 1),
        ("yunet_s_dynamic.onnx", 160, 12),
    ] {
        let Some(path) = asset(&format!("models/{name}")) else { return };
        let graph = std::fs::read(path).unwrap();
        match TractEngine.load(&model(spec(side, side, &graph), graph)) {
            Ok(program) => assert_eq!(program.outputs().len(), outputs, "{name}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn a_network_that_computes_any_size_takes_the_shape_of_the_frame() {
    let graph = onnx::identity(64, 64).output("out", FLOAT, &fixed(&[1, 3, 64, 64])).bytes();
    let fixed_size = model(spec(96, 32, &graph), graph.clone());
    let refused = TractEngine.load(&fixed_size).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("does not take a picture of 96x32"), "{refused}");

    let rect = model(ModelSpec { rect: true, ..spec(64, 64, &graph) }, graph);
    let program = TractEngine.load(&rect.for_frames(1600, 500)).unwrap();
    assert_eq!(program.outputs()[0].shape, [1, 3, 32, 128]);
    let mut outputs = Outputs::default();
    program.session().unwrap().run(&picture(128, 32, vec![7; 128 * 32 * 3]), &mut outputs).unwrap();
    assert_eq!(outputs.tensors[0].data, vec![7.0; 128 * 32 * 3]);
    assert_eq!(TractEngine.load(&rect).unwrap().outputs()[0].shape, [1, 3, 64, 64], "its own size is as it was");
}
