"""Scenarios of what transactions are made of."""

from typing import Any

from reprise_guest import Branch, CallError, Failure, Options, Refused, Statement, Transaction, sql, xa

from .common import STUB, number, reads, scenarios_of, undone


async def saga(tx: Transaction, _: Any) -> Any:
    a = await number(undone(tx, "a", 1))
    b = await number(undone(tx, "b", 2))
    return {"a": a, "b": b}


async def tcc(tx: Transaction, _: Any) -> Any:
    def tried(path: str, n: int) -> Branch:
        confirm, cancel = (STUB.post(f"{path}/{end}", json={"n": n}) for end in ("confirm", "cancel"))
        return tx.branch().on_commit(confirm).on_rollback(cancel)

    a, b = tried("a", 1), tried("b", 2)
    replies = await tx.join(a.call(STUB.post("a/try", json={"n": 1})), b.call(STUB.post("b/try", json={"n": 2})))
    return {name: reply.json()["n"] for name, reply in zip("ab", replies, strict=True)}


async def refused(tx: Transaction, _: Any) -> Any:
    try:
        await undone(tx, "a", 1)
    except Refused as error:
        return {"refused": error.reply.text}
    raise Failure("it was not refused")


async def _caught(call: Any) -> Any:
    try:
        await call
    except CallError as error:
        return {"error": error.kind}
    raise Failure("it succeeded")


async def attempts(tx: Transaction, _: Any) -> Any:
    return await _caught(reads(tx).options(Options(attempts=3)).call(STUB.get("down")))


async def deadline(tx: Transaction, _: Any) -> Any:
    return await _caught(reads(tx).options(Options(deadline=60)).call(STUB.get("down")))


async def cancel(tx: Transaction, _: Any) -> Any:
    call = reads(tx).call(STUB.get("slow"))
    call.cancel()
    return await _caught(call)


async def invalid(tx: Transaction, _: Any) -> Any:
    return await _caught(tx.branch().call(STUB.post("a", json={"n": 1})))


async def failure(tx: Transaction, _: Any) -> Any:
    await undone(tx, "a", 1)
    raise Failure("no stock", {"sku": 7})


async def finish(tx: Transaction, _: Any) -> Any:
    tx.on_finish(STUB.post("finish", json={"n": 1}))
    return {"a": await number(undone(tx, "a", 1))}


async def sql_(tx: Transaction, _: Any) -> Any:
    text = "UPDATE t SET a = ?, b = ?, c = ?, d = ?, e = ?, f = ?"
    update = Statement(text, [None, True, 9007199254740993, 1.5, "text", b"\x00\xff"], affected=1)
    await tx.branch().on_rollback(sql("ledger", "UPDATE t SET a = 0")).call(sql("ledger", update))
    return {"done": True}


async def xa_(tx: Transaction, _: Any) -> Any:
    await tx.branch().call(xa("ledger", Statement("UPDATE t SET a = a - ?", [5], affected=1)))
    return {"done": True}


async def grpc(tx: Transaction, _: Any) -> Any:
    message = b"\x08\x01"
    branch = tx.branch().on_rollback(STUB.grpc("bank.Bank/Revert", message))
    return {"hex": (await branch.call(STUB.grpc("bank.Bank/Pay", message))).body.hex()}


SCENARIOS = scenarios_of(globals())
