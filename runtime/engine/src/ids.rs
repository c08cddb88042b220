//! Names and numbers: parsed once at the edge, valid wherever they exist.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A name that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} {value:?} is invalid: {rule}")]
pub struct InvalidId {
    /// Which kind of name.
    pub what: &'static str,
    /// What was given, shortened to 160 characters.
    pub value: String,
    /// What is allowed.
    pub rule: &'static str,
}

impl InvalidId {
    fn new(what: &'static str, value: &str, rule: &'static str) -> Self {
        Self { what, value: value.chars().take(160).collect(), rule }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $max:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(value: &str) -> Result<Self, InvalidId> {
                let allowed: fn(u8) -> bool = $allowed;
                if value.is_empty() || value.len() > $max || !value.bytes().all(allowed) {
                    return Err(InvalidId::new($what, value, $rule));
                }
                Ok(Self(value.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(value: String) -> Result<Self, InvalidId> {
                value.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text_id!(
    /// Global transaction id: the idempotency key of a trigger.
    Gid,
    "gid",
    "use 1 to 128 characters of A-Z a-z 0-9 _ . : -",
    128,
    |b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b)
);

text_id!(
    /// Name of a workflow.
    WorkflowName,
    "workflow name",
    "use 1 to 64 characters of A-Z a-z 0-9 _ . -",
    64,
    |b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)
);

/// SHA-256 of a component; written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Wraps the 32 bytes of a SHA-256.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidId;

    fn from_str(value: &str) -> Result<Self, InvalidId> {
        let wrong = || InvalidId::new("digest", value, "use 64 hexadecimal digits (SHA-256)");
        if value.len() != 64 || !value.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&value[i * 2..i * 2 + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(Self)
        }
    }
}

/// Reads within a branch are numbered from here, apart from the branches that handlers open. No execution has as many.
const READS: u32 = 1 << 30;

/// A branch: `01`, `02`, ... as `run` opens them; `02-01` is the first one that the handler of `02` opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BranchId {
    number: u32,
    within: u32,
}

impl BranchId {
    /// Carries the operations of the execution as a whole (`on-finish`).
    pub const WHOLE: Self = Self { number: 0, within: 0 };

    /// The branch that `run` opened as number `number`, from 1.
    #[must_use]
    pub const fn of_run(number: u32) -> Self {
        Self { number, within: 0 }
    }

    /// The number `run` knows it by.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.number
    }

    /// What an HTTP client reads in the scope of this branch, as number `read`, from 1: `02-r01`.
    #[must_use]
    pub const fn read(self, read: u32) -> Self {
        Self { number: self.number, within: READS + read }
    }

    /// The branch that a handler of this branch opened as number `within`, from 1.
    #[must_use]
    pub const fn child(self, within: u32) -> Self {
        Self { number: self.number, within }
    }
}

impl fmt::Display for BranchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.number)?;
        match self.within {
            0 => Ok(()),
            within if within > READS => write!(f, "-r{:02}", within - READS),
            within => write!(f, "-{within:02}"),
        }
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number_id!(
    /// Position of an entry in its journal, from 0.
    Seq,
    u32
);
number_id!(
    /// Something a guest started, counted from 0 within its scope.
    Ticket,
    u32
);
number_id!(
    /// UTC milliseconds since 1970.
    Timestamp,
    u64
);

impl Timestamp {
    /// This time plus a length in milliseconds.
    #[must_use]
    pub const fn plus_ms(self, length_ms: u64) -> Self {
        Self(self.0.saturating_add(length_ms))
    }

    /// Milliseconds from `earlier` to this; 0 if `earlier` is later.
    #[must_use]
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gids_are_checked() {
        let long = "x".repeat(129);
        for (text, valid) in [("a", true), ("order:42_A.b-c", true), ("", false), ("a b", false), ("ä", false)] {
            assert_eq!(text.parse::<Gid>().is_ok(), valid, "{text:?}");
        }
        assert!(long.parse::<Gid>().is_err());
        assert!(long[..128].parse::<Gid>().is_ok());
    }

    #[test]
    fn branch_ids_read_as_dtm_writes_them() {
        let second = BranchId::of_run(2);
        for (branch, want) in [
            (BranchId::WHOLE, "00"),
            (second, "02"),
            (second.child(1), "02-01"),
            (second.read(1), "02-r01"),
            (BranchId::of_run(100), "100"),
        ] {
            assert_eq!(branch.to_string(), want);
        }
    }

    #[test]
    fn a_digest_survives_its_text() {
        let digest = Digest::new([0xa5; 32]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("a5".parse::<Digest>().is_err());
    }
}
