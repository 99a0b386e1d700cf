//! Every key of the config in one table: its meaning, unit, range and default. The checks, the messages, docs/config.md
//! and the comments of config/wayside.toml all come from it or are tested against it. Not here: what spans several keys.

use crate::engine::EngineChoice;

use Kind::{Flag, Groups, Lines, Number, Place, Text, Texts, Whole, Word};

/// One key.
#[derive(Debug)]
pub struct Key {
    /// The table that it stands in; `source.lines` for the fields of a line.
    pub table: &'static str,
    pub name: &'static str,
    pub kind: Kind,
    /// As written in TOML; [`REQUIRED`] where it has to be given, [`OPTIONAL`] where leaving it out means something else.
    pub default: &'static str,
    pub about: &'static str,
}

pub const REQUIRED: &str = "required";
pub const OPTIONAL: &str = "none";

/// What may stand to the right of the `=`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Text,
    Texts,
    /// Lists of texts.
    Groups,
    Flag,
    Number {
        min: f64,
        max: f64,
        unit: &'static str,
    },
    Whole {
        min: i64,
        max: i64,
        unit: &'static str,
    },
    Word(&'static [&'static str]),
    /// `[x, y]`, each 0..=1 of the picture.
    Place,
    /// A list of inline tables with the keys of `source.lines`.
    Lines,
}

/// A table of the file, in the order of the documentation.
pub const TABLES: &[(&str, &str)] = &[
    ("database", "Where crossings are stored."),
    ("model", "The network that finds the vehicles."),
    ("detect", "Which boxes of the network are believed."),
    (
        "track",
        "How boxes of successive frames become one vehicle. Times are in seconds, so that one setting serves every frame rate.",
    ),
    ("count", "When a track that changes the side of a line counts."),
    ("source", "One `[[source]]` per camera, clip, folder of pictures or synthetic scene; at least one."),
    ("source.lines", "The counting lines of a source: inline tables in its `lines`."),
];

const fn number(min: f64, max: f64, unit: &'static str) -> Kind {
    Number { min, max, unit }
}

const fn whole(min: i64, max: i64, unit: &'static str) -> Kind {
    Whole { min, max, unit }
}

const fn key(table: &'static str, name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Key {
    Key { table, name, kind, default, about }
}

const SHARE: &str = "";

#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("database", "path", Text, "\"wayside.db\"",
        "The SQLite file, made where it is missing. Relative to the working directory."),
    key("database", "commit_interval", number(0.1, 60.0, "s"), "1.0",
        "At most this much is lost by a power cut; every commit waits for the disk."),

    key("model", "name", Text, "\"vehicle\"",
        "Name of a model that `wayside model list` shows, a model folder, or an ONNX file whose head is recognised; `vehicle@256` is `vehicle` at a smaller size, which is faster (docs/models.md)."),
    key("model", "engine", Word(EngineChoice::WORDS), "\"auto\"",
        "What runs the network: `int8` quantised files only, `tract` any; `auto` takes int8 where the file is made for it. `onnxruntime` takes the library of that name where it is installed (docs/models.md)."),
    key("model", "sessions", whole(0, 64, "threads"), "0",
        "Frames that are worked on side by side, each on a thread of its own; 0 takes one per processor core. Changes no count."),

    key("detect", "score", number(0.0, 1.0, SHARE), "0.3",
        "A box with at least this score may begin a track."),
    key("detect", "score_low", number(0.0, 1.0, SHARE), "0.1",
        "A box with at least this score may continue a track (ByteTrack's second round). Not above `score`; a model may raise it, up to `score`, where its weak boxes mean nothing."),
    key("detect", "iou", number(0.0, 1.0, SHARE), "0.45",
        "Of two boxes that overlap by more than this (intersection over union), NMS keeps the one with the higher score."),
    key("detect", "class_agnostic", Flag, "true",
        "NMS compares boxes of all classes of a group, so that a van that looks like a car and a truck is one vehicle; false compares boxes of one class only."),
    key("detect", "classes", Texts, "[]",
        "Labels of the model to count; empty takes the road vehicles that the model knows, or everything where it knows none."),
    key("detect", "groups", Groups, "[]",
        "Lists of labels that are one kind of object for NMS; empty makes one group of the road vehicles."),

    key("track", "confirm_hits", whole(1, 100, "sightings"), "3",
        "A track counts from its N-th sighting on; one flash of noise is no vehicle."),
    key("track", "memory", number(0.1, 60.0, "s"), "3.0",
        "A confirmed track that is not seen for this long is gone."),

    key("count", "anchor", Word(&["bottom_center", "center"]), "\"bottom_center\"",
        "Which point of a box has to cross the line: where the vehicle stands on the road, or the middle of the box."),
    key("count", "hysteresis", number(0.0, 10.0, "box sizes"), "0.25",
        "How far beyond the line the anchor must come, in √(width · height) of its box: jitter on the line counts nothing."),
    key("count", "min_travel", number(0.0, 10.0, "box sizes"), "0.4",
        "How far across the line the anchor must have come in all, in √(width · height) of its box."),

    key("source", "name", Text, REQUIRED,
        "Name in reports and in the database; unique."),
    key("source", "input", Text, REQUIRED,
        "A camera (`v4l,size=1280x720,fps=15:/dev/video0`, see docs/cameras.md), a clip, a picture, a folder or a glob of pictures, or `scene:NAME`, as for `wayside count`."),
    key("source", "start", Text, OPTIONAL,
        "Wall time of the first frame, RFC 3339, e.g. \"2026-05-04T08:00:00+02:00\"; without it times are relative to the start. Not for cameras: they have the machine's clock."),
    key("source", "every", whole(1, 1000, "frames"), "1",
        "Use each N-th frame only, with its own time."),
    key("source", "realtime", Flag, "false",
        "Play a clip or scene at its own rate, as if it were a camera: what a slow board cannot keep up with is dropped and counted, and each start is a count of its own, with wall times from now on."),
    key("source", "lines", Lines, REQUIRED,
        "The counting lines, at least one."),

    key("source.lines", "name", Text, REQUIRED,
        "Name in reports and in the database; unique within the source."),
    key("source.lines", "from", Place, REQUIRED,
        "Where the line begins, as `[x, y]` in shares of the picture's width and height: `[0, 0]` is the top left, `[1, 1]` the bottom right."),
    key("source.lines", "to", Place, REQUIRED,
        "Where it ends. Looking from `from` to `to`, side A is on the left and side B on the right: a line from left to right is crossed downwards from A to B."),
    key("source.lines", "a_to_b", Text, "\"in\"",
        "What a crossing from side A to side B is called."),
    key("source.lines", "b_to_a", Text, "\"out\"",
        "What a crossing from side B to side A is called."),
];

