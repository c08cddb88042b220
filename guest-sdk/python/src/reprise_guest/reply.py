"""What a participant answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from . import payload

T = TypeVar("T")


class ReplyError(ValueError):
    """A reply that is not what the workflow expects. When it leaves the workflow, the transaction rolls back."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of an HTTP response, the message of a gRPC response, or the rows of SQL statements as JSON."""

    #: The bytes as they came.
    body: bytes
    #: HTTP status or gRPC code; 0 from a database.
    status: int = 0
    #: Headers (gRPC: metadata) in order, names in lower case; none unless the branch has the option ``full_answer``.
    headers: Sequence[tuple[str, bytes]] = field(default=())

    @property
    def text(self) -> str:
        """The body as UTF-8 text. Errors: `ReplyError` if it is none."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise ReplyError(f"the reply is no UTF-8 text: {error}") from None

    def header(self, name: str) -> str | None:
        """The first header of this name as text; none also if the branch did not ask for headers."""
        wanted = name.lower()
        return next((value.decode(errors="replace") for has, value in self.headers if has == wanted), None)

    @overload
    def json(self) -> Any: ...
    @overload
    def json(self, shape: type[T]) -> T: ...
    def json(self, shape: Any = Any) -> Any:
        """Reads the body as JSON; ``shape``: a dataclass or another type it must have.

        Errors: `ReplyError` if it is no JSON or not of this shape.
        """
        try:
            return payload.decode(self.body or b" ", shape)
        except ValueError as error:
            body = payload.excerpt(self.body)
            raise ReplyError(f"the reply `{body}` is not the expected JSON: {error}") from None

    @overload
    def rows(self, statement: int = 0) -> list[dict[str, Any]]: ...
    @overload
    def rows(self, statement: int, shape: type[T]) -> list[T]: ...
    def rows(self, statement: int = 0, shape: Any = dict[str, Any]) -> Any:
        """The rows of a SQL statement, counted from 0: objects by the columns' names, or a dataclass.

        Numbers and times that JSON has no form for are text. Errors: `ReplyError`.
        """
        rows = payload.encode(self._statement(statement)["rows"])
        return Reply(rows).json(list[shape])

    def affected(self, statement: int = 0) -> int:
        """How many rows a SQL statement, counted from 0, has changed. Errors: `ReplyError`."""
        return int(self._statement(statement)["affected"])

    def _statement(self, index: int) -> dict[str, Any]:
        statements = self.json(list[dict[str, Any]])
        if not 0 <= index < len(statements):
            raise ReplyError(f"the reply has no statement {index}: there were {len(statements)}, counted from 0")
        if not {"rows", "affected"} <= statements[index].keys():
            raise ReplyError(f"the reply `{payload.excerpt(self.body)}` is none of a database")
        return statements[index]
