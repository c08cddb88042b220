"""The world of one test run: what the imports answer, in virtual time that moves only when the workflow waits."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import CallError, Canceled, Invalid, Refused
from ..host import Headers
from ..operation import Http, Operation, Xa
from ..reply import Reply
from .answer import Answer, Request, described

#: 2026-01-01T00:00:00Z, when every test starts; nanoseconds.
_START_NS = 1_767_225_600_000_000_000
#: Branches that a handler opens have numbers from here on.
_CHILDREN = 1 << 31


class NotDeterministic(AssertionError):
    """The workflow took another path when it was run again with the recorded results."""


@dataclass
class Registered:
    """Something for phase two or the end: an operation, or a handler with its payload."""

    role: str
    branch: int
    operation: Operation | None = None
    name: str = ""
    payload: bytes = b""


@dataclass
class _Branch:
    """What is known of a branch."""

    id: str
    options: dict[str, Any] = field(default_factory=dict)
    roles: set[str] = field(default_factory=set)
    acted: bool = False
    refused: bool = False


@dataclass
class _Ticket:
    """A call or a timer.

    ``due_ns``: when it is done; ``result``: what it comes to, known once the test was asked; ``done``: its place among
    those that are done.
    """

    due_ns: int
    call: tuple[int, Operation] | None = None
    result: Reply | CallError | None = None
    done: int | None = None
    taken: bool = False


class World:
    """A `Host` whose participants are the test's answers."""

    def __init__(self, answer: Callable[[Request], Answer], seed: int, lenient: bool) -> None:
        self.calls: list[Request] = []
        self.trace: list[str] = []
        self.logged: list[tuple[str, str]] = []
        self._answer = answer
        self._seed = seed
        self._lenient = lenient
        self._clock_ns = _START_NS
        self._asked: list[str] = []
        self._completed: list[tuple[int, int, Reply | CallError | None]] = []
        self._replayed: int | None = None
        self._live_ns = _START_NS
        self._scope: int | None = None
        self._registered: list[Registered] = []
        self._handling: Registered | None = None
        self._begin()

    def _begin(self) -> None:
        """A call of the component begins."""
        self._random = random.Random(f"{self._seed} {self._handling}")
        self._tickets: list[_Ticket] = []
        self._to_come = 0
        self._done = 0
        self._scope = None
        if self._handling is None:
            self._branches: dict[int, _Branch] = {}
            self._finishes = 0
            self._registered = []

    # The run, its replay, phase two.

    def replay(self) -> None:
        """Begins again with the recorded results."""
        self._replayed, self._live_ns, self._clock_ns = 0, self._clock_ns, _START_NS
        self._begin()

    def end_replay(self) -> None:
        """What comes after this is live again."""
        self._replayed, self._clock_ns = None, self._live_ns

    def returned(self, what: str) -> None:
        """The workflow returned."""
        self._ask(f"returned {what}")

    def next_registered(self, committed: bool) -> Registered | None:
        """What phase two performs next, in reverse order; then what is for the end."""
        wanted = "commit" if committed else "rollback"
        for role in (wanted, "finish"):
            for registered in reversed(self._registered):
                if registered.role == role and not self._skips(registered):
                    self._registered.remove(registered)
                    return registered
        return None

    def _skips(self, registered: Registered) -> bool:
        """A refused action did nothing, so there is nothing to undo, unless the branch asks for it."""
        branch = self._branches.get(registered.branch)
        if registered.role != "rollback" or branch is None:
            return False
        return branch.refused and not branch.options.get("compensate_failed")

    def perform(self, registered: Registered) -> None:
        """Performs an operation of phase two."""
        assert registered.operation is not None
        answer = self._request(registered.role, registered.branch, registered.operation)
        self._clock_ns += round(answer.delay * 1e9)
        if isinstance(answer.result, CallError):
            raise RuntimeError(f"stuck in phase two, where everything is repeated until it succeeds: {self.trace[-1]}")

    def enter(self, registered: Registered) -> None:
        """A handler begins."""
        self._handling = registered
        self._branches[registered.branch].acted = False
        self._begin()

    def leave(self) -> None:
        """A handler ended; calls that it left open are finished."""
        while any(ticket.done is None for ticket in self._tickets if ticket.call):
            self._advance()
        self._handling = None

    def elapsed(self) -> float:
        """Virtual time since the start, seconds."""
        return (self._clock_ns - _START_NS) / 1e9

    # The imports.

    def new_branch(self) -> int:
        if self._handling is None:
            number = len(self._branches) + 1
            self._branches[number] = _Branch(f"{number:02}")
            return number
        parent = self._branches[self._handling.branch].id
        count = sum(
            number >= _CHILDREN and branch.id.startswith(f"{parent}-") for number, branch in self._branches.items()
        )
        number = _CHILDREN + len(self._branches)
        self._branches[number] = _Branch(f"{parent}-{count + 1:02}")
        return number

    def set_options(self, branch: int, options: str) -> None:
        self._known(branch).options.update(json.loads(options))

    def on_commit(self, branch: int, operation: Operation) -> None:
        self._register(Registered("commit", branch, operation))

    def on_rollback(self, branch: int, operation: Operation) -> None:
        self._register(Registered("rollback", branch, operation))

    def on_commit_handler(self, branch: int, name: str, payload: bytes) -> None:
        self._register(Registered("commit", branch, name=name, payload=payload))

    def on_rollback_handler(self, branch: int, name: str, payload: bytes) -> None:
        self._register(Registered("rollback", branch, name=name, payload=payload))

    def on_finish(self, operation: Operation) -> None:
        self._register(Registered("finish", 0, operation))

    def submit(self, branch: int, operation: Operation) -> int:
        ticket = _Ticket(self._clock_ns, (branch, operation))
        if (mistake := self._mistake(branch, operation)) is not None:
            ticket = _Ticket(self._clock_ns, result=Invalid(mistake), done=self._next_done())
        else:
            self._known(branch).acted = True
            self._ask(f"{branch:02} {operation!r} {self._known(branch).options}")
        self._tickets.append(ticket)
        return len(self._tickets) - 1

    def timer(self, seconds: int, nanos: int) -> int:
        self._tickets.append(_Ticket(self._clock_ns + seconds * 1_000_000_000 + nanos))
        return len(self._tickets) - 1

    def wait_any(self, tickets: list[int]) -> int:
        while True:
            places = [self._tickets[number].done for number in tickets]
            ready = [(place, index) for index, place in enumerate(places) if place is not None]
            if ready:
                return min(ready)[1]
            self._advance()

    def take(self, ticket: int) -> Reply:
        one = self._tickets[ticket]
        if one.taken:
            raise RuntimeError(f"ticket {ticket} was taken already")
        while one.done is None:
            self._advance()
        one.taken = True
        if isinstance(one.result, CallError):
            raise one.result
        return one.result or Reply(b"")

    def cancel(self, ticket: int) -> None:
        one = self._tickets[ticket]
        if not one.taken and not isinstance(one.result, Canceled):
            one.done, one.result = self._next_done(), Canceled()
            if one.call is not None:
                self._ask(f"cancel {ticket}")

    def scope(self, branch: int | None) -> None:
        if branch is not None:
            self._known(branch)
        self._scope = branch

    def now(self) -> tuple[int, int]:
        return divmod(self._clock_ns, 1_000_000_000)

    def request(
        self, method: str, scheme: str, authority: str, path: str, headers: Headers, body: bytes
    ) -> tuple[int, Headers, bytes]:
        ticket = self.submit(self._scope or self.new_branch(), Http(method, f"{scheme}://{authority}{path}", body))
        try:
            reply = self.take(ticket)
        except Refused as error:
            reply = error.reply
        except CallError as error:
            raise ConnectionError(str(error)) from None
        return reply.status, list(reply.headers), reply.body

    def random_bytes(self, length: int) -> bytes:
        return self._random.randbytes(length)

    def log(self, level: str, message: str) -> None:
        if self._replayed is None:
            self.logged.append((level, message))

    # Below them.

    def _known(self, branch: int) -> _Branch:
        if branch not in self._branches:
            raise Invalid(f"branch {branch} does not exist; use what `new-branch` returned")
        return self._branches[branch]

    def _register(self, registered: Registered) -> None:
        if self._handling is not None:
            raise Invalid("nothing can be registered in `handle`: phase two is already decided")
        if registered.role != "finish":
            branch = self._known(registered.branch)
            if registered.role in branch.roles:
                raise Invalid(f"branch {branch.id} has its on-{registered.role} already")
            branch.roles.add(registered.role)
        self._registered.append(registered)

    def _mistake(self, number: int, operation: Operation) -> str | None:
        """Why a call can't be made, as the runtime says it."""
        branch, key = self._known(number), described(operation)[0]
        if branch.acted:
            return f"branch {branch.id} has its operation already; open another one with `new-branch`"
        reads = isinstance(operation, Xa) or (
            isinstance(operation, Http) and operation.method in ("GET", "HEAD", "OPTIONS")
        )
        if self._handling or self._lenient or reads or branch.roles or "effect" in branch.options:
            return None
        return f"branch {branch.id}: {key} may change something and nothing says how it is undone"

    def _ask(self, what: str) -> None:
        """Compares what the workflow asks with the record, or records it."""
        if self._replayed is None:
            if self._handling is None:
                self._asked.append(what)
            return
        recorded = self._asked[self._replayed] if self._replayed < len(self._asked) else "nothing"
        self._replayed += 1
        if recorded != what:
            raise NotDeterministic(f"the workflow is not deterministic: it did {recorded}, and in the replay {what}")

    def _advance(self) -> None:
        """Moves to the next thing that happens."""
        if self._replayed is not None:
            self._advance_replay()
            return
        for ticket in self._tickets:
            if ticket.call is not None and ticket.result is None:
                answer = self._request("action", *ticket.call)
                ticket.due_ns = self._clock_ns + round(answer.delay * 1e9)
                ticket.result = answer.result
        open_ones = [(ticket.due_ns, number) for number, ticket in enumerate(self._tickets) if ticket.done is None]
        if not open_ones:
            raise RuntimeError("the workflow waits, and nothing is under way")
        _, number = min(open_ones)
        ticket = self._tickets[number]
        ticket.done, self._clock_ns = self._next_done(), max(self._clock_ns, ticket.due_ns)
        if isinstance(ticket.result, Refused) and ticket.call is not None:
            self._known(ticket.call[0]).refused = True
        if self._handling is None:
            self._completed.append((number, self._clock_ns, ticket.result))

    def _advance_replay(self) -> None:
        if self._to_come >= len(self._completed):
            raise NotDeterministic("the workflow is not deterministic: the replay waits for what was not recorded")
        number, self._clock_ns, result = self._completed[self._to_come]
        self._to_come += 1
        ticket = self._tickets[number]
        ticket.done, ticket.result = self._next_done(), result
        if isinstance(result, Refused) and ticket.call is not None:
            self._known(ticket.call[0]).refused = True

    def _next_done(self) -> int:
        self._done += 1
        return self._done

    def _request(self, role: str, number: int, operation: Operation) -> Answer:
        """Makes an operation: asks the test for its answer."""
        key, body = described(operation)
        branch = self._branches.get(number, _Branch(""))
        if self._handling is not None and number == self._handling.branch:
            role = self._handling.role
        request = Request(branch.id, role, key, body, dict(branch.options), self.elapsed())
        answer = self._answer(request)
        self.calls.append(request)
        self.trace.append(f"{request}: {answer.outcome}")
        return answer
