//! `wayside detect` on a clip: the synthetic road, drawn and printed.

use std::fs;

use serde_json::Value;

use super::{folder, stderr, wayside};

#[test]
fn a_clip_becomes_pictures_lines_and_a_video() {
    let dir = folder();
    let run = |args: &[&str]| {
        let output =
            wayside(dir.path(), &[&["detect", "scene:road", "--model", "scene", "--every", "20"], args].concat());
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let lines: Vec<Value> = run(&["--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines[1]["frame"].as_u64(), lines[1]["time"].as_f64()), (Some(20), Some(0.8)));
    assert!(lines.iter().any(|line| line["detections"][0]["class"] == "car"));

    let said = run(&["--draw", "frames"]);
    assert!(said.starts_with(&format!("scene:road: {} frames, in each on average ", lines.len())), "{said}");
    let mut frames: Vec<_> = fs::read_dir(dir.path().join("frames")).unwrap().map(|f| f.unwrap().file_name()).collect();
    frames.sort();
    assert_eq!((frames.len(), frames[1].to_str()), (lines.len(), Some("000020.jpg")));

    if cfg!(feature = "clip") {
        run(&["--draw", "road.mp4"]);
        // What was written is a clip that can be read.
        let output = wayside(dir.path(), &["detect", "road.mp4", "--model", "scene", "--json"]);
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), lines.len(), "{}", stderr(&output));
    }
}

#[test]
fn what_does_not_fit_is_one_line() {
    let dir = folder();
    fs::write(dir.path().join("text.mp4"), "no video").unwrap();
    image::RgbImage::new(64, 48).save(dir.path().join("a.png")).unwrap();
    for (args, words) in [
        (&["text.mp4", "--model", "scene"][..], "text.mp4"),
        (&["none.mp4", "--model", "scene"], "no such file"),
        (&["scene:road", "a.png", "--model", "scene"], "give it alone"),
        (&["scene:road", "--draw", "road.avi"], "only mp4 and folders"),
        (&["a.png", "--model", "scene", "--draw", "a.mp4"], "drawn into a folder"),
    ] {
        let output = wayside(dir.path(), &[&["detect"], args].concat());
        let said = stderr(&output);
        assert!(!output.status.success(), "{args:?}");
        assert_eq!(said.trim().lines().count(), 1, "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
}
