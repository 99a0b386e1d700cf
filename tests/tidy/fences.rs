//! Who may know whom: the two tables of this file are the architecture.

use crate::Finding;
use crate::code::{outside_tests, words};

/// A room: a folder or file of src/, and the rooms it may name beside the values.
struct Room(&'static str, &'static [&'static str]);

/// Plain values: any room may use them, and they use each other.
const VALUES: &[&str] = &["beat", "clock", "detection", "event", "frame", "geometry", "limits"];

/// Whole files or none: for the rooms that write.
const PART_FILE: &str = "part_file";

/// values ← stages ← seams and adapters ← pipeline ← config ← cli ← main. Unit tests are free.
const ROOMS: &[Room] = &[
    // A stage knows the stage whose output it takes in, and nothing that reads files or starts threads.
    Room("preprocess", &["model"]),
    Room("detect", &["preprocess", "model", "engine"]),
    Room("track", &[]),
    Room("count", &["track"]),
    Room("draw", &["track", "count", PART_FILE]),
    // Seams and their adapters.
    Room("model", &["engine", PART_FILE]),
    Room("engine", &["preprocess", "model"]),
    Room("source", &[]),
    Room("ledger", &["source"]),
    Room("evaluate", &[PART_FILE]),
    // The wiring.
    Room("pipeline", &["preprocess", "detect", "track", "count", "draw", "model", "engine", "source", "ledger"]),
    Room("quantize", &["preprocess", "model", "engine", "source", "pipeline", PART_FILE]),
    Room("config", &["detect", "track", "count", "model", "engine"]),
    Room(
        "cli",
        &[
            "preprocess",
            "detect",
            "track",
            "count",
            "draw",
            "model",
            "engine",
            "source",
            "ledger",
            "evaluate",
            "quantize",
            "pipeline",
            "config",
            PART_FILE,
        ],
    ),
    Room(PART_FILE, &[]),
    Room("lib", &[]),
    Room("main", &["cli"]),
];

/// An outside crate, or a part of std that is worth a fence, and the places that may name it. `*` is everywhere.
struct Place(&'static str, &'static [&'static str]);

const PLACES: &[Place] = &[
    Place("tract_onnx", &["src/engine/"]),
    Place("ort", &["src/engine/onnxruntime.rs"]),
    Place("prost", &["src/engine/"]),
    Place("rusqlite", &["src/ledger/"]),
    Place("openh264", &["src/source/", "src/draw/"]),
    Place("openh264_sys2", &["src/source/"]),
    Place("shiguredo_mp4", &["src/source/", "src/draw/"]),
    Place("image", &["src/source/", "src/draw/", "src/cli/"]),
    Place("fast_image_resize", &["src/preprocess/"]),
    Place("embedded_graphics", &["src/draw/", "src/source/"]),
    Place("crossbeam_channel", &["src/pipeline/"]),
    Place("ureq", &["src/model/pull/http.rs"]),
    Place("rustls", &["src/model/pull/http.rs"]),
    Place("rustls_native_certs", &["src/model/pull/http.rs"]),
    Place("signal_hook", &["src/pipeline/"]),
    Place("moq_v4l", &["src/source/v4l/"]),
    Place("nokhwa", &["src/source/webcam"]),
    Place("rustix", &["src/source/pipe", "src/source/v4l/"]),
    Place("zune_jpeg", &["src/source/jpeg"]),
    // clock.rs lets time pass, and starts nothing.
    Place("std::thread", &["src/pipeline/", "src/source/ffmpeg", "src/source/webcam", "src/clock.rs"]),
    Place("Command::new", &["src/source/ffmpeg", "src/source/pipe", "src/cli/train.rs"]),
    Place("std::process::exit", &["src/cli/"]),
    Place("std::net", &[]),
    // Only the kernels know processors.
    Place("std::arch", &["src/engine/int8/kernel/"]),
    Place("target_feature", &["src/engine/int8/kernel/"]),
    Place("Instant::now", &["src/clock.rs"]),
    Place("SystemTime::now", &["src/clock.rs"]),
    Place("println!", &["src/cli/"]),
    Place("eprintln!", &["src/cli/"]),
    Place("anyhow", &["src/cli/"]),
    Place("anstream", &["src/cli/"]),
    Place("clap", &["src/cli/"]),
    Place("comfy_table", &["src/cli/"]),
    Place("env_logger", &["src/cli/"]),
    Place("indicatif", &["src/cli/"]),
    Place("csv", &["src/cli/", "src/evaluate/"]),
    Place("jiff", &["src/cli/", "src/config/", "src/ledger/"]),
    Place("strsim", &["src/config/", "src/model/", "src/detect/", "src/source/"]),
    Place("toml", &["src/config/", "src/model/"]),
    Place("glob", &["src/source/"]),
    Place("natord", &["src/source/"]),
    Place("libc", &["src/cli/"]),
    Place("tempfile", &["src/part_file.rs", "src/draw/video.rs", "src/model/write.rs"]),
    Place("serde_json", &["src/cli/", "src/evaluate/", "src/source/scene/", "src/ledger/"]),
    Place("sha2", &["*"]),
    Place("serde", &["*"]),
    Place("thiserror", &["*"]),
    Place("log", &["*"]),
];

/// Asks a question and starts nothing.
const HARMLESS: &str = "std::thread::available_parallelism";

/// The room of a file: its folder below src/, or its own name.
fn room_of(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside.split_once('/').map_or(inside.trim_end_matches(".rs"), |(folder, _)| folder)
}

/// Rooms that the file names and may not.
pub fn rooms(path: &str, text: &str) -> Vec<Finding> {
    let room = room_of(path);
    let allowed: &[&str] = ROOMS.iter().find(|row| row.0 == room).map_or(&[], |row| row.1);
    let code = outside_tests(path, text);
    // In the library's own binary the crate is called by its name.
    let named = ["crate::", "wayside::"].iter().flat_map(|root| named_rooms(&code, root));
    named
        .filter(|(_, name)| is_room(name) && *name != room && !VALUES.contains(name) && !allowed.contains(name))
        .map(|(line, name)| format!("{path}:{line}: {room} must not know {name} (table ROOMS in tests/tidy/fences.rs)"))
        .collect()
}

fn is_room(name: &str) -> bool {
    VALUES.contains(&name) || ROOMS.iter().any(|row| row.0 == name)
}

/// (line, name) of each room behind `root`, in groups too: `use crate::{count::Anchor, track::Tracker};`.
fn named_rooms<'a>(code: &'a str, root: &str) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(root) {
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + root.len()..];
        let mut depth = 0;
        let mut expects_name = true;
        for (offset, c) in rest.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => expects_name = true,
                c if c.is_whitespace() => {}
                c if (c.is_alphanumeric() || c == '_') && expects_name && depth <= 1 => {
                    let end =
                        rest[offset..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len() - offset);
                    found.push((line, &rest[offset..offset + end]));
                    expects_name = false;
                }
                _ => {}
            }
            // Without a group it was one name; with one its end is the end.
            if depth <= 0 && !expects_name {
                break;
            }
        }
    }
    found
}

