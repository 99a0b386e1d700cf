//! What no Rust file of this project is or contains.

use crate::Finding;
use crate::code::{outside_tests, strip, words};

/// A file of one subject has 80 to 250 lines; beyond this it has several subjects.
const MAX_LINES: usize = 600;

/// (what, why not): in tests as well.
const NOWHERE: &[(&str, &str)] = &[
    ("#[allow(", "write #[expect(lint, reason = \"…\")]"),
    ("#![allow(", "write #![expect(lint, reason = \"…\")]"),
    ("todo!(", "finish it"),
    ("unimplemented!(", "finish it"),
    ("dbg!(", "use log::debug!"),
    ("unbounded(", "every queue is bounded: pipeline::lossless, pipeline::lanes"),
    ("unbounded::<", "every queue is bounded: pipeline::lossless, pipeline::lanes"),
    ("mpsc::channel(", "every queue is bounded: pipeline::lossless, pipeline::lanes"),
    ("mpsc::channel::<", "every queue is bounded: pipeline::lossless, pipeline::lanes"),
];

/// Words that promise work instead of doing it, in comments and messages too.
const UNFINISHED: &[&str] = &["TODO", "FIXME", "XXX", "under construction"];

pub fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        findings
            .push(format!("{path}: {lines} lines, at most {MAX_LINES}; typical are 80 to 250: split it by subject"));
    }
    if let Some(missing) = missing_header(path, text) {
        findings.push(format!("{path}:1: {missing}"));
    }
    for (number, line) in strip(text).lines().enumerate() {
        for (what, instead) in NOWHERE.iter().filter(|(what, _)| line.contains(what)) {
            findings.push(format!("{path}:{}: {what}: {instead}", number + 1));
        }
    }
    // This folder has to name what it looks for.
    if !path.starts_with("tests/tidy/") {
        for (number, line) in text.lines().enumerate() {
            for word in UNFINISHED.iter().filter(|word| !words(line, word).is_empty()) {
                findings.push(format!("{path}:{}: {word}: finish it, or open an issue", number + 1));
            }
        }
    }
    findings.extend(unproved_panics(path, text));
    findings
}

/// A room's `mod.rs` opens with what it is and what does not belong in it.
fn missing_header(path: &str, text: &str) -> Option<&'static str> {
    if !path.starts_with("src/") || !path.ends_with("/mod.rs") {
        return None;
    }
    let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
    if header.is_empty() {
        return Some("a room opens with a //! header");
    }
    // Only the rooms themselves: a folder inside one is covered by its header.
    let is_room = path.matches('/').count() == 2;
    let says_what_not = header.join(" ").contains("Not here");
    (is_room && !says_what_not).then_some("the header says what is \"Not here\"")
}

/// `unwrap()` and `expect(` outside tests whose statement has no comment on it or right before it. In the training package, which
/// runs under its user's eyes, the words of an `expect` are enough.
fn unproved_panics(path: &str, text: &str) -> Vec<Finding> {
    let code = outside_tests(path, text);
    let code: Vec<&str> = code.lines().collect();
    let full: Vec<&str> = text.lines().collect();
    let mut findings = Vec::new();
    for (number, line) in code.iter().enumerate() {
        let calls = [".unwrap()", ".unwrap_err()", ".expect(", ".expect_err("];
        let calls = if path.starts_with("train/") { &calls[..2] } else { &calls[..] };
        let panics = calls.iter().any(|call| line.contains(call));
        if !panics {
            continue;
        }
        let mut first = number;
        while first > 0 && !ends_statement(code[first - 1]) {
            first -= 1;
        }
        let has_comment = |range: std::ops::RangeInclusive<usize>| full[range].iter().any(|line| line.contains("// "));
        if !has_comment(first.saturating_sub(1)..=number) {
            findings.push(format!("{path}:{}: unwrap or expect without a comment that proves it", number + 1));
        }
    }
    findings
}

fn ends_statement(line: &str) -> bool {
    let line = line.trim_end();
    line.is_empty() || line.ends_with([';', '{', '}', ','])
}

#[test]
fn each_shortcut_is_found_and_nothing_else() {
    for (bad, count) in [
        ("fn f() { x.unwrap(); }", 1),
        ("let y = x\n    .map(g)\n    .expect(\"some\");", 1),
        ("// It is some.\nlet z = 1;\nlet y = x.unwrap();", 1),
        ("#[allow(dead_code)]\nfn f() {}", 1),
        ("fn f() { todo!() }", 1),
        ("// TODO: later", 1),
        ("bail!(\"under construction\")", 1),
        ("let (a, b) = unbounded();", 1),
        ("let (a, b) = std::sync::mpsc::channel::<u8>();", 1),
        ("// It is some.\nlet y = x\n    .map(g)\n    .unwrap();", 0),
        ("let y = x.unwrap(); // set in new()", 0),
        ("let y = \".unwrap()\"; x.unwrap_or(0)", 0),
        ("#[expect(dead_code, reason = \"r\")]\nfn f() {}", 0),
        ("#[cfg(test)]\nmod tests {\n    fn f() { x.unwrap(); }\n}", 0),
        ("let bounded = sync_channel(4); // bounded(4)", 0),
    ] {
        assert_eq!(check("src/track/kalman.rs", bad).len(), count, "{bad}: {:?}", check("src/track/kalman.rs", bad));
    }
    assert_eq!(check("tests/x.rs", "fn f() { x.unwrap(); }").len(), 0, "tests may");
    assert_eq!(check("src/a.rs", &"\n".repeat(MAX_LINES + 1)).len(), 1);
}

#[test]
fn a_room_without_a_header_is_found() {
    assert_eq!(check("src/track/mod.rs", "mod kalman;").len(), 1);
    assert_eq!(check("src/track/mod.rs", "//! Tracks.\nmod kalman;").len(), 1);
    assert_eq!(check("src/track/mod.rs", "//! Tracks. Not here: lines.\nmod kalman;").len(), 0);
    assert_eq!(check("src/detect/heads/mod.rs", "//! Heads.\nmod yolox;").len(), 0);
}
