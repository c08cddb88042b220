//! How long the journals are that were written lately, so that an append need not ask the database.

use std::collections::HashMap;

/// Executions remembered at least, before half of them are forgotten. About 3 MB when full.
const KEPT: usize = 1 << 16;

/// Journal lengths by execution. Forgets what was not used for the longest time.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    recent: HashMap<i64, u32>,
    older: HashMap<i64, u32>,
}

impl Ends {
    pub(crate) fn get(&self, execution: i64) -> Option<u32> {
        self.recent.get(&execution).or_else(|| self.older.get(&execution)).copied()
    }

    pub(crate) fn learn(&mut self, ends: impl IntoIterator<Item = (i64, u32)>) {
        for (execution, end) in ends {
            if self.recent.len() >= KEPT {
                self.older = std::mem::take(&mut self.recent);
            }
            self.recent.insert(execution, end);
        }
    }

    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let mut ends = Ends::default();
        for round in 0..4 {
            let first = i64::from(round) * KEPT as i64;
            ends.learn((first..first + KEPT as i64).map(|execution| (execution, round as u32)));
            ends.learn([(-1, round as u32)]);
        }
        assert_eq!(ends.get(-1), Some(3));
        assert_eq!(ends.get(0), None);
        assert!(ends.recent.len() + ends.older.len() <= 2 * KEPT);
    }
}