/// The keys of one table.
pub fn of_table(table: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.table == table)
}

/// The name of `candidates` that `word` most likely meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &name.to_lowercase());
    // min_by_key takes the first of equals: the result does not depend on anything but the table.
    candidates.into_iter().min_by_key(|name| distance(name))
}

impl Kind {
    /// For people: "a number from 0 to 1".
    pub fn expects(&self) -> String {
        let with_unit = |unit: &str| if unit.is_empty() { String::new() } else { format!(" {unit}") };
        match self {
            Text => "a text in quotes".into(),
            Texts => "a list of texts, e.g. [\"car\", \"bus\"]".into(),
            Groups => "a list of lists of texts, e.g. [[\"car\", \"truck\"], [\"person\"]]".into(),
            Flag => "true or false".into(),
            Number { min, max, unit } => format!("a number from {min} to {max}{}", with_unit(unit)),
            Whole { min, max, unit } => format!("a whole number from {min} to {max}{}", with_unit(unit)),
            Word(words) => words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" or "),
            Place => "[x, y], each from 0 to 1".into(),
            Lines => "a list of { name, from, to }".into(),
        }
    }
}

/// docs/config.md. A test compares the file with this text.
pub fn document() -> String {
    let mut text = String::from(
        "# The configuration file\n\n\
         <!-- Generated from src/config/keys.rs: WAYSIDE_BLESS=1 cargo test --test config -->\n\n\
         TOML, read by `wayside run --config FILE` and checked by `wayside check --config FILE`. \
         [config/wayside.toml](../config/wayside.toml) holds every key with its default. An unknown key is refused, and so \
         is a value out of its range. Places are relative to the picture, so that a config outlives a change of resolution.\n",
    );
    for (table, about) in TABLES {
        let heading = match *table {
            "source" => "[[source]]".to_owned(),
            "source.lines" => "lines = [{ … }]".to_owned(),
            table => format!("[{table}]"),
        };
        text += &format!("\n## `{heading}`\n\n{about}\n\n| key | value | default | meaning |\n|---|---|---|---|\n");
        for key in of_table(table) {
            let default = match key.default {
                REQUIRED => "has to be given".to_owned(),
                OPTIONAL => "not given".to_owned(),
                value => format!("`{value}`"),
            };
            text += &format!("| `{}` | {} | {default} | {} |\n", key.name, key.kind.expects(), key.about);
        }
    }
    text
}
