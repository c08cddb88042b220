//! Writing to stdout, as text for people or JSON for programs.

use std::io::{self, Write as _};

use clap::ValueEnum;

use super::error::CliError;

/// What stdout is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// The API's JSON: one document, or one item a line for lists. Stable.
    Json,
}

/// Prints a line.
pub(super) fn line(text: &str) -> Result<(), CliError> {
    raw(format!("{}\n", text.trim_end()).as_bytes())
}

/// Prints bytes as they are.
pub(super) fn raw(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(CliError::Stdout)
}

/// Text from elsewhere, without what would steer a terminal.
pub(super) fn clean(text: &str) -> String {
    text.trim_end().chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_defused() {
        assert_eq!(clean("a\u{1b}]0;x\u{7}\nb\r\n"), "a\u{fffd}]0;x\u{fffd}\nb");
    }
}
