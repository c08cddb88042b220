//! The parts of `wasi:http/types` that wait for nothing: wasmtime-wasi-http does them.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_http::FieldMap;
use wasmtime_wasi_http::p2::bindings::http::types::{
    self, Duration, ErrorCode, FutureTrailers, HeaderError as HeaderMistake, IncomingBody, IncomingRequest,
    IncomingResponse, InputStream, IoError, Method, OutgoingBody, OutgoingRequest, OutgoingResponse, RequestOptions,
    ResponseOutparam, Scheme, StatusCode, Trailers,
};
use wasmtime_wasi_http::p2::body::HostFutureTrailers;
use wasmtime_wasi_http::p2::{HeaderError, HeaderResult, HttpError, HttpResult};

use super::request::content_length;
use super::upload::Upload;
use crate::state::State;

type Fields = Resource<FieldMap>;
type Request = Resource<OutgoingRequest>;
type Options = Resource<RequestOptions>;
type Answer = Resource<OutgoingResponse>;

/// Functions of a trait, each as wasmtime-wasi-http has it.
macro_rules! forward {
    ($part:ident: $(fn $name:ident($($argument:ident: $ty:ty),*) -> $result:ty;)*) => {
        $(fn $name(&mut self, $($argument: $ty),*) -> $result {
            types::$part::$name(&mut self.http(), $($argument),*)
        })*
    };
}

impl types::Host for State {
    forward! { Host:
        fn convert_error_code(error: HttpError) -> wasmtime::Result<ErrorCode>;
        fn convert_header_error(error: HeaderError) -> wasmtime::Result<HeaderMistake>;
        fn http_error_code(error: Resource<IoError>) -> wasmtime::Result<Option<ErrorCode>>;
    }
}

impl types::HostFields for State {
    forward! { HostFields:
        fn new() -> wasmtime::Result<Fields>;
        fn from_list(entries: Vec<(String, Vec<u8>)>) -> HeaderResult<Fields>;
        fn drop(fields: Fields) -> wasmtime::Result<()>;
        fn get(fields: Fields, name: String) -> wasmtime::Result<Vec<Vec<u8>>>;
        fn has(fields: Fields, name: String) -> wasmtime::Result<bool>;
        fn set(fields: Fields, name: String, values: Vec<Vec<u8>>) -> HeaderResult<()>;
        fn delete(fields: Fields, name: String) -> HeaderResult<()>;
        fn append(fields: Fields, name: String, value: Vec<u8>) -> HeaderResult<()>;
        fn entries(fields: Fields) -> wasmtime::Result<Vec<(String, Vec<u8>)>>;
        fn clone(fields: Fields) -> wasmtime::Result<Fields>;
    }
}

impl types::HostOutgoingRequest for State {
    forward! { HostOutgoingRequest:
        fn new(headers: Fields) -> wasmtime::Result<Request>;
        fn method(request: Request) -> wasmtime::Result<Method>;
        fn set_method(request: Request, method: Method) -> wasmtime::Result<Result<(), ()>>;
        fn path_with_query(request: Request) -> wasmtime::Result<Option<String>>;
        fn set_path_with_query(request: Request, path: Option<String>) -> wasmtime::Result<Result<(), ()>>;
        fn scheme(request: Request) -> wasmtime::Result<Option<Scheme>>;
        fn set_scheme(request: Request, scheme: Option<Scheme>) -> wasmtime::Result<Result<(), ()>>;
        fn authority(request: Request) -> wasmtime::Result<Option<String>>;
        fn set_authority(request: Request, authority: Option<String>) -> wasmtime::Result<Result<(), ()>>;
        fn headers(request: Request) -> wasmtime::Result<Fields>;
    }

    fn body(&mut self, request: Request) -> wasmtime::Result<Result<Resource<OutgoingBody>, ()>> {
        let length = content_length(&self.wasi.table.get(&request)?.headers);
        if self.wasi.http.bodies.contains_key(&request.rep()) {
            return Ok(Err(()));
        }
        let bytes_max = self.session.with(|execution| execution.limits().payload_bytes);
        let upload = Upload::new(bytes_max, length, self.wasi.http.room.clone());
        self.wasi.http.bodies.insert(request.rep(), upload.clone());
        let upload = self.wasi.table.push(upload)?;
        Ok(Ok(Resource::new_own(upload.rep())))
    }

    fn drop(&mut self, request: Request) -> wasmtime::Result<()> {
        self.wasi.http.bodies.remove(&request.rep());
        types::HostOutgoingRequest::drop(&mut self.http(), request)
    }
}

