//! Aligned columns: widths count characters, colour counts nothing.

use super::paint::{Paint, Role};

/// A piece of text and what it is.
pub(super) type Cell = (Role, String);

/// How wide the columns are; grows with what is added, so that later pages keep the widths of earlier ones.
#[derive(Debug, Default)]
pub(super) struct Columns {
    widths: Vec<usize>,
}

impl Columns {
    /// Makes room for a row.
    pub(super) fn fit(&mut self, row: &[Cell]) {
        self.widths.resize(self.widths.len().max(row.len()), 0);
        for (width, (_, text)) in self.widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }

    /// A row as a line, two spaces between columns, none at the end.
    pub(super) fn line(&self, paint: Paint, row: &[Cell]) -> String {
        let last = row.iter().rposition(|(_, text)| !text.is_empty()).map_or(0, |last| last + 1);
        let mut line = String::new();
        for (index, ((role, text), width)) in row[..last].iter().zip(&self.widths).enumerate() {
            line.push_str(&paint.paint(*role, text));
            if index + 1 < last {
                line.extend(std::iter::repeat_n(' ', width - text.chars().count().min(*width) + 2));
            }
        }
        line
    }
}
