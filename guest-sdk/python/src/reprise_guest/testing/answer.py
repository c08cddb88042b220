"""What a test lets a participant answer, and what it gets to see of an operation."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .. import payload
from ..errors import CallError, DeadlinePassed, Exhausted, Invalid, Refused
from ..operation import Grpc, Http, Operation, Sql, Xa
from ..options import Length, seconds
from ..reply import Reply


@dataclass(frozen=True)
class Answer:
    """What an operation comes to."""

    #: A reply, or why there is none.
    result: Reply | CallError
    #: Virtual time until it is there, seconds.
    delay: float = 0.0

    @classmethod
    def ok(cls) -> Answer:
        """Success without a body."""
        return cls.raw(b"")

    @classmethod
    def raw(cls, body: bytes, status: int = 200) -> Answer:
        """Success with bytes."""
        return cls(Reply(body, status))

    @classmethod
    def json(cls, body: object) -> Answer:
        """Success with JSON."""
        return cls.raw(payload.encode(body))

    @classmethod
    def affected(cls, *rows: int) -> Answer:
        """Success of SQL statements that give no rows: how many each has changed."""
        return cls(Reply(payload.encode([{"affected": one, "rows": []} for one in rows])))

    @classmethod
    def rows(cls, *rows: object) -> Answer:
        """Success of a single SQL statement that gives rows: ``Answer.rows({"balance": 70})``."""
        return cls(Reply(payload.encode([{"affected": len(rows), "rows": rows}])))

    @classmethod
    def failure(cls, body: bytes = b"", status: int = 409) -> Answer:
        """The participant refuses, with a body."""
        return cls(Refused(Reply(body, status)))

    @classmethod
    def exhausted(cls, last: str = "503") -> Answer:
        """No attempt succeeds within those that are allowed."""
        return cls(Exhausted(last))

    @classmethod
    def deadline(cls, last: str = "no answer") -> Answer:
        """No attempt succeeds before the deadline of the branch."""
        return cls(DeadlinePassed(last))

    @classmethod
    def invalid(cls, text: str) -> Answer:
        """The operation can't be performed."""
        return cls(Invalid(text))

    def header(self, name: str, value: bytes) -> Answer:
        """The same with a header (gRPC: metadata)."""
        if not isinstance(self.result, Reply):
            raise ValueError("an answer that is no reply has no headers")
        headers = [*self.result.headers, (name.lower(), value)]
        return dataclasses.replace(self, result=dataclasses.replace(self.result, headers=headers))

    def after(self, delay: Length) -> Answer:
        """The same after a while."""
        return dataclasses.replace(self, delay=seconds(delay))

    @property
    def outcome(self) -> str:
        """What a trace calls it."""
        return "success" if isinstance(self.result, Reply) else self.result.kind


#: What a test answers with: always the same, or what it makes of the request.
Answerer = Answer | Callable[["Request"], Answer]


@dataclass(frozen=True)
class Request:
    """One operation, as a test sees it."""

    #: The branch: ``01`` and up, ``02-01`` for the first that a handler of ``02`` opened; empty for `on_finish`.
    branch: str
    #: What it is for the branch: ``action``, ``commit``, ``rollback``, ``finish``.
    role: str
    #: What is called: ``POST bank/out``, ``GRPC bank/bank.v1.Bank/In``, ``SQL bank``, ``XA bank``.
    key: str
    #: The body, the message, or the statements as text, a line each: ``UPDATE .. [30, "alice"]``.
    body: bytes
    #: The options of the branch, as the runtime gets them.
    options: dict[str, Any] = field(default_factory=dict)
    #: Virtual time since the start, seconds.
    at: float = 0.0

    def json(self) -> Any:
        """Reads the body as JSON."""
        return payload.decode(self.body)

    def __str__(self) -> str:
        return f"{self.branch} {self.role} {self.key}".strip()


def described(operation: Operation) -> tuple[str, bytes]:
    """The key and the body of an operation."""
    match operation:
        case Http(method, target, body):
            return f"{method} {target}", body
        case Grpc(target, method, message):
            return f"GRPC {target}/{method}", message
        case Sql(database):
            return f"SQL {database}", _text(operation)
        case Xa(database):
            return f"XA {database}", _text(operation)
    raise TypeError(f"{operation!r} is no operation: make one with a `Participant`, `sql` or `xa`")


def _text(operation: Sql | Xa) -> bytes:
    lines = (f"{one.sql} {json.dumps(list(one.parameters), default=repr)}" for one in operation.statements)
    return "\n".join(lines).encode()