impl types::HostRequestOptions for State {
    forward! { HostRequestOptions:
        fn new() -> wasmtime::Result<Options>;
        fn connect_timeout(options: Options) -> wasmtime::Result<Option<Duration>>;
        fn set_connect_timeout(options: Options, length: Option<Duration>) -> wasmtime::Result<Result<(), ()>>;
        fn first_byte_timeout(options: Options) -> wasmtime::Result<Option<Duration>>;
        fn set_first_byte_timeout(options: Options, length: Option<Duration>) -> wasmtime::Result<Result<(), ()>>;
        fn between_bytes_timeout(options: Options) -> wasmtime::Result<Option<Duration>>;
        fn set_between_bytes_timeout(options: Options, length: Option<Duration>) -> wasmtime::Result<Result<(), ()>>;
        fn drop(options: Options) -> wasmtime::Result<()>;
    }
}

impl types::HostIncomingResponse for State {
    forward! { HostIncomingResponse:
        fn status(response: Resource<IncomingResponse>) -> wasmtime::Result<StatusCode>;
        fn headers(response: Resource<IncomingResponse>) -> wasmtime::Result<Fields>;
        fn consume(response: Resource<IncomingResponse>) -> wasmtime::Result<Result<Resource<IncomingBody>, ()>>;
        fn drop(response: Resource<IncomingResponse>) -> wasmtime::Result<()>;
    }
}

impl types::HostIncomingBody for State {
    forward! { HostIncomingBody:
        fn stream(body: Resource<IncomingBody>) -> wasmtime::Result<Result<Resource<InputStream>, ()>>;
        fn drop(body: Resource<IncomingBody>) -> wasmtime::Result<()>;
    }

    /// A recorded response has no trailers, so there is nothing to wait for.
    fn finish(&mut self, body: Resource<IncomingBody>) -> wasmtime::Result<Resource<FutureTrailers>> {
        self.wasi.table.delete(body)?;
        Ok(self.wasi.table.push(HostFutureTrailers::Done(Ok(None)))?)
    }
}

impl types::HostFutureTrailers for State {
    forward! { HostFutureTrailers:
        fn subscribe(trailers: Resource<FutureTrailers>) -> wasmtime::Result<Resource<DynPollable>>;
        fn get(
            trailers: Resource<FutureTrailers>
        ) -> wasmtime::Result<Option<Result<Result<Option<Resource<Trailers>>, ErrorCode>, ()>>>;
        fn drop(trailers: Resource<FutureTrailers>) -> wasmtime::Result<()>;
    }
}

/// Nobody calls a workflow by HTTP, so there are none.
impl types::HostIncomingRequest for State {
    forward! { HostIncomingRequest:
        fn method(request: Resource<IncomingRequest>) -> wasmtime::Result<Method>;
        fn path_with_query(request: Resource<IncomingRequest>) -> wasmtime::Result<Option<String>>;
        fn scheme(request: Resource<IncomingRequest>) -> wasmtime::Result<Option<Scheme>>;
        fn authority(request: Resource<IncomingRequest>) -> wasmtime::Result<Option<String>>;
        fn headers(request: Resource<IncomingRequest>) -> wasmtime::Result<Fields>;
        fn consume(request: Resource<IncomingRequest>) -> wasmtime::Result<Result<Resource<IncomingBody>, ()>>;
        fn drop(request: Resource<IncomingRequest>) -> wasmtime::Result<()>;
    }
}

/// As with requests.
impl types::HostResponseOutparam for State {
    forward! { HostResponseOutparam:
        fn set(
            parameter: Resource<ResponseOutparam>,
            response: Result<Answer, ErrorCode>
        ) -> wasmtime::Result<()>;
        fn send_informational(
            parameter: Resource<ResponseOutparam>,
            status: u16,
            headers: Fields
        ) -> HttpResult<()>;
        fn drop(parameter: Resource<ResponseOutparam>) -> wasmtime::Result<()>;
    }
}

/// They can be made and not be sent.
impl types::HostOutgoingResponse for State {
    forward! { HostOutgoingResponse:
        fn new(headers: Fields) -> wasmtime::Result<Answer>;
        fn status_code(response: Answer) -> wasmtime::Result<StatusCode>;
        fn set_status_code(response: Answer, status: StatusCode) -> wasmtime::Result<Result<(), ()>>;
        fn headers(response: Answer) -> wasmtime::Result<Fields>;
        fn drop(response: Answer) -> wasmtime::Result<()>;
    }

    fn body(&mut self, _: Answer) -> wasmtime::Result<Result<Resource<OutgoingBody>, ()>> {
        Ok(Err(()))
    }
}
