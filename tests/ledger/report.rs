//! `wayside report` as people call it.

use std::path::Path;
use std::process::Command;

use wayside::event::{Crossing, Direction, GapReason};
use wayside::ledger::{Batch, EndReason, Ledger, SqliteLedger};

use crate::fixture::*;

fn wayside(path: &Path, zone: &str, args: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wayside"));
    let output = command.arg("report").arg("--db").arg(path).args(args).env("TZ", zone).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn printed(path: &Path, args: &[&str]) -> String {
    let (ok, out, err) = wayside(path, "UTC0", args);
    assert!(ok && err.is_empty(), "{err}");
    out
}

/// A clip without a wall time, and a camera with a gap.
fn example(path: &Path) {
    let mut ledger = SqliteLedger::open(path).unwrap();
    let run = ledger.begin(&clip("a.mp4"), MAY).unwrap();
    let truck = Crossing { class: 1, direction: Direction::BtoA, ..crossing(3, 70.0, None) };
    let crossings = [crossing(1, 10.0, None), crossing(2, 20.0, None), truck];
    ledger.commit(&batch(run, &crossings, 90.0, None), MAY).unwrap();
    ledger.end(run, EndReason::Complete, MAY).unwrap();

    let run = ledger.begin(&camera("gate"), MAY).unwrap();
    let gaps = vec![(run, gap(60.0, 90.0, Some(MAY), GapReason::Source))];
    let crossings = [crossing(1, 30.0, Some(MAY)), crossing(2, 130.0, Some(MAY))];
    ledger.commit(&Batch { gaps, ..batch(run, &crossings, 180.0, Some(MAY)) }, MAY).unwrap();
    ledger.end(run, EndReason::Stopped, MAY).unwrap();
}

#[test]
fn csv_has_a_row_per_interval_line_direction_and_class() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    example(&path);
    let csv = printed(&path, &["--format", "csv", "--interval", "1m", "--line", "near", "--source", "a.mp4"]);
    assert_eq!(
        csv,
        "source,run,from,to,line,direction,class,count,coverage\n\
         a.mp4,1,00:00:00,00:01:00,near,down,car,2,1.0000\n\
         a.mp4,1,00:00:00,00:01:00,near,down,truck,0,1.0000\n\
         a.mp4,1,00:00:00,00:01:00,near,up,car,0,1.0000\n\
         a.mp4,1,00:00:00,00:01:00,near,up,truck,0,1.0000\n\
         a.mp4,1,00:01:00,00:02:00,near,down,car,0,0.5000\n\
         a.mp4,1,00:01:00,00:02:00,near,down,truck,0,0.5000\n\
         a.mp4,1,00:01:00,00:02:00,near,up,car,0,0.5000\n\
         a.mp4,1,00:01:00,00:02:00,near,up,truck,1,0.5000\n"
    );
    let (_, local, _) =
        wayside(&path, "CET-1", &["--format", "csv", "--interval", "1", "--line", "near", "--source", "gate"]);
    assert_eq!(
        local,
        "source,run,from,to,line,direction,class,count,coverage\n\
         gate,,2026-05-01T11:00:00+01:00,2026-05-01T11:01:00+01:00,near,down,car,1,1.0000\n\
         gate,,2026-05-01T11:00:00+01:00,2026-05-01T11:01:00+01:00,near,up,car,0,1.0000\n\
         gate,,2026-05-01T11:01:00+01:00,2026-05-01T11:02:00+01:00,near,down,car,0,0.5000\n\
         gate,,2026-05-01T11:01:00+01:00,2026-05-01T11:02:00+01:00,near,up,car,0,0.5000\n\
         gate,,2026-05-01T11:02:00+01:00,2026-05-01T11:03:00+01:00,near,down,car,1,1.0000\n\
         gate,,2026-05-01T11:02:00+01:00,2026-05-01T11:03:00+01:00,near,up,car,0,1.0000\n"
    );
    let totals = printed(&path, &["--format", "csv", "--totals", "--line", "near", "--run", "1"]);
    assert_eq!(
        totals,
        "source,run,line,direction,class,count\n\
         a.mp4,1,near,down,car,2\na.mp4,1,near,down,truck,0\na.mp4,1,near,up,car,0\na.mp4,1,near,up,truck,1\n"
    );
}

#[test]
fn times_are_local_and_an_unknown_zone_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    example(&path);
    let args = ["--format", "csv", "--source", "gate"];
    let (ok, out, err) = wayside(&path, "Nowhere/Land", &args);
    assert!(!ok && out.is_empty() && err.lines().count() == 1 && err.contains("no such time zone"), "{err}");
    if !Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
        println!("skipped: no /usr/share/zoneinfo");
        return;
    }
    let (_, out, _) = wayside(&path, "Europe/Berlin", &args);
    assert!(out.contains("gate,,2026-05-01T12:00:00+02:00,2026-05-01T12:15:00+02:00,near,down,car,2,"), "{out}");
}

