"""Scenarios of handlers and closures."""

from typing import Any

from reprise_guest import Branch, Failure, Handler, Phase, Transaction

from .common import STUB, scenarios_of


async def handlers(tx: Transaction, _: Any) -> Any:
    for i in range(1, 4):
        branch = tx.branch().on_rollback_handler(undo, {"n": i})
        await branch.call(STUB.post("a", json={"n": i}))
    raise Failure("on purpose")


async def commit_handlers(tx: Transaction, _: Any) -> Any:
    for i in range(1, 4):
        body = {"n": i}
        branch = tx.branch().on_commit_handler(confirm, body).on_rollback(STUB.post("a/undo", json=body))
        await branch.call(STUB.post("a", json=body))
    return {"done": 3}


async def handler_fails(tx: Transaction, _: Any) -> Any:
    await tx.branch().on_rollback_handler(stubborn, b"").call(STUB.post("a", json={"n": 1}))
    raise Failure("on purpose")


async def closures(tx: Transaction, _: Any) -> Any:
    for i in range(1, 4):

        async def undone(tx: Transaction, branch: Branch, i: int = i) -> None:
            await branch.call(STUB.post("undo", json={"n": i}))

        branch = tx.branch().on_rollback_with(undone)
        await branch.call(STUB.post("a", json={"n": i}))
    raise Failure("on purpose")


SCENARIOS = scenarios_of(globals())


async def undo(tx: Transaction, branch: Branch, phase: Phase, payload: dict[str, int]) -> None:
    await branch.call(STUB.post("undo", json=payload))


async def confirm(tx: Transaction, branch: Branch, phase: Phase, payload: dict[str, int]) -> None:
    await branch.call(STUB.post("confirm", json=payload))


async def stubborn(tx: Transaction, branch: Branch, phase: Phase, payload: bytes) -> None:
    reply = await branch.call(STUB.post("undo", json={}))
    if reply.json().get("again"):
        raise Failure("again")


HANDLERS: list[Handler[Any]] = [undo, confirm, stubborn]
