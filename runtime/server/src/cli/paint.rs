//! Colour, where there is a terminal that wants it. Nothing is said by colour alone.

use std::io::{IsTerminal as _, stdout};

use clap::ValueEnum;

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A name or a heading.
    Strong,
    /// Less important.
    Quiet,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// Under way.
    Busy,
    /// Nothing special.
    Normal,
}

/// Colours text or leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Colour,
}

impl Paint {
    /// What fits stdout.
    pub(super) fn choose(choice: ColorChoice) -> Self {
        let unwanted = |name: &str, values: fn(&str) -> bool| std::env::var(name).is_ok_and(|value| values(&value));
        let colour = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                stdout().is_terminal()
                    && !unwanted("NO_COLOR", |value| !value.is_empty())
                    && !unwanted("TERM", |value| value == "dumb")
            }
        };
        if colour { Self::Colour } else { Self::Plain }
    }

    /// The text in the colour of its role.
    pub(super) fn paint(self, role: Role, text: &str) -> String {
        let code = match role {
            Role::Strong => "1",
            Role::Quiet => "2",
            Role::Good => "32",
            Role::Bad => "31",
            Role::Busy => "33",
            Role::Normal => return text.to_owned(),
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
