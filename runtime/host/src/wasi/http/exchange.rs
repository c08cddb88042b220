//! A request that was handed over, up to its response: `outgoing-handler` and `future-incoming-response`.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full};
use reprise_engine::{CallResult, Ticket};
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p2::bindings::http::types::{
    self, ErrorCode, FutureIncomingResponse, IncomingResponse, OutgoingBody, OutgoingRequest, RequestOptions, Trailers,
};
use wasmtime_wasi_http::p2::body::HostIncomingBody;
use wasmtime_wasi_http::p2::types::HostIncomingResponse;
use wasmtime_wasi_http::p2::{HttpError, HttpResult};
use wasmtime_wasi_http::{Error, FieldMap};

use super::request::{Head, content_length};
use super::upload::{End, Upload, internal};
use super::{held, is_hop_by_hop};
use crate::state::State;
use crate::wasi::poll::Wait;

/// One request and what comes of it.
pub(in crate::wasi) enum Exchange {
    /// Its body is still being written.
    Unsent(Unsent),
    /// It is a call of the execution.
    Sent {
        /// Of the call.
        ticket: Ticket,
        /// Whether a wait has ended with its response. Before, the guest is told that it is not there.
        seen: bool,
    },
    /// It was never sent.
    Failed(ErrorCode),
    /// The guest has its response.
    Taken,
}

/// What is kept of a request until its body is whole.
pub(in crate::wasi) struct Unsent {
    head: Head,
    branch: Option<u32>,
    body: Upload,
}

impl Exchange {
    pub(in crate::wasi) const fn is_ready(&self) -> bool {
        match self {
            Self::Unsent(_) | Self::Sent { seen: false, .. } => false,
            Self::Sent { seen: true, .. } | Self::Failed(_) | Self::Taken => true,
        }
    }

    /// Of a call that is not seen yet.
    pub(in crate::wasi) const fn ticket(&self) -> Option<Ticket> {
        match self {
            Self::Sent { ticket, .. } => Some(*ticket),
            Self::Unsent(_) | Self::Failed(_) | Self::Taken => None,
        }
    }

    pub(in crate::wasi) const fn see(&mut self) {
        if let Self::Sent { seen, .. } = self {
            *seen = true;
        }
    }
}

/// What is ready is said by [`poll`](crate::wasi::poll).
#[async_trait]
impl Pollable for Exchange {
    async fn ready(&mut self) {}
}

impl State {
    pub(in crate::wasi) fn exchange(&self, handle: u32) -> wasmtime::Result<&Exchange> {
        Ok(self.wasi.table.get(&Resource::<Exchange>::new_borrow(handle))?)
    }

    pub(in crate::wasi) fn exchange_mut(&mut self, handle: u32) -> wasmtime::Result<&mut Exchange> {
        Ok(self.wasi.table.get_mut(&Resource::<Exchange>::new_borrow(handle))?)
    }

    /// The guest waits for nothing but responses to requests that it has not finished: it would wait for ever.
    pub(in crate::wasi) fn fail_unsent(&mut self, unsent: &[u32]) -> wasmtime::Result<()> {
        for handle in unsent {
            let text = "a response is waited for before the body of its request is finished; a request is sent whole, \
                        so finish the body first";
            let exchange = self.exchange_mut(*handle)?;
            if let Exchange::Unsent(Unsent { body, .. }) = exchange {
                body.set_exchange(None);
                // Its own mistake goes first, if it has made one.
                let failed = body.finish(Err(internal(text.into())));
                *exchange = failed.map_or_else(Exchange::Failed, |()| unreachable!("it was told to fail"));
            }
        }
        Ok(())
    }

    /// Sends what is whole.
    fn exchange_of(&mut self, Unsent { head, branch, body }: Unsent) -> wasmtime::Result<Exchange> {
        match body.end() {
            End::Open => Ok(Exchange::Unsent(Unsent { head, branch, body })),
            End::Failed(error) => Ok(Exchange::Failed(error)),
            End::Finished => self.submit(head, branch, body.take_bytes()),
        }
    }

