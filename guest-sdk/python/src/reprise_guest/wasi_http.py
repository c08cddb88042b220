"""One request over ``wasi:http``. Only a component imports this module."""

from __future__ import annotations

from componentize_py_types import Err, Ok
from wit_world.imports import http_types as wasi
from wit_world.imports import outgoing_handler
from wit_world.imports.streams import InputStream, StreamError_Closed

from .host import Headers

_METHODS: dict[str, wasi.Method] = {
    "GET": wasi.Method_Get(),
    "HEAD": wasi.Method_Head(),
    "POST": wasi.Method_Post(),
    "PUT": wasi.Method_Put(),
    "DELETE": wasi.Method_Delete(),
    "OPTIONS": wasi.Method_Options(),
    "PATCH": wasi.Method_Patch(),
}
#: Most bytes in one write, as WASI says; and how many are asked for in one read.
_WRITE_BYTES_MAX = 4_096
_READ_BYTES = 65_536


def request(
    method: str, scheme: str, authority: str, path: str, headers: Headers, body: bytes
) -> tuple[int, Headers, bytes]:
    """Makes a request and waits for status, headers and body. Errors: ``ConnectionError`` if there is no response."""
    try:
        outgoing = wasi.OutgoingRequest(wasi.Fields.from_list(headers))
        outgoing.set_method(_METHODS.get(method) or wasi.Method_Other(method))
        outgoing.set_scheme(wasi.Scheme_Https() if scheme == "https" else wasi.Scheme_Http())
        outgoing.set_authority(authority)
        outgoing.set_path_with_query(path)
        content = outgoing.body()
        coming = outgoing_handler.handle(outgoing, None)
        _send(content, body)
        response = _wait(coming)
        return response.status(), response.headers().entries(), _read(response)
    except Err as error:
        raise ConnectionError(f"{method} {scheme}://{authority}{path}: {_text(error.value)}") from None


def _send(content: wasi.OutgoingBody, body: bytes) -> None:
    with content.write() as stream:
        for start in range(0, len(body), _WRITE_BYTES_MAX):
            stream.blocking_write_and_flush(body[start : start + _WRITE_BYTES_MAX])
    wasi.OutgoingBody.finish(content, None)


def _wait(coming: wasi.FutureIncomingResponse) -> wasi.IncomingResponse:
    with coming.subscribe() as pollable:
        pollable.block()
    match coming.get():
        case Ok(Ok(response)):
            return response
        case Ok(Err(_) as error):
            raise error
    raise AssertionError("a response that has come is there once")


def _read(response: wasi.IncomingResponse) -> bytes:
    content, parts = response.consume(), []
    with content.stream() as stream:
        while part := _next(stream):
            parts.append(part)
    return b"".join(parts)


def _next(stream: InputStream) -> bytes:
    """The next part of a body; none at its end."""
    try:
        return stream.blocking_read(_READ_BYTES)
    except Err as error:
        if isinstance(error.value, StreamError_Closed):
            return b""
        raise


def _text(error: object) -> str:
    """An error of `wasi:http` in words: ``ErrorCode_ConnectionRefused`` as ``connection refused``."""
    name = type(error).__name__.partition("_")[2]
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    value = getattr(error, "value", None)
    return f"{words}: {value}" if value else words or str(error)
