//! Messages for people, in the execution's log. Shown once: not again when the workflow is replayed.
//!
//! ```no_run
//! # let account = "alice";
//! reprise_guest::log::info(format_args!("paying {account}"));
//! ```

use std::fmt::Display;

pub use crate::bindings::reprise::workflow::log::Level;
use crate::host;

/// Writes a message of the given level.
pub fn write(level: Level, message: impl Display) {
    host::write(level, &message.to_string());
}

/// Writes what is only of use when looking for a mistake, in every detail.
pub fn trace(message: impl Display) {
    write(Level::Trace, message);
}

/// Writes what is only of use when looking for a mistake.
pub fn debug(message: impl Display) {
    write(Level::Debug, message);
}

/// Writes what is worth knowing.
pub fn info(message: impl Display) {
    write(Level::Info, message);
}

/// Writes what may need attention.
pub fn warn(message: impl Display) {
    write(Level::Warn, message);
}

/// Writes what needs attention.
pub fn error(message: impl Display) {
    write(Level::Error, message);
}
