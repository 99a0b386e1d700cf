//! `wayside model pull` as its users type it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use wayside::clock::{Clock, SystemClock};

use crate::command::{command, done, refused};
use crate::server::{Server, hold, write};

/// The folder of published models, where it is.
fn assets() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/assets/models");
    if !path.exists() {
        eprintln!("skipped: no ../shared/assets");
        return None;
    }
    Some(path.canonicalize().unwrap())
}

#[test]
fn without_a_name_the_catalogue_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let list = done(folder.path(), &["pull"]);
    for part in ["yolox-s ", "35.9", "Apache-2.0", "face detection", "style-candy", "installed"] {
        assert!(list.contains(part), "{part}: {list}");
    }
    assert!(list.lines().all(|line| line.chars().count() <= 120), "{list}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_refused_pull_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::create_dir(dir.join("stick")).unwrap();
    fs::write(dir.join("stick/some.onnx"), "other").unwrap();
    for (args, reason) in [
        (&["pull", "yolo-x"][..], "did you mean `yolox-"),
        (&["pull", "yunet", "--from", "nowhere"], "nowhere: no such file or folder"),
        (&["pull", "yunet", "--from", "stick"], "stick/face_detection_yunet_2023mar.onnx: no such file"),
        (&["pull", "yunet", "--from", "stick/some.onnx"], "some.onnx: sha256 is"),
        (&["pull", "yunet", "--into", "stick/some.onnx", "--from", "stick/some.onnx"], "some.onnx: sha256 is"),
    ] {
        let line = refused(dir, args);
        assert!(line.contains(reason), "{args:?}: {line}");
    }
    assert_eq!(fs::read_dir(dir).unwrap().count(), 1);
    assert_eq!(fs::read_dir(dir.join("stick")).unwrap().count(), 1);
}

/// The files that can be had here run as the catalogue says: head, size, classes, and what they see in a photograph.
#[test]
fn detectors_of_the_catalogue_see_a_bus() {
    let Some(assets) = assets() else { return };
    let bus = assets.join("../images/bus.jpg").canonicalize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for (name, file, says) in [
        ("yolox-nano", "", "yolox 416x416, 80 classes: --model yolox-nano"),
        ("nanodet", "", "nanodet 416x416, 80 classes: --model nanodet"),
        ("nanodet-int8", "/object_detection_nanodet_2022nov_int8.onnx", "nanodet 416x416"),
    ] {
        let said = done(dir, &["pull", name, "--from", &format!("{}{file}", assets.display())]);
        assert!(said.starts_with(&format!("models/{name}: {says}")), "{said}");
        assert!(done(dir, &["check", name]).contains("ok"));
        let mut detect = Command::new(env!("CARGO_BIN_EXE_wayside"));
        detect.current_dir(dir).env_remove("WAYSIDE_MODELS").args(["detect", "--model", name]).arg(&bus);
        let seen = String::from_utf8(detect.output().unwrap().stdout).unwrap();
        assert!(seen.contains("bus") && seen.contains("person"), "{name}: {seen}");
    }
    let list = done(dir, &["pull"]);
    assert!(list.contains("models/nanodet-int8") && !list.contains("models/yunet"), "{list}");
    assert!(done(dir, &["show", "nanodet"]).contains("Apache-2.0"));
    assert!(refused(dir, &["pull", "nanodet"]).contains("models/nanodet: exists; --force replaces it"));
}

#[test]
fn a_model_that_does_not_run_here_is_kept_and_said_so() {
    let Some(assets) = assets() else { return };
    let file = fs::read(assets.join("face_detection_yunet_2023mar.onnx")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::honest(file.clone());
    let args = ["pull", "yunet", "--into", "more/models", "--from", &server.url];
    let said = done(folder.path(), &args);
    assert!(said.contains("the file alone") && said.contains("face detection"), "{said}");
    let place = folder.path().join("more/models/yunet");
    let mut files: Vec<_> = fs::read_dir(&place).unwrap().map(|f| f.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["model.onnx", "source.toml"]);
    assert_eq!(fs::read(place.join("model.onnx")).unwrap(), file);
    assert!(refused(folder.path(), &args).contains("--force"));
    done(folder.path(), &[&args[..], &["--force"]].concat());
    assert_eq!(fs::read_dir(folder.path().join("more/models")).unwrap().count(), 1, "nothing of the work is left");
}

#[test]
fn an_interrupted_pull_keeps_what_came() {
    let server = Server::start(|_, _, stream| {
        write(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 232589\r\n\r\n");
        write(stream, [5; 1000]);
        hold(stream);
    });
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), &["pull", "yunet", "--from", &server.url]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let part = folder.path().join("models/yunet.part");
    let came = || fs::metadata(&part).is_ok_and(|part| part.len() == 1000);
    for _ in 0..1000 {
        if came() {
            break;
        }
        SystemClock::new().sleep(Duration::from_millis(10));
    }
    // Not SIGINT, which a child of a shell's background job ignores: both end a program that handles neither.
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(!child.wait().unwrap().success());
    assert!(came());
    assert_eq!(fs::read_dir(folder.path().join("models")).unwrap().count(), 1);
}
