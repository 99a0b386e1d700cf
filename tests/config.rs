//! The config file: every mistake is one line that names file, line, key, value and what is allowed; the example and the
//! documentation hold every key.

use std::path::Path;
use std::time::Duration;

use wayside::config::keys::{KEYS, OPTIONAL, REQUIRED, TABLES, document, of_table};
use wayside::config::{Config, Counting};
use wayside::count::Anchor;

const EXAMPLE: &str = "config/wayside.toml";

const SOURCE: &str = r#"
[[source]]
name = "north"
input = "clip.mp4"
lines = [{ name = "a", from = [0.1, 0.6], to = [0.9, 0.6] }]
"#;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("my.toml"), text).map_err(|error| error.to_string())
}

/// The settings of `tables` with one valid source.
fn with_source(tables: &str) -> Config {
    let text = format!("{tables}\n{SOURCE}");
    parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_defaults_in_the_table_are_those_of_the_rooms() {
    let bare = with_source("");
    for key in KEYS.iter().filter(|key| !key.table.starts_with("source")) {
        let (table, name, default) = (key.table, key.name, key.default);
        let written = with_source(&format!("[{table}]\n{name} = {default}"));
        assert!(
            written == bare,
            "src/config/keys.rs says {name} = {default} in [{table}], the code has another default"
        );
    }
}

#[test]
fn the_example_loads_and_is_the_default() {
    let config = Config::load(Path::new(EXAMPLE)).unwrap();
    let bare = with_source("");
    assert_eq!((&config.database, &config.model), (&bare.database, &bare.model));
    assert_eq!(config.counting, Counting::default());
    assert_eq!(config.counting, bare.counting);
    assert_eq!(config.sources[0].every, bare.sources[0].every);
    let words = |config: &Config| {
        let line = &config.sources[0].lines[0];
        (line.a_to_b.clone(), line.b_to_a.clone())
    };
    assert_eq!(words(&config), words(&bare));
}

#[test]
fn the_example_holds_every_key_with_its_default_and_a_comment() {
    let text = std::fs::read_to_string(EXAMPLE).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for key in KEYS {
        let name = key.name;
        if key.table == "source.lines" {
            assert!(text.contains(&format!("{name} = ")), "{EXAMPLE} lacks {name} of a line");
            continue;
        }
        let header = if key.table == "source" { "[[source]]".to_owned() } else { format!("[{}]", key.table) };
        let table = lines.iter().position(|line| *line == header).unwrap_or_else(|| panic!("{EXAMPLE} lacks {header}"));
        let body = lines[table + 1..].iter().take_while(|line| !line.starts_with('['));
        let at = body.clone().position(|line| line.trim_start_matches("# ").starts_with(&format!("{name} = ")));
        let at = table + 1 + at.unwrap_or_else(|| panic!("{EXAMPLE} lacks {name} in {header}"));
        assert!(lines[at - 1].starts_with("# "), "{EXAMPLE}: {name} has no comment above it");
        if ![REQUIRED, OPTIONAL].contains(&key.default) {
            assert_eq!(lines[at], format!("{name} = {}", key.default), "{EXAMPLE}:{}", at + 1);
        }
    }
}

#[test]
fn every_key_is_in_the_table_and_every_table_is_described() {
    for key in KEYS {
        assert!(TABLES.iter().any(|(table, _)| *table == key.table), "{} stands in no table", key.name);
        assert!(key.about.ends_with('.'), "{} in [{}] is not described", key.name, key.table);
    }
    assert!(TABLES.iter().all(|(table, _)| of_table(table).count() > 0));
}

/// `WAYSIDE_BLESS=1 cargo test --test config` writes the page anew.
#[test]
fn the_documentation_is_up_to_date() {
    let path = "docs/config.md";
    if std::env::var_os("WAYSIDE_BLESS").is_some() {
        std::fs::write(path, document()).unwrap();
    }
    let hint = "run WAYSIDE_BLESS=1 cargo test --test config";
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), document(), "{path} is stale: {hint}");
}

/// Every key is really read: a value that is not the default changes the config.
#[test]
fn every_key_has_an_effect() {
    for (table, written) in [
        ("database", "path = \"other.db\""),
        ("database", "commit_interval = 5"),
        ("model", "name = \"yolox_nano\""),
        ("model", "sessions = 2"),
        ("model", "engine = \"tract\""),
        ("detect", "score = 0.5"),
        ("detect", "score_low = 0.2"),
        ("detect", "iou = 0.6"),
        ("detect", "class_agnostic = false"),
        ("detect", "classes = [\"bus\"]"),
        ("detect", "groups = [[\"car\", \"bus\"]]"),
        ("track", "confirm_hits = 4"),
        ("track", "memory = 1"),
        ("count", "anchor = \"center\""),
        ("count", "hysteresis = 0.2"),
        ("count", "min_travel = 1"),
    ] {
        assert_ne!(with_source(&format!("[{table}]\n{written}")), with_source(""), "{written}");
    }
    let tested = 16;
    assert_eq!(KEYS.iter().filter(|key| !key.table.starts_with("source")).count(), tested, "a new key: test it above");
}

