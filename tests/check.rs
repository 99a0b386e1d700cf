//! `wayside check`, as people run it: one line per finding, and an exit status for scripts.

use std::path::Path;
use std::process::Command;

const CONFIG: &str = r#"
[[source]]
name = "road"
input = "scene:road"
lines = [{ name = "middle", from = [0.5, 1.0], to = [0.5, 0.2] }]
"#;

/// Runs `wayside check` in `folder` and gives its exit status and its lines.
fn check(folder: &Path, args: &[&str]) -> (Option<i32>, Vec<String>) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_wayside")).arg("check").args(args).current_dir(folder).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text.lines().map(String::from).collect())
}

/// The lines of a check of this config.
fn check_config(text: &str) -> (Option<i32>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("my.toml"), text).unwrap();
    let found = check(folder.path(), &["--config", "my.toml"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "checking makes no file");
    found
}

#[test]
fn a_config_in_order_is_ok_with_all_that_it_names() {
    let (status, lines) = check_config(CONFIG);
    assert_eq!(status, Some(0), "{lines:#?}");
    let starts = [
        "ok: my.toml: 1 source(s), 1 line(s)",
        "ok: model vehicle",
        "ok: source \"road\": scene:road, 640x",
        "ok: wayside.db",
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line:?} does not start with {start:?}");
    }
}

#[test]
fn without_arguments_the_built_in_model_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let (status, lines) = check(folder.path(), &[]);
    assert_eq!((status, lines.len()), (Some(0), 1), "{lines:#?}");
    assert!(lines[0].starts_with("ok: model vehicle"), "{lines:#?}");
}

#[test]
fn everything_wrong_is_one_line_and_exit_status_1() {
    for (text, expected) in [
        (
            format!("[detect]\nscroe = 0.3\n{CONFIG}"),
            "error: my.toml:2: unknown key 'scroe' in [detect]; did you mean 'score'?",
        ),
        (format!("[model]\nname = \"nosuch\"\n{CONFIG}"), "error: model: no model `nosuch`"),
        (format!("[detect]\nclasses = [\"cat\"]\n{CONFIG}"), "error: model: "),
        (CONFIG.replace("scene:road", "nosuch.mp4"), "error: source \"road\": nosuch.mp4"),
        (CONFIG.replace("scene:road", "scene:raod"), "error: source \"road\": "),
        (
            CONFIG.replace("[0.5, 0.2]", "[0.5, 0.9999]"),
            "error: source \"road\": line \"middle\": is shorter than a pixel",
        ),
    ] {
        let (status, lines) = check_config(&text);
        let errors: Vec<&String> = lines.iter().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!((status, errors.len()), (Some(1), 1), "{text}: {lines:#?}");
        assert!(errors[0].starts_with(expected), "{errors:?} does not start with {expected:?}");
    }
}

#[test]
fn a_file_that_is_no_database_and_a_damaged_model_are_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("text.db"), "this is no database, only a text of some length\n".repeat(99))
        .unwrap();
    std::fs::write(folder.path().join("empty.onnx"), "").unwrap();
    for args in [["--db", "text.db"], ["--db", "nosuch.db"], ["--model", "empty.onnx"]] {
        let (status, lines) = check(folder.path(), &args);
        assert_eq!((status, lines.len()), (Some(1), 1), "{args:?}: {lines:#?}");
        assert!(lines[0].starts_with("error: ") && lines[0].contains(args[1]), "{args:?}: {lines:#?}");
    }
}
