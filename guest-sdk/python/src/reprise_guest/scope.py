"""A scope: what ordinary HTTP clients ask for within it belongs to a branch."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar, Token
from types import TracebackType

from . import host

#: The branch whose scope a task is in. Tasks have it each for themselves, as contexts do.
_current: ContextVar[int | None] = ContextVar("reprise_scope", default=None)
#: The branch that the runtime was told last.
_told: int | None = None


class Scope:
    """Made by `Branch.scope`."""

    def __init__(self, branch: int) -> None:
        self._branch = branch
        self._token: Token[int | None] | None = None

    def __enter__(self) -> None:
        _tell(self._branch)
        self._token = _current.set(self._branch)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
        _tell(_current.get())


def enter(handle: asyncio.Handle) -> None:
    """Another task goes on: tells the runtime its scope."""
    # The context of a handle has no public name before Python 3.12.
    _tell(handle._context.get(_current))  # type: ignore[attr-defined]


def reset() -> None:
    """A new call of the component begins; the runtime has forgotten scopes by itself."""
    global _told
    _told = None


def _tell(branch: int | None) -> None:
    global _told
    if branch != _told:
        host.current().scope(branch)
        _told = branch
