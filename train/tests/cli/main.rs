//! The program as a user meets it.

mod detect;

use std::path::Path;
use std::process::{Command, Output};

use image::{Rgb, RgbImage};

fn train(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wayside-train")).args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Red and green pictures in folders: `train/red/0.png`.
fn colours(folder: &Path) {
    for (part, count) in [("train", 12), ("val", 4)] {
        for (name, colour) in [("red", [220, 30, 30]), ("green", [30, 200, 60])] {
            let inside = folder.join(part).join(name);
            std::fs::create_dir_all(&inside).unwrap();
            for number in 0..count {
                let shade = (number * 7 % 30) as u8;
                let picture = RgbImage::from_pixel(20, 20, Rgb(colour.map(|value: u8| value.saturating_sub(shade))));
                picture.save(inside.join(format!("{number}.png"))).unwrap();
            }
        }
    }
}

#[test]
fn a_network_is_trained_from_folders_and_corrupt_pictures_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    colours(&data);
    std::fs::write(data.join("train/red/broken.png"), "this is no picture").unwrap();
    let arguments = |epochs: &'static str| {
        let (data, out) = (data.to_str().unwrap().to_owned(), out.to_str().unwrap().to_owned());
        [
            "classify",
            "--data",
            &data,
            "--arch",
            "plain_small",
            "--input",
            "32,32,3",
            "--epochs",
            epochs,
            "--batch-size",
            "8",
        ]
        .map(String::from)
        .into_iter()
        .chain(["--learning-rate", "0.02", "-o", &out].map(String::from))
        .collect::<Vec<_>>()
    };
    let run = |epochs| {
        let arguments = arguments(epochs);
        train(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let output = run("4");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("accuracy           100.00 %"), "{}", text(&output.stdout));
    assert!(
        text(&output.stderr).contains("skipped") && text(&output.stderr).contains("broken.png"),
        "{}",
        text(&output.stderr)
    );
    for file in ["model.onnx", "checkpoint.safetensors", "history.csv", "loss.svg", "accuracy.svg", "confusion.svg"] {
        assert!(out.join(file).is_file(), "{file}");
    }
    assert_eq!(std::fs::read_to_string(out.join("history.csv")).unwrap().lines().count(), 5);
    // The same again has nothing left to do; the checkpoint can be exported and its history drawn.
    let again = run("4");
    assert!(again.status.success() && !text(&again.stderr).contains("epoch 1/"), "{}", text(&again.stderr));
    let path = |name: &str| out.join(name).to_str().unwrap().to_owned();
    let exported = train(&["export", &path("checkpoint.safetensors"), "-o", &path("again.onnx"), "--fold"]);
    assert!(exported.status.success(), "{}", text(&exported.stderr));
    let plotted = train(&["plot", &path("history.csv"), "--columns", "accuracy", "-o", &path("plot.svg")]);
    assert!(plotted.status.success() && out.join("plot.svg").is_file(), "{}", text(&plotted.stderr));
}

#[test]
fn ctrl_c_ends_a_training_which_the_same_command_takes_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    colours(&data);
    let (data, checkpoint) = (data.to_str().unwrap(), out.join("checkpoint.safetensors"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_wayside-train"));
    command.args([
        "classify",
        "--data",
        data,
        "--arch",
        "plain_small",
        "--input",
        "32,32,3",
        "--epochs",
        "100000",
        "-o",
    ]);
    let mut child = command.arg(&out).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !checkpoint.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before the first epoch");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stderr).contains("ended early"), "{}", text(&output.stderr));
    assert!(checkpoint.exists() && !out.join("model.onnx").exists());
    let epochs = std::fs::read_to_string(out.join("history.csv")).unwrap().lines().count();
    let more = epochs.to_string();
    let arguments =
        ["classify", "--data", data, "--arch", "plain_small", "--input", "32,32,3", "--epochs", &more, "-o"];
    let again = Command::new(env!("CARGO_BIN_EXE_wayside-train")).args(arguments).arg(&out).output().unwrap();
    assert!(again.status.success() && out.join("model.onnx").exists(), "{}", text(&again.stderr));
    assert_eq!(std::fs::read_to_string(out.join("history.csv")).unwrap().lines().count(), epochs + 1);
}

#[test]
fn a_summary_reads_like_keras() {
    let output = train(&["summary", "resnet50", "--input", "64,64,3", "--classes", "6"]);
    let text = text(&output.stdout);
    for part in
        ["res2a_branch2a (Conv2D)", "(None, 64, 64, 3)", "Total params: 23,600,006", "Non-trainable params: 53,120"]
    {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn what_is_wrong_is_said_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("model"), "no model").unwrap();
    for (arguments, status, part) in [
        (vec!["summary", "resnet"], 2, "resnet50"),
        (vec!["summary", "resnet50", "--input", "64x64"], 2, "64,64,3"),
        (vec!["summary", "plain_small", "--input", "3,3,3"], 1, "MaxPooling2D behind Conv2D"),
        (vec!["classify", "--data", &path("none"), "-o", &path("out")], 1, "none"),
        (vec!["embed", "--data", &path("none"), "-o", &path("out")], 1, "none"),
        (vec!["export", &path("model"), "-o", &path("m.onnx")], 1, "model"),
        (vec!["plot", &path("model"), "-o", &path("p.svg")], 1, "no column loss"),
    ] {
        let output = train(&arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
        assert!(status == 2 || said.lines().count() == 1, "{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was written");
}
