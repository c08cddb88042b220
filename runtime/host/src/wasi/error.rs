//! `wasi:io/error`: what a stream said when it failed.
//!
//! The text is the error's own. wasmtime's form of it adds a backtrace of the host where one is taken: that differs from
//! run to run, and it is nobody's business.

use wasmtime::component::Resource;
use wasmtime_wasi_io::bindings::wasi::io::error::{Error, Host, HostError};

use crate::state::State;

impl Host for State {}

impl HostError for State {
    fn to_debug_string(&mut self, error: Resource<Error>) -> wasmtime::Result<String> {
        Ok(format!("{:#}", self.wasi.table.get(&error)?))
    }

    fn drop(&mut self, error: Resource<Error>) -> wasmtime::Result<()> {
        HostError::drop(&mut self.wasi.table, error)
    }
}
