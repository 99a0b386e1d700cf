//! The scores of `evaluate count`: random counts against the independent script that scores this project, and the files.

use std::path::{Path, PathBuf};
use std::process::Command;

use wayside::evaluate::count::{Score, score};
use wayside::evaluate::files::{read_lines, read_truth, write_predictions};
use wayside::evaluate::{Predicted, TruthEvent, Way};

/// A small generator (splitmix64) is enough here, and repeats itself on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn way(&mut self) -> Way {
        if self.below(2) == 0 { Way::Up } else { Way::Down }
    }
}

fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no ../shared");
    None
}

/// A busy or a quiet clip: dense enough that windows overlap and a greedy matching would go wrong.
fn random_clip(random: &mut Random) -> (Vec<TruthEvent>, Vec<Predicted>) {
    let (events, predictions) = (random.below(14), random.below(14));
    let truth = (0..events).map(|id| {
        let first = random.below(120);
        TruthEvent {
            id: id.to_string(),
            first,
            last: first + random.below(15),
            x: (0.0, 10.0),
            way: random.way(),
            class: "car".into(),
            free: random.below(5) == 0,
        }
    });
    let truth = truth.collect();
    let predicted = (0..predictions).map(|_| Predicted {
        frame: random.below(150),
        way: random.way(),
        class: "car".into(),
        track: None,
    });
    (truth, predicted.collect())
}

fn truth_csv(clips: &[(Vec<TruthEvent>, Vec<Predicted>)]) -> String {
    let mut csv = String::from(
        "clip,event,frame_first_touch,frame_mid,frame_last_touch,x_min,x_max,direction,class_seen,coco_classes_accepted,flag\n",
    );
    for (number, (truth, _)) in clips.iter().enumerate() {
        for e in truth {
            let (mid, way) = ((e.first + e.last) / 2, e.way.as_str());
            let flag = if e.free { "edge_end" } else { "" };
            csv += &format!("c{number}.mp4,{},{},{mid},{},0,10,{way},car,car,{flag}\n", e.id, e.first, e.last);
        }
    }
    csv
}

#[test]
fn random_counts_score_as_the_independent_script_says() {
    let Some(script) = shared("lab/score_counts.py") else { return };
    if Command::new("python3").arg("--version").output().is_err() {
        return println!("skipped: no python3");
    }
    let folder = tempfile::tempdir().unwrap();
    let (truth_path, predicted_path) = (folder.path().join("truth.csv"), folder.path().join("predicted.csv"));
    let mut random = Random(13);
    for (round, slack) in [0_u64, 3, 10].into_iter().enumerate() {
        let clips: Vec<_> = (0..60).map(|_| random_clip(&mut random)).collect();
        std::fs::write(&truth_path, truth_csv(&clips)).unwrap();
        let rows: Vec<_> = clips.iter().enumerate().map(|(n, (_, p))| (format!("c{n}.mp4"), p.clone())).collect();
        write_predictions(&predicted_path, &rows).unwrap();

        let names: Vec<String> = (0..clips.len()).map(|n| format!("c{n}")).collect();
        let output = Command::new("python3")
            .arg(&script)
            .args([&truth_path, &predicted_path])
            .args(["--slack", &slack.to_string(), "--clips", &names.join(",")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> = printed.lines().skip(1).collect();

        let read_back = read_truth(&truth_path).unwrap();
        let mut total = Score::default();
        for (n, (truth, predicted)) in clips.iter().enumerate() {
            let s = score(truth, predicted, slack);
            assert_eq!(s, score(read_back.get(&names[n]).map_or(&[], Vec::as_slice), predicted, slack));
            let theirs: Vec<&str> = lines[n].split_whitespace().collect();
            let ours: Vec<String> = [s.truth, s.predicted, s.matched]
                .map(|n| n.to_string())
                .into_iter()
                .chain([s.precision(), s.recall(), s.f1()].map(|v| format!("{v:.3}")))
                .collect();
            assert_eq!(ours, theirs[1..7], "round {round}, clip {n}: {}", lines[n]);
            total.add(&s);
        }
        let theirs: serde_json::Value = serde_json::from_str(lines[clips.len()]).unwrap();
        assert_eq!(theirs["truth"], total.truth);
        assert_eq!(theirs["pred"], total.predicted);
        assert_eq!(theirs["matched"], total.matched);
        assert_eq!(theirs["abs_count_error"], total.count_error());
        assert!((theirs["f1"].as_f64().unwrap() - total.f1()).abs() < 1e-4);
    }
}

#[test]
fn the_clips_lines_and_truth_read_to_their_stated_totals() {
    for folder in ["assets/clips", "assets/clips-hard"] {
        let Some(folder) = shared(folder) else { return };
        let lines = read_lines(&folder.join("lines.json")).unwrap();
        let truth = read_truth(&folder.join("crossings.csv")).unwrap();
        let stated: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(folder.join("lines.json")).unwrap()).unwrap();
        assert_eq!(lines.len(), truth.len());
        for clip in &lines {
            let s = score(&truth[clip.key()], &[], 10);
            let stated = &stated[clip.key()];
            // Totals hold some flagged events too: those of which the centre passed.
            for (count, total) in [(s.up, &stated["up"]), (s.down, &stated["down"])] {
                let total = total.as_u64().unwrap() as usize;
                assert!((count.truth..=count.truth_with_free).contains(&total), "{}: {count:?}, {total}", clip.file);
            }
        }
    }
}

#[test]
fn bad_files_are_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let header = "clip,event,frame_first_touch,frame_last_touch,x_min,x_max,direction,class_seen,flag\n";
    let lines = |text: &str| {
        std::fs::write(&path, text).unwrap();
        read_lines(&path).unwrap_err().to_string()
    };
    let clip =
        |line: &str| lines(&format!(r#"{{"a": {{"file": "a.mp4", "width": 640, "height": 360, "line": {line}}}}}"#));
    let mut messages = vec![
        (lines("hello"), "is no lines.json"),
        (lines("{}"), "names no clip"),
        (lines(r#"{"a": {"file": "a.mp4"}}"#), "missing field `width`"),
        (clip("[[0, 400], [600, 400]]"), "the line of \"a\" leaves its 640x360 picture"),
        (clip("[[9, 100], [9, 300]]"), "the line of \"a\" is vertical"),
    ];
    let truth = |row: &str| {
        std::fs::write(&path, format!("{header}{row}\n")).unwrap();
        read_truth(&path).unwrap_err().to_string()
    };
    messages.extend([
        (truth("a.mp4,1,x,9,0,10,up,car,"), "line 2, frame_first_touch: invalid digit"),
        (truth("a.mp4,1,5,9,0,10,left,car,"), "line 2: unknown variant `left`"),
        (truth("a.mp4,1,9,5,0,10,up,car,"), "row 1: frames or x_min/x_max run backwards"),
        (truth("a.mp4,1,9"), "line 2:"),
        (read_truth(&folder.path().join("none")).unwrap_err().to_string(), "No such file"),
    ]);
    for (message, expected) in messages {
        assert!(message.contains(expected), "{message:?} lacks {expected:?}");
        assert!(message.starts_with(folder.path().to_str().unwrap()), "{message:?} names no file");
        assert_eq!(message.lines().count(), 1, "{message:?}");
    }
}
