"""The saga and the race of `probe`, in Python. The journals must be the same bytes."""

import os
import random as pseudo
import time as clock
import uuid

from componentize_py_types import Err
import wit_world
from wit_world.imports import time, transaction
from wit_world.imports.types import (
    CallError_Canceled,
    CallError_Failure,
    Duration,
    Failure,
    HttpOp,
    Operation_Http,
    Phase,
)


def http(target: str, body: str) -> Operation_Http:
    return Operation_Http(HttpOp("POST", target, body.encode()))


def call(branch: int, operation: Operation_Http) -> bytes:
    try:
        return transaction.call_branch(branch, operation)
    except Err as error:
        match error.value:
            case CallError_Failure(body):
                raise Err(Failure("refused", body))
            case CallError_Canceled():
                raise Err(Failure("canceled", b""))
            case other:
                raise Err(Failure(other.value, b""))


def saga() -> bytes:
    out = transaction.new_branch()
    transaction.set_options(out, '{"timeout_ms": 2000, "headers": {"x-probe": "1"}}')
    transaction.on_rollback(out, http("bank/out/undo", '{"amount":30}'))
    call(out, http("bank/out", '{"amount":30}'))
    into = transaction.new_branch()
    transaction.on_rollback_handler(into, "undo-in", b"30")
    transaction.on_commit_handler(into, "confirm-in", b"30")
    call(into, http("bank/in", '{"amount":30}'))
    return b"done"


def race() -> bytes:
    waiting = []
    for i in range(3):
        name = f"bank/{i}"
        waiting.append((transaction.submit(transaction.new_branch(), http(name, "")), name))
    waiting.append((time.timer(Duration(5, 0)), "timer"))
    order = []
    while waiting:
        ticket, name = waiting.pop(transaction.wait_any([ticket for ticket, _ in waiting]))
        if name == "bank/0":
            transaction.cancel(ticket)
        try:
            transaction.take(ticket)
            order.append(f"{name}:ok")
        except Err:
            order.append(f"{name}:err")
        if len(order) == 2:
            branch = transaction.new_branch()
            waiting.append((transaction.submit(branch, http("bank/late", ",".join(order))), "late"))
    return " ".join(order).encode()


def calls(count: int) -> bytes:
    total = sum(len(call(transaction.new_branch(), http("bank/one", str(i)))) for i in range(count))
    return str(total).encode()


def sleep() -> bytes:
    wall, monotonic = clock.time(), clock.monotonic()
    time.sleep(Duration(1, 1))
    clock.sleep(0.25)
    clock.sleep(0)
    return f"{round((clock.time() - wall) * 1000)} {round((clock.monotonic() - monotonic) * 1000)}".encode()


def entropy() -> bytes:
    parts = [list({f"key{i}" for i in range(20)}), os.urandom(8).hex(), uuid.uuid4(), pseudo.random(), clock.time(), dict(os.environ)]
    return repr(parts).encode()


class WitWorld(wit_world.WitWorld):
    def run(self, input: bytes) -> bytes:
        word, _, number = input.decode().partition(" ")
        match word:
            case "noop":
                return b""
            case "saga":
                return saga()
            case "race":
                return race()
            case "calls":
                return calls(int(number))
            case "sleep":
                return sleep()
            case "entropy":
                return entropy()
            case "panic":
                raise RuntimeError("boom")
            case _:
                raise Err(Failure(f"unknown word {word!r}", b""))

    def handle(self, phase: Phase, branch: int, name: str, payload: bytes) -> None:
        step = "commit" if phase == Phase.COMMIT else "rollback"
        call(branch, http(f"bank/{name}/{step}", payload.decode()))
