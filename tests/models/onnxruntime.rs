//! The engine onnxruntime, with the library that ORT_DYLIB_PATH names; and what it says where there is none.

use std::path::Path;
use std::process::Command;

#[cfg(feature = "onnxruntime")]
use {
    super::onnx::{FLOAT, FLOAT16, INT64, Net, fixed},
    super::{asset, model, pattern, spec},
    wayside::engine::{EngineChoice, Outputs, Program},
    wayside::model::{ModelFolder, find},
    wayside::preprocess::Letterboxed,
};

/// What a user reads who asks for the engine, with `library` as ORT_DYLIB_PATH.
fn refusal(library: &Path) -> String {
    let arguments = ["bench", "engine", "scene", "--engine", "onnxruntime", "--runs", "1", "--turns", "1"];
    let output = Command::new(env!("CARGO_BIN_EXE_wayside"))
        .args(arguments)
        .env("ORT_DYLIB_PATH", library)
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "more than one line:\n{said}");
    said
}

#[cfg(not(feature = "onnxruntime"))]
#[test]
fn a_build_without_it_says_how_to_build_with_it() {
    let said = refusal(Path::new("/nonexistent"));
    assert!(said.contains("cargo build --release --features onnxruntime"), "{said}");
}

#[cfg(feature = "onnxruntime")]
#[test]
fn a_library_that_is_none_is_one_line_that_says_what_to_install() {
    let no_library = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    // A folder, and a library of something else, where there is one.
    for library in ["/nonexistent/libonnxruntime.so", no_library.to_str().unwrap(), "/", "libc.so.6"] {
        let said = refusal(Path::new(library));
        assert!(said.contains("no ONNX Runtime (") && said.contains("set ORT_DYLIB_PATH to"), "{library}: {said}");
        assert!(said.contains("install version 1.17 or newer"), "{library}: {said}");
    }
}

/// Loads with the user's library; `None` where there is none.
#[cfg(feature = "onnxruntime")]
fn load(model: &ModelFolder) -> Option<Box<dyn Program>> {
    if std::env::var_os("ORT_DYLIB_PATH").is_none() {
        eprintln!("skipped: no ORT_DYLIB_PATH");
        return None;
    }
    let program = EngineChoice::OnnxRuntime.load(model).unwrap();
    assert_eq!(program.engine(), "onnxruntime");
    Some(program)
}

#[cfg(feature = "onnxruntime")]
fn run(program: &dyn Program, picture: &Letterboxed) -> Outputs {
    let mut outputs = Outputs::default();
    program.session().unwrap().run(picture, &mut outputs).unwrap();
    let shapes: Vec<_> = outputs.tensors.iter().map(|tensor| &tensor.shape).collect();
    assert_eq!(shapes, program.outputs().iter().map(|output| &output.shape).collect::<Vec<_>>());
    outputs
}

#[cfg(feature = "onnxruntime")]
#[test]
fn it_computes_what_tract_computes() {
    let mut models = vec![find("scene").unwrap()];
    if let Some(path) = asset("models/yolox_nano.onnx") {
        let graph = std::fs::read(path).unwrap();
        models.push(model(spec(416, 416, &graph), graph));
    }
    for model in models {
        let Some(program) = load(&model) else { return };
        let reference = EngineChoice::Tract.load(&model).unwrap();
        assert_eq!(program.outputs(), reference.outputs(), "{model}");
        let picture = pattern(model.spec.input.width, model.spec.input.height);
        let (ours, theirs) = (run(&*program, &picture), run(&*reference, &picture));
        for (ours, theirs) in ours.tensors.iter().zip(&theirs.tensors) {
            assert_eq!(ours.shape, theirs.shape);
            for (a, b) in ours.data.iter().zip(&theirs.data) {
                assert!((a - b).abs() <= 1e-4 * b.abs().max(1.0), "{model}: {a} and {b}");
            }
        }
        // Another session, and the buffers of a run before.
        let (mut session, mut outputs) = (program.session().unwrap(), Outputs::default());
        session.run(&picture, &mut outputs).unwrap();
        let buffer = outputs.tensors[0].data.as_ptr();
        session.run(&picture, &mut outputs).unwrap();
        assert_eq!((outputs.tensors[0].data.as_ptr(), &outputs), (buffer, &ours));
    }
}

#[cfg(feature = "onnxruntime")]
#[test]
fn half_floats_open_sizes_and_integers() {
    let open = [None, Some(3), None, None];
    let graph = Net::default()
        .input("picture", FLOAT16, &open)
        .node("Neg", &["picture"], "out", &[])
        .node("Shape", &["out"], "shape", &[])
        .output("out", FLOAT16, &open)
        .output("shape", INT64, &fixed(&[4]))
        .bytes();
    let Some(program) = load(&model(spec(2, 1, &graph), graph)) else { return };
    let picture = |pixels| Letterboxed { width: 2, height: 1, pixels, ..Letterboxed::default() };
    let outputs = run(&*program, &picture(vec![1, 2, 3, 4, 5, 6]));
    assert_eq!(outputs.tensors[0].data, [-1.0, -4.0, -2.0, -5.0, -3.0, -6.0]);
    assert_eq!(outputs.tensors[1].data, [1.0, 3.0, 1.0, 2.0]);

    let error = program.session().unwrap().run(&picture(vec![0; 5]), &mut Outputs::default()).unwrap_err().to_string();
    assert!(error.contains("2x1 pixels in 5 bytes"), "{error}");
}

#[cfg(feature = "onnxruntime")]
#[test]
fn what_the_library_refuses_is_an_error_of_one_line() {
    let graph = Net::default()
        .input("picture", FLOAT, &fixed(&[1, 3, 8, 8]))
        .node("NoSuchOperator", &["picture"], "out", &[])
        .output("out", FLOAT, &fixed(&[1, 3, 8, 8]))
        .bytes();
    let bad = model(spec(8, 8, &graph), graph);
    if std::env::var_os("ORT_DYLIB_PATH").is_some() {
        let error = EngineChoice::OnnxRuntime.load(&bad).err().unwrap().to_string();
        assert!(error.contains("NoSuchOperator") && !error.contains('\n'), "{error}");
    }
}
