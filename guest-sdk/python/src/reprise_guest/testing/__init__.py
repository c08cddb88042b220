"""Workflows without Wasm and without a runtime: a host in this process, with virtual time.

`TestHost` answers the operations of a workflow, performs phase two and gives back every operation in order. Where the
runtime would quarantine the execution, the test fails. So it does when the workflow, run a second time with the
recorded results, takes another path::

    run = (
        TestHost()
        .on("POST bank/out", Answer.ok())
        .on("POST bank/in", Answer.failure(b"unknown account"))
        .run(transfer, {"from": "alice", "to": "bob", "amount": 30})
    )
    assert run.failure.details == b"unknown account"
    assert run.trace == [
        "01 action POST bank/out: success",
        "02 action POST bank/in: failure",
        "01 rollback POST bank/out/revert: success",
    ]

Attempts are not played: an answer says what all of them come to.
"""

from .answer import Answer, Request
from .host import NotDeterministic, TestHost, TestRun

__all__ = ["Answer", "NotDeterministic", "Request", "TestHost", "TestRun"]
