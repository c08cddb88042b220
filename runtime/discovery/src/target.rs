//! Targets as text: the forms of gRPC, go-zero and DTM's driver, and how a branch's URL is cut into target and method.
//!
//! No user or password: targets are journaled and logged. Credentials are the configuration's.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use url::form_urlencoded;

use crate::address::{Address, AddressError};

/// Longer ones are refused.
const KEY_BYTES_MAX: usize = 1_024;
/// Addresses of one target, whoever lists them.
pub(crate) const ADDRESSES_MAX: usize = 1_024;

/// The name of a service whose processes are to be found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    pub(crate) source: Source,
    scheme: Scheme,
}

/// What is spoken to the processes of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// No TLS: `etcd://..`
    Http,
    /// TLS: `etcd+https://..`
    Https,
}

/// Who knows the addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// The target itself.
    Direct(Vec<Address>),
    /// DNS.
    Dns(Address),
    /// The values below a key in etcd.
    Etcd { hosts: Vec<Address>, key: String },
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TargetError {
    /// Something else than the kinds of names there are.
    #[error(
        "nothing is known about `{0}://`; use http(s)://host:port, etcd://host:port/key, discov://host:port/key, \
         direct:///host:port,host:port or dns:///host:port (in Kubernetes the name of a headless service)"
    )]
    Scheme(String),
    /// A list or a name is not made of addresses.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// An etcd target without the key.
    #[error("the key is missing or longer than 1024 bytes; write etcd://host:port/key or etcd:///host:port?key=KEY")]
    Key,
    /// Credentials.
    #[error(
        "a target must not hold a user or password; set them in the configuration: [discovery.etcd.NAME] with endpoints, \
         user and password"
    )]
    UserInfo,
    /// A query that means nothing.
    #[error("the query of the target can't be used; only etcd:///host:port?key=KEY has one")]
    Query,
    /// A DNS server was named.
    #[error("write dns:///host:port with three slashes; the machine's own DNS servers are asked")]
    Dns,
    /// DNS with TLS.
    #[error("dns has no +https, because a certificate is for a name; write https://host:port")]
    DnsTls,
    /// Too long a list.
    #[error("a target lists at most {ADDRESSES_MAX} addresses")]
    Many,
}

impl Target {
    /// Whether `text` is meant as a target of this room: it has a scheme, and none of HTTP's.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| {
            !scheme.eq_ignore_ascii_case("http")
                && !scheme.eq_ignore_ascii_case("https")
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        })
    }

    /// What is spoken to the addresses.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }
}

impl Scheme {
    /// As URLs have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (written, rest) = text.split_once("://").unwrap_or((text, ""));
        let unknown = || TargetError::Scheme(written.chars().take(20).filter(|c| !c.is_control()).collect());
        let written = written.to_ascii_lowercase();
        let (name, scheme) = match written.split_once('+') {
            None | Some((_, "http")) => (written.split('+').next().unwrap_or_default(), Scheme::Http),
            Some((name, "https")) => (name, Scheme::Https),
            Some(_) => return Err(unknown()),
        };
        let source = match (name, scheme) {
            ("etcd" | "discov", _) => etcd(rest)?,
            ("direct", _) => Source::Direct(list(rest.strip_prefix('/').unwrap_or(rest).trim_end_matches('/'))?),
            ("dns", Scheme::Http) => Source::Dns(rest.strip_prefix('/').ok_or(TargetError::Dns)?.parse()?),
            ("dns", Scheme::Https) => return Err(TargetError::DnsTls),
            _ => return Err(unknown()),
        };
        Ok(Self { source, scheme })
    }
}

