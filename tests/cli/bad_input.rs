//! Bad input: one line that says what to do, a non-zero exit status, nothing lost and nothing half-written.

use std::fs;
use std::path::Path;

use super::{assets, command, folder, stderr, wayside};

/// Runs, and expects one line on stderr that contains all of `words`.
pub fn refused(dir: &Path, args: &[&str], words: &[&str]) {
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
fn the_test_network_is_not_let_loose_on_real_traffic() {
    let dir = folder();
    image::RgbImage::new(64, 48).save(dir.path().join("a.png")).unwrap();
    let args = ["count", "a.png", "--model", "scene", "--line", "0.1,0.5,0.9,0.5", "--no-db"];
    refused(dir.path(), &args, &["synthetic road", "--model"]);
}

#[test]
fn a_demo_of_nothing_leaves_nothing() {
    let dir = folder();
    refused(dir.path(), &["demo", "none.mp4"], &["none.mp4", "no such file"]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
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

    assert!(wayside(at, &["count", "scene:empty", "--model", "scene", "--db", "newer.db", "--quiet"]).status.success());
    rusqlite::Connection::open(at.join("newer.db")).unwrap().pragma_update(None, "user_version", 999).unwrap();
    refused(at, &["count", "scene:empty", "--db", "newer.db"], &["newer.db", "999", "update wayside"]);
    refused(at, &["count", "scene:empty", "--db", "no/such/folder/a.db"], &["no/such/folder", "folder"]);
}

/// Said before anything is counted or stored.
#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let dir = folder();
    refused(dir.path(), &["count", "scene:empty", "--csv", "no/such/folder/a.csv"], &["a.csv", "cannot be written"]);
    assert!(!dir.path().join("wayside.db").exists());
}

#[test]
fn a_reader_that_has_gone_away_is_no_crash() {
    let dir = folder();
    for args in [["model", "list"].as_slice(), &["model", "show", "vehicle"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(dir.path(), args).stdout(writer).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {}", stderr(&output));
    }
}

/// A clip that is cut off behind its index gives what is there, says what is missing, and the hole is a row.
#[test]
fn a_cut_clip_is_counted_as_far_as_it_goes_and_its_end_is_a_gap() {
    let Some(assets) = assets() else { return };
    let dir = folder();
    let whole = fs::read(assets.join("clips/intel_car-detection.mp4")).unwrap();
    fs::write(dir.path().join("cut.mp4"), &whole[..whole.len() / 3]).unwrap();
    let model = assets.join("models/yolox_nano.onnx").display().to_string();
    let args = ["count", "cut.mp4", "--model", &model, "--line", "0,0.5,1,0.5", "--quiet", "--every", "10"];
    let output = wayside(dir.path(), &args);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("cut off"), "{said}");
    let db = rusqlite::Connection::open(dir.path().join("wayside.db")).unwrap();
    let sql = "SELECT count(*), sum(frames) FROM gap WHERE reason = 'source'";
    let (gaps, frames): (i64, i64) = db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert!(gaps == 1 && (10..38).contains(&frames), "{frames} of the 38 frames, in {gaps} gap(s)");
}

/// Cut off before its index there is nothing to decode by.
#[test]
fn a_clip_without_its_index_is_refused() {
    let Some(assets) = assets() else { return };
    let dir = folder();
    let whole = fs::read(assets.join("clips/swdee_cars.mp4")).unwrap();
    fs::write(dir.path().join("cut.mp4"), &whole[..whole.len() / 3]).unwrap();
    let model = assets.join("models/yolox_nano.onnx").display().to_string();
    let args = ["count", "cut.mp4", "--model", &model, "--line", "0,0.5,1,0.5", "--no-db"];
    refused(dir.path(), &args, &["cut.mp4", "moov"]);
}
