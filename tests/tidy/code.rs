//! What of a Rust file is code: without comments, without the insides of literals, without its unit tests.

/// The text with every comment and every literal's content blanked; lines stay where they are.
pub fn strip(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < bytes.len() {
        let end = match (bytes[i], bytes.get(i + 1)) {
            ('/', Some('/')) => find(&bytes, i, |rest| rest[0] == '\n'),
            ('/', Some('*')) => block_comment(&bytes, i),
            ('r', Some('"' | '#')) if i == 0 || !is_word(bytes[i - 1]) => raw_string(&bytes, i),
            ('"', _) => quoted(&bytes, i, '"'),
            // A lifetime is no character: 'a' ends with a quote, 'a does not.
            ('\'', Some('\\')) => quoted(&bytes, i, '\''),
            ('\'', Some(_)) if bytes.get(i + 2) == Some(&'\'') => i + 3,
            _ => i,
        };
        if end == i {
            out.push(bytes[i]);
            i += 1;
        } else {
            out.extend(bytes[i..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            i = end;
        }
    }
    out
}

fn find(text: &[char], from: usize, stop: impl Fn(&[char]) -> bool) -> usize {
    (from..text.len()).find(|&i| stop(&text[i..])).unwrap_or(text.len())
}

fn block_comment(text: &[char], from: usize) -> usize {
    let mut depth = 0;
    let mut i = from;
    while i < text.len() {
        match text[i..] {
            ['/', '*', ..] => (depth, i) = (depth + 1, i + 2),
            ['*', '/', ..] => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

/// The end of `r"…"`, `r#"…"#`…; `from` itself where this is none (`r#type`).
fn raw_string(text: &[char], from: usize) -> usize {
    let hashes = text[from + 1..].iter().take_while(|c| **c == '#').count();
    let start = from + 1 + hashes;
    if text.get(start) != Some(&'"') {
        return from;
    }
    let closes = |rest: &[char]| rest[0] == '"' && rest[1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (find(text, start + 1, closes) + 1 + hashes).min(text.len())
}

fn quoted(text: &[char], from: usize, quote: char) -> usize {
    let mut i = from + 1;
    while i < text.len() && text[i] != quote {
        i += if text[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(text.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The code outside `#[cfg(test)] mod … { … }`, stripped; the test modules' lines are empty. A file that is itself a test
/// module has none.
pub fn outside_tests(path: &str, text: &str) -> String {
    let source = path.starts_with("src/") || path.starts_with("train/src/");
    if !source || path.ends_with("/tests.rs") || path.contains("/tests/") {
        return String::new();
    }
    let mut in_tests = false;
    let stripped = strip(text);
    let mut lines: Vec<&str> = stripped.lines().collect();
    for i in 0..lines.len() {
        let for_tests = lines[i] == "#[cfg(test)]" || lines[i].starts_with("#[cfg(all(test,");
        in_tests |= for_tests && lines.get(i + 1).is_some_and(|next| next.starts_with("mod "));
        let ends = lines[i] == "}" || lines[i].starts_with("mod ") && lines[i].ends_with(';');
        if in_tests {
            (lines[i], in_tests) = ("", !ends);
        }
    }
    lines.join("\n")
}

/// Positions of `word` in `line` that stand alone: no letter before or behind it.
pub fn words(line: &str, word: &str) -> Vec<usize> {
    line.match_indices(word)
        .map(|(at, _)| at)
        .filter(|&at| {
            let (before, behind) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
            !before.is_some_and(is_word) && !behind.is_some_and(is_word)
        })
        .collect()
}

#[test]
fn comments_literals_and_tests_are_no_code() {
    let text = r##"use a::b; // use c::d
/* x /* y */ z */ let s = "use e::f \" \n"; let c = '"'; let life: &'a str = r#"g::"h"#;
let t = 'x';
#[cfg(test)]
mod tests {
    use i::j;
}
use k::l;
"##;
    let code = outside_tests("src/x.rs", text);
    let words: Vec<&str> = code.split_whitespace().collect();
    let expected = "use a::b; let s = ; let c = ; let life: &'a str = ; let t = ; use k::l;";
    assert_eq!(words, expected.split_whitespace().collect::<Vec<_>>());
    assert_eq!(code.lines().count(), text.lines().count());
    assert_eq!(outside_tests("tests/x.rs", text), "");
}
