//! Reading a database, also while it is written: everything from one snapshot. Not here: the arithmetic of intervals
//! (bins.rs), formats (cli/report.rs).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::tz::TimeZone;
use rusqlite::{Connection, named_params};

use super::bins::{Bin, ClockKind, CountKey, Counts, Grid, Observed, bins};
use super::spans::Span;
use super::{LedgerError, lock, open};
use crate::event::Direction;

/// What to report.
#[derive(Debug, Clone)]
pub struct Query {
    /// Length of an interval: 1, 5, 15 or 60.
    pub minutes: u32,
    /// For intervals on the wall clock: they begin at round times there.
    pub zone: TimeZone,
    pub source: Option<String>,
    pub run: Option<i64>,
    pub line: Option<String>,
    /// Only these times, widened to whole intervals; series on another clock are left out.
    pub range: Option<Range>,
}

/// Microseconds on one of the clocks, `from <= t < to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub clock: ClockKind,
    pub from_us: i64,
    pub to_us: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub interval_us: i64,
    pub series: Vec<Series>,
}

/// What belongs on one axis of time: all runs of a live source on the wall clock, or one run of a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub source: String,
    /// `None`: all runs of a live source.
    pub run: Option<i64>,
    /// Of the last run.
    pub model: String,
    pub clock: ClockKind,
    pub lines: Vec<LineNames>,
    /// The classes that were counted, by name.
    pub classes: Vec<String>,
    /// By start of the interval, in microseconds on `clock`.
    pub bins: BTreeMap<i64, Bin>,
    /// By time. After a crash or a failure the last one is open.
    pub gaps: Vec<SeriesGap>,
    pub state: State,
    pub seen_until_us: Option<i64>,
}

impl Series {
    /// Over all intervals of the report.
    pub fn totals(&self) -> Counts {
        let mut totals = Counts::new();
        for (key, count) in self.bins.values().flat_map(|bin| &bin.counts) {
            *totals.entry(*key).or_default() += count;
        }
        totals
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineNames {
    pub name: String,
    pub a_to_b: String,
    pub b_to_a: String,
}

impl LineNames {
    pub fn direction(&self, direction: Direction) -> &str {
        match direction {
            Direction::AtoB => &self.a_to_b,
            Direction::BtoA => &self.b_to_a,
        }
    }
}

/// Frames that were due and not seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesGap {
    pub from_us: i64,
    /// `None`: until the next start, which has not come yet.
    pub to_us: Option<i64>,
    pub frames: u64,
    /// As [`crate::event::GapReason::as_str`].
    pub reason: String,
}

/// How the counting of a series stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A process is counting (or died beside another one that still writes to the same file).
    Running,
    Complete,
    Stopped,
    Failed,
    /// The process died; what came after its last mark is not known.
    Crashed,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Complete => "complete",
            State::Stopped => "stopped",
            State::Failed => "failed",
            State::Crashed => "crashed",
        }
    }

    fn of(ending: Option<&str>, written: bool) -> Self {
        match ending {
            Some("complete") => State::Complete,
            Some("stopped") => State::Stopped,
            Some("failed") => State::Failed,
            None if written => State::Running,
            _ => State::Crashed,
        }
    }
}

/// Counts per interval from the database at `path`, which is not changed. Series are ordered by source and run, and the
/// same content gives the same report.
pub fn read_report(path: &Path, query: &Query) -> Result<Report, LedgerError> {
    let conn = open::read_only(path)?;
    let failed = |error| LedgerError::new(path, error);
    // Asked on both sides of the snapshot: a session of the snapshot that has no ending may have started or ended
    // beside it, and only one that nobody can be working on is called crashed.
    let written_before = lock::is_written(path) != Some(false);
    let snapshot = conn.unchecked_transaction().map_err(failed)?;
    let mut reading = Reading::new(&snapshot, query).map_err(failed)?;
    reading.check_names(path, &snapshot)?;
    let written = written_before || lock::is_written(path) != Some(false);
    reading.seen(&snapshot).map_err(failed)?;
    reading.gaps(&snapshot).map_err(failed)?;
    reading.crossings(&snapshot).map_err(failed)?;
    reading.states(&snapshot, written).map_err(failed)?;
    Ok(reading.finish())
}

struct Run {
    source: String,
    live: bool,
    model: String,
    lines: Vec<LineNames>,
}

/// A series on the way: what was read, before it is cut into intervals.
#[derive(Default)]
struct Raw {
    runs: BTreeSet<i64>,
    observed: Observed,
    gaps: Vec<SeriesGap>,
    crossings: Vec<(i64, String, Direction, String, u64)>,
}

/// Source, run (none: all runs of a live source), clock.
type SeriesKey = (String, Option<i64>, ClockKind);

struct Reading<'a> {
    query: &'a Query,
    runs: BTreeMap<i64, Run>,
    states: BTreeMap<i64, State>,
    series: BTreeMap<SeriesKey, Raw>,
}

