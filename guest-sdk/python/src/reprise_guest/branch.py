"""A branch: one participant's part of the transaction."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from . import payload as payloads
from . import session
from .call import Call
from .errors import Invalid
from .operation import Operation
from .options import PIVOT, READ_ONLY, Options
from .scope import Scope

if TYPE_CHECKING:
    from .transaction import Transaction

P = TypeVar("P")


class Phase(enum.Enum):
    """Which half of phase two a handler runs for."""

    COMMIT = "commit"
    ROLLBACK = "rollback"


#: A named function for phase two, listed in ``@workflow(handlers=[..])``.
Handler = Callable[["Transaction", "Branch", Phase, P], Coroutine[Any, Any, None]]
#: A closure for phase two: an ``async def``, or a lambda that gives a call.
Closure = Callable[["Transaction", "Branch"], Awaitable[object]]


class Branch:
    """One participant's part of the transaction: one action, and what commit and rollback do.

    Set options first, then register what undoes the action, then call it. An action that may change something is
    refused unless its undo is registered before it, or the branch says that there is nothing to undo (`read_only`) or
    no way back (`pivot`); ``GET`` and XA need none::

        out = tx.branch(Options(attempts=5)).on_rollback(bank.post("/transfer-out/revert", json=30))
        reply = await out.call(bank.post("/transfer-out", json=30))

    What is wrong in what is registered (an option out of range, a second undo) is raised as `Invalid`.
    """

    __slots__ = ("id",)

    def __init__(self, id: int) -> None:
        #: The branch's number: 1 for the ``branch_id`` ``01`` that participants see. Branches that a handler opens have
        #: numbers of their own, far above those of the workflow.
        self.id = id

    def __repr__(self) -> str:
        return f"Branch({self.id})"

    def options(self, options: Options) -> Branch:
        """Sets options for what follows on this branch; what they don't name stays."""
        try:
            text = options.to_json()
        except (TypeError, ValueError) as error:
            raise Invalid(f"the options of branch {self.id:02} have no JSON form: {error}") from None
        if text != "{}":
            session.current().host.set_options(self.id, text)
        return self

    def read_only(self) -> Branch:
        """The action changes nothing, so there is nothing to undo."""
        session.current().host.set_options(self.id, READ_ONLY)
        return self

    def pivot(self) -> Branch:
        """There is no way back from the action: `Options.effect`."""
        session.current().host.set_options(self.id, PIVOT)
        return self

    def on_commit(self, operation: Operation) -> Branch:
        """The runtime performs the operation when the transaction commits."""
        session.current().host.on_commit(self.id, operation)
        return self

    def on_rollback(self, operation: Operation) -> Branch:
        """The runtime performs the operation when the transaction rolls back. Register it before the action."""
        session.current().host.on_rollback(self.id, operation)
        return self

    def on_commit_handler(self, handler: Handler[P], payload: P) -> Branch:
        """A handler of ``@workflow(handlers=[..])`` runs with ``payload`` when the transaction commits."""
        now = session.current()
        now.host.on_commit_handler(self.id, now.name_of(handler), _payload(handler, payload))
        return self

    def on_rollback_handler(self, handler: Handler[P], payload: P) -> Branch:
        """A handler of ``@workflow(handlers=[..])`` runs with ``payload`` when the transaction rolls back."""
        now = session.current()
        now.host.on_rollback_handler(self.id, now.name_of(handler), _payload(handler, payload))
        return self

    def on_commit_with(self, closure: Closure) -> Branch:
        """``closure(tx, branch)`` runs when the transaction commits; what it calls on its branch is the commit
        operation.

        The runtime replays the workflow first when its instance is gone, and calls the closure again when it fails. An
        operation or a named handler needs neither, so prefer those. In a loop, bind what it uses: a closure sees the
        last value of the loop's variable.
        """
        now = session.current()
        now.host.on_commit_handler(self.id, now.keep(closure), b"")
        return self

    def on_rollback_with(self, closure: Closure) -> Branch:
        """As `on_commit_with`, when the transaction rolls back."""
        now = session.current()
        now.host.on_rollback_handler(self.id, now.keep(closure), b"")
        return self

    def call(self, operation: Operation) -> Call:
        """Submits the branch's one action, here and now; awaiting what this returns gives its `Reply`.

        Calls that are written one after the other and awaited later run concurrently. In a handler or closure of phase
        two, on the branch it was given, this is the commit or rollback operation, repeated until it succeeds.

        Errors, when awaited: `CallError`.
        """
        now = session.current()
        return Call(now.host.submit(self.id, operation), now.loop, self.id)

    def scope(self) -> Scope:
        """Within ``with branch.scope():``, requests of ordinary HTTP clients are actions of this branch and carry its
        parameters. Elsewhere each gets a branch of its own, and other tasks that run meanwhile are not in the scope.

        One request may change something, and what undoes it is registered before; more may follow that only read.
        """
        return Scope(self.id)


def _payload(handler: Handler[Any], value: object) -> bytes:
    try:
        return payloads.encode(value)
    except (TypeError, ValueError) as error:
        raise Invalid(f"the payload of `{handler.__name__}` has no JSON form: {error}") from None
