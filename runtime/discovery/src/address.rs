//! The address of one process: `host:port`, checked.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use thiserror::Error;

/// Longer ones are no names of hosts.
const BYTES_MAX: usize = 255;

/// Where one process of a service listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    at: String,
    authority: Option<String>,
}

/// Not an address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no address; write host:port, for instance 10.0.0.5:8080 or [fd00::5]:8080")]
pub struct AddressError(String);

impl Address {
    /// `host:port` to connect to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.at
    }

    /// `host:port` that the process is asked as, where that differs: the name, of an address that DNS gave.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// An address that `name` stands for.
    pub(crate) fn of_name(at: SocketAddr, name: &Self) -> Self {
        Self { at: at.to_string(), authority: Some(name.at.clone()) }
    }

    /// The part before the port; in brackets if it is IPv6.
    pub(crate) fn host(&self) -> &str {
        self.at.rsplit_once(':').map_or(&self.at, |(host, _)| host)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError(text.chars().take(80).filter(|c| !c.is_control()).collect());
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let usable = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
        };
        let numbered = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
        if !usable || !numbered || text.len() > BYTES_MAX {
            return Err(wrong());
        }
        Ok(Self { at: text.to_owned(), authority: None })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for (text, valid) in [
            ("localhost:36790", true),
            ("10.0.0.1:8080", true),
            ("[::1]:2379", true),
            ("user-svc.shop_1:1", true),
            ("localhost", false),
            ("localhost:", false),
            ("localhost:0", false),
            ("localhost:+1", false),
            ("localhost:65536", false),
            (":8080", false),
            ("::1:2379", false),
            ("me@host:1", false),
            ("host:1/path", false),
            ("ho st:1", false),
        ] {
            assert_eq!(text.parse::<Address>().is_ok(), valid, "{text}");
        }
    }
}
