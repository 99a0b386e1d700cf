//! `wayside train` hands over to wayside-train.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::{command, folder, stderr};

#[test]
fn the_program_on_the_path_gets_every_argument_and_gives_its_exit_status() {
    let folder = folder();
    let program = folder.path().join("wayside-train");
    fs::write(&program, "#!/bin/sh\necho \"$@\"\nexit 7\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    // A build of the whole workspace has the real one beside the program: a copy elsewhere has not.
    let alone = folder.path().join("alone");
    fs::create_dir(&alone).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_wayside"), alone.join("wayside")).unwrap();
    let output = std::process::Command::new(alone.join("wayside"))
        .args(["train", "classify", "--data", "a b", "--help"])
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "classify --data a b --help\n");
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn where_it_is_missing_one_line_says_how_to_get_it() {
    let folder = folder();
    let alone = folder.path().join("wayside");
    fs::copy(env!("CARGO_BIN_EXE_wayside"), &alone).unwrap();
    let output = std::process::Command::new(&alone).args(["train", "summary"]).env("PATH", "").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("cargo install --path train"), "{}", stderr(&output));
    // And the verb is listed for those who look for it.
    let help = command(folder.path(), &["--help"]).output().unwrap();
    assert!(String::from_utf8_lossy(&help.stdout).contains("train"));
}
