//! `wayside report`: arguments and formats. Not here: reading and arithmetic (ledger/).

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use comfy_table::{CellAlignment, Table, presets};
use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::json;

use crate::event::Direction;
use crate::ledger::{Bin, ClockKind, CountKey, Counts, Query, Range, Report, Series, State, read_report};

/// Prints counts per interval, line, direction and class, with the share of each interval that was seen.
///
/// Times are local, or hh:mm:ss since the start of a clip that was counted without --start. Works while a counter is
/// writing. A dash instead of a number: nothing of that interval was seen, which is not the same as no vehicle.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wayside report                                  everything, in intervals of 15 minutes
  wayside report --interval 5m --source gate      one source, every 5 minutes
  wayside report --from 2026-05-01 --to 2026-05-02 --format csv > may-1.csv
  wayside report --totals                         one sum per line, direction and class")]
pub struct Args {
    /// Database that `wayside count` or `wayside run` writes.
    #[arg(long, value_name = "FILE", default_value = "wayside.db")]
    db: PathBuf,

    /// Length of an interval: 1m, 5m, 15m or 60m.
    #[arg(long, default_value = "15m", value_parser = interval)]
    interval: u32,

    /// Only this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,

    /// Only this run (a number from the report).
    #[arg(long, value_name = "NUMBER")]
    run: Option<i64>,

    /// Only this line.
    #[arg(long, value_name = "NAME")]
    line: Option<String>,

    /// Only from this time on, widened to whole intervals: 2026-05-01, 2026-05-01T07:30, with or without an offset like
    /// +02:00, or 00:10:00 since the start of a clip.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,

    /// Only before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,

    /// How to print it.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,

    /// One sum over all intervals.
    #[arg(long)]
    totals: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let zone = local_zone()?;
    let query = Query {
        minutes: args.interval,
        range: range(args.from.as_deref(), args.to.as_deref(), &zone)?,
        zone: zone.clone(),
        source: args.source,
        run: args.run,
        line: args.line,
    };
    let report = read_report(&args.db, &query)?;
    let printer = Printer { report: &report, zone: &zone, totals: args.totals };
    let text = match args.format {
        Format::Table => printer.tables(),
        Format::Csv => printer.csv()?,
        Format::Json => printer.json()?,
    };
    match stdout().lock().write_all(text.as_bytes()) {
        // `wayside report | head`
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => written.context("cannot write the report").map(|()| ExitCode::SUCCESS),
    }
}

/// The zone of TZ, else of the system, else UTC. A TZ that is not known would print wrong times without a word.
fn local_zone() -> anyhow::Result<TimeZone> {
    match (TimeZone::try_system(), std::env::var("TZ")) {
        (Ok(zone), _) => Ok(zone),
        (Err(_), Ok(name)) if !name.is_empty() => {
            bail!("TZ={name}: no such time zone: install tzdata, or set TZ to one of /usr/share/zoneinfo")
        }
        (Err(_), _) => Ok(TimeZone::UTC),
    }
}

fn interval(text: &str) -> Result<u32, String> {
    match text.trim_end_matches('m') {
        "1" => Ok(1),
        "5" => Ok(5),
        "15" => Ok(15),
        "60" => Ok(60),
        _ if text == "1h" => Ok(60),
        _ => Err("an interval is 1m, 5m, 15m or 60m".into()),
    }
}

fn range(from: Option<&str>, to: Option<&str>, zone: &TimeZone) -> anyhow::Result<Option<Range>> {
    let parse = |name: &str, text: Option<&str>| {
        text.map(|t| moment(t, zone).with_context(|| format!("--{name} {t}"))).transpose()
    };
    let (from, to) = (parse("from", from)?, parse("to", to)?);
    let Some(&(clock, _)) = from.as_ref().or(to.as_ref()) else { return Ok(None) };
    if from.is_some_and(|(c, _)| c != clock) || to.is_some_and(|(c, _)| c != clock) {
        bail!("--from and --to must both be dates, or both times since the start of a clip");
    }
    let (from_us, to_us) = (from.map_or(i64::MIN, |f| f.1), to.map_or(i64::MAX, |t| t.1));
    if from_us >= to_us {
        bail!("--to must be later than --from");
    }
    Ok(Some(Range { clock, from_us, to_us }))
}

