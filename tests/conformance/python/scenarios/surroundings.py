"""Scenarios of time, randomness, logs, and of what Python draws from its surroundings."""

import asyncio
import datetime
import json
import os
import random as pseudo
import secrets
import sys
import time
import urllib.request
import uuid
from typing import Any

import reprise_guest.http  # noqa: F401 - lets urllib speak through the runtime
from reprise_guest import Failure, Transaction
from reprise_guest import log as logs

from .common import STUB, reads, scenarios_of


async def sleep(tx: Transaction, _: Any) -> Any:
    await tx.sleep(1.5)
    await tx.sleep(0)
    return {"slept": True}


async def now(tx: Transaction, _: Any) -> Any:
    before = _milliseconds(tx.now())
    await reads(tx).call(STUB.get("a"))
    return {"before": before, "after": _milliseconds(tx.now())}


def _milliseconds(moment: datetime.datetime) -> int:
    return (moment - datetime.datetime.fromtimestamp(0, datetime.UTC)) // datetime.timedelta(milliseconds=1)


async def random(tx: Transaction, _: Any) -> Any:
    return {"hex": tx.random_bytes(16).hex()}


async def entropy(tx: Transaction, _: Any) -> Any:
    letters = list("abcdefghij")
    pseudo.shuffle(letters)
    things = [object() for _ in range(5)]
    return {
        "random": [pseudo.random(), pseudo.randint(0, 1 << 60), "".join(letters)],
        "system": [os.urandom(8).hex(), str(uuid.uuid4()), str(uuid.uuid1()), secrets.token_hex(4)],
        "runtime": tx.random.random(),
        "clock": [time.time(), time.monotonic(), time.perf_counter_ns(), datetime.datetime.now().isoformat()],
        "zone": [time.tzname, time.localtime().tm_hour],
        "set": list({f"key {i}" for i in range(50)}),
        "dict": list({f"key {i}": i for i in range(50)}),
        "hash": [hash("text"), hash((1, "text"))],
        "ids": [id(thing) for thing in things],
        "objects": [hash(thing) for thing in {*things}],
        "repr": repr(things[0]),
        "environment": [dict(os.environ), sys.argv, os.getpid(), asyncio.get_running_loop().time()],
        "tasks": [task.get_name() for task in asyncio.all_tasks()],
    }


async def log(tx: Transaction, _: Any) -> Any:
    logs.trace("t")
    logs.debug("d")
    logs.info("i")
    logs.warn("w")
    logs.error("e")
    print("out")
    print("err", file=sys.stderr)
    return {"logged": 5}


async def trap(tx: Transaction, _: Any) -> Any:
    await reads(tx).call(STUB.get("a"))
    raise RuntimeError("boom in scenario")


async def bad_input(tx: Transaction, order: Any) -> Any:
    raise Failure(f"the input should not have been read: {order.amount}")


async def http(tx: Transaction, _: Any) -> Any:
    branch = tx.branch().on_rollback(STUB.post("b/undo", json={"n": 2}))
    with branch.scope():
        a = _fetch("http://stub.test/a")
        b = _fetch("http://stub.test/b", b'{"n":2}')
    return {"a": a, "b": b}


def _fetch(url: str, body: bytes | None = None) -> int:
    with urllib.request.urlopen(urllib.request.Request(url, body)) as response:
        return int(json.load(response)["n"])


SCENARIOS = scenarios_of(globals())
