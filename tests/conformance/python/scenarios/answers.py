"""Scenarios of bodies, answers and options."""

from typing import Any

from reprise_guest import Backoff, Options, OutcomeMap, Transaction

from .common import STUB, number, reads, scenarios_of


async def big(tx: Transaction, _: Any) -> Any:
    body = bytes(i % 251 for i in range(1_000_000))
    branch = tx.branch().on_rollback(STUB.post("big/undo", json={"n": 1}))
    reply = await branch.call(STUB.post("big", body))
    return {"bytes": len(reply.body), "sum": sum(reply.body)}


async def empty(tx: Transaction, _: Any) -> Any:
    return (await reads(tx).call(STUB.post("empty"))).body


async def unicode(tx: Transaction, _: Any) -> Any:
    reply = await reads(tx).call(STUB.post("text", 'Grüße, 世界 🌍 "\\"'.encode()))
    return {"text": reply.text}


async def options(tx: Transaction, _: Any) -> Any:
    branch = tx.branch(
        Options(
            timeout=1.5,
            deadline=60,
            attempts=5,
            backoff=Backoff(0.01, 2, 1),
            jitter=0.5,
            ongoing_interval=0.2,
            headers={"x-a": "1", "x-b": "2"},
            idempotency_key="k-1",
            outcomes=OutcomeMap(http={"404": "failure"}),
            effect="read-only",
        )
    )
    return {"n": await number(branch.call(STUB.get("a")))}


async def full(tx: Transaction, _: Any) -> Any:
    reply = await reads(tx).options(Options(full_answer=True)).call(STUB.get("full"))
    return {"status": reply.status, "header": reply.header("x-kind")}


SCENARIOS = scenarios_of(globals())
