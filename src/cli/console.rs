//! What a person sees while a pipeline runs, and the table at its end.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::journal::{self, Journal};
use crate::clock::Clock;
use crate::event::{Crossing, Direction};
use crate::pipeline::{Listener, Shutdown, Stats};

/// The words for one source's lines and classes.
#[derive(Debug, Clone)]
pub struct Names {
    pub source: String,
    pub labels: Vec<String>,
    pub lines: Vec<LineNames>,
}

#[derive(Debug, Clone)]
pub struct LineNames {
    pub name: String,
    pub a_to_b: String,
    pub b_to_a: String,
}

impl Names {
    pub fn class(&self, crossing: &Crossing) -> &str {
        &self.labels[crossing.class as usize]
    }

    pub fn line(&self, crossing: &Crossing) -> &str {
        &self.lines[crossing.line].name
    }

    pub fn direction(&self, crossing: &Crossing) -> &str {
        let line = &self.lines[crossing.line];
        match crossing.direction {
            Direction::AtoB => &line.a_to_b,
            Direction::BtoA => &line.b_to_a,
        }
    }
}

/// Crossings by source, line, direction and class (all as indices, in the order of the configuration).
#[derive(Debug, Default)]
pub struct Totals(BTreeMap<(usize, usize, Direction, u16), u64>);

impl Totals {
    pub fn add(&mut self, source: usize, crossing: &Crossing) {
        *self.0.entry((source, crossing.line, crossing.direction, crossing.class)).or_default() += 1;
    }

    pub fn of(&self, source: usize, line: usize, direction: Direction) -> u64 {
        let all = (source, line, direction, 0)..=(source, line, direction, u16::MAX);
        self.0.range(all).map(|(_, n)| n).sum()
    }

    /// A row per line and direction, a column per class that was counted.
    pub fn table(&self, names: &[Names]) -> String {
        // Sources share one model, so a class index means the same everywhere.
        let classes: std::collections::BTreeSet<u16> = self.0.keys().map(|key| key.3).collect();
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        let mut head: Vec<String> = ["source", "line", "direction"].map(str::to_owned).into();
        head.extend(classes.iter().map(|&c| names[0].labels[c as usize].clone()));
        head.push("all".into());
        table.set_header(&head);
        for (source, n) in names.iter().enumerate() {
            for (line, words) in n.lines.iter().enumerate() {
                for (direction, word) in [(Direction::AtoB, &words.a_to_b), (Direction::BtoA, &words.b_to_a)] {
                    let mut row = vec![n.source.clone(), words.name.clone(), word.clone()];
                    let count = |c: &u16| self.0.get(&(source, line, direction, *c)).copied().unwrap_or(0).to_string();
                    row.extend(classes.iter().map(count));
                    row.push(self.of(source, line, direction).to_string());
                    table.add_row(row);
                }
            }
        }
        for column in table.column_iter_mut().skip(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }
}

/// A progress bar with the counts so far.
pub struct Console<'a> {
    bar: ProgressBar,
    clock: &'a dyn Clock,
    started: Duration,
    names: Vec<Names>,
    pub totals: Totals,
    /// Every crossing so far, where somebody wants them at the end: a run of months does not.
    pub crossings: Option<Vec<(usize, Crossing)>>,
    /// In place of the bar.
    pub journal: Option<Journal>,
    shutdown: Shutdown,
    said: bool,
}

impl<'a> Console<'a> {
    /// `frames`: of all sources together, where every one says how many it has.
    pub fn new(names: Vec<Names>, frames: Option<u64>, clock: &'a dyn Clock, shutdown: Shutdown, quiet: bool) -> Self {
        let target = match quiet || !std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let template = match frames {
            Some(_) => "{bar:28.cyan/dim} {percent:>3} %  {msg}  ({eta} left)",
            None => "{spinner} {elapsed}  {msg}",
        };
        // The two templates above are valid: `progress_templates_are_valid` proves it.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(frames, target).with_style(style);
        let totals = Totals::default();
        let (crossings, journal) = (None, None);
        Self { bar, clock, started: clock.mono(), names, totals, crossings, journal, shutdown, said: false }
    }

    pub fn finish(&mut self, stats: &Stats) {
        self.bar.finish_and_clear();
        if let Some(journal) = &mut self.journal {
            let lines = journal.summary(self.clock.mono(), stats, &self.names, &self.totals);
            lines.iter().for_each(|line| log::info!("{line}"));
        }
    }

    fn counts_so_far(&self) -> String {
        let mut words = Vec::new();
        for (source, names) in self.names.iter().enumerate() {
            for (line, l) in names.lines.iter().enumerate() {
                let a = self.totals.of(source, line, Direction::AtoB);
                let b = self.totals.of(source, line, Direction::BtoA);
                words.push(format!("{}: {} {a}, {} {b}", l.name, l.a_to_b, l.b_to_a));
            }
        }
        words.join("  ")
    }
}

impl Listener for Console<'_> {
    fn crossing(&mut self, source: usize, crossing: &Crossing) {
        self.totals.add(source, crossing);
        if self.journal.is_some() {
            journal::crossing(&self.names[source], crossing);
        }
        if let Some(kept) = &mut self.crossings {
            kept.push((source, crossing.clone()));
        }
    }

    fn tick(&mut self, stats: &Stats) {
        if let Some(journal) = &mut self.journal {
            return journal.tick(self.clock.mono(), stats, &self.names, &self.totals);
        }
        if self.shutdown.draining() && !std::mem::replace(&mut self.said, true) {
            self.bar.suspend(|| eprintln!("finishing what was read; Ctrl-C again stops at once"));
        }
        let frames: u64 = stats.sources.iter().map(|s| s.processed.get()).sum();
        let seconds = (self.clock.mono() - self.started).as_secs_f64();
        self.bar.set_position(frames);
        self.bar.set_message(format!("{:.0} frames/s  {}", frames as f64 / seconds.max(0.001), self.counts_so_far()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_templates_are_valid() {
        for template in ["{bar:28.cyan/dim} {percent:>3} %  {msg}  ({eta} left)", "{spinner} {elapsed}  {msg}"] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
