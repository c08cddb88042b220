//! Names and registrations against a real etcd.

mod key;
mod names;
mod registration;
