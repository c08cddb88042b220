"""Write Reprise workflows in Python.

A workflow is an ``async def`` under `workflow`; ``reprise-guest build`` makes a component of it that the runtime
deploys. Returning commits every branch, raising `Failure` or what a call raises rolls every branch back, each in
reverse order::

    from dataclasses import dataclass
    from reprise_guest import Options, Participant, Transaction, workflow

    @dataclass
    class Order:
        account: str
        amount: int

    @dataclass
    class Receipt:
        balance: int

    @workflow
    async def buy(tx: Transaction, order: Order) -> Receipt:
        bank = Participant("bank")
        shop = Participant("shop")
        pay = tx.branch(Options(attempts=3, timeout=2)).on_rollback(bank.post("/pay/revert", json=order))
        ship = tx.branch().on_rollback(shop.post("/ship/cancel", json=order))
        paid, _ = await tx.join(
            pay.call(bank.post("/pay", json=order)),
            ship.call(shop.post("/ship", json=order)),
        )
        return paid.json(Receipt)

What makes a workflow durable is that it takes the same path when the runtime runs it again with the recorded results:
everything from outside comes from the `Transaction`. Ordinary code between the calls, ``asyncio``, ``time``,
``random``, ``uuid`` and ``os.urandom`` are deterministic too, as the runtime answers what they ask.

Where does an operation start? Where it is written: `Branch.call` and `Transaction.sleep` submit at once, in the order
of the program text, and ``await`` only waits. What belongs to a cancelled task is cancelled; its branch is then in
doubt and is rolled back with the others.

Outside of a component the same function runs against `testing.TestHost`.
"""

from . import log
from .branch import Branch, Closure, Handler, Phase
from .call import Call, Sleep
from .errors import CallError, Canceled, DeadlinePassed, Exhausted, Failure, Invalid, Refused
from .operation import Grpc, Http, Operation, Participant, Sql, SqlValue, Statement, Xa, sql, xa
from .options import Backoff, Match, Options, Outcome, OutcomeMap
from .reply import Reply, ReplyError
from .transaction import Transaction
from .workflow import Workflow, workflow

__all__ = [
    "Backoff",
    "Branch",
    "Call",
    "CallError",
    "Canceled",
    "Closure",
    "DeadlinePassed",
    "Exhausted",
    "Failure",
    "Grpc",
    "Handler",
    "Http",
    "Invalid",
    "Match",
    "Operation",
    "Options",
    "Outcome",
    "OutcomeMap",
    "Participant",
    "Phase",
    "Refused",
    "Reply",
    "ReplyError",
    "Sleep",
    "Sql",
    "SqlValue",
    "Statement",
    "Transaction",
    "Workflow",
    "Xa",
    "log",
    "sql",
    "workflow",
    "xa",
]
