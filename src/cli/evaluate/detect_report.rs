//! The figures of `wayside evaluate detect`, as a table and as JSON.

use comfy_table::{CellAlignment, Table, TableStyle};
use serde_json::{Value, json};

use crate::evaluate::detect::{Figures, Picture, Report, evaluate};

/// What was measured.
pub struct Header {
    pub model: String,
    pub pictures: usize,
    pub agnostic: bool,
    pub score: f32,
    pub iou: f32,
    /// The same of the pictures alone that show an object, where others show none.
    pub showing: Option<Showing>,
}

/// False alarms in pictures without an object don't count here.
pub struct Showing {
    pub pictures: usize,
    pub figures: Figures,
}

impl Showing {
    pub fn of(pictures: &[Picture], classes: usize) -> Option<Self> {
        let shows = |picture: &&Picture| picture.truth.iter().any(|labelled| !labelled.crowd);
        let showing: Vec<Picture> = pictures.iter().filter(shows).cloned().collect();
        let some = !showing.is_empty() && showing.len() < pictures.len();
        some.then(|| Self { pictures: showing.len(), figures: evaluate(&showing, classes).all })
    }
}

pub fn as_json(header: &Header, names: &[String], report: &Report) -> String {
    let class = |(name, figures): (&String, &Figures)| {
        let mut value = json!(figures);
        value["class"] = Value::from(name.as_str());
        value
    };
    let decimal = |value: f32| value.to_string().parse::<f64>().unwrap_or_default();
    let showing = header.showing.as_ref().map(|Showing { pictures, figures }| {
        let mut value = json!(figures);
        value["pictures"] = Value::from(*pictures);
        value
    });
    let report = json!({
        "model": header.model, "pictures": header.pictures, "agnostic": header.agnostic,
        "score": decimal(header.score), "iou": decimal(header.iou),
        "all": report.all, "showing": showing,
        "classes": names.iter().zip(&report.classes).map(class).collect::<Vec<_>>(),
    });
    format!("{report:#}")
}

pub fn as_table(header: &Header, names: &[String], report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table.set_header(["class", "boxes", "AP", "AP50", "AP75", "recall", "AP small", "AP medium", "AP large"]);
    let mut add = |name: &str, f: &Figures| {
        let figures = [f.ap, f.ap50, f.ap75, f.recall, f.small.ap, f.medium.ap, f.large.ap];
        let figure = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.3}"));
        let mut cells = vec![name.to_owned(), f.boxes.to_string()];
        cells.extend(figures.map(figure));
        table.add_row(cells);
    };
    names.iter().zip(&report.classes).for_each(|(name, figures)| add(name, figures));
    if names.len() > 1 {
        add("all", &report.all);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let Header { model, pictures, score, iou, .. } = header;
    let showing = header.showing.as_ref().map_or_else(String::new, |Showing { pictures, figures }| {
        let figure = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.3}"));
        let (ap, ap50, ap75) = (figure(figures.ap), figure(figures.ap50), figure(figures.ap75));
        format!("\nWithout the pictures that show none, {pictures} are left: AP {ap}, AP50 {ap50}, AP75 {ap75}.")
    });
    format!(
        "{}\n{model}, {pictures} pictures, scores from {score}, suppression at {iou}. AP and recall: mean over overlaps \
         0.50 to 0.95;\nsmall up to 32², medium up to 96² pixels, large above.{showing}",
        table.trim_fmt()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::detect::{BySize, Found, Labelled, Rect};

    fn header() -> Header {
        Header { model: "road".into(), pictures: 3, agnostic: false, score: 0.01, iou: 0.45, showing: None }
    }

    fn report() -> Report {
        let car = Figures {
            boxes: 7,
            ap: Some(0.25),
            ap50: Some(0.5),
            large: BySize { ap: Some(0.125), recall: Some(0.25) },
            ..Figures::default()
        };
        Report { all: car, classes: vec![car, Figures::default()] }
    }

    #[test]
    fn the_table_has_a_row_per_class_and_one_of_all() {
        let text = as_table(&header(), &["car".into(), "bus".into()], &report());
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        let row = |name: &str| rows.iter().find(|row| row.first() == Some(&name)).unwrap().clone();
        assert_eq!(row("car"), ["car", "7", "0.250", "0.500", "-", "-", "-", "-", "0.125"]);
        assert_eq!(row("bus")[1..3], ["0", "-"]);
        assert_eq!(row("all")[1..], row("car")[1..]);
        assert!(text.contains("road, 3 pictures, scores from 0.01, suppression at 0.45"), "{text}");
        let single = as_table(&header(), &["car".into()], &report());
        assert!(!single.lines().any(|line| line.trim_start().starts_with("all")), "{single}");
    }

    #[test]
    fn false_alarms_in_pictures_without_an_object_are_told_apart() {
        let rect = Rect { x: 0.0, y: 0.0, width: 50.0, height: 50.0 };
        let labelled = Labelled { rect, class: 0, crowd: false, area: 2500.0 };
        let found = |score| vec![Found { rect, class: 0, score }];
        let car = Picture { truth: vec![labelled], found: found(0.6) };
        let nothing = Picture { truth: Vec::new(), found: found(0.9) };
        let crowd = Picture { truth: vec![Labelled { crowd: true, ..labelled }], found: Vec::new() };
        assert!(Showing::of(&[car.clone(), car.clone()], 1).is_none(), "all show one");
        assert!(Showing::of(std::slice::from_ref(&nothing), 1).is_none(), "none does");
        let pictures = [car, nothing, crowd];
        let showing = Showing::of(&pictures, 1).unwrap();
        assert_eq!((showing.pictures, showing.figures.ap50), (1, Some(1.0)));
        let report = evaluate(&pictures, 1);
        assert!((report.all.ap50.unwrap() - 0.5).abs() < 1e-9, "{report:?}");
        let header = Header { showing: Some(showing), ..header() };
        let text = as_table(&header, &["car".into()], &report);
        assert!(
            text.ends_with("Without the pictures that show none, 1 are left: AP 1.000, AP50 1.000, AP75 1.000."),
            "{text}"
        );
        let value: Value = serde_json::from_str(&as_json(&header, &["car".into()], &report)).unwrap();
        assert_eq!((&value["showing"]["pictures"], &value["showing"]["ap50"]), (&json!(1), &json!(1.0)));
    }

    #[test]
    fn json_says_null_where_there_is_no_truth() {
        let value: Value = serde_json::from_str(&as_json(&header(), &["car".into(), "bus".into()], &report())).unwrap();
        assert_eq!(value["score"], 0.01);
        assert_eq!(value["all"]["ap50"], 0.5);
        assert_eq!(value["classes"][0]["large"], json!({"ap": 0.125, "recall": 0.25}));
        assert_eq!(value["classes"][1]["class"], "bus");
        assert!(value["classes"][1]["ap"].is_null());
    }
}
