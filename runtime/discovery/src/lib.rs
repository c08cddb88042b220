//! Discovery: where the processes of a service are, and telling others where this one is.
//!
//! A [`Target`] names a service: a fixed list, a DNS name, a key in etcd as go-zero writes it. [`Discovery::follow`]
//! gives its addresses as they are at the moment; [`Discovery::register`] puts this process under a key in etcd. Whom of
//! several addresses to call is the caller's to say.
//!
//! Rooms: `target` and `address` (names, as text), `resolver` (the trait), `fixed`, `dns` and `etcd` (one kind of name
//! each), `following` (a name that is followed while it is asked for), `registration` (this process under a key),
//! `config` (what an operator writes).

mod address;
mod config;
mod discovery;
mod dns;
mod etcd;
mod fixed;
mod following;
mod registration;
mod resolver;
mod target;

pub use address::{Address, AddressError};
pub use config::{DiscoveryConfig, DiscoveryError, EtcdConfig, RegisterConfig};
pub use discovery::Discovery;
pub use following::Following;
pub use registration::Registration;
pub use resolver::{News, Resolver, Unknown};
pub use target::{Scheme, Target, TargetError, split_method};