/// `h1:1,h2:2/key`, and `/h1:1,h2:2?key=..` as go-zero writes it since 1.10.2.
fn etcd(rest: &str) -> Result<Source, TargetError> {
    let (hosts, key) = if let Some(listed) = rest.strip_prefix('/') {
        let (hosts, query) = listed.split_once('?').ok_or(TargetError::Key)?;
        let mut key = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "key" => key = Some(value.into_owned()),
                "user" | "password" => return Err(TargetError::UserInfo),
                _ => return Err(TargetError::Query),
            }
        }
        (hosts, key.ok_or(TargetError::Key)?)
    } else {
        let (hosts, key) = rest.split_once('/').ok_or(TargetError::Key)?;
        if let Some((_, query)) = key.split_once('?') {
            let secret = query.contains("user=") || query.contains("password=");
            return Err(if secret { TargetError::UserInfo } else { TargetError::Query });
        }
        (hosts, key.trim_matches('/').to_owned())
    };
    if hosts.contains('@') {
        return Err(TargetError::UserInfo);
    }
    if key.is_empty() || key.len() > KEY_BYTES_MAX || key.chars().any(char::is_control) {
        return Err(TargetError::Key);
    }
    Ok(Source::Etcd { hosts: list(hosts)?, key })
}

fn list(text: &str) -> Result<Vec<Address>, TargetError> {
    if text.contains('@') {
        return Err(TargetError::UserInfo);
    }
    let addresses: Vec<Address> = text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>()?;
    if addresses.len() > ADDRESSES_MAX { Err(TargetError::Many) } else { Ok(addresses) }
}

impl fmt::Display for Target {
    /// The same target in one form, with nothing secret in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = match self.scheme {
            Scheme::Http => "",
            Scheme::Https => "+https",
        };
        let listed = |addresses: &[Address]| addresses.iter().map(Address::as_str).collect::<Vec<_>>().join(",");
        match &self.source {
            Source::Direct(addresses) => write!(f, "direct{tls}:///{}", listed(addresses)),
            Source::Dns(name) => write!(f, "dns{tls}:///{name}"),
            Source::Etcd { hosts, key } => write!(f, "etcd{tls}://{}/{key}", listed(hosts)),
        }
    }
}

