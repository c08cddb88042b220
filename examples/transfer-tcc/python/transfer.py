"""Money from one account to another as a TCC: both banks try at once, then both confirm or both cancel.

Input ``{"from": "alice", "to": "bob", "amount": 30}``, output the balances that the tries saw, before the money moves:
``{"from_balance": 100, "to_balance": 0}``. The participant ``bank`` is ``examples/bank``, or whatever the runtime's
configuration calls so. A try reserves the money, so nobody can spend it before all is settled; when a try is refused
(409), the runtime cancels the other one.
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
    """Tries both halves at once; confirming and cancelling is left to the runtime."""
    bank = Participant("bank")
    taken = Posting(order.from_, order.amount)
    given = Posting(order.to, order.amount)

    out = (
        tx.branch()
        .on_commit(bank.post("/transfer-out/confirm", json=taken))
        .on_rollback(bank.post("/transfer-out/cancel", json=taken))
    )
    into = (
        tx.branch()
        .on_commit(bank.post("/transfer-in/confirm", json=given))
        .on_rollback(bank.post("/transfer-in/cancel", json=given))
    )
    left, arrived = await tx.join(
        out.call(bank.post("/transfer-out/try", json=taken)),
        into.call(bank.post("/transfer-in/try", json=given)),
    )

    return Receipt(left.json(Balance).balance, arrived.json(Balance).balance)


@dataclass
class Posting:
    """What the bank is asked to do."""

    account: str
    amount: int


@dataclass
class Balance:
    """What the bank answers."""

    balance: int
