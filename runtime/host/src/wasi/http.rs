//! `wasi:http`: each request of the guest's own HTTP client is a call of the execution.
//!
//! A request is handed over whole: its body is collected, and with its last byte the call is submitted. The response
//! comes from the journal, whole too, so its body is there at once. What a guest can ask in between ("has it come?")
//! is answered by [`poll`](super::poll). wasmtime-wasi-http gives the types and all that does not wait; its streams
//! between tasks are replaced here, because a guest could see how fast they are.
//!
//! Timeouts that a client sets are taken and mean nothing: attempts and deadlines are the branch's options.

mod exchange;
mod forward;
mod request;
mod upload;

use std::collections::HashMap;

use http::HeaderName;
use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime_wasi_http::p2::bindings::LinkOptions;
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks};

use self::upload::{Room, Upload};
use crate::state::State;

/// What an instance holds for its HTTP client.
pub(super) struct Http {
    ctx: WasiHttpCtx,
    hooks: Hooks,
    /// Bodies of requests that are still being made, by the handle of the request.
    bodies: HashMap<u32, Upload>,
    room: Room,
}

impl Http {
    /// `bytes_max`: of all bodies that are being written at one time.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { ctx: WasiHttpCtx::new(), hooks: Hooks, bodies: HashMap::new(), room: Room::new(bytes_max) }
    }
}

/// Links the interfaces `types` and `outgoing-handler`.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasSelf<State>>(linker, &(&LinkOptions::default()).into(), |state| state)?;
    outgoing_handler::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

impl State {
    /// The part of wasmtime's implementation that does not wait.
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let http = &mut self.wasi.http;
        WasiHttpCtxView { hooks: &mut http.hooks, table: &mut self.wasi.table, ctx: &mut http.ctx }
    }
}

/// The handle `T` that the bindings name, as a handle of what the table holds for it.
fn held<T: 'static, U: 'static>(handle: &Resource<T>) -> Resource<U> {
    Resource::new_borrow(handle.rep())
}

/// Headers that belong to one connection: the runtime has its own, and a recorded response has none.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    const OTHERS: [&str; 3] = ["keep-alive", "proxy-connection", "http2-settings"];
    [
        http::header::CONNECTION,
        http::header::TRANSFER_ENCODING,
        http::header::UPGRADE,
        http::header::TE,
        http::header::TRAILER,
    ]
    .contains(name)
        || OTHERS.contains(&name.as_str())
}

/// A guest may set any header; those of a connection are left out when the request is made.
struct Hooks;

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, _: &HeaderName) -> bool {
        false
    }

    fn send_request(
        &mut self,
        _: http::Request<WasiBody>,
        _: Option<wasmtime_wasi_http::RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = wasmtime_wasi_http::Result<Sent>> + Send> {
        // `outgoing-handler` is this room's own, and nothing else asks.
        Box::new(async { Err(Error::ConfigurationError) })
    }
}

type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);