/// Cuts `target/package.Service/Method`, as DTM's clients write a gRPC branch, into target and `package.Service/Method`.
/// None if there is no method at its end.
///
/// A full method has two segments without a slash, so this is right for every target, keys with slashes and queries
/// included. DTM's driver for go-zero is not: it cuts after the first segment of the path.
#[must_use]
pub fn split_method(url: &str) -> Option<(&str, &str)> {
    let (rest, method) = url.rsplit_once('/')?;
    let (target, service) = rest.rsplit_once('/')?;
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.".contains(&b));
    let whole = !target.is_empty() && !target.ends_with('/') && plain(service) && plain(method);
    whole.then(|| (target, &url[target.len() + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inputs that DTM's driver was run with, and what is right.
    #[test]
    fn urls_of_branches_are_cut_before_the_method() {
        for (url, target) in [
            ("localhost:36790/dtmgimp.Dtm/NewGid", "localhost:36790"),
            ("etcd://localhost:2379/dtmservice/dtmgimp.Dtm/NewGid", "etcd://localhost:2379/dtmservice"),
            ("discov://127.0.0.1:2379/trans/trans.TransSvc/TransIn", "discov://127.0.0.1:2379/trans"),
            ("etcd://h1:2379,h2:2379,h3:2379/user.rpc/user.User/saveUser", "etcd://h1:2379,h2:2379,h3:2379/user.rpc"),
            ("direct:///10.0.0.1:8080,10.0.0.2:8080/user.User/saveUser", "direct:///10.0.0.1:8080,10.0.0.2:8080"),
            ("dns:///svc:8080/user.User/saveUser", "dns:///svc:8080"),
            ("etcd://h1:2379,h2:2379/grpc/user.rpc/user.User/saveUser", "etcd://h1:2379,h2:2379/grpc/user.rpc"),
            ("etcd:///h1:2379,h2:2379?key=user.rpc/user.User/saveUser", "etcd:///h1:2379,h2:2379?key=user.rpc"),
        ] {
            let (found, method) = split_method(url).unwrap_or_else(|| panic!("{url}"));
            assert_eq!(found, target);
            assert_eq!(format!("{found}/{method}"), url);
            assert_eq!(method.matches('/').count(), 1, "{method}");
        }
        for url in
            ["localhost:36790", "etcd://localhost:2379", "etcd://localhost:2379/dtmservice", "", "/", "//", "a/b"]
        {
            assert_eq!(split_method(url), None, "{url}");
        }
    }

    #[test]
    fn every_form_of_go_zero_is_the_same_target() {
        for (text, same) in [
            ("discov://h1:2379,h2:2379/user.rpc", "etcd://h1:2379,h2:2379/user.rpc"),
            ("etcd://h1:2379,h2:2379/user.rpc", "etcd://h1:2379,h2:2379/user.rpc"),
            ("etcd:///h1:2379,h2:2379?key=user.rpc", "etcd://h1:2379,h2:2379/user.rpc"),
            ("etcd:///h1:2379?key=grpc%2Fuser.rpc", "etcd://h1:2379/grpc/user.rpc"),
            ("etcd:///h1:2379?key=%2Fuser+rpc", "etcd://h1:2379//user rpc"),
            ("ETCD+HTTPS://h1:2379/user.rpc/", "etcd+https://h1:2379/user.rpc"),
            ("direct:///10.0.0.1:8080,10.0.0.2:8080", "direct:///10.0.0.1:8080,10.0.0.2:8080"),
            ("direct://10.0.0.1:8080", "direct:///10.0.0.1:8080"),
            ("direct+https:///a:1", "direct+https:///a:1"),
            ("dns:///svc.shop:8080", "dns:///svc.shop:8080"),
        ] {
            assert_eq!(text.parse::<Target>().map(|target| target.to_string()), Ok(same.to_owned()), "{text}");
        }
        let [old, new] = ["discov://h1:1/k", "etcd:///h1:1?key=k"].map(|text| text.parse::<Target>());
        assert_eq!(old, new);
    }

    #[test]
    fn what_is_no_target_says_what_to_write() {
        for (text, want) in [
            ("etcd://localhost:2379", "the key is missing"),
            ("etcd://localhost:2379/", "the key is missing"),
            ("etcd:///localhost:2379", "the key is missing"),
            ("etcd:///localhost:2379?key=", "the key is missing"),
            ("etcd://localhost/key", "write host:port"),
            ("etcd:///h:1?key=a&x=1", "query"),
            ("etcd://u:s3cret@h1:2379/user.rpc", "[discovery.etcd.NAME]"),
            ("etcd://h1:2379/user.rpc?user=a&password=s3cret", "[discovery.etcd.NAME]"),
            ("etcd:///h1:2379?key=k&password=s3cret", "[discovery.etcd.NAME]"),
            ("direct://u:s3cret@h1:2379", "[discovery.etcd.NAME]"),
            ("direct:///a:1/b", "write host:port"),
            ("dns://8.8.8.8/svc:80", "three slashes"),
            ("dns+https:///svc:80", "write https://"),
            ("k8s://ns/user-svc:8080", "headless service"),
            ("etcd+ftp://h:1/k", "etcd+ftp"),
            ("nonsense", "nonsense"),
        ] {
            let error = text.parse::<Target>().expect_err(text).to_string();
            assert!(error.contains(want) && !error.contains("s3cret"), "{text}: {error}");
        }
    }

    #[test]
    fn http_is_for_others() {
        for (text, meant) in [
            ("etcd://h:1/k", true),
            ("consul://h:1/k", true),
            ("http://h:1", false),
            ("HTTPS://h", false),
            ("bank/pay?next=http://x", false),
            ("bank", false),
        ] {
            assert_eq!(Target::is_meant(text), meant, "{text}");
        }
    }
}
