"""The host of a test: answers, one run, its replay, and phase two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .. import entry, payload, session
from .. import host as hosts
from ..branch import Phase
from ..errors import Failure
from ..workflow import Workflow
from .answer import Answer, Answerer, Request
from .world import NotDeterministic, Registered, World

__all__ = ["NotDeterministic", "TestHost", "TestRun"]

O = TypeVar("O")


@dataclass(frozen=True)
class TestRun(Generic[O]):
    """What came of a run."""

    __test__ = False

    #: The output as bytes: JSON, or what the workflow returned as bytes. Empty after a failure.
    output: bytes
    #: Why it was rolled back; none if it was committed.
    failure: Failure | None
    #: Every operation, in order.
    calls: list[Request]
    #: The same, a line each: ``01 action POST bank/out: success``.
    trace: list[str]
    #: What the workflow logged: level and message.
    log: list[tuple[str, str]]
    #: Virtual time from start to end, seconds.
    elapsed: float

    def json(self) -> Any:
        """The output as JSON. Errors: the failure, if there is none."""
        if self.failure is not None:
            raise self.failure
        return payload.decode(self.output)


class TestHost:
    """A host in this process that answers operations by their key.

    Keys are ``POST participant/path``, ``GRPC participant/package.Service/Method``, ``SQL database``, ``XA database``;
    one that ends in ``*`` stands for all with this beginning. Of several keys that fit, the last one added counts.
    Without an answer an action ends as `Invalid`, and anything in phase two succeeds.
    """

    __test__ = False

    def __init__(self, *, seed: int = 0, lenient: bool = False) -> None:
        """``seed``: other random numbers; ``lenient``: actions pass that don't say how they are undone."""
        self._seed = seed
        self._lenient = lenient
        self._answers: list[tuple[str, Answerer]] = []

    def on(self, key: str, answer: Answerer) -> TestHost:
        """Answers operations of this key."""
        self._answers.append((key, answer))
        return self

    def run(self, workflow: Workflow[Any, O], order: object) -> TestRun[O]:
        """Runs a workflow with an input, in whatever form gives the input's JSON, and then its commit or rollback.

        Errors: `NotDeterministic`; what the workflow raises if it is no failure; ``RuntimeError`` where the runtime
        would quarantine the execution.
        """
        world = World(self._answer, self._seed, self._lenient)
        data = payload.encode(order)
        try:
            output, failure = _perform(workflow, world, data)
            world.replay()
            _perform(workflow, world, data)
            world.end_replay()
            committed = failure is None
            while (registered := world.next_registered(committed)) is not None:
                _finish(workflow, world, registered)
        finally:
            hosts.use(None)
            session.enter(None)
        return TestRun(output, failure, world.calls, world.trace, world.logged, world.elapsed())

    def _answer(self, request: Request) -> Answer:
        for key, answer in reversed(self._answers):
            if key == request.key or (key.endswith("*") and request.key.startswith(key[:-1])):
                return answer if isinstance(answer, Answer) else answer(request)
        if request.role != "action":
            return Answer.ok()
        return Answer.invalid(f'the TestHost has no answer for `{request.key}`: add .on("{request.key}", ..)')


def _perform(workflow: Workflow[Any, Any], world: World, data: bytes) -> tuple[bytes, Failure | None]:
    output, failure = b"", None
    try:
        output = entry.run(workflow, world, data)
    except Failure as error:
        failure = error
    world.returned(repr(output) if failure is None else f"{failure.message!r} {failure.details!r}")
    return output, failure


def _finish(workflow: Workflow[Any, Any], world: World, registered: Registered) -> None:
    if registered.operation is not None:
        world.perform(registered)
        return
    phase = Phase.COMMIT if registered.role == "commit" else Phase.ROLLBACK
    world.enter(registered)
    try:
        entry.handle(workflow, world, phase, registered.branch, registered.name, registered.payload)
    except Failure as failure:
        raise RuntimeError(f"the runtime would quarantine this execution: {failure}") from failure
    world.leave()