#[test]
fn values_arrive_where_they_belong() {
    let config = with_source(
        "[database]\ncommit_interval = 0.5\n[detect]\nscore = 0.05\n[track]\nmemory = 3\n[count]\nanchor = \"center\"",
    );
    assert_eq!(config.database.commit_interval, Duration::from_millis(500));
    let Counting { detect, track, count } = &config.counting;
    assert_eq!((detect.score, detect.score_low), (0.05, 0.05), "score_low is never above score");
    assert_eq!((track.high_score, track.birth_score, track.low_score), (0.05, 0.05, 0.05));
    assert_eq!((track.memory_s, count.anchor), (3.0, Anchor::Center));

    let text = SOURCE.replace("lines", "start = \"1970-01-01T01:00:01+01:00\"\nevery = 5\nrealtime = true\nlines");
    let source = &parse(&text).unwrap().sources[0];
    assert_eq!((source.start, source.every, source.realtime), (Some(1_000_000), 5, true));
}

#[test]
fn every_mistake_is_one_line_with_its_place() {
    let table = |text: &str| format!("{text}\n{SOURCE}");
    let source = |from: &str, to: &str| SOURCE.replace(from, to);
    let line = |written: &str| source("{ name = \"a\", from = [0.1, 0.6], to = [0.9, 0.6] }", written);
    for (text, expected) in [
        (
            table("[detect]\n# a comment\nscroe = 0.3"),
            "my.toml:3: unknown key 'scroe' in [detect]; did you mean 'score'?",
        ),
        (table("[detekt]"), "my.toml:1: unknown table 'detekt'; did you mean '[detect]'?"),
        (table("score = 0.3"), "my.toml:1: unknown key 'score' outside all tables; it belongs in [detect]"),
        (table("[track]\niou = 0.3"), "my.toml:2: unknown key 'iou' in [track]; it belongs in [detect]"),
        ("[source]\nname = \"a\"".into(), "my.toml:1: write [[source]], once per source"),
        (table("detect = 3"), "my.toml:1: write [detect], and its keys below it"),
        (table("[detect]\nscore = 1.5"), "my.toml:2: score = 1.5 in [detect]: expected a number from 0 to 1"),
        (table("[detect]\nscore = nan"), "my.toml:2: score = nan in [detect]: expected a number from 0 to 1"),
        (table("[detect]\nscore = inf"), "my.toml:2: score = inf in [detect]: expected a number from 0 to 1"),
        (table("[detect]\nscore = \"high\""), "my.toml:2: score = \"high\" in [detect]: expected a number from 0 to 1"),
        (
            table("[detect]\nscore = 0.2\nscore_low = 0.4"),
            "my.toml:3: score_low = 0.4 in [detect]: must not be above score = 0.2",
        ),
        (table("[detect]\nclass_agnostic = 1"), "my.toml:2: class_agnostic = 1 in [detect]: expected true or false"),
        (
            table("[detect]\nclasses = \"car\""),
            "my.toml:2: classes = \"car\" in [detect]: expected a list of texts, e.g. [\"car\", \"bus\"]",
        ),
        (
            table("[detect]\ngroups = [\"car\"]"),
            "my.toml:2: groups = [\"car\"] in [detect]: expected a list of lists of texts, e.g. [[\"car\", \"truck\"], [\"person\"]]",
        ),
        (
            table("[detect]\nclass_agnostic = false\ngroups = [[\"car\"]]"),
            "my.toml:3: groups in [detect]: mean nothing with class_agnostic = false",
        ),
        (
            table("[model]\nsessions = -1"),
            "my.toml:2: sessions = -1 in [model]: expected a whole number from 0 to 64 threads",
        ),
        (
            table("[model]\nsessions = 2.5"),
            "my.toml:2: sessions = 2.5 in [model]: expected a whole number from 0 to 64 threads",
        ),
        (table("[model]\nname = \"\""), "my.toml:2: name = \"\" in [model]: expected a text in quotes"),
        (
            table("[database]\ncommit_interval = 0"),
            "my.toml:2: commit_interval = 0 in [database]: expected a number from 0.1 to 60 s",
        ),
        (
            table("[count]\nanchor = \"top\""),
            "my.toml:2: anchor = \"top\" in [count]: expected \"bottom_center\" or \"center\"",
        ),
        (table("[detect]\nscore = 0.3\nscore = 0.4"), "my.toml:3: duplicate key"),
        (table("[detect\nscore = 0.3"), "my.toml:1: unclosed table, expected `]`"),
        ("".into(), "my.toml:1: no [[source]]: name at least one to count"),
        ("[detect]\n\n".into(), "my.toml:3: no [[source]]: name at least one to count"),
        (source("input = \"clip.mp4\"\n", ""), "my.toml:2: key 'input' is missing in [source]"),
        (source("input", "inptu"), "my.toml:4: unknown key 'inptu' in [source]; did you mean 'input'?"),
        (format!("{SOURCE}{SOURCE}"), "my.toml:8: two sources are called \"north\": rename one"),
        (
            source("lines", "every = 0\nlines"),
            "my.toml:5: every = 0 in [source]: expected a whole number from 1 to 1000 frames",
        ),
        (
            source("lines", "start = \"yesterday\"\nlines"),
            "my.toml:5: start = \"yesterday\": expected a time with its offset, e.g. 2026-05-04T08:00:00+02:00",
        ),
        (line(""), "my.toml:5: lines = [] of \"north\": name at least one to count over"),
        (line("3"), "my.toml:5: expected a table with the keys of source.lines"),
        (line("{ name = \"a\", from = [0.1, 0.6] }"), "my.toml:5: key 'to' is missing in [source.lines]"),
        (
            line("{ name = \"a\", form = [0.1, 0.6], to = [1, 1] }"),
            "my.toml:5: unknown key 'form' in [source.lines]; did you mean 'from'?",
        ),
        (
            line("{ name = \"a\", from = [0.1, 1.6], to = [1, 1] }"),
            "my.toml:5: from = [0.1, 1.6] in [source.lines]: expected [x, y], each from 0 to 1",
        ),
        (
            line("{ name = \"a\", from = [0.1], to = [1, 1] }"),
            "my.toml:5: from = [0.1] in [source.lines]: expected [x, y], each from 0 to 1",
        ),
        (
            line("{ name = \"a\", from = [0.1, nan], to = [1, 1] }"),
            "my.toml:5: from = [0.1, nan] in [source.lines]: expected [x, y], each from 0 to 1",
        ),
        (
            line("{ name = \"a\", from = [1, 1], to = [1.0, 1.0] }"),
            "my.toml:5: both ends are the same point: a line has a length",
        ),
        (
            line("{ name = \"a\", from = [0, 1], to = [1, 1], a_to_b = \"out\" }"),
            "my.toml:5: both directions are called \"out\": give them different names",
        ),
    ] {
        let error = parse(&text).expect_err(&text);
        assert!(error.starts_with(expected), "{text}\nsays     {error}\nexpected {expected}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let twice = "{ name = \"a\", from = [0, 0], to = [1, 1] },\n{ name = \"a\", from = [0, 1], to = [1, 1] }";
    assert_eq!(
        parse(&line(twice)).unwrap_err(),
        "my.toml:5: lines of \"north\": two lines are called \"a\": rename one"
    );
    let many: String = (0..65).map(|n| format!("{{ name = \"l{n}\", from = [0, 0], to = [1, 1] }},")).collect();
    let error = parse(&line(&many)).unwrap_err();
    assert_eq!(error, "my.toml:5: lines of \"north\": 65 lines, at most 64 are allowed per source");
}

#[test]
fn a_missing_file_is_one_line() {
    let error = Config::load(Path::new("no/such.toml")).unwrap_err().to_string();
    assert_eq!(error, "no/such.toml: No such file or directory (os error 2)");
}

#[test]
fn the_digest_is_of_the_meaning_alone() {
    let same = [
        "[detect]\nscore = 0.3\n[count]\nmin_travel = 0.4",
        "# a comment\n[detect]\nscore=0.30  # as before\n[count]\nmin_travel = 4e-1",
        "[count]\nmin_travel = 0.4\n[detect]\nscore = 0.3",
        "[database]\npath = \"elsewhere.db\"\n[model]\nsessions = 4\n[count]\nmin_travel = 0.4\n[detect]\nscore = 0.3",
    ];
    let digest = with_source(same[0]).digest();
    assert_eq!(digest.len(), 64);
    for text in same {
        assert_eq!(with_source(text).digest(), digest, "{text}");
    }
    let mut seen = vec![with_source("").digest()];
    for text in [
        "[detect]\nscore = 0.31",
        "[detect]\nclasses = [\"car\"]",
        "[track]\nmemory = 1.0",
        "[count]\nhysteresis = 0.1",
    ] {
        seen.push(with_source(text).digest());
    }
    for (from, to) in [("[0.1, 0.6]", "[0.1, 0.61]"), ("name = \"a\"", "name = \"b\""), ("lines", "every = 2\nlines")] {
        seen.push(parse(&SOURCE.replace(from, to)).unwrap().digest());
    }
    for (index, digest) in seen.iter().enumerate() {
        assert!(!seen[..index].contains(digest), "change {index} changes no digest");
    }
    let (one, two) = (with_source(""), with_source("[model]\nsessions = 2"));
    assert_eq!(one.counting.digest(&one.sources[0], "tract"), two.counting.digest(&two.sources[0], "tract"));
    assert_ne!(one.counting.digest(&one.sources[0], "tract"), one.counting.digest(&one.sources[0], "int8"));
}
