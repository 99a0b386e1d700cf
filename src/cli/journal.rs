//! What a service writes to its log: one line per event that somebody may want to know of later. Not here: the progress
//! bar of a person who watches (console.rs).

use std::io::{IsTerminal, Write};
use std::time::Duration;

use super::console::{Names, Totals};
use crate::event::{Crossing, Direction};
use crate::pipeline::Stats;

/// Starts the log. `service`: a verb that runs for months, which tells more where nobody watches. Under systemd each line
/// begins with its priority (sd-daemon(3)) in place of a time, which the journal has itself.
pub fn init(service: bool) {
    let watched = std::io::stderr().is_terminal();
    let levels = if service && !watched { "warn,wayside=info" } else { "warn" };
    let mut log = env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(levels));
    log.format_target(false);
    if to_journald() {
        log.format(|to, record| writeln!(to, "<{}>{}", priority(record.level()), record.args()));
    }
    log.init();
}

/// Whether stderr ends in systemd's journal.
pub fn to_journald() -> bool {
    !std::io::stderr().is_terminal() && std::env::var_os("JOURNAL_STREAM").is_some()
}

/// syslog(3): 3 is an error, 7 is for developers.
fn priority(level: log::Level) -> u8 {
    match level {
        log::Level::Error => 3,
        log::Level::Warn => 4,
        log::Level::Info => 6,
        log::Level::Debug | log::Level::Trace => 7,
    }
}

/// How often a source's counts are told.
const SUMMARY_EVERY: Duration = Duration::from_secs(600);
/// A source that has given no frame for so long is missed.
const MISSED_AFTER: Duration = Duration::from_secs(30);

/// A crossing that is stored: with RUST_LOG=debug, as a busy road has thousands a day.
pub fn crossing(names: &Names, crossing: &Crossing) {
    let (line, direction, class) = (names.line(crossing), names.direction(crossing), names.class(crossing));
    let seconds = crossing.stamp.mono.as_secs_f64();
    log::debug!("{}: {line} {direction}: {class}, track {} at {seconds:.3} s", names.source, crossing.track);
}

/// Watches the counters of a run and says what changed.
pub struct Journal {
    sources: Vec<Source>,
    told: Duration,
}

/// What was last told of a source.
struct Source {
    processed: u64,
    missing: u64,
    dropped: u64,
    /// Per line: from A to B, from B to A.
    counts: Vec<[u64; 2]>,
    delivered: u64,
    /// When the last frame came.
    last: Duration,
    missed: bool,
}

impl Journal {
    pub fn new(names: &[Names], now: Duration) -> Self {
        let source = |names: &Names| Source {
            processed: 0,
            missing: 0,
            dropped: 0,
            counts: vec![[0; 2]; names.lines.len()],
            delivered: 0,
            last: now,
            missed: false,
        };
        Self { sources: names.iter().map(source).collect(), told: now }
    }

    pub fn tick(&mut self, now: Duration, stats: &Stats, names: &[Names], totals: &Totals) {
        for (level, line) in self.changes(now, stats, names) {
            log::log!(level, "{line}");
        }
        if now - self.told >= SUMMARY_EVERY {
            self.summary(now, stats, names, totals).iter().for_each(|line| log::info!("{line}"));
        }
    }

    /// Sources that begin, fall silent, and come back.
    fn changes(&mut self, now: Duration, stats: &Stats, names: &[Names]) -> Vec<(log::Level, String)> {
        let mut lines = Vec::new();
        for ((source, stats), names) in self.sources.iter_mut().zip(&stats.sources).zip(names) {
            let name = &names.source;
            let delivered = stats.delivered.get();
            let silence = now.saturating_sub(source.last);
            if delivered > source.delivered {
                match (source.delivered, source.missed) {
                    (0, _) => lines.push((log::Level::Info, format!("{name}: the first frame is here"))),
                    (_, true) => {
                        lines.push((log::Level::Warn, format!("{name}: frames again, after {} s", silence.as_secs())));
                    }
                    (_, false) => {}
                }
                (source.delivered, source.last, source.missed) = (delivered, now, false);
            } else if silence >= MISSED_AFTER && !std::mem::replace(&mut source.missed, true) {
                lines.push((log::Level::Warn, format!("{name}: no frame for {} s", silence.as_secs())));
            }
        }
        lines
    }

    /// What came and was counted since the last summary, a line per source.
    pub fn summary(&mut self, now: Duration, stats: &Stats, names: &[Names], totals: &Totals) -> Vec<String> {
        let seconds = (now - self.told).as_secs_f64().max(1e-3);
        self.told = now;
        let mut lines = Vec::new();
        for (index, (source, names)) in self.sources.iter_mut().zip(names).enumerate() {
            let stats = &stats.sources[index];
            let since = |before: &mut u64, now: u64| now - std::mem::replace(before, now);
            let frames = since(&mut source.processed, stats.processed.get());
            let mut line = format!(
                "{}: {:.1} frames/s, {} missing, {} dropped",
                names.source,
                frames as f64 / seconds,
                since(&mut source.missing, stats.missing.get()),
                since(&mut source.dropped, stats.overload.get()),
            );
            for (number, (words, before)) in names.lines.iter().zip(&mut source.counts).enumerate() {
                let [a, b] = before;
                let a = since(a, totals.of(index, number, Direction::AtoB));
                let b = since(b, totals.of(index, number, Direction::BtoA));
                line += &format!("; {}: {a} {}, {b} {}", words.name, words.a_to_b, words.b_to_a);
            }
            lines.push(line);
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::super::console::LineNames;
    use super::*;
    use crate::frame::Stamp;
    use crate::geometry::Point;

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn names() -> Vec<Names> {
        let line = LineNames { name: "middle".into(), a_to_b: "in".into(), b_to_a: "out".into() };
        vec![Names { source: "road".into(), labels: vec!["car".into()], lines: vec![line] }]
    }

    #[test]
    fn a_source_begins_falls_silent_and_comes_back_each_once() {
        let (names, stats) = (names(), Stats::new(1));
        let mut journal = Journal::new(&names, secs(0));
        let mut said = Vec::new();
        for second in 0..100 {
            if matches!(second, 2..10 | 70..80) {
                stats.sources[0].delivered.add(5);
            }
            said.extend(journal.changes(secs(second), &stats, &names).into_iter().map(|(_, line)| (second, line)));
        }
        let expected = [
            (2, "road: the first frame is here"),
            (39, "road: no frame for 30 s"),
            (70, "road: frames again, after 61 s"),
        ];
        assert_eq!(said, expected.map(|(second, line)| (second, line.to_owned())));
    }

    #[test]
    fn a_summary_tells_what_is_new() {
        let (names, stats, mut totals) = (names(), Stats::new(1), Totals::default());
        let mut journal = Journal::new(&names, secs(0));
        let (stamp, at) = (Stamp::default(), Point::default());
        let crossing = Crossing { line: 0, track: 1, direction: Direction::BtoA, class: 0, score: 0.5, stamp, at };
        stats.sources[0].processed.add(250);
        stats.sources[0].overload.add(3);
        totals.add(0, &crossing);
        let line = journal.summary(secs(10), &stats, &names, &totals);
        assert_eq!(line, ["road: 25.0 frames/s, 0 missing, 3 dropped; middle: 0 in, 1 out"]);
        totals.add(0, &crossing);
        let line = journal.summary(secs(20), &stats, &names, &totals);
        assert_eq!(line, ["road: 0.0 frames/s, 0 missing, 0 dropped; middle: 0 in, 1 out"]);
    }
}
