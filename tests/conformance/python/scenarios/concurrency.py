"""Scenarios of several things at once, and of many."""

import asyncio
from typing import Any

from reprise_guest import Transaction

from .common import STUB, number, reads, scenarios_of


async def fan_out(tx: Transaction, _: Any) -> Any:
    order: list[int] = []

    async def task(i: int) -> None:
        await reads(tx).call(STUB.get(f"w/{i}"))
        await reads(tx).call(STUB.get(f"x/{i}"))
        order.append(i)

    await asyncio.gather(*(task(i) for i in range(1, 5)))
    return {"order": order}


async def race(tx: Transaction, _: Any) -> Any:
    call: Any = reads(tx).call(STUB.get("fast"))
    winner, _output = await tx.race(call, tx.sleep(10))
    return {"winner": ("call", "timer")[winner]}


async def many(tx: Transaction, order: Any) -> Any:
    return {"sum": sum([await number(reads(tx).call(STUB.get(str(i)))) for i in range(1, order.count + 1)])}


async def many_tasks(tx: Transaction, order: Any) -> Any:
    tasks = (number(reads(tx).call(STUB.get(str(i)))) for i in range(1, order.count + 1))
    return {"sum": sum(await asyncio.gather(*tasks))}


SCENARIOS = scenarios_of(globals())
