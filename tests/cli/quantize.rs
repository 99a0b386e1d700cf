//! `wayside quantize` on the synthetic road: the test network in 8 bits, and every input that cannot be used.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::bad_input::refused;
use super::evaluate_detect::road;
use super::{assets, folder, stderr, wayside};

const BASE: [&str; 4] = ["quantize", "scene", "--calibrate", "pictures"];
const LABELLED: [&str; 4] = ["--evaluate", "truth.json", "--images", "pictures"];

fn done(dir: &Path, args: &[&str]) -> String {
    let output = wayside(dir, args);
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Names in a folder, hidden ones too.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_built_in_network_in_eight_bits_finds_the_road() {
    let dir = folder();
    let at = dir.path();
    road(at);
    let said = done(at, &[&BASE[..], &LABELLED, &["-o", "road8"]].concat());
    assert!(said.contains("layers int8") && said.contains("AP50"), "{said}");
    assert_eq!(names(&at.join("road8")), ["layers.png", "layers.txt", "model.onnx", "model.toml"]);
    assert!(!names(at).iter().any(|name| name.starts_with('.')), "nothing of the work is left: {:?}", names(at));
    let spec = fs::read_to_string(at.join("road8/model.toml")).unwrap();
    assert!(spec.contains("int8") && spec.contains("AP50"), "{spec}");
    let scored = ["evaluate", "detect", "--images", "pictures", "--truth", "truth.json", "--json"];
    let score = |more: &[&str]| -> f64 {
        let figures: Value = serde_json::from_str(&done(at, &[&scored[..], more].concat())).unwrap();
        figures["all"]["ap50"].as_f64().unwrap()
    };
    let (float, int8) = (score(&["--model", "scene"]), score(&["--model", "road8", "--engine", "int8"]));
    assert!(float - int8 <= 0.01, "float {float}, int8 {int8}");
}

#[test]
fn the_same_seed_gives_the_same_file() {
    let dir = folder();
    let at = dir.path();
    road(at);
    for (name, sessions) in [("one.onnx", "1"), ("two.onnx", "2")] {
        done(at, &[&BASE[..], &["-o", name, "--sessions", sessions, "--quiet"]].concat());
    }
    assert!(fs::read(at.join("one.onnx")).unwrap() == fs::read(at.join("two.onnx")).unwrap());
}

#[test]
fn explain_names_every_layer_and_writes_nothing() {
    let dir = folder();
    road(dir.path());
    let before = names(dir.path());
    let said = done(dir.path(), &[&BASE[..], &["--explain"]].concat());
    assert!(said.contains("of the error") && said.contains("ms more in float"), "{said}");
    assert_eq!(names(dir.path()), before);
}

#[test]
fn what_cannot_be_used_is_refused_in_one_line_and_nothing_is_written() {
    let dir = folder();
    let at = dir.path();
    road(at);
    fs::create_dir(at.join("none")).unwrap();
    fs::create_dir(at.join("one")).unwrap();
    fs::create_dir(at.join("blank")).unwrap();
    fs::copy(at.join("pictures/00.png"), at.join("one/a.png")).unwrap();
    for number in 0..9 {
        image::RgbImage::from_pixel(64, 48, image::Rgb([90; 3])).save(at.join(format!("blank/{number}.png"))).unwrap();
    }
    done(at, &[&BASE[..], &["-o", "road8"]].concat());
    fs::write(
        at.join("lorry.json"),
        fs::read_to_string(at.join("truth.json")).unwrap().replace("\"car\"", "\"lorry\""),
    )
    .unwrap();
    let before = names(at);
    let with = |pictures: &'static str| vec!["quantize", "scene", "--calibrate", pictures, "-o", "out"];
    refused(at, &with("none"), &["none"]);
    refused(at, &with("missing"), &["missing"]);
    refused(at, &with("one"), &["1 pictures", "too few", "200"]);
    refused(at, &with("blank"), &["show nothing", "give pictures"]);
    refused(at, &["quantize", "./road8", "--calibrate", "pictures", "-o", "out"], &["quantised already"]);
    refused(at, &[&BASE[..], &["-o", "road8"]].concat(), &["road8", "exists", "--force"]);
    refused(at, &[&BASE[..], &["-o", "road8/model.onnx"]].concat(), &["road8/model.onnx", "exists", "--force"]);
    refused(at, &[&BASE[..], &["-o", "nowhere/road8.onnx"]].concat(), &["nowhere/road8.onnx", "no such folder"]);
    refused(at, &[&BASE[..], &["-o", "pictures"]].concat(), &["pictures", "no model folder"]);
    let lorry = ["--evaluate", "lorry.json", "--images", "pictures", "-o", "out"];
    refused(at, &[&BASE[..], &lorry].concat(), &["lorry"]);
    let elsewhere = ["--evaluate", "truth.json", "--images", "blank", "-o", "out"];
    refused(at, &[&BASE[..], &elsewhere].concat(), &["no such picture"]);
    // No network loses less than nothing.
    refused(at, &[&BASE[..], &LABELLED, &["--budget=-50", "-o", "out"]].concat(), &["points", "--budget"]);
    let hidden = |name: &String| name.starts_with(".out") || name.starts_with(".road8");
    assert_eq!(names(at).into_iter().filter(|name| !hidden(name)).collect::<Vec<_>>(), before);
}

#[test]
fn a_disk_that_is_full_at_the_end_leaves_no_half_file() {
    let dir = folder();
    let at = dir.path();
    road(at);
    // No file may grow beyond 512 bytes; the signal that says so is ignored, so writing fails as on a full disk.
    let program = env!("CARGO_BIN_EXE_wayside");
    for output in ["out.onnx", "out"] {
        let script = format!("trap '' XFSZ; ulimit -f 1; exec {program} {} -o {output}", BASE.join(" "));
        let mut ended = Command::new("sh");
        ended.args(["-c", &script]).current_dir(at);
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let ended = ended.env("WAYSIDE_MODELS", models).output().unwrap();
        let said = stderr(&ended);
        assert!(!ended.status.success() && said.contains(output), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "{said}");
        assert!(!names(at).iter().any(|name| name.contains("out") || name.starts_with('.')), "{:?}", names(at));
    }
}

#[test]
fn yolox_nano_keeps_its_figures_with_few_pictures() {
    let Some(assets) = assets() else { return };
    let dir = folder();
    let model = assets.join("models/yolox_nano.onnx");
    let pictures = assets.join("detect-train/images");
    let (model, pictures) = (model.to_str().unwrap(), pictures.to_str().unwrap());
    let args = ["quantize", model, "--calibrate", pictures, "--most", "8", "--budget", "12", "-o", "nano8.onnx"];
    let said = done(dir.path(), &args);
    let layers = said.lines().filter(|line| line.contains("int8:")).count();
    assert!(layers >= 110, "{layers} layers in 8 bits:\n{said}");
}
