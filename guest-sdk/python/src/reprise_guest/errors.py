"""Why a workflow gives up, why a call did not succeed, why a reply could not be read.

What rolls a transaction back when it leaves the workflow is what says something about the world: `Failure`, `CallError`,
`ReplyError`, ``TimeoutError``, ``ConnectionError``, and what ``urllib.request`` makes of them and of HTTP errors. Every
other exception, also any other ``OSError`` (there are no files and no sockets), is a mistake in the code: the runtime keeps
the execution, shows the traceback, and goes on when a fixed component is deployed.
"""

from __future__ import annotations

import sys
from typing import ClassVar

from . import payload
from .reply import Reply, ReplyError


class Failure(Exception):
    """Why a workflow gives up. Raising it rolls every branch back.

    ``message``: for people; ``details``: for programs, JSON of any value, or bytes as they are.
    """

    message: str
    details: bytes

    def __init__(self, message: str, details: object = b"") -> None:
        super().__init__(message)
        self.message = message
        self.details = payload.encode(details)

    def about(self, what: str) -> Failure:
        """The same with what it is about before the message: ``e2: the participant refused``."""
        return Failure(f"{what}: {self.message}", self.details)


class CallError(Exception):
    """Why an operation did not succeed: one of the classes below. Recorded, so a replay sees the same."""

    #: The name of the case in the interface: ``failure``, ``exhausted``, ``deadline``, ``canceled``, ``invalid``.
    kind: ClassVar[str]


class Refused(CallError):
    """The participant refused (HTTP 409, gRPC ABORTED, or what the outcome map says).

    A database says in JSON what it refused: ``{"message": "..", "statement": 1}``, with statements counted from 1.
    """

    kind = "failure"
    #: The response, with status and body.
    reply: Reply

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"the participant refused: {_reason(reply)}")
        self.reply = reply


class Exhausted(CallError):
    """The allowed attempts are used up; ``last``: the last error. Whether the participant acted is unknown."""

    kind = "exhausted"

    def __init__(self, last: str) -> None:
        super().__init__(f"no success within the allowed attempts: {last}")
        self.last = last


class DeadlinePassed(CallError):
    """The deadline of the branch has passed; ``last``: the last error. Whether the participant acted is unknown."""

    kind = "deadline"

    def __init__(self, last: str) -> None:
        super().__init__(f"no success before the deadline: {last}")
        self.last = last


class Canceled(CallError):
    """``cancel`` came first. Whether the participant acted is unknown."""

    kind = "canceled"

    def __init__(self) -> None:
        super().__init__("the operation was cancelled")


class Invalid(CallError):
    """The operation, option or registration can't be used as it stands: what to do about it. Nothing was sent."""

    kind = "invalid"


def failure_of(error: BaseException) -> Failure | None:
    """The failure that an exception means; none if it is a mistake in the code.

    Of a group of exceptions (``asyncio.TaskGroup``) the first counts, and all must be failures.
    """
    if isinstance(error, Failure):
        return error
    if isinstance(error, BaseExceptionGroup):
        failures = [failure_of(one) for one in error.exceptions]
        return None if None in failures else failures[0]
    if isinstance(error, Refused):
        return Failure(str(error), error.reply.body)
    if isinstance(error, (CallError, ReplyError)) or _is_of_the_world(error):
        return Failure(str(error) or type(error).__name__)
    return None


def _is_of_the_world(error: object) -> bool:
    """Whether a participant did not answer in time, not at all, or with an HTTP error."""
    if isinstance(error, (TimeoutError, ConnectionError)):
        return True
    # Whoever raises its exceptions has loaded it.
    urllib = sys.modules.get("urllib.error")
    if urllib is None or not isinstance(error, urllib.URLError):
        return False
    return isinstance(error, urllib.HTTPError) or _is_of_the_world(error.reason)


def _reason(reply: Reply) -> str:
    """Why a participant refused, for people: a database says it in JSON, others as they like."""
    if reply.status == 0:
        try:
            refusal = reply.json()
        except ReplyError:
            refusal = None
        if isinstance(refusal, dict) and isinstance(refusal.get("message"), str):
            return str(refusal["message"])
    return payload.excerpt(reply.body)
