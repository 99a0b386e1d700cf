//! Model folders: what wayside itself makes of them.

use std::path::{Path, PathBuf};

use wayside::model::{ColorOrder, HeadKind, InputSpec, ModelFolder, ModelSpec, Resize, Task};
use wayside_train::export::ExportOptions;
use wayside_train::zoo;

fn spec() -> ModelSpec {
    let anchors = [[10.0, 14.0], [23.0, 27.0], [37.0, 58.0], [81.0, 82.0], [135.0, 169.0], [200.0, 220.0]];
    ModelSpec {
        name: "road".into(),
        task: Task::Detect,
        head: HeadKind::Yolov3,
        input: InputSpec {
            width: 96,
            height: 64,
            color: ColorOrder::Rgb,
            mean: [0.0; 3],
            std: [255.0; 3],
            resize: Resize::Stretch,
            pad: 114,
        },
        labels: vec!["car".into(), "bus".into()],
        anchors: anchors.into(),
        strides: Vec::new(),
        scores: None,
        score_threshold: None,
        rect: false,
        votes: false,
        licence: "MIT".into(),
        training_data: String::new(),
        accuracy: String::new(),
        sha256: String::new(),
    }
}

fn place(name: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&place);
    place
}

#[test]
fn wayside_opens_and_runs_an_exported_folder() {
    use wayside::engine::{Engine, TractEngine};
    let folder = place("folder-road");
    let model = zoo::yolo_small([64, 96, 3], 2).unwrap();
    let options = ExportOptions { fold_batch_norm: true, ..Default::default() };
    model.export_folder(&folder, &spec(), &options, false).unwrap();
    let opened = ModelFolder::open(&folder).unwrap();
    assert_eq!(opened.spec.labels, spec().labels);
    let program = TractEngine.load(&opened).unwrap();
    let shapes: Vec<&[usize]> = program.outputs().iter().map(|output| output.shape.as_slice()).collect();
    assert_eq!(shapes, [[1, 21, 2, 3], [1, 21, 4, 6]]);
    assert!(folder.join("golden/model.safetensors").is_file());

    let error = model.export_folder(&folder, &spec(), &options, false).unwrap_err().to_string();
    assert!(error.contains("exists"), "{error}");
    model.export_folder(&folder, &spec(), &options, true).unwrap();
}

#[test]
fn a_spec_that_is_not_the_models_is_refused_and_leaves_nothing() {
    let model = zoo::yolo_small([64, 96, 3], 2).unwrap();
    let mut wide = spec();
    wide.input.width = 128;
    let mut boxless = spec();
    boxless.anchors.clear();
    for (spec, expected) in [(wide, "128×64"), (boxless, "anchors")] {
        let folder = place("folder-refused");
        let error = model.export_folder(&folder, &spec, &ExportOptions::default(), false).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        assert!(!folder.exists());
    }
}
