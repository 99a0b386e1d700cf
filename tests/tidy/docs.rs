//! The documents say only what the program can do: every `wayside VERB --option` in them exists in its help.

use std::collections::BTreeMap;
use std::process::Command;

use crate::Finding;

/// The help texts of the program's verbs, by verb: "count", "model list"…
pub struct Help(BTreeMap<String, String>);

impl Help {
    pub fn of_the_binary(binary: &str) -> Self {
        let mut texts = BTreeMap::new();
        let mut queue = vec![String::new()];
        while let Some(verb) = queue.pop() {
            let output = Command::new(binary).args(verb.split_whitespace()).arg("--help").output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            queue.extend(subcommands(&text).iter().map(|name| format!("{verb} {name}").trim().to_owned()));
            texts.insert(verb, text);
        }
        assert!(texts.len() > 1, "{binary} --help lists no commands");
        Self(texts)
    }

    /// The longest verb that the words begin with.
    fn verb(&self, words: &[&str]) -> Option<(String, &str)> {
        (1..=words.len().min(2))
            .rev()
            .find_map(|n| self.0.get_key_value(&words[..n].join(" ")))
            .map(|(v, t)| (v.clone(), t.as_str()))
    }
}

/// The names in the "Commands:" section of clap's help.
fn subcommands(help: &str) -> Vec<&str> {
    let section = help.split("Commands:\n").nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| line.starts_with("  "));
    let names =
        lines.filter_map(|line| line.strip_prefix("  ").filter(|l| !l.starts_with(' '))?.split_whitespace().next());
    names.filter(|name| *name != "help").collect()
}

pub fn check(path: &str, text: &str, help: &Help) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, command) in commands(path, text) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let Some(first) = words.first().filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase())) else {
            continue;
        };
        let Some((verb, help_text)) = help.verb(&words) else {
            findings.push(format!("{path}:{number}: `wayside {first}` is no command of the program"));
            continue;
        };
        for word in &words {
            let option = word.split('=').next().unwrap_or_default().trim_end_matches(['.', ',', ')', ']', '…']);
            let is_option = option.starts_with("--") && option.len() > 2;
            if is_option && !help_text.split(|c: char| !c.is_alphanumeric() && c != '-').any(|known| known == option) {
                findings.push(format!("{path}:{number}: `wayside {verb}` has no option {option}"));
            }
        }
    }
    findings
}

/// (line, words behind `wayside` or `cargo run … --`) of every command in code: fenced or indented blocks and `spans` of
/// Markdown, every line of other files.
fn commands<'a>(path: &str, text: &'a str) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let whole_line = !path.ends_with(".md") || fenced || line.starts_with("    ");
        let pieces: Vec<&str> = match whole_line {
            true => vec![line],
            false => line.split('`').skip(1).step_by(2).collect(),
        };
        for piece in pieces {
            // `a && b`, `a | b`, `a; b` and a comment behind the command are not its arguments.
            for part in piece.split("&&").flat_map(|p| p.split([';', '|', '`', '#'])) {
                let behind = match part.split_once("cargo run") {
                    Some((_, rest)) => rest.split_once(" -- ").map(|(_, words)| words),
                    None => behind_the_program(part),
                };
                found.extend(behind.map(|words| (number + 1, words)));
            }
        }
    }
    found
}

/// What follows `wayside ` where it is the program: at the beginning, or behind a path or a prompt.
fn behind_the_program(part: &str) -> Option<&str> {
    let words: Vec<&str> = part.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "wayside" || word.ends_with("/wayside"))?;
    let only_prefixes =
        words[..at].iter().all(|w| matches!(*w, "$" | "sudo" | "time" | "nice" | "#") || w.contains('='));
    only_prefixes.then(|| part.split_once("wayside ").map(|(_, rest)| rest))?
}

#[cfg(test)]
fn sample() -> Help {
    let texts = [
        ("", "Commands:\n  count  Counts\n"),
        ("count", "      --line <LINE>\n      --db <FILE>\n"),
        ("model list", ""),
    ];
    Help(texts.map(|(verb, text)| (verb.to_owned(), text.to_owned())).into())
}

#[test]
fn a_command_or_option_that_does_not_exist_is_found() {
    let help = sample();
    for (bad, count) in [
        ("Run `wayside cuont clip.mp4`.", 1),
        ("```\nwayside count clip.mp4 --lime 0,0,1,1\n```", 1),
        ("    cargo run --release -- cuont clip.mp4", 1),
        ("    ./target/release/wayside cuont", 1),
        ("`wayside model remove`", 1),
        ("Run `wayside count clip.mp4 --line 0,0.5,1,0.5 --db=x.db` and see.", 0),
        ("    apt-get install g++ && cargo run --release -- count x # --fast", 0),
        ("`wayside model list`, `wayside --version`, `[wayside.toml](x)`", 0),
        ("wayside counts cars, says `the wayside book`.", 0),
    ] {
        assert_eq!(check("README.md", bad, &help).len(), count, "{bad}: {:?}", check("README.md", bad, &help));
    }
    assert_eq!(check("config/wayside.toml", "#   wayside cuont --config x", &help).len(), 1);
}

#[test]
fn subcommands_are_read_from_help() {
    let help =
        "Usage: x\n\nCommands:\n  count  Counts\n             the vehicles\n  help   Print\n\nOptions:\n  -h, --help\n";
    assert_eq!(subcommands(help), ["count"]);
}
