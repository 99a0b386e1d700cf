//! `wayside bench engine`: any network of a picture has a time.

use std::fs;
use std::process::Command;

use crate::onnx::{FLOAT, Net, fixed};

#[test]
fn a_network_whose_outputs_nobody_reads_is_timed() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = Net::default()
        .input("picture", FLOAT, &fixed(&[1, 3, 16, 16]))
        .node("GlobalAveragePool", &["picture"], "encoding", &[])
        .output("encoding", FLOAT, &fixed(&[1, 3, 1, 1]));
    fs::write(folder.path().join("encoder.onnx"), encoder.bytes()).unwrap();
    fs::write(folder.path().join("broken.onnx"), "no network").unwrap();
    let bench = |file: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wayside"));
        command.current_dir(&folder).env_remove("RUST_LOG");
        command.args(["bench", "engine", file, "--runs", "2", "--turns", "1", "--json"]).output().unwrap()
    };
    let timed = bench("encoder.onnx");
    assert!(timed.status.success(), "{timed:?}");
    let row: serde_json::Value = serde_json::from_slice(&timed.stdout).unwrap();
    assert!(row["best_ms"].as_f64().unwrap() > 0.0, "{row}");

    let broken = bench("broken.onnx");
    let said = String::from_utf8(broken.stderr).unwrap();
    assert!(!broken.status.success() && said.lines().count() == 1 && said.contains("broken.onnx"), "{said}");
}
