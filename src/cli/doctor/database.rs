//! The database: what `wayside check` finds in it, how long ago it was written, what is missing of today.

use std::path::Path;

use super::Note;
use crate::clock::Clock;
use crate::ledger::{self, Finding, Vitals};
use crate::limits::SILENT_MARK;

const ABOUT: &str = "database";
const DAY_US: i64 = 86_400_000_000;

/// `None`: there is none yet, or it cannot be read, which [`notes`] says.
pub fn vitals(path: &Path, clock: &dyn Clock) -> Option<Vitals> {
    let now = clock.wall();
    ledger::vitals(path, now - DAY_US, now).ok()
}

/// The growth so far; `None` in the first hours.
pub fn bytes_per_day(vitals: &Vitals) -> Option<u64> {
    let (first, last) = (vitals.first_wall_us?, vitals.marked_wall_us?);
    let days = (last - first) as f64 / DAY_US as f64;
    (days >= 0.25).then_some((vitals.bytes as f64 / days) as u64)
}

pub fn notes(path: &Path, vitals: Option<&Vitals>, clock: &dyn Clock) -> Vec<Note> {
    if !path.exists() {
        return vec![Note::ok(ABOUT, format!("{}: is made by the first run", path.display()))];
    }
    let findings = ledger::check(path).into_iter();
    let mut notes: Vec<Note> = findings.map(|Finding { severity, text }| Note::new(ABOUT, severity, text)).collect();
    notes.extend(vitals.and_then(|vitals| life(vitals, clock.wall())));
    notes
}

/// The last mark and the gaps of the last day; `None` before the first session.
fn life(vitals: &Vitals, now_us: i64) -> Option<Note> {
    let age = (now_us - vitals.marked_wall_us?) / 1_000_000;
    let (gaps, missing_us) = vitals.gaps;
    let missing = match gaps {
        0 => "no gaps in the last 24 hours".into(),
        n => format!("{n} gap(s) in the last 24 hours, {:.0} s in all", missing_us as f64 / 1e6),
    };
    let text = format!("last marked {} ago; {missing}", duration(age));
    let silent = vitals.written && age > SILENT_MARK.as_secs() as i64;
    Some(match silent {
        true => Note::warn(
            ABOUT,
            format!("{text}: a counter runs and sees nothing: is its camera away? journalctl -u wayside"),
        ),
        false => Note::ok(ABOUT, text),
    })
}

fn duration(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Severity::{Info, Warning};

    const HOUR_US: i64 = 3_600_000_000;

    fn counted() -> Vitals {
        let (first_wall_us, marked_wall_us) = (Some(0), Some(48 * HOUR_US));
        Vitals { bytes: 4_000_000, first_wall_us, marked_wall_us, written: true, crossings: 9, gaps: (0, 0) }
    }

    #[test]
    fn growth_is_known_after_some_hours() {
        assert_eq!(bytes_per_day(&counted()), Some(2_000_000));
        assert_eq!(bytes_per_day(&Vitals { marked_wall_us: Some(HOUR_US), ..counted() }), None);
        assert_eq!(bytes_per_day(&Vitals { first_wall_us: None, ..counted() }), None);
    }

    #[test]
    fn a_counter_that_sees_nothing_is_noticed() {
        let now = 48 * HOUR_US + 5_000_000;
        let fresh = life(&counted(), now).unwrap();
        assert_eq!((fresh.severity, fresh.text.as_str()), (Info, "last marked 5 s ago; no gaps in the last 24 hours"));
        assert_eq!(life(&counted(), now + HOUR_US).unwrap().severity, Warning);
        let stopped = life(&Vitals { written: false, ..counted() }, now + HOUR_US).unwrap();
        assert_eq!(stopped.severity, Info, "nobody counts, so nothing is late");
        let gaps = life(&Vitals { gaps: (2, 90_000_000), ..counted() }, now).unwrap();
        assert!(gaps.text.contains("2 gap(s) in the last 24 hours, 90 s in all"), "{gaps:?}");
        assert_eq!(life(&Vitals { marked_wall_us: None, ..counted() }, now), None);
    }
}