/// Outside crates that the file names and may not.
pub fn crates(path: &str, text: &str) -> Vec<Finding> {
    let code = outside_tests(path, text);
    let mut findings = Vec::new();
    for Place(name, places) in PLACES.iter().filter(|Place(_, places)| *places != ["*"]) {
        if places.iter().any(|place| path.starts_with(place)) {
            continue;
        }
        for (number, line) in code.lines().enumerate() {
            let line = &line.replace(HARMLESS, "");
            if words(line, name).iter().any(|&at| names_it(line, at, name)) {
                let where_to = if places.is_empty() { "nowhere".into() } else { places.join(", ") };
                findings.push(format!("{path}:{}: {name} belongs in {where_to}", number + 1));
            }
        }
    }
    findings
}

/// Whether the word at `at` is the crate and no field, argument or module of the same name.
fn names_it(line: &str, at: usize, name: &str) -> bool {
    let (before, behind) = (line[..at].trim_end(), &line[at + name.len()..]);
    let is_path = name.contains("::") || name.ends_with('!') || behind.starts_with("::");
    let is_use = before.ends_with("use") && (behind.starts_with(';') || behind.starts_with(" as "));
    // `self::image::…` and `source.image::<…>` are our own.
    (is_path && (name.contains("::") || !before.ends_with("::")) && !before.ends_with('.')) || is_use
}

