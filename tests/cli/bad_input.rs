//! Bad input: one line that says what to do, a non-zero exit status, nothing lost and nothing half-written.

use std::fs;
use std::path::Path;

use super::{assets, folder, stderr, wayside};

/// Runs, and expects one line on stderr that contains all of `words`.
fn refused(dir: &Path, args: &[&str], words: &[&str]) {
    let output = wayside(dir, args);
    let said = stderr(&output);
    assert!(!output.status.success(), "{args:?} was accepted: {said}");
    assert!(!said.contains("panicked"), "{args:?}: {said}");
    assert_eq!(said.trim().lines().count(), 1, "{args:?}: more than one line:\n{said}");
    for word in words {
        assert!(said.contains(word), "{args:?}: no {word:?} in: {said}");
    }
}

#[test]
fn sources_that_are_none() {
    let dir = folder();
    let at = dir.path();
    fs::write(at.join("text.mp4"), "this is no video").unwrap();
    fs::write(at.join("empty.mp4"), "").unwrap();
    fs::write(at.join("empty.onnx"), "").unwrap();
    let line = ["--line", "0.1,0.5,0.9,0.5", "--no-db"];
    let count = |source: &'static str| [&["count", source][..], &line].concat();
    refused(at, &count("text.mp4"), &["text.mp4"]);
    refused(at, &count("empty.mp4"), &["empty.mp4"]);
    refused(at, &count("missing.mp4"), &["missing.mp4", "no such file"]);
    refused(at, &count("scene:raod"), &["raod", "road"]);
    refused(at, &["count", "scene:road", "--no-db", "--model", "empty.onnx"], &["empty.onnx"]);
    refused(at, &["count", "scene:road", "--no-db", "--model", "nonesuch"], &["nonesuch", "model"]);
    assert!(!at.join("wayside.db").exists());
}

#[test]
fn the_built_in_network_is_not_let_loose_on_real_traffic() {
    let dir = folder();
    image::RgbImage::new(64, 48).save(dir.path().join("a.png")).unwrap();
    let args = ["count", "a.png", "--line", "0.1,0.5,0.9,0.5", "--no-db"];
    refused(dir.path(), &args, &["synthetic road", "--model"]);
}

#[test]
fn lines_that_are_none() {
    let dir = folder();
    for (line, words) in
        [("0.1,0.5,0.9", "four numbers"), ("0.1,0.5,0.1,0.5", "same point"), ("0.1,nan,0.1,0.5", "outside")]
    {
        let output = wayside(dir.path(), &["count", "scene:road", "--no-db", "--line", line]);
        assert!(!output.status.success());
        assert!(stderr(&output).contains(words), "{line}: {}", stderr(&output));
    }
    refused(
        dir.path(),
        &["count", "scene:road", "--no-db", "--line", "10,700,600,700"],
        &["outside the 640x360 picture"],
    );
    fs::write(dir.path().join("a.mp4"), "").unwrap();
    refused(dir.path(), &["count", "a.mp4", "--no-db"], &["--line"]);
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    let dir = folder();
    let text = "[detect]\nscroe = 0.3\n\n[[source]]\nname = \"a\"\ninput = \"scene:road\"\nlines = []\n";
    fs::write(dir.path().join("a.toml"), text).unwrap();
    refused(dir.path(), &["run", "--config", "a.toml"], &["a.toml:2", "scroe", "score"]);
}

#[test]
fn databases_that_cannot_be_used_stay_as_they_are() {
    let dir = folder();
    let at = dir.path();
    fs::write(at.join("text.db"), "this is no database, but somebody's letter, and long enough to be one").unwrap();
    refused(at, &["count", "scene:empty", "--db", "text.db"], &["text.db", "no SQLite database"]);
    let letter = fs::read_to_string(at.join("text.db")).unwrap();
    assert!(letter.starts_with("this is no database"));

    assert!(wayside(at, &["count", "scene:empty", "--db", "newer.db", "--quiet"]).status.success());
    rusqlite::Connection::open(at.join("newer.db")).unwrap().pragma_update(None, "user_version", 999).unwrap();
    refused(at, &["count", "scene:empty", "--db", "newer.db"], &["newer.db", "999", "update wayside"]);
    refused(at, &["count", "scene:empty", "--db", "no/such/folder/a.db"], &["no/such/folder", "folder"]);
}

/// A full disk, as /dev/full plays it: the report is refused, and there is none.
#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let dir = folder();
    let args = ["count", "scene:empty", "--no-db", "--quiet", "--csv", "no/such/folder/a.csv"];
    let output = wayside(dir.path(), &args);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("a.csv"), "{}", stderr(&output));
}

/// A cut clip gives what is there, says what is missing, and its gap is a row.
#[test]
fn a_truncated_clip_is_counted_as_far_as_it_goes() {
    let Some(assets) = assets() else { return };
    let dir = folder();
    let whole = fs::read(assets.join("clips/swdee_cars.mp4")).unwrap();
    let model = assets.join("models/yolox_nano.onnx").display().to_string();
    fs::write(dir.path().join("cut.mp4"), &whole[..whole.len() / 3]).unwrap();
    let args = ["count", "cut.mp4", "--model", &model, "--line", "0.3,0.6,1,0.6", "--quiet", "--every", "10"];
    let output = wayside(dir.path(), &args);
    let said = stderr(&output);
    assert!(!said.contains("panicked"), "{said}");
    match output.status.success() {
        true => assert!(said.contains("missing"), "{said}"),
        false => assert!(said.contains("cut.mp4"), "an index at the end of the file is cut off too: {said}"),
    }
}
