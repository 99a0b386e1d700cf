//! `wayside doctor`: what is wrong on this board, and what to do. What `wayside check` finds in the files, and beside it
//! the machine. Not here: the checks, a file per organ.

mod database;
mod devices;
mod machine;
mod speed;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::println;
use serde_json::json;

use super::check;
use crate::clock::{Clock, SystemClock};
use crate::config::{Counting, DatabaseConfig, ModelConfig};
use crate::ledger::{Finding, Severity};

/// Says what is wrong on this board and what to do, one line each.
///
/// Looks at the config, its sources and cameras, permissions, processor, disk, clock, the model and its speed here, and
/// the database. Changes nothing. The exit status is 1 where something is wrong (✗); what to look at (!) is not.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wayside doctor                                            this machine, and the usual config
  sudo wayside doctor --config /etc/wayside/wayside.toml    the service of docs/service.md")]
pub struct Args {
    /// A config file; else /etc/wayside/wayside.toml or config/wayside.toml, where there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// For programs
    #[arg(long)]
    json: bool,
}

const USUAL_CONFIGS: [&str; 2] = ["/etc/wayside/wayside.toml", "config/wayside.toml"];

/// One line: of what, how it is, and what to do.
#[derive(Debug, Clone, PartialEq)]
struct Note {
    about: &'static str,
    severity: Severity,
    text: String,
}

impl Note {
    fn new(about: &'static str, severity: Severity, text: impl Into<String>) -> Self {
        Self { about, severity, text: text.into() }
    }

    fn ok(about: &'static str, text: impl Into<String>) -> Self {
        Self::new(about, Severity::Info, text)
    }

    fn warn(about: &'static str, text: impl Into<String>) -> Self {
        Self::new(about, Severity::Warning, text)
    }

    fn wrong(about: &'static str, text: impl Into<String>) -> Self {
        Self::new(about, Severity::Error, text)
    }
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let usual = || USUAL_CONFIGS.iter().map(PathBuf::from).find(|path| path.exists());
    let notes = examine(args.config.or_else(usual).as_deref(), &SystemClock::new());
    if args.json {
        let word = |severity| match severity {
            Severity::Info => "ok",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let list: Vec<_> = notes
            .iter()
            .map(|note| json!({"about": note.about, "status": word(note.severity), "text": note.text}))
            .collect();
        println!("{}", json!(list));
    } else {
        for Note { about, severity, text } in &notes {
            let sign = match severity {
                Severity::Info => '✓',
                Severity::Warning => '!',
                Severity::Error => '✗',
            };
            println!("{sign} {about}: {text}");
        }
    }
    let wrong = notes.iter().any(|note| note.severity == Severity::Error);
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Everything, in the order in which a person would look.
fn examine(path: Option<&Path>, clock: &dyn Clock) -> Vec<Note> {
    let mut notes = Vec::new();
    let config = match path {
        Some(path) => of("config", &mut notes, |findings| check::config(path, findings)),
        None => {
            notes.push(Note::warn("config", "none given, and none at the usual places: name one with --config"));
            None
        }
    };
    let counting = config.as_ref().map_or_else(Counting::default, |config| config.counting.clone());
    let named = config.as_ref().map_or_else(ModelConfig::default, |config| config.model.clone());
    let mut model_notes = Vec::new();
    let model = of("model", &mut model_notes, |findings| check::model(&named, &counting, findings));

    let mut opened = Vec::new();
    for spec in config.iter().flat_map(|config| &config.sources) {
        match (devices::wanted(&spec.input), &model) {
            (Some(device), _) => notes.push(device.examine(&spec.name)),
            (None, Some(model)) => {
                opened.extend(of("source", &mut notes, |findings| check::source(spec, model, findings)));
            }
            (None, None) => {}
        }
    }
    if config.iter().flat_map(|config| &config.sources).any(|spec| devices::wanted(&spec.input).is_some()) {
        notes.push(devices::group());
    }

    let database = config.as_ref().map_or_else(DatabaseConfig::default, |config| config.database.clone()).path;
    notes.push(machine::writable(&database));
    notes.push(machine::processor());
    let vitals = database::vitals(&database, clock);
    notes.push(machine::disk(&database, vitals.as_ref().and_then(database::bytes_per_day)));
    notes.extend(machine::clock(clock));
    notes.extend(model_notes);
    if let Some(model) = &model {
        notes.push(speed::note(model, &named, &opened, clock));
    }
    notes.extend(database::notes(&database, vitals.as_ref(), clock));
    notes
}

/// What a check of `wayside check` finds, as notes.
fn of<T>(about: &'static str, notes: &mut Vec<Note>, check: impl FnOnce(&mut Vec<Finding>) -> T) -> T {
    let mut findings = Vec::new();
    let value = check(&mut findings);
    let prefix = format!("{about} ");
    notes.extend(findings.into_iter().map(|Finding { severity, text }| {
        let text = text.strip_prefix(&prefix).or(text.strip_prefix(&format!("{about}: "))).unwrap_or(&text);
        Note::new(about, severity, text)
    }));
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine whose clock was never set.
    struct Unset;

    impl Clock for Unset {
        fn mono(&self) -> std::time::Duration {
            std::time::Duration::ZERO
        }

        fn wall(&self) -> i64 {
            3_600_000_000
        }
    }

    fn config(folder: &Path, database: &str, model: &str) -> PathBuf {
        let path = folder.join("my.toml");
        let text = format!(
            "[database]\npath = {database:?}\n[model]\nname = {model:?}\n[[source]]\nname = \"road\"\n\
             input = \"scene:road\"\nlines = [{{ name = \"a\", from = [0.5, 1.0], to = [0.5, 0.2] }}]\n"
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    fn wrong(notes: &[Note]) -> Vec<&'static str> {
        notes.iter().filter(|note| note.severity == Severity::Error).map(|note| note.about).collect()
    }

    #[test]
    fn each_fault_is_found_where_it_is_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let sound = at.join("sound.db").display().to_string();
        let corrupt = at.join("corrupt.db").display().to_string();
        std::fs::write(&corrupt, "no database, but a text of some length\n".repeat(99)).unwrap();
        let now = SystemClock::new();

        assert_eq!(wrong(&examine(Some(&config(at, &sound, "scene")), &now)), [""; 0]);
        assert_eq!(wrong(&examine(Some(&config(at, &corrupt, "scene")), &now)), ["database"]);
        assert_eq!(wrong(&examine(Some(&config(at, &sound, "nosuch")), &now)), ["model"]);
        assert_eq!(wrong(&examine(Some(&config(at, &sound, "scene")), &Unset)), ["clock"]);
        assert_eq!(wrong(&examine(Some(&at.join("nosuch.toml")), &now)), ["config"]);
        // Nobody, not even root, makes a file there.
        let refused = wrong(&examine(Some(&config(at, "/proc/wayside.db", "scene")), &now));
        assert!(refused.contains(&"permissions"), "{refused:?}");
    }
}