impl<'a> Reading<'a> {
    fn new(conn: &Connection, query: &'a Query) -> rusqlite::Result<Self> {
        let mut runs = BTreeMap::new();
        let mut statement = conn.prepare(
            "SELECT id, source_name, live, model_name FROM run
             WHERE (:run IS NULL OR id = :run) AND (:source IS NULL OR source_name = :source)",
        )?;
        let mut rows = statement.query(named_params! { ":run": query.run, ":source": query.source })?;
        while let Some(row) = rows.next()? {
            let run = Run { source: row.get(1)?, live: row.get(2)?, model: row.get(3)?, lines: Vec::new() };
            runs.insert(row.get(0)?, run);
        }
        let mut statement = conn.prepare("SELECT run_id, name, a_to_b, b_to_a FROM line ORDER BY run_id, number")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let line = LineNames { name: row.get(1)?, a_to_b: row.get(2)?, b_to_a: row.get(3)? };
            if let Some(run) = runs.get_mut(&row.get(0)?)
                && query.line.as_ref().is_none_or(|name| *name == line.name)
            {
                run.lines.push(line);
            }
        }
        Ok(Self { query, runs, states: BTreeMap::new(), series: BTreeMap::new() })
    }

    /// A name that is asked for and not there is a mistake, not an empty report.
    fn check_names(&self, path: &Path, conn: &Connection) -> Result<(), LedgerError> {
        let unknown = |what: String, sql: &str| {
            let names = conn.prepare(sql).and_then(|mut s| s.query_map([], |row| row.get(0))?.collect());
            let known: Vec<String> = names.map_err(|error| LedgerError::new(path, error))?;
            Err(LedgerError::Unknown {
                path: path.into(),
                what,
                known: if known.is_empty() { "none".into() } else { known.join(", ") },
            })
        };
        match (&self.query.source, self.query.run, &self.query.line) {
            (Some(source), None, _) if self.runs.is_empty() => {
                unknown(format!("source '{source}'"), "SELECT DISTINCT source_name FROM run ORDER BY 1")
            }
            (_, Some(run), _) if self.runs.is_empty() => {
                unknown(format!("run {run} (of this source)"), "SELECT CAST(id AS TEXT) FROM run ORDER BY id")
            }
            (_, _, Some(line)) if self.runs.values().all(|run| run.lines.is_empty()) => {
                unknown(format!("line '{line}'"), "SELECT DISTINCT name FROM line ORDER BY 1")
            }
            _ => Ok(()),
        }
    }

    fn grid(&self, clock: ClockKind) -> Grid {
        let zone = (clock == ClockKind::Wall).then(|| self.query.zone.clone());
        Grid { minutes: self.query.minutes, zone }
    }

    /// The asked range in whole intervals; `None` where the clock was not asked for.
    fn range(&self, clock: ClockKind) -> Option<Span> {
        let Some(range) = self.query.range else { return Some(Span::new(i64::MIN, i64::MAX)) };
        let grid = self.grid(clock);
        let to = if range.to_us == i64::MAX { i64::MAX } else { grid.start_of(range.to_us - 1) + grid.interval_us() };
        let from = if range.from_us == i64::MIN { i64::MIN } else { grid.start_of(range.from_us) };
        (range.clock == clock).then_some(Span::new(from, to))
    }

    /// The series of something that happened in `run`, with or without a wall time; `None` if it is not asked for.
    fn series(&mut self, run_id: i64, clock: ClockKind) -> Option<&mut Raw> {
        let run = self.runs.get(&run_id)?;
        // Media times of different runs have different zeros: only on the wall clock do they form one axis.
        let together = run.live && clock == ClockKind::Wall && self.query.run.is_none();
        let raw = self.series.entry((run.source.clone(), (!together).then_some(run_id), clock)).or_default();
        raw.runs.insert(run_id);
        Some(raw)
    }

    fn seen(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let mut statement = conn.prepare(
            "SELECT run_id, from_us, until_us, from_wall_us, until_wall_us
             FROM session LEFT JOIN seen ON seen.session_id = session.id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let media = row.get::<_, Option<i64>>(1)?.zip(row.get::<_, Option<i64>>(2)?);
            let wall = row.get::<_, Option<i64>>(3)?.zip(row.get::<_, Option<i64>>(4)?);
            let run: i64 = row.get(0)?;
            let clock = match (media, wall, self.runs.get(&run)) {
                (_, Some(_), _) => ClockKind::Wall,
                (Some(_), None, _) => ClockKind::Media,
                // Nothing seen yet: the clock that such a source has as a rule.
                (None, None, run) => {
                    if run.is_some_and(|run| run.live) {
                        ClockKind::Wall
                    } else {
                        ClockKind::Media
                    }
                }
            };
            if let Some(raw) = self.series(run, clock) {
                raw.observed.seen.extend(wall.or(media).map(|(from, to)| Span::new(from, to)));
            }
        }
        Ok(())
    }

    fn gaps(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let mut statement =
            conn.prepare("SELECT run_id, from_us, to_us, from_wall_us, to_wall_us, frames, reason FROM gap")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let wall = row.get::<_, Option<i64>>(3)?.zip(row.get::<_, Option<i64>>(4)?);
            let (from_us, to_us) = wall.unwrap_or((row.get(1)?, row.get(2)?));
            let reason: String = row.get(6)?;
            let clock = if wall.is_some() { ClockKind::Wall } else { ClockKind::Media };
            if let Some(raw) = self.series(row.get(0)?, clock) {
                let spans = if reason == "down" { &mut raw.observed.down } else { &mut raw.observed.gaps };
                spans.push(Span::new(from_us, to_us));
                let frames = row.get::<_, i64>(5)?.unsigned_abs();
                raw.gaps.push(SeriesGap { from_us, to_us: Some(to_us), frames, reason });
            }
        }
        Ok(())
    }

    fn crossings(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        for (clock, time, column) in
            [(ClockKind::Wall, "wall_us", "wall_us"), (ClockKind::Media, "wall_us IS NULL AND media_us", "media_us")]
        {
            let Some(range) = self.range(clock) else { continue };
            let mut statement = conn.prepare(&format!(
                "SELECT run_id, line, way, class, minute, count(*) FROM passage
                 WHERE {time} >= :from AND {column} < :to
                   AND (:run IS NULL OR run_id = :run) AND (:source IS NULL OR source_name = :source)
                   AND (:line IS NULL OR line = :line)
                 GROUP BY run_id, line, way, class, minute",
            ))?;
            let query = self.query;
            let mut rows = statement.query(named_params! {
                ":from": range.from, ":to": range.to,
                ":run": query.run, ":source": query.source, ":line": query.line,
            })?;
            while let Some(row) = rows.next()? {
                let way: String = row.get(2)?;
                let direction = if way == Direction::AtoB.as_str() { Direction::AtoB } else { Direction::BtoA };
                let count = row.get::<_, i64>(5)?.unsigned_abs();
                let crossing = (row.get(4)?, row.get(1)?, direction, row.get(3)?, count);
                if let Some(raw) = self.series(row.get(0)?, clock) {
                    raw.crossings.push(crossing);
                }
            }
        }
        Ok(())
    }

    /// How the last session of each run ended; a clip that was counted to its end once stays complete.
    fn states(&mut self, conn: &Connection, written: bool) -> rusqlite::Result<()> {
        let mut statement = conn.prepare("SELECT run_id, ending FROM session ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let state = self.states.entry(row.get(0)?).or_insert(State::Stopped);
            if *state != State::Complete {
                *state = State::of(row.get::<_, Option<String>>(1)?.as_deref(), written);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Report {
        let series = std::mem::take(&mut self.series);
        Report {
            interval_us: self.grid(ClockKind::Media).interval_us(),
            series: series.into_iter().filter_map(|(key, raw)| self.finish_series(key, raw)).collect(),
        }
    }

    fn finish_series(&self, (source, run, clock): SeriesKey, mut raw: Raw) -> Option<Series> {
        let range = self.range(clock)?;
        let last = *raw.runs.last()?;
        let mut lines: Vec<LineNames> = Vec::new();
        for line in raw.runs.iter().filter_map(|id| self.runs.get(id)).flat_map(|run| &run.lines) {
            match lines.iter_mut().find(|l| l.name == line.name) {
                Some(older) => *older = line.clone(),
                None => lines.push(line.clone()),
            }
        }
        let classes: BTreeSet<&String> = raw.crossings.iter().map(|c| &c.3).collect();
        let classes: Vec<String> = classes.into_iter().cloned().collect();
        for (minute, line, direction, class, count) in raw.crossings {
            // Both were collected from these very rows.
            let line = lines.iter().position(|l| l.name == line)?;
            let class = classes.iter().position(|c| *c == class)?;
            raw.observed.minutes.push((minute, CountKey { line, direction, class }, count));
        }

        let state = self.states.get(&last).copied().unwrap_or(State::Stopped);
        let seen_until_us = raw.observed.seen.iter().map(|s| s.to).max();
        if matches!(state, State::Crashed | State::Failed) {
            let from_us = seen_until_us.unwrap_or(0);
            raw.gaps.push(SeriesGap { from_us, to_us: None, frames: 0, reason: "down".into() });
        }
        raw.gaps.retain(|g| g.from_us < range.to && g.to_us.is_none_or(|to| to > range.from));
        raw.gaps.sort();
        let mut bins = bins(&self.grid(clock), raw.observed);
        bins.retain(|start, _| (range.from..range.to).contains(start));
        let model = self.runs[&last].model.clone();
        Some(Series { source, run, model, clock, lines, classes, bins, gaps: raw.gaps, state, seen_until_us })
    }
}
