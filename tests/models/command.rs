//! `wayside model` run as its users type it; tests/pull runs it likewise.

use std::path::Path;
use std::process::Command;

/// `wayside model ARGS…`, which knows no models but those of `folder` and those inside the program.
pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wayside"));
    command.current_dir(folder).env_remove("WAYSIDE_MODELS").env_remove("RUST_LOG").arg("model").args(args);
    command
}

/// Runs `wayside model ARGS…` in `folder`: whether it succeeded, and what it printed on both streams.
pub fn wayside(folder: &Path, args: &[&str]) -> (bool, String) {
    let output = command(folder, args).output().unwrap();
    let text = [output.stdout, output.stderr].map(|stream| String::from_utf8(stream).unwrap()).concat();
    assert!(!text.contains("panicked"), "{args:?}: {text}");
    (output.status.success(), text)
}

pub fn done(folder: &Path, args: &[&str]) -> String {
    let (success, text) = wayside(folder, args);
    assert!(success, "{args:?}: {text}");
    text
}

/// The one line of a refusal.
pub fn refused(folder: &Path, args: &[&str]) -> String {
    let (success, text) = wayside(folder, args);
    assert!(!success, "{args:?}: {text}");
    assert_eq!(text.lines().count(), 1, "{args:?}: {text}");
    text
}
