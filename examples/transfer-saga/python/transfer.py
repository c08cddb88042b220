"""Money from one account to another as a SAGA: each step takes effect at once, and its undo is registered before it.

Input ``{"from": "alice", "to": "bob", "amount": 30}``, output ``{"from_balance": 70, "to_balance": 30}``. The
participant ``bank`` is ``examples/bank``, or whatever the runtime's configuration calls so. When it refuses a step
(409: unknown account, too little money), the workflow ends with that refusal and the runtime undoes the step before.
"""

from dataclasses import dataclass

from reprise_guest import Participant, Transaction, workflow


@dataclass
class Transfer:
    """What to move."""

    #: The account that pays.
    from_: str
    #: The account that is paid.
    to: str
    #: How much, more than zero.
    amount: int


@dataclass
class Receipt:
    """What it led to."""

    #: What the account that paid has left.
    from_balance: int
    #: What the account that was paid has now.
    to_balance: int


@workflow
async def transfer(tx: Transaction, order: Transfer) -> Receipt:
    """Takes the money out, then puts it in."""
    bank = Participant("bank")
    taken = Posting(order.from_, order.amount)
    given = Posting(order.to, order.amount)

    out = tx.branch().on_rollback(bank.post("/transfer-out/revert", json=taken))
    left = (await out.call(bank.post("/transfer-out", json=taken))).json(Balance)

    into = tx.branch().on_rollback(bank.post("/transfer-in/revert", json=given))
    arrived = (await into.call(bank.post("/transfer-in", json=given))).json(Balance)

    return Receipt(left.balance, arrived.balance)


@dataclass
class Posting:
    """What the bank is asked to do."""

    account: str
    amount: int


@dataclass
class Balance:
    """What the bank answers."""

    balance: int
