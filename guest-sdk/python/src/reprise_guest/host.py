"""What the runtime gives a workflow, in the SDK's own types, and which host the SDK talks to.

In a component that is the runtime (`component`), in a test a `testing.TestHost`.
"""

from __future__ import annotations

from typing import Protocol

from .operation import Operation
from .reply import Reply

#: Names and values of headers, in order.
Headers = list[tuple[str, bytes]]


class Host(Protocol):
    """The functions of the interface ``reprise:workflow``. What it refuses is raised as `Invalid`."""

    def new_branch(self) -> int: ...
    def set_options(self, branch: int, options: str) -> None: ...
    def on_commit(self, branch: int, operation: Operation) -> None: ...
    def on_rollback(self, branch: int, operation: Operation) -> None: ...
    def on_commit_handler(self, branch: int, name: str, payload: bytes) -> None: ...
    def on_rollback_handler(self, branch: int, name: str, payload: bytes) -> None: ...
    def on_finish(self, operation: Operation) -> None: ...
    def submit(self, branch: int, operation: Operation) -> int: ...
    def wait_any(self, tickets: list[int]) -> int: ...
    def take(self, ticket: int) -> Reply:
        """Waits for a result. Errors: `CallError`; a refusal is one."""
        ...

    def cancel(self, ticket: int) -> None: ...
    def scope(self, branch: int | None) -> None: ...
    def timer(self, seconds: int, nanos: int) -> int: ...
    def now(self) -> tuple[int, int]:
        """Seconds and nanoseconds since 1970-01-01T00:00:00Z."""
        ...

    def request(
        self, method: str, scheme: str, authority: str, path: str, headers: Headers, body: bytes
    ) -> tuple[int, Headers, bytes]:
        """A request of an ordinary HTTP client: status, headers and body of its response. Errors:
        ``ConnectionError``."""
        ...

    def random_bytes(self, length: int) -> bytes: ...
    def log(self, level: str, message: str) -> None: ...


_current: Host | None = None


def current() -> Host:
    """The host that the SDK talks to. Errors: ``RuntimeError`` outside of a workflow."""
    if _current is None:
        raise RuntimeError("there is no runtime here: run the workflow in a component or in `testing.TestHost`")
    return _current


def use(host: Host | None) -> None:
    """Makes a host the one that the SDK talks to."""
    global _current
    _current = host
