"""The exports ``run`` and ``handle`` against any host: what a component and a test have in common."""

from __future__ import annotations

from typing import Any

from . import host as hosts
from . import loop as loops
from . import scope, session
from .branch import Branch, Closure, Phase
from .errors import Failure, failure_of
from .host import Host
from .transaction import Transaction
from .workflow import Workflow


def run(workflow: Workflow[Any, Any], host: Host, data: bytes) -> bytes:
    """The export ``run``: the bytes of the output. Errors: `Failure`; whatever else comes is a mistake in the code."""
    fresh = session.Session(workflow, host)
    _begin(fresh)
    try:
        return fresh.loop.run(workflow.perform(Transaction(), data))
    except BaseException as error:
        if (failure := failure_of(error)) is None:
            raise
        raise failure from None


def handle(workflow: Workflow[Any, Any], host: Host, phase: Phase, branch: int, name: str, data: bytes) -> None:
    """The export ``handle``. In an instance that has not run the workflow, there are no closures. Errors: as `run`."""
    now = session.kept_for(workflow) or session.Session(workflow, host)
    now.host, now.loop = host, loops.new(host)
    _begin(now)
    closure, handler = now.closure(name), workflow.handlers.get(name)
    tx, on = Transaction(), Branch(branch)
    if closure is not None:
        work = _closed(closure, tx, on)
    elif handler is not None:
        work = workflow.handle(tx, on, phase, handler, data)
    else:
        raise Failure(f"this component has no handler `{name}`")
    try:
        now.loop.run(work)
    except BaseException as error:
        if (failure := failure_of(error)) is None:
            raise
        raise failure.about(f"handler `{name}`") from None


def _begin(now: session.Session) -> None:
    hosts.use(now.host)
    session.enter(now)
    scope.reset()


async def _closed(closure: Closure, tx: Transaction, branch: Branch) -> None:
    await closure(tx, branch)
