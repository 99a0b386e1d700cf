//! Curves over an axis: losses over epochs, a ROC.

use plotters::prelude::*;

use super::{COLORS, unable};
use wayside::evaluate::detect::PrPoint;

use crate::Result;
use crate::measure::Roc;

/// A named curve; points that are no numbers are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// Curves in one frame, whose axes reach as far as the points.
pub fn lines(title: &str, x: &str, y: &str, lines: &[Line]) -> Result<String> {
    let finite = |&&(x, y): &&(f64, f64)| x.is_finite() && y.is_finite();
    let all: Vec<(f64, f64)> = lines.iter().flat_map(|line| &line.points).filter(finite).copied().collect();
    let reach = |values: &mut dyn Iterator<Item = f64>| {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), it| (low.min(it), high.max(it)));
        if low > high { (0.0, 1.0) } else { (low, high) }
    };
    let (left, right) = reach(&mut all.iter().map(|point| point.0));
    let (bottom, top) = reach(&mut all.iter().map(|point| point.1));
    let air = ((top - bottom) * 0.05).max(1e-6);
    let right = if right > left { right } else { left + 1.0 };
    frame(title, x, y, (left, right), (bottom - air, top + air), lines, None)
}

/// FAR against 1 − FRR, with the line of a coin.
pub fn roc(title: &str, curves: &[(String, &Roc)]) -> Result<String> {
    let lines: Vec<Line> = curves
        .iter()
        .map(|(name, roc)| Line {
            name: format!("{name}: AUC {:.4}, EER {:.1} %", roc.auc(), 100.0 * roc.eer().0),
            points: roc.points.iter().map(|point| (point.0, point.1)).collect(),
        })
        .collect();
    let coin = [(0.0, 0.0), (1.0, 1.0)];
    frame(
        title,
        "FAR: different people accepted",
        "1 − FRR: same person accepted",
        (0.0, 1.0),
        (0.0, 1.02),
        &lines,
        Some(coin),
    )
}

/// Precision against recall, a named curve each.
pub fn precision_recall(title: &str, curves: &[(&str, Vec<PrPoint>)]) -> Result<String> {
    let line = |(name, points): &(&str, Vec<PrPoint>)| Line {
        name: (*name).to_owned(),
        points: points.iter().map(|point| (point.recall, point.precision)).collect(),
    };
    let lines: Vec<Line> = curves.iter().map(line).collect();
    frame(title, "recall", "precision", (0.0, 1.0), (0.0, 1.02), &lines, None)
}

fn frame(
    title: &str,
    x: &str,
    y: &str,
    (left, right): (f64, f64),
    (bottom, top): (f64, f64),
    lines: &[Line],
    guide: Option<[(f64, f64); 2]>,
) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (800, 500)).into_drawing_area();
        area.fill(&WHITE).map_err(unable)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(left..right, bottom..top)
            .map_err(unable)?;
        let label = ("sans-serif", 14);
        chart
            .configure_mesh()
            .x_desc(x)
            .y_desc(y)
            .axis_desc_style(label)
            .label_style(label)
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(225, 225, 225))
            .draw()
            .map_err(unable)?;
        if let Some(guide) = guide {
            chart.draw_series(LineSeries::new(guide, RGBColor(160, 160, 160))).map_err(unable)?;
        }
        for (line, color) in lines.iter().zip(COLORS.iter().cycle()) {
            let color = RGBColor(color.0, color.1, color.2);
            let points = line.points.iter().copied().filter(|point| point.0.is_finite() && point.1.is_finite());
            chart
                .draw_series(LineSeries::new(points, color.stroke_width(2)))
                .map_err(unable)?
                .label(line.name.as_str())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        }
        let corner = if guide.is_some() || ends_high(lines) {
            SeriesLabelPosition::LowerRight
        } else {
            SeriesLabelPosition::UpperRight
        };
        chart
            .configure_series_labels()
            .position(corner)
            .label_font(label)
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(200, 200, 200))
            .draw()
            .map_err(unable)?;
        area.present().map_err(unable)?;
    }
    Ok(svg)
}

/// Whether some line ends in the upper half of all, where the names would lie over it.
fn ends_high(lines: &[Line]) -> bool {
    let heights =
        || lines.iter().flat_map(|line| &line.points).map(|point| point.1).filter(|height| height.is_finite());
    let (low, high) = (heights().fold(f64::INFINITY, f64::min), heights().fold(f64::NEG_INFINITY, f64::max));
    let ends = lines.iter().filter_map(|line| line.points.last());
    ends.map(|point| point.1).any(|end| end > (low + high) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, points: &[(f64, f64)]) -> Line {
        Line { name: name.into(), points: points.to_vec() }
    }

    #[test]
    fn a_chart_has_its_title_names_and_a_path_for_each_line() {
        let both = [line("loss", &[(1.0, 2.0), (2.0, 1.0)]), line("val_loss", &[(1.0, 2.5), (2.0, f64::NAN)])];
        let svg = lines("Training", "epoch", "loss", &both).unwrap();
        for text in ["Training", "epoch", "val_loss"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"));
    }

    #[test]
    fn no_points_one_point_and_equal_points_are_drawn_as_well() {
        for points in [vec![], vec![(1.0, 1.0)], vec![(1.0, 1.0), (2.0, 1.0)]] {
            assert!(lines("t", "x", "y", &[line("a", &points)]).is_ok(), "{points:?}");
        }
    }
}