/// `pub mod` of lib.rs that the table does not know.
pub fn rooms_without_a_row(lib: &str) -> Vec<Finding> {
    let modules = lib.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'));
    modules
        .filter(|name| !is_room(name))
        .map(|name| format!("src/lib.rs: {name} has no row in ROOMS of tests/tidy/fences.rs: say whom it may know"))
        .collect()
}

/// Dependencies that the table does not know.
pub fn crates_without_a_place(manifest: &str) -> Vec<Finding> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap().keys().map(|name| name.replace('-', "_"));
    dependencies
        .filter(|name| !PLACES.iter().any(|place| place.0 == *name))
        .map(|name| format!("Cargo.toml: {name} has no place in PLACES of tests/tidy/fences.rs: say who may name it"))
        .collect()
}

#[test]
fn a_forbidden_room_is_found_in_every_spelling() {
    for bad in [
        "use crate::ledger::Ledger;",
        "use crate::{geometry::Point, ledger::Ledger};",
        "use crate::{\n    geometry::{BBox, Point},\n    pipeline,\n};",
        "fn f() { crate::pipeline::run() }",
    ] {
        assert_eq!(rooms("src/track/kalman.rs", bad).len(), 1, "{bad}");
    }
    for good in [
        "use crate::geometry::Point;",
        "use crate::{geometry::{BBox, Point}, frame::Stamp};",
        "// crate::ledger\nuse crate::track::assign;",
        "#[cfg(test)]\nmod tests {\n    use crate::ledger::Ledger;\n}",
    ] {
        assert_eq!(rooms("src/track/kalman.rs", good), Vec::<Finding>::new(), "{good}");
    }
    assert_eq!(rooms("src/geometry.rs", "use crate::track::Tracker;").len(), 1, "a value knows no room");
    assert_eq!(rooms("src/cli/run.rs", "use crate::pipeline::run;").len(), 0);
}

#[test]
fn a_crate_out_of_its_room_is_found() {
    for bad in [
        "use rusqlite::Connection;",
        "fn f() { rusqlite::open() }",
        "use rusqlite as sql;",
        "let now = std::time::Instant::now();",
        "std::thread::sleep(d);",
        "let child = Command::new(\"sh\").spawn();",
        "fn f() -> anyhow::Result<()>",
        "println!();",
    ] {
        assert_eq!(crates("src/track/kalman.rs", bad).len(), 1, "{bad}");
    }
    for good in [
        "let image = frame.image;",
        "self.csv::<u8>()",
        "// rusqlite::Connection",
        "use crate::log::x; mod glob;",
        "let n = std::thread::available_parallelism();",
    ] {
        assert_eq!(crates("src/track/kalman.rs", good), Vec::<Finding>::new(), "{good}");
    }
    assert_eq!(crates("src/ledger/sqlite.rs", "use rusqlite::Connection;").len(), 0);
    assert_eq!(crates("src/ledger/sqlite.rs", "use std::net::TcpListener;").len(), 1);
}

#[test]
fn a_new_room_and_a_new_dependency_ask_for_a_row() {
    assert_eq!(rooms_without_a_row("pub mod track;\npub mod cellar;\n").len(), 1);
    assert_eq!(crates_without_a_place("[dependencies]\nserde = \"1\"\nleft-pad = \"1\"\n").len(), 1);
}
