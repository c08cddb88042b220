//! Statements over many rows. The text of such a statement names its number of rows, and few texts stay prepared:
//! rows go in groups of 1, 2, 4, ... up to [`ROWS_MAX`].

use std::sync::Arc;

use sqlx::AssertSqlSafe;

/// Rows of one statement at most. Times the widest row it stays far below SQLite's 32,766 parameters.
const ROWS_MAX: usize = 256;

/// A statement in all its sizes.
#[derive(Debug)]
pub(super) struct ManyRows {
    /// By the power of two.
    texts: Vec<Arc<str>>,
}

impl ManyRows {
    /// `head`, then `row` once per row with commas between, then `tail`.
    pub(super) fn new(head: &str, row: &str, tail: &str) -> Self {
        let sizes = 0..=ROWS_MAX.ilog2();
        let text = |power: u32| format!("{head}{}{tail}", vec![row; 1 << power].join(", "));
        Self { texts: sizes.map(|power| text(power).into()).collect() }
    }

    /// Cuts `rows` into groups, each with its statement, largest first.
    pub(super) fn groups<'a, T>(
        &'a self,
        mut rows: &'a [T],
    ) -> impl Iterator<Item = (AssertSqlSafe<Arc<str>>, &'a [T])> {
        std::iter::from_fn(move || {
            let power = rows.len().min(ROWS_MAX).checked_ilog2()?;
            let (group, rest) = rows.split_at(1 << power);
            rows = rest;
            Some((AssertSqlSafe(Arc::clone(&self.texts[power as usize])), group))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_powers_of_two_and_cover_every_row() {
        let many = ManyRows::new("VALUES ", "(?)", ";");
        for (rows, want) in [(0, vec![]), (1, vec![1]), (7, vec![4, 2, 1]), (600, vec![256, 256, 64, 16, 8])] {
            let rows: Vec<usize> = (0..rows).collect();
            let groups: Vec<_> = many.groups(&rows).map(|(text, group)| (text.0, group)).collect();
            assert_eq!(groups.iter().map(|(_, group)| group.len()).collect::<Vec<_>>(), want);
            assert!(groups.iter().all(|(text, group)| text.matches('?').count() == group.len()));
            assert_eq!(groups.iter().flat_map(|(_, group)| *group).copied().collect::<Vec<_>>(), rows);
        }
        assert_eq!(&*many.texts[1], "VALUES (?), (?);");
    }
}
