//! Charts as SVG, for docs/performance.md. Both axes are logarithmic: what counts is how many times more.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result};
use plotters::prelude::*;

const SIZE: (u32, u32) = (760, 400);
const FONT: (&str, u32) = ("sans-serif", 14);
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 90, 160), RGBColor(200, 90, 0), RGBColor(0, 130, 90), RGBColor(120, 120, 120)];

/// A corner of a chart that the lines leave free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamesAt {
    LowerRight,
    MiddleRight,
}

/// Lines over one axis. All values are greater than zero.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    /// What is across, with its unit.
    pub(crate) across: &'static str,
    /// What is upwards, with its unit.
    pub(crate) upwards: &'static str,
    /// Between two marks of the axis across lies this factor.
    pub(crate) step: f64,
    /// Where the names of the lines are.
    pub(crate) names_at: NamesAt,
    /// Each with its name.
    pub(crate) lines: Vec<(&'static str, Vec<(f64, f64)>)>,
}

impl Chart {
    /// Draws it into a file, which is made or replaced.
    pub(crate) fn draw(&self, path: &Path) -> Result<()> {
        self.try_draw(path).with_context(|| format!("the chart {}", path.display()))
    }

    fn try_draw(&self, path: &Path) -> Result<()> {
        let across = range(self.points().map(|(x, _)| x)).context("no points")?;
        let upwards = range(self.points().map(|(_, y)| y)).context("no points")?;
        let upwards = upwards.start / 1.5..upwards.end * 1.5;
        let area = SVGBackend::new(path, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .margin_right(36)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d(across.log_scale().base(self.step), upwards.log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.15))
            .x_desc(self.across)
            .y_desc(self.upwards)
            .x_label_formatter(&number)
            .y_label_formatter(&number)
            .label_style(FONT)
            .axis_desc_style(FONT)
            .draw()?;
        for ((name, points), colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let style = colour.stroke_width(2);
            chart
                .draw_series(LineSeries::new(points.iter().copied(), style).point_size(3))?
                .label(*name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
        }
        let names_at = match self.names_at {
            NamesAt::LowerRight => SeriesLabelPosition::LowerRight,
            NamesAt::MiddleRight => SeriesLabelPosition::MiddleRight,
        };
        chart.configure_series_labels().position(names_at).label_font(FONT).background_style(WHITE.mix(0.8)).draw()?;
        area.present()?;
        Ok(())
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.lines.iter().flat_map(|(_, points)| points).copied()
    }
}

/// From the least to the greatest; none if there is none.
fn range(values: impl Iterator<Item = f64>) -> Option<Range<f64>> {
    values.fold(None, |range, value| {
        let Range { start, end } = range.unwrap_or(value..value);
        Some(value.min(start)..value.max(end))
    })
}

/// With commas between the thousands, and a fraction only where it is needed.
fn number(value: &f64) -> String {
    if *value < 10.0 && value.fract() > f64::EPSILON {
        return format!("{value}");
    }
    let digits = format!("{value:.0}");
    let first = digits.len() % 3;
    let (head, rest) = digits.split_at(first);
    let groups = rest.as_bytes().chunks(3).map(String::from_utf8_lossy).collect::<Vec<_>>();
    [vec![head.into()], groups].concat().into_iter().filter(|group| !group.is_empty()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        for (value, want) in
            [(0.5, "0.5"), (1.0, "1"), (10.0, "10"), (256.0, "256"), (1_000.0, "1,000"), (1e5, "100,000")]
        {
            assert_eq!(number(&value), want);
        }
    }

    #[test]
    fn a_chart_has_its_lines_and_their_names() {
        let file = tempfile::Builder::new().suffix(".svg").tempfile().expect("a file");
        let lines = vec![("runtime", vec![(1.0, 600.0), (16.0, 3_000.0)]), ("ceiling", vec![(1.0, 4_000.0)])];
        let chart =
            Chart { across: "in flight", upwards: "per second", step: 4.0, names_at: NamesAt::LowerRight, lines };
        chart.draw(file.path()).expect("drawn");
        let svg = std::fs::read_to_string(file.path()).expect("read");
        for part in ["<svg", "in flight", "per second", "runtime", "ceiling", "<polyline", "1,000"] {
            assert!(svg.contains(part), "{part} is not in {svg}");
        }
        let none = Chart { lines: Vec::new(), ..chart };
        assert!(none.draw(file.path()).is_err(), "a chart of nothing");
    }
}