/// A date, a date and time, with or without an offset; or hh:mm:ss since the start.
fn moment(text: &str, zone: &TimeZone) -> anyhow::Result<(ClockKind, i64)> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok((ClockKind::Wall, time.as_microsecond()));
    }
    if let Ok(local) = text.parse::<civil::DateTime>() {
        let time = zone.to_timestamp(local).context("no such local time")?;
        return Ok((ClockKind::Wall, time.as_microsecond()));
    }
    let parts: Option<Vec<i64>> = text.split(':').map(|p| p.parse().ok().filter(|n| (0..10_000).contains(n))).collect();
    match parts.as_deref() {
        Some(&[h, m, s]) => Ok((ClockKind::Media, (h * 3600 + m * 60 + s) * 1_000_000)),
        _ => bail!("give a date and time like 2026-05-01T07:30, or hh:mm:ss since the start of a clip"),
    }
}

struct Printer<'a> {
    report: &'a Report,
    zone: &'a TimeZone,
    totals: bool,
}

/// A row of the long formats: one number.
struct Row<'a> {
    interval: Option<i64>,
    line: &'a str,
    direction: &'a str,
    class: &'a str,
    /// `None`: nothing was seen.
    count: Option<u64>,
    coverage: Option<f64>,
}

impl Printer<'_> {
    fn time(&self, clock: ClockKind, us: i64) -> String {
        match (clock, Timestamp::from_microsecond(us)) {
            (ClockKind::Wall, Ok(time)) => {
                time.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
            }
            _ => {
                let s = us.div_euclid(1_000_000);
                format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
            }
        }
    }

    fn coverage(&self, bin: &Bin) -> f64 {
        bin.coverage(self.report.interval_us)
    }

    /// Every line × direction × class of every interval, also those with no vehicle.
    fn rows<'s>(&self, series: &'s Series) -> Vec<Row<'s>> {
        // A series without any vehicle still says which intervals were seen.
        let classes: Vec<&str> =
            if series.classes.is_empty() { vec![""] } else { series.classes.iter().map(String::as_str).collect() };
        let mut rows = Vec::new();
        let mut add = |interval: Option<i64>, counts: &Counts, seen: bool, coverage: Option<f64>| {
            for (line, names) in series.lines.iter().enumerate() {
                for direction in [Direction::AtoB, Direction::BtoA] {
                    for (class, name) in classes.iter().enumerate() {
                        let count = counts.get(&CountKey { line, direction, class }).copied();
                        rows.push(Row {
                            interval,
                            line: &names.name,
                            direction: names.direction(direction),
                            class: name,
                            count: count.or(seen.then_some(0)),
                            coverage,
                        });
                    }
                }
            }
        };
        if self.totals {
            add(None, &series.totals(), series.seen_until_us.is_some(), None);
        } else {
            for (&start, bin) in &series.bins {
                add(Some(start), &bin.counts, bin.seen_us > 0, Some(self.coverage(bin)));
            }
        }
        rows
    }

    fn csv(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let times: &[&str] = if self.totals { &[] } else { &["from", "to"] };
        let coverage: &[&str] = if self.totals { &[] } else { &["coverage"] };
        let head = [&["source", "run"], times, &["line", "direction", "class", "count"], coverage].concat();
        writer.write_record(head)?;
        for series in &self.report.series {
            for row in self.rows(series) {
                let mut fields = vec![series.source.clone(), series.run.map_or(String::new(), |r| r.to_string())];
                if let Some(start) = row.interval {
                    fields.push(self.time(series.clock, start));
                    fields.push(self.time(series.clock, start + self.report.interval_us));
                }
                fields.extend([row.line.into(), row.direction.into(), row.class.into()]);
                fields.push(row.count.map_or(String::new(), |n| n.to_string()));
                fields.extend(row.coverage.map(|c| format!("{c:.4}")));
                writer.write_record(fields)?;
            }
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }

    fn json(&self) -> anyhow::Result<String> {
        let series: Vec<_> = self
            .report
            .series
            .iter()
            .map(|series| {
                let time = |us| self.time(series.clock, us);
                let rows: Vec<_> = self
                    .rows(series)
                    .into_iter()
                    .map(|row| {
                        let mut fields = json!({
                            "line": row.line, "direction": row.direction, "class": row.class, "count": row.count,
                        });
                        if let Some(start) = row.interval {
                            fields["from"] = time(start).into();
                            fields["to"] = time(start + self.report.interval_us).into();
                            fields["coverage"] = row.coverage.map(round).into();
                        }
                        fields
                    })
                    .collect();
                let gaps: Vec<_> = series.gaps.iter().map(|gap| json!({
                "from": time(gap.from_us), "to": gap.to_us.map(time), "frames": gap.frames, "reason": gap.reason,
                "seconds": gap.to_us.map(|to| (to - gap.from_us) as f64 / 1e6),
            })).collect();
                json!({
                    "source": series.source, "run": series.run, "model": series.model, "state": series.state.as_str(),
                    "seen_until": series.seen_until_us.map(time), "counts": rows, "gaps": gaps,
                })
            })
            .collect();
        let minutes = self.report.interval_us / 60_000_000;
        let report = json!({ "interval_minutes": if self.totals { None } else { Some(minutes) }, "series": series });
        Ok(serde_json::to_string_pretty(&report)? + "\n")
    }

    fn tables(&self) -> String {
        if self.report.series.is_empty() {
            return "nothing was counted\n".into();
        }
        let series: Vec<String> = self.report.series.iter().map(|s| self.table(s)).collect();
        series.join("\n")
    }

    /// Intervals downwards, classes across.
    fn table(&self, series: &Series) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        let mut head: Vec<&str> = if self.totals { vec![] } else { vec!["from"] };
        head.extend(["line", "direction"]);
        head.extend(series.classes.iter().map(String::as_str));
        head.push("all");
        head.extend((!self.totals).then_some("seen"));
        let numbers = if self.totals { 2 } else { 3 };
        let columns = head.len();
        table.set_header(head);
        for column in numbers..columns {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let per_row = series.classes.len().max(1);
        for cells in self.rows(series).chunks(per_row) {
            let first = &cells[0];
            let mut row: Vec<String> = first.interval.map(|t| self.time(series.clock, t)).into_iter().collect();
            row.extend([first.line.into(), first.direction.into()]);
            let number = |n: Option<u64>| n.map_or("–".into(), |n| n.to_string());
            if !series.classes.is_empty() {
                row.extend(cells.iter().map(|cell| number(cell.count)));
            }
            row.push(number(cells.iter().map(|cell| cell.count).sum()));
            row.extend(first.coverage.map(|c| format!("{:.0} %", c * 100.0)));
            table.add_row(row);
        }
        let run = series.run.map_or(String::new(), |run| format!(" · run {run}"));
        format!(
            "{}{run} · {} · {}\n{table}\n{}",
            series.source,
            series.model,
            series.state.as_str(),
            self.notes(series)
        )
    }

    /// What was not seen: time without a look one by one, lost frames as a sum.
    fn notes(&self, series: &Series) -> String {
        let mut notes = String::new();
        let time = |us| self.time(series.clock, us);
        for gap in series.gaps.iter().filter(|gap| gap.reason == "down") {
            let from = time(gap.from_us);
            notes += &match (gap.to_us, series.state) {
                (Some(to), _) => format!("not seen: {from} to {} (down)\n", time(to)),
                (None, State::Failed) => format!("not seen: since {from} (ended with an error)\n"),
                (None, _) => format!("not seen: since {from} (ended uncleanly)\n"),
            };
        }
        for reason in ["overload", "source"] {
            let gaps = series.gaps.iter().filter(|gap| gap.reason == reason);
            let (count, us) =
                gaps.fold((0, 0), |(n, us), gap| (n + 1, us + gap.to_us.map_or(0, |to| to - gap.from_us)));
            if count > 0 {
                notes += &format!("not seen: {:.1} s in {count} gaps ({reason})\n", us as f64 / 1e6);
            }
        }
        notes
    }
}

/// A coverage as it is printed.
fn round(coverage: f64) -> f64 {
    (coverage * 1e4).round() / 1e4
}
