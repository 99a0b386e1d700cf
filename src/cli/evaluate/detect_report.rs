//! The figures of `wayside evaluate detect`, as a table and as JSON.

use comfy_table::{CellAlignment, Table, TableStyle};
use serde_json::{Value, json};

use crate::evaluate::detect::{Figures, Report};

/// What was measured.
pub struct Header {
    pub model: String,
    pub pictures: usize,
    pub agnostic: bool,
    pub score: f32,
    pub iou: f32,
}

pub fn as_json(header: &Header, names: &[String], report: &Report) -> String {
    let class = |(name, figures): (&String, &Figures)| {
        let mut value = json!(figures);
        value["class"] = Value::from(name.as_str());
        value
    };
    let decimal = |value: f32| value.to_string().parse::<f64>().unwrap_or_default();
    let report = json!({
        "model": header.model, "pictures": header.pictures, "agnostic": header.agnostic,
        "score": decimal(header.score), "iou": decimal(header.iou),
        "all": report.all,
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
    format!(
        "{}\n{model}, {pictures} pictures, scores from {score}, suppression at {iou}. AP and recall: mean over overlaps \
         0.50 to 0.95;\nsmall up to 32², medium up to 96² pixels, large above.",
        table.trim_fmt()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::detect::BySize;

    fn header() -> Header {
        Header { model: "road".into(), pictures: 3, agnostic: false, score: 0.01, iou: 0.45 }
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
    fn json_says_null_where_there_is_no_truth() {
        let value: Value = serde_json::from_str(&as_json(&header(), &["car".into(), "bus".into()], &report())).unwrap();
        assert_eq!(value["score"], 0.01);
        assert_eq!(value["all"]["ap50"], 0.5);
        assert_eq!(value["classes"][0]["large"], json!({"ap": 0.125, "recall": 0.25}));
        assert_eq!(value["classes"][1]["class"], "bus");
        assert!(value["classes"][1]["ap"].is_null());
    }
}