#[test]
fn json_and_table_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    example(&path);
    let json: serde_json::Value = serde_json::from_str(&printed(&path, &["--format", "json"])).unwrap();
    assert_eq!(json["interval_minutes"], 15);
    let gate = &json["series"][1];
    assert_eq!((&gate["source"], &gate["state"]), (&"gate".into(), &"stopped".into()));
    assert_eq!(gate["gaps"][0]["seconds"], 30.0);
    assert_eq!(gate["counts"][0]["from"], "2026-05-01T10:00:00+00:00");
    assert_eq!((&gate["counts"][0]["count"], &gate["counts"][0]["coverage"]), (&2.into(), &0.1667.into()));

    let table = printed(&path, &["--line", "near"]);
    let expected = "\
a.mp4 · run 1 · scene · complete
┌──────────┬──────┬───────────┬─────┬───────┬─────┬──────┐
│ from     ┆ line ┆ direction ┆ car ┆ truck ┆ all ┆ seen │
╞══════════╪══════╪═══════════╪═════╪═══════╪═════╪══════╡
│ 00:00:00 ┆ near ┆ down      ┆   2 ┆     0 ┆   2 ┆ 10 % │
│ 00:00:00 ┆ near ┆ up        ┆   0 ┆     1 ┆   1 ┆ 10 % │
└──────────┴──────┴───────────┴─────┴───────┴─────┴──────┘

gate · scene · stopped
┌───────────────────────────┬──────┬───────────┬─────┬─────┬──────┐
│ from                      ┆ line ┆ direction ┆ car ┆ all ┆ seen │
╞═══════════════════════════╪══════╪═══════════╪═════╪═════╪══════╡
│ 2026-05-01T10:00:00+00:00 ┆ near ┆ down      ┆   2 ┆   2 ┆ 17 % │
│ 2026-05-01T10:00:00+00:00 ┆ near ┆ up        ┆   0 ┆   0 ┆ 17 % │
└───────────────────────────┴──────┴───────────┴─────┴─────┴──────┘
not seen: 30.0 s in 1 gaps (source)
";
    assert_eq!(table, expected, "\n{table}");
}

#[test]
fn from_and_to_are_widened_to_whole_intervals() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    example(&path);
    let rows = |args: &[&str]| {
        let csv = printed(&path, &[&["--format", "csv", "--interval", "1m", "--line", "near"], args].concat());
        let field = |row: &str| row.split(',').nth(2).unwrap().to_owned();
        let mut times: Vec<String> = csv.lines().skip(1).map(field).collect();
        times.dedup();
        times
    };
    assert_eq!(rows(&["--from", "00:01:30"]), ["00:01:00"]);
    assert_eq!(rows(&["--to", "00:01:00"]), ["00:00:00"]);
    let day = "2026-05-01T10:0";
    let bin = |m: u32| format!("{day}{m}:00+00:00");
    assert_eq!(rows(&["--from", "2026-05-01T10:01:30"]), [bin(1), bin(2)]);
    assert_eq!(rows(&["--from", "2026-05-01", "--to", "2026-05-01T12:01:00+02:00"]), [bin(0)]);
    for args in [
        &["--from", "noon"][..],
        &["--from", "00:01:00", "--to", "2026-05-01"],
        &["--from", "00:01:00", "--to", "00:00:30"],
    ] {
        let (ok, out, err) = wayside(&path, "UTC0", args);
        assert!(!ok && out.is_empty() && err.lines().count() == 1, "{err}");
    }
}

#[test]
fn the_same_content_gives_the_same_bytes_however_it_came_about() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<_> = (1..=20).map(|i| crossing(i, i as f64 * 7.0, None)).collect();
    let (straight, broken) = (folder.path().join("a.db"), folder.path().join("b.db"));
    for (path, crashes) in [(&straight, &[][..]), (&broken, &[3, 11, 7])] {
        for &n in crashes {
            let mut ledger = SqliteLedger::open(path).unwrap();
            let run = ledger.begin(&clip("a.mp4"), MAY).unwrap();
            ledger.commit(&batch(run, &all[..n], n as f64 * 7.0, None), MAY).unwrap();
        }
        let mut ledger = SqliteLedger::open(path).unwrap();
        let run = ledger.begin(&clip("a.mp4"), MAY).unwrap();
        ledger.commit(&batch(run, &all, 140.0, None), MAY).unwrap();
        ledger.end(run, EndReason::Complete, MAY).unwrap();
    }
    for format in ["table", "csv", "json"] {
        let args = ["--format", format, "--interval", "1m"];
        assert_eq!(printed(&straight, &args), printed(&broken, &args));
    }
}

#[test]
fn a_report_works_while_a_counter_writes_and_after_it_crashed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let mut ledger = SqliteLedger::open(&path).unwrap();
    let run = ledger.begin(&clip("a.mp4"), MAY).unwrap();
    ledger.commit(&batch(run, &[crossing(1, 10.0, None)], 30.0, None), MAY).unwrap();
    assert!(printed(&path, &[]).starts_with("a.mp4 · run 1 · scene · running\n"));
    ledger.commit(&batch(run, &[crossing(2, 40.0, None)], 42.0, None), MAY).unwrap();
    drop(ledger);
    let table = printed(&path, &[]);
    assert!(table.starts_with("a.mp4 · run 1 · scene · crashed\n"), "{table}");
    assert!(table.ends_with("not seen: since 00:00:42 (ended uncleanly)\n"), "{table}");
}

#[test]
fn no_database_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let (ok, out, err) = wayside(&folder.path().join("w.db"), "UTC0", &[]);
    assert!(!ok && out.is_empty() && err.lines().count() == 1 && err.contains("no such database"), "{err}");
}