    fn submit(&self, head: Head, branch: Option<u32>, body: Vec<u8>) -> wasmtime::Result<Exchange> {
        let request = head.with_body(body);
        self.session.with(|execution| {
            let (has, most) = (request.payload_bytes(), execution.limits().payload_bytes);
            if has > most {
                return Ok(Exchange::Failed(internal(format!(
                    "{request}: {has} bytes of payload, {most} are allowed (setting `limits.payload_bytes`)"
                ))));
            }
            Ok(Exchange::Sent { ticket: execution.submit_request(branch, request)?, seen: false })
        })
    }

    /// The end of a body has come: sends the request that waits for it.
    fn end_body(&mut self, body: &Upload, result: Result<(), ErrorCode>) -> wasmtime::Result<Result<(), ErrorCode>> {
        let result = body.finish(result);
        if let Some(handle) = body.exchange() {
            body.set_exchange(None);
            let exchange = std::mem::replace(self.exchange_mut(handle)?, Exchange::Taken);
            let exchange = match exchange {
                Exchange::Unsent(unsent) => self.exchange_of(unsent)?,
                Exchange::Sent { .. } | Exchange::Failed(_) | Exchange::Taken => exchange,
            };
            *self.exchange_mut(handle)? = exchange;
        }
        Ok(result)
    }
}

impl outgoing_handler::Host for State {
    fn handle(
        &mut self,
        request: Resource<OutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> HttpResult<Resource<FutureIncomingResponse>> {
        self.check_entered("wasi:http/outgoing-handler.handle").map_err(HttpError::trap)?;
        let body = self.wasi.http.bodies.remove(&request.rep());
        let request = self.wasi.table.delete(request)?;
        if let Some(options) = options {
            self.wasi.table.delete(options)?;
        }
        if body.is_none() && content_length(&request.headers).is_some_and(|length| length != 0) {
            return Err(ErrorCode::HttpRequestBodySize(Some(0)).into());
        }
        let (head, branch) = (Head::new(request)?, self.http_branch);
        let exchange = match body {
            Some(body) => self.exchange_of(Unsent { head, branch, body }),
            None => self.submit(head, branch, Vec::new()),
        };
        let exchange = exchange.map_err(HttpError::trap)?;
        let body = if let Exchange::Unsent(unsent) = &exchange { Some(unsent.body.clone()) } else { None };
        let handle = self.wasi.table.push(exchange)?.rep();
        if let Some(body) = body {
            body.set_exchange(Some(handle));
        }
        Ok(Resource::new_own(handle))
    }
}

impl types::HostFutureIncomingResponse for State {
    fn subscribe(&mut self, future: Resource<FutureIncomingResponse>) -> wasmtime::Result<Resource<DynPollable>> {
        let pollable = subscribe(&mut self.wasi.table, held::<_, Exchange>(&future))?;
        self.wasi.waits.insert(pollable.rep(), Wait::Response(future.rep()));
        Ok(pollable)
    }

    fn get(
        &mut self,
        future: Resource<FutureIncomingResponse>,
    ) -> wasmtime::Result<Option<Result<Result<Resource<IncomingResponse>, ErrorCode>, ()>>> {
        let exchange = self.exchange_mut(future.rep())?;
        if !exchange.is_ready() {
            return Ok(None);
        }
        match std::mem::replace(exchange, Exchange::Taken) {
            Exchange::Sent { ticket, .. } => {
                let result = self.session.with(|execution| execution.take(ticket))?;
                let result = result.expect("a response that was seen is there");
                Ok(Some(Ok(self.response(result)?)))
            }
            Exchange::Failed(error) => Ok(Some(Ok(Err(error)))),
            Exchange::Taken | Exchange::Unsent(_) => Ok(Some(Err(()))),
        }
    }

