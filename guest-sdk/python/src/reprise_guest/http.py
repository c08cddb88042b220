"""Ordinary HTTP clients. Importing this module lets ``urllib.request`` speak through the runtime::

    import urllib.request
    import reprise_guest.http

    with branch.scope():
        request = urllib.request.Request("http://shop/pay", b'{"amount":30}', method="POST")
        with urllib.request.urlopen(request) as response:
            ...

Each request is recorded like any other operation, and not repeated in a replay. It blocks: what should run at once is a
`Branch.call`. Other clients can be built on `HTTPConnection` and `HTTPSConnection`, which are those of ``http.client``
without sockets. Timeouts are taken and mean nothing: attempts and deadlines are the branch's `Options`.
"""

from __future__ import annotations

import http.client
import io
import urllib.request
from collections.abc import Iterable
from typing import Any

from . import host
from .host import Headers


class HTTPConnection(http.client.HTTPConnection):
    """A connection of ``http.client`` whose requests the runtime makes. Errors: ``ConnectionError`` with its text."""

    #: What the runtime is told.
    scheme = "http"

    def connect(self) -> None:
        """Nothing to do: the runtime connects."""

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        self._request = (method, url)
        self._sent_headers: Headers = []
        self._body = bytearray()

    def putheader(self, header: str | bytes, *values: Any) -> None:
        name = header.decode("ascii") if isinstance(header, bytes) else header
        value = b"\r\n\t".join(one if isinstance(one, bytes) else str(one).encode("latin-1") for one in values)
        self._sent_headers.append((name, value))

    def endheaders(self, message_body: Any = None, *, encode_chunked: bool = False) -> None:
        if message_body is not None:
            self.send(message_body)

    def send(self, data: Any) -> None:
        """Adds to the body: bytes, a file, or several pieces."""
        if isinstance(data, io.TextIOBase):
            self._body += data.read().encode("iso-8859-1")
        elif hasattr(data, "read"):
            self._body += data.read()
        elif isinstance(data, (bytes, bytearray, memoryview)):
            self._body += data
        elif isinstance(data, Iterable):
            for piece in data:
                self._body += piece
        else:
            raise TypeError(f"a body is bytes, a file or an iterable of bytes, not {type(data).__name__}")

    def getresponse(self) -> http.client.HTTPResponse:
        method, path = self._request
        authority = self.host if self.port == self.default_port else f"{self.host}:{self.port}"
        status, headers, body = host.current().request(
            method, self.scheme, authority, path, self._sent_headers, bytes(self._body)
        )
        response = http.client.HTTPResponse(_Received(_message(status, headers, body)), method=method)  # type: ignore[arg-type]
        response.begin()
        return response


class HTTPSConnection(HTTPConnection):
    """As `HTTPConnection`, with TLS, which is the runtime's."""

    scheme = "https"
    default_port = http.client.HTTPS_PORT


class Opener(urllib.request.HTTPHandler):
    """What opens ``http:`` and ``https:`` for ``urllib.request``."""

    handler_order = 400

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(HTTPConnection, req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(HTTPSConnection, req)

    https_request = urllib.request.HTTPHandler.http_request


urllib.request.install_opener(urllib.request.build_opener(Opener))


class _Received:
    """What `http.client.HTTPResponse` reads from, in place of a socket."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def makefile(self, mode: str) -> io.BytesIO:
        return self._file


#: Headers of a connection, which a recorded response has not; and the length, which is known.
_OF_CONNECTION = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})


def _message(status: int, headers: Headers, body: bytes) -> bytes:
    """A response as it would come over a connection."""
    lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, '')}".encode("ascii")]
    lines += [name.encode("ascii") + b": " + value for name, value in headers if name.lower() not in _OF_CONNECTION]
    lines += [f"Content-Length: {len(body)}".encode("ascii")]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
