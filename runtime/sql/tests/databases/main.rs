//! SQL and XA operations on real servers.

mod once;
mod proxy;
mod support;
mod values;
mod verdicts;
mod xa;