    fn drop(&mut self, future: Resource<FutureIncomingResponse>) -> wasmtime::Result<()> {
        match self.wasi.table.delete(Resource::<Exchange>::new_own(future.rep()))? {
            Exchange::Unsent(unsent) => unsent.body.set_exchange(None),
            // Whoever drops the future of an ordinary client gives the request up.
            Exchange::Sent { ticket, seen: false } => self.session.with(|execution| execution.cancel(ticket))?,
            Exchange::Sent { ticket, seen: true } => drop(self.session.with(|execution| execution.take(ticket))?),
            Exchange::Failed(_) | Exchange::Taken => {}
        }
        Ok(())
    }
}

impl types::HostOutgoingBody for State {
    fn write(&mut self, body: Resource<OutgoingBody>) -> wasmtime::Result<Result<Resource<types::OutputStream>, ()>> {
        let body = held::<_, Upload>(&body);
        let Some(stream) = self.wasi.table.get(&body)?.stream() else { return Ok(Err(())) };
        let stream: types::OutputStream = Box::new(stream);
        Ok(Ok(self.wasi.table.push_child(stream, &body)?))
    }

    fn finish(&mut self, body: Resource<OutgoingBody>, trailers: Option<Resource<Trailers>>) -> HttpResult<()> {
        let body = self.wasi.table.delete(Resource::<Upload>::new_own(body.rep()))?;
        let trailers = trailers.map(|trailers| self.wasi.table.delete(trailers)).transpose()?;
        let result = match trailers {
            Some(trailers) if !trailers.is_empty() => Err(internal("trailers of a request are not sent".into())),
            Some(_) | None => Ok(()),
        };
        Ok(self.end_body(&body, result).map_err(HttpError::trap)??)
    }

    fn drop(&mut self, body: Resource<OutgoingBody>) -> wasmtime::Result<()> {
        let body = self.wasi.table.delete(Resource::<Upload>::new_own(body.rep()))?;
        // As the contract of `wasi:http` has it: half a body must not pass for a whole one.
        let unfinished =
            internal("the body of the request was dropped before it was finished; nothing was sent".into());
        // The future of the response has the error.
        drop(self.end_body(&body, Err(unfinished))?);
        Ok(())
    }
}

impl State {
    /// What the guest sees of a result.
    fn response(&mut self, result: CallResult) -> wasmtime::Result<Result<Resource<IncomingResponse>, ErrorCode>> {
        let (status, headers, body) = match parts(result) {
            Ok(parts) => parts,
            Err(error) => return Ok(Err(error)),
        };
        let headers = match header_map(headers) {
            Ok(headers) => FieldMap::new_immutable(&mut self.wasi.http.hooks, headers),
            Err(error) => return Ok(Err(internal(format!("the response has a header that is none: {error}")))),
        };
        let body = Full::new(Bytes::from(body)).map_err(|never| -> Error { match never {} }).boxed_unsync();
        let body = Some(HostIncomingBody::new(body));
        Ok(Ok(self.wasi.table.push(HostIncomingResponse { status, headers, body })?))
    }
}

type Parts = (u16, Vec<(String, Vec<u8>)>, Vec<u8>);

fn parts(result: CallResult) -> Result<Parts, ErrorCode> {
    match result {
        // A refusal is an answer like others: what it means is the client's to say.
        CallResult::Response { status, headers, body, refused: _ } => Ok((status, headers, body)),
        CallResult::Success { status, body } | CallResult::Failure { status, body } => Ok((status, Vec::new(), body)),
        CallResult::Exhausted { attempts, error } => Err(internal(format!("given up, attempts: {attempts}: {error}"))),
        CallResult::Deadline { .. } => Err(ErrorCode::HttpResponseTimeout),
        CallResult::Canceled => Err(internal("the request was canceled".into())),
        CallResult::Invalid(text) => Err(internal(text)),
    }
}

fn header_map(headers: Vec<(String, Vec<u8>)>) -> Result<HeaderMap, http::Error> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        if !is_hop_by_hop(&name) {
            map.try_append(name, HeaderValue::from_maybe_shared(Bytes::from(value))?)?;
        }
    }
    Ok(map)
}
