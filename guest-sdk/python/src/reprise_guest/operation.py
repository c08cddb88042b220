"""Operations: things done outside the guest, as plain data. A branch calls or registers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import payload
from .errors import Invalid

#: A value that goes into a SQL statement. Integers have up to 64 bits; numbers of other kinds go as text.
SqlValue = None | bool | int | float | str | bytes


@dataclass(frozen=True, slots=True)
class Http:
    """An HTTP request, made by `Participant.post` and its siblings. Headers are options of the branch."""

    method: str
    #: ``participant/path?query``, or a whole URL.
    target: str
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Grpc:
    """A unary gRPC call, made by `Participant.grpc`. Metadata are options of the branch."""

    #: A participant, or ``http(s)://host:port``.
    target: str
    #: ``package.Service/Method``.
    method: str
    #: The encoded request message.
    message: bytes = b""


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement with the database's own placeholders and its parameters in order."""

    sql: str
    parameters: Sequence[SqlValue] = ()
    #: Another number of affected rows is a business failure.
    affected: int | None = None


@dataclass(frozen=True, slots=True)
class Sql:
    """Statements that run in one local transaction of a configured database, exactly once; made by `sql`.

    A barrier row is in the same transaction. `Reply.rows` and `Reply.affected` read what they came to.
    """

    database: str
    statements: Sequence[Statement]


@dataclass(frozen=True, slots=True)
class Xa:
    """Statements prepared now, committed or rolled back by the runtime in phase two; made by `xa`."""

    database: str
    statements: Sequence[Statement]


#: One thing done outside the guest.
Operation = Http | Grpc | Sql | Xa


def sql(database: str, *statements: Statement | str) -> Sql:
    """Statements for a database of the runtime's configuration, exactly once; text is one without parameters."""
    return Sql(database, _statements(statements))


def xa(database: str, *statements: Statement | str) -> Xa:
    """Statements for a database of the runtime's configuration, as a branch of an XA transaction."""
    return Xa(database, _statements(statements))


class Participant:
    """A business service that branches call: one of the runtime's configuration, or an address.

    ``Participant("bank")`` stays the same wherever the workflow runs; ``Participant("http://bank:8000/v1")`` has a path
    before all paths. An empty path calls the address itself.
    """

    __slots__ = ("target",)

    def __init__(self, target: str) -> None:
        self.target = target.rstrip("/")

    def __repr__(self) -> str:
        return f"Participant({self.target!r})"

    def get(self, path: str) -> Http:
        """``GET path``; the path may have a query."""
        return self._http("GET", path)

    def post(self, path: str, body: bytes = b"", *, json: object = ...) -> Http:
        """``POST path`` with a body: ``json`` any value, a dataclass too, or ``body`` as it is.

        It is sent as ``application/json`` unless the branch's options set another ``content-type``.
        Errors: `Invalid` if the value has no JSON form.
        """
        return self._http("POST", path, body, json)

    def put(self, path: str, body: bytes = b"", *, json: object = ...) -> Http:
        """``PUT path``, as `post`."""
        return self._http("PUT", path, body, json)

    def patch(self, path: str, body: bytes = b"", *, json: object = ...) -> Http:
        """``PATCH path``, as `post`."""
        return self._http("PATCH", path, body, json)

    def delete(self, path: str, body: bytes = b"", *, json: object = ...) -> Http:
        """``DELETE path``, as `post`."""
        return self._http("DELETE", path, body, json)

    def grpc(self, method: str, message: bytes = b"") -> Grpc:
        """The unary gRPC method ``package.Service/Method`` with an encoded message."""
        return Grpc(self.target, method.lstrip("/"), message)

    def _http(self, method: str, path: str, body: bytes = b"", json: object = ...) -> Http:
        path = path.lstrip("/")
        target = f"{self.target}/{path}" if path else self.target
        if json is ...:
            return Http(method, target, body)
        try:
            return Http(method, target, payload.encode(json))
        except (TypeError, ValueError) as error:
            raise Invalid(f"{method} {target}: no JSON form: {error}") from None


def _statements(statements: tuple[Statement | str, ...]) -> tuple[Statement, ...]:
    return tuple(Statement(one) if isinstance(one, str) else one for one in statements)
