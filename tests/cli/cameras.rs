//! Cameras as a user meets them: names, refusals, snapshots, and a camera that is not there.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use super::bad_input::refused;
use super::{command, folder, wayside};

#[test]
fn a_camera_that_cannot_be_used_is_one_line_that_says_what_to_do() {
    let dir = folder();
    let at = dir.path();
    for (camera, words) in [
        ("v4l:/dev/no-such-video", &["no-such-video", "plugged in", "wayside cameras"][..]),
        ("v4l:/dev/null", &["no camera"]),
        ("v4l,sise=640x480:/dev/video0", &["did you mean size=…"]),
        ("v4l,fps=1000:/dev/video0", &["above 0, at most 240"]),
        ("pipe:rpicam-vid", &["which format?"]),
        ("pipe,format=nv12:rpicam-vid", &["needs the size"]),
        ("pipe,format=mjpg:echo no cameras available >&2; exit 255", &["exit status: 255", "no cameras available"]),
    ] {
        let snapshot = ["cameras", "--snapshot", camera, "-o", "x.jpg"];
        refused(at, &snapshot, words);
        assert!(!at.join("x.jpg").exists());
    }
    refused(at, &["cameras", "--snapshot", "clip.mp4", "-o", "x.jpg"], &["names no camera"]);
    let count = ["count", "v4l:/dev/no-such-video", "--line", "0,0,1,1", "--model", &model(at)];
    refused(at, &count, &["plugged in"]);
    refused(at, &[&count[..], &["--start", "2026-05-04T08:00:00Z"]].concat(), &["leave `start` out"]);
    assert!(!at.join("wayside.db").exists());
}

/// The test network under another name: itself it is let loose on the synthetic road only.
fn model(folder: &Path) -> String {
    let scene = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/scene");
    let copy = folder.join("anywhere");
    std::fs::create_dir_all(&copy).unwrap();
    std::fs::copy(scene.join("model.onnx"), copy.join("model.onnx")).unwrap();
    let spec = std::fs::read_to_string(scene.join("model.toml")).unwrap();
    std::fs::write(copy.join("model.toml"), spec.replace("name = \"scene\"", "name = \"anywhere\"")).unwrap();
    copy.display().to_string()
}

#[test]
fn a_snapshot_is_taken_from_a_command() {
    let dir = folder();
    // Full red, as Y U Y V.
    let camera = "pipe,format=yuyv,size=32x16:while :; do n=0; while [ $n -lt 256 ]; do printf 'QZQ\\360'; n=$((n+1)); done; sleep 0.02; done";
    let output = wayside(dir.path(), &["cameras", "--snapshot", camera, "-o", "red.jpg"]);
    assert!(output.status.success(), "{}", super::stderr(&output));
    let picture = image::open(dir.path().join("red.jpg")).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), (32, 16));
    let [red, green, blue] = picture.get_pixel(16, 8).0;
    assert!(red > 240 && green < 15 && blue < 15, "{:?}", picture.get_pixel(16, 8));
}

/// `run` waits for a camera, and a signal ends the wait, as it ends a service: with 0.
#[test]
fn run_waits_for_a_missing_camera_until_a_signal() {
    let dir = folder();
    for (size, waits) in [("", false), (",size=64x36", true)] {
        let config = format!(
            "[database]\npath = \"waits.db\"\n[model]\nname = '{}'\n[[source]]\nname = 'road'\n\
             input = 'v4l{size}:/dev/no-such-video'\nlines = [{{ name = 'a', from = [0.1, 0.5], to = [0.9, 0.5] }}]\n",
            model(dir.path())
        );
        std::fs::write(dir.path().join("run.toml"), config).unwrap();
        let mut child = command(dir.path(), &["run", "--config", "run.toml", "--quiet"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = said.by_ref().map(Result::unwrap).find(|line| !line.contains("counting")).unwrap();
        assert!(first.contains("plugged in") && first.contains("tried again"), "{first}");
        // With the size the run has begun, and has a row, before the camera is there.
        while waits && !has_run(&dir.path().join("waits.db")) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let killed = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let rest: Vec<String> = said.map(Result::unwrap).collect();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{rest:?}");
        assert!(!rest.iter().any(|line| line.contains("plugged in")), "the same reason again: {rest:?}");
    }
}

fn has_run(path: &Path) -> bool {
    rusqlite::Connection::open(path)
        .and_then(|db| db.query_row("SELECT count(*) FROM session", [], |row| row.get::<_, i64>(0)))
        .is_ok_and(|sessions| sessions == 1)
}
