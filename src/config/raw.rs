//! The config exactly as written: syntax, known keys, types and ranges of single values. Not here: what the values mean
//! together (mod.rs).
//!
//! The file is read twice: once as a tree with the place of every key, to check it against the table of keys with a
//! message that names the line, and then by serde into [`Raw`], which can no longer fail on what people write.

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::keys::{self, Key, Kind, REQUIRED, TABLES};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Raw {
    pub database: RawDatabase,
    pub model: RawModel,
    pub detect: RawDetect,
    pub track: RawTrack,
    pub count: RawCount,
    pub source: Vec<RawSource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawDatabase {
    pub path: Option<String>,
    pub commit_interval: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawModel {
    pub name: Option<String>,
    pub sessions: Option<usize>,
    pub engine: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawDetect {
    pub score: Option<f32>,
    pub score_low: Option<Spanned<f32>>,
    pub iou: Option<f32>,
    pub class_agnostic: Option<bool>,
    pub classes: Option<Vec<String>>,
    pub groups: Option<Spanned<Vec<Vec<String>>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawTrack {
    pub confirm_hits: Option<u32>,
    pub memory: Option<f32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawCount {
    pub anchor: Option<String>,
    pub hysteresis: Option<f32>,
    pub min_travel: Option<f32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSource {
    pub name: Spanned<String>,
    pub input: String,
    pub start: Option<Spanned<String>>,
    pub every: Option<u32>,
    pub realtime: Option<bool>,
    pub lines: Spanned<Vec<Spanned<RawLine>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawLine {
    pub name: String,
    pub from: [f32; 2],
    pub to: [f32; 2],
    pub a_to_b: Option<String>,
    pub b_to_a: Option<String>,
}

/// A text and where it came from: turns a place in it into a message.
pub struct Text<'a> {
    pub path: &'a Path,
    pub text: &'a str,
}

impl Text<'_> {
    pub fn error(&self, span: Range<usize>, reason: impl Into<String>) -> ConfigError {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        ConfigError::Invalid { path: self.path.into(), line, reason: reason.into() }
    }

    /// Reads the text, with every single value checked.
    pub fn read(&self) -> Result<Raw, ConfigError> {
        let tree = DeTable::parse(self.text).map_err(|error| self.toml_error(&error))?;
        self.check_root(tree.get_ref())?;
        toml::from_str(self.text).map_err(|error| self.toml_error(&error))
    }

    /// The parser's own messages span several lines and repeat the source text; one line of it is enough.
    fn toml_error(&self, error: &toml::de::Error) -> ConfigError {
        self.error(error.span().unwrap_or(0..0), error.message().replace('\n', ", "))
    }

    fn check_root(&self, root: &DeTable) -> Result<(), ConfigError> {
        for (name, value) in root {
            let known = || TABLES.iter().map(|(table, _)| *table).filter(|table| !table.contains('.'));
            let table = name.get_ref().as_ref();
            if !known().any(|known| known == table) {
                let reason = if value.get_ref().is_table() {
                    let hint = keys::nearest(table, known()).unwrap_or_default();
                    format!("unknown table '{table}'; did you mean '[{hint}]'?")
                } else {
                    format!("unknown key '{table}' outside all tables; {}", hint(table, keys::KEYS))
                };
                return Err(self.error(name.span(), reason));
            }
            match (table, value.get_ref()) {
                ("source", DeValue::Array(sources)) if sources.iter().all(|s| s.get_ref().is_table()) => {
                    for source in sources.iter() {
                        self.check_table(table, source)?;
                    }
                }
                ("source", _) => return Err(self.error(name.span(), "write [[source]], once per source")),
                (_, DeValue::Table(_)) => self.check_table(table, value)?,
                _ => return Err(self.error(name.span(), format!("write [{table}], and its keys below it"))),
            }
        }
        Ok(())
    }

    fn check_table(&self, table: &str, value: &Spanned<DeValue>) -> Result<(), ConfigError> {
        let Some(entries) = value.get_ref().as_table() else {
            return Err(self.error(value.span(), format!("expected a table with the keys of {table}")));
        };
        for (name, value) in entries {
            let name_text = name.get_ref().as_ref();
            let Some(key) = keys::of_table(table).find(|key| key.name == name_text) else {
                let hint = hint(name_text, keys::of_table(table));
                return Err(self.error(name.span(), format!("unknown key '{name_text}' in [{table}]; {hint}")));
            };
            self.check_value(key, value)?;
        }
        match keys::of_table(table).find(|key| key.default == REQUIRED && !entries.contains_key(key.name)) {
            Some(key) => Err(self.error(value.span(), format!("key '{}' is missing in [{table}]", key.name))),
            None => Ok(()),
        }
    }

    fn check_value(&self, key: &Key, value: &Spanned<DeValue>) -> Result<(), ConfigError> {
        if let (Kind::Lines, DeValue::Array(lines)) = (key.kind, value.get_ref()) {
            return lines.iter().try_for_each(|line| self.check_table("source.lines", line));
        }
        if fits(key.kind, value.get_ref()) {
            return Ok(());
        }
        let written = &self.text[value.span()];
        let shown: String = written.lines().next().unwrap_or_default().chars().take(40).collect();
        let reason = format!("{} = {shown} in [{}]: expected {}", key.name, key.table, key.kind.expects());
        Err(self.error(value.span(), reason))
    }
}

/// What may have been meant: the same key of another table, else the nearest of `candidates`.
fn hint<'a>(name: &str, candidates: impl IntoIterator<Item = &'a Key>) -> String {
    match keys::KEYS.iter().find(|key| key.name == name) {
        Some(key) => format!("it belongs in [{}]", key.table),
        None => {
            let nearest = keys::nearest(name, candidates.into_iter().map(|key| key.name)).unwrap_or_default();
            format!("did you mean '{nearest}'?")
        }
    }
}

/// Whether the value has the key's type and lies in its range. NaN and infinity are in no range.
fn fits(kind: Kind, value: &DeValue) -> bool {
    let texts =
        |value: &DeValue| value.as_array().is_some_and(|list| list.iter().all(|v| fits(Kind::Text, v.get_ref())));
    match kind {
        Kind::Text => value.as_str().is_some_and(|text| !text.trim().is_empty()),
        Kind::Texts => texts(value),
        Kind::Groups => value.as_array().is_some_and(|list| list.iter().all(|group| texts(group.get_ref()))),
        Kind::Flag => value.is_bool(),
        Kind::Number { min, max, .. } => number(value).is_some_and(|n| (min..=max).contains(&n)),
        Kind::Whole { min, max, .. } => whole(value).is_some_and(|n| (min..=max).contains(&n)),
        Kind::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Kind::Place => value.as_array().is_some_and(|place| {
            place.len() == 2 && place.iter().all(|v| number(v.get_ref()).is_some_and(|n| (0.0..=1.0).contains(&n)))
        }),
        // Checked table by table.
        Kind::Lines => false,
    }
}

fn number(value: &DeValue) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        _ => whole(value).map(|n| n as f64),
    }
}

fn whole(value: &DeValue) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}
