"""What most scenarios are made of."""

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from reprise_guest import Branch, Call, Participant, Transaction

STUB = Participant("stub")

Scenario = Callable[[Transaction, Any], Coroutine[Any, Any, Any]]


def scenarios_of(module: dict[str, Any]) -> dict[str, Scenario]:
    """The scenarios of a module: its functions that are ``async`` and public, by their names."""
    return {
        name: value
        for name, value in module.items()
        if inspect.iscoroutinefunction(value) and value.__module__ == module["__name__"] and not name.startswith("_")
    }


def undone(tx: Transaction, path: str, n: int) -> Call:
    """Opens a branch, registers its undo, and starts its action."""
    body = {"n": n}
    return tx.branch().on_rollback(STUB.post(f"{path}/undo", json=body)).call(STUB.post(path, json=body))


def reads(tx: Transaction) -> Branch:
    """Opens a branch that changes nothing."""
    return tx.branch().read_only()


async def number(call: Call) -> int:
    """Waits for a reply ``{"n": ..}``."""
    return int((await call).json()["n"])
