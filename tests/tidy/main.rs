//! Reads the sources and holds the fences of ARCHITECTURE.md: who may know whom, which crate lives in which room, and
//! what no file of this project contains. Every rule is also run over bad snippets: a fence that cannot fail is none.

mod code;
mod docs;
mod fences;
mod style;

use std::path::{Path, PathBuf};

/// A broken rule: where and what to do.
type Finding = String;

/// The repository's files below `folder` with one of these extensions, as (path relative to the root, text), sorted.
fn files(folder: &str, extensions: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if extensions.iter().any(|ext| path.extension().is_some_and(|e| e == *ext)) {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn rust_files() -> Vec<(String, String)> {
    let folders =
        ["src", "tests", "benches", "examples", "train/src", "train/tests", "train/examples", "train/benches"];
    folders.iter().flat_map(|folder| files(folder, &["rs"])).collect()
}

#[track_caller]
fn none(findings: Vec<Finding>) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn rooms_know_only_whom_they_may() {
    none(files("src", &["rs"]).iter().flat_map(|(path, text)| fences::rooms(path, text)).collect());
}

#[test]
fn every_room_and_every_dependency_has_its_place() {
    let lib = std::fs::read_to_string("src/lib.rs").unwrap();
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap();
    none([fences::rooms_without_a_row(&lib), fences::crates_without_a_place(&manifest)].concat());
}

#[test]
fn outside_crates_stay_in_their_rooms() {
    none(files("src", &["rs"]).iter().flat_map(|(path, text)| fences::crates(path, text)).collect());
}

#[test]
fn files_are_short_headed_and_free_of_shortcuts() {
    none(rust_files().iter().flat_map(|(path, text)| style::check(path, text)).collect());
}

#[test]
fn documents_name_only_verbs_and_options_that_exist() {
    let mut pages = files("docs", &["md"]);
    pages.extend(files("config", &["toml"]));
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "justfile"] {
        pages.extend(std::fs::read_to_string(page).map(|text| (page.to_owned(), text)));
    }
    let help = docs::Help::of_the_binary(env!("CARGO_BIN_EXE_wayside"));
    none(pages.iter().flat_map(|(path, text)| docs::check(path, text, &help)).collect());
}

/// What a board compiles, by what cargo itself says.
#[test]
fn a_board_never_compiles_the_training_package() {
    let tree = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--offline", "--prefix", "none", "--edges", "normal,build"])
            .args(arguments)
            .output()
            .expect("cargo starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let has_burn = |tree: &str| tree.lines().any(|line| line.starts_with("burn"));
    assert!(!has_burn(&tree(&["-p", "wayside"])));
    assert!(has_burn(&tree(&["-p", "wayside-train"])), "a fence that cannot fail is none");
}
