"""Branches against a `TestHost`: what is called, committed, undone, and what is said of mistakes."""

from dataclasses import dataclass
from typing import Any

import pytest

from reprise_guest import (
    Branch,
    Failure,
    Invalid,
    Options,
    Participant,
    Phase,
    Reply,
    Statement,
    Transaction,
    log,
    sql,
    workflow,
    xa,
)
from reprise_guest.testing import Answer, TestHost

STUB = Participant("stub")


@dataclass
class Item:
    n: int


async def undo(tx: Transaction, branch: Branch, phase: Phase, item: Item) -> None:
    await branch.call(STUB.post(f"undo/{phase.value}", json=item))


@workflow(handlers=[undo])
async def mixed(tx: Transaction, fails: bool) -> str:
    tx.on_finish(STUB.post("finish", json=fails))
    data = tx.branch().on_commit(STUB.post("a/confirm")).on_rollback(STUB.post("a/cancel"))
    handler = tx.branch().on_commit_handler(undo, Item(1)).on_rollback_handler(undo, Item(2))
    for n in (3, 4):

        async def closure(tx: Transaction, branch: Branch, n: int = n) -> None:
            await branch.call(STUB.post("closure", json=n))
            await tx.branch().call(STUB.post("more", json=n))

        closed = tx.branch().on_rollback_with(closure)
        await closed.call(STUB.post("b", json=n))
    await tx.join(data.call(STUB.post("a")), handler.call(STUB.post("c")))
    log.info(f"fails: {fails}")
    if fails:
        raise Failure("on purpose", {"why": 1})
    return "done"


def test_commit() -> None:
    run = TestHost().on("POST stub/*", Answer.ok()).run(mixed, False)
    assert run.json() == "done" and run.failure is None
    assert run.trace[-3:] == [
        "02 commit POST stub/undo/commit: success",
        "01 commit POST stub/a/confirm: success",
        "finish POST stub/finish: success",
    ]
    assert run.log == [("info", "fails: False")]


def test_rollback_in_reverse_order() -> None:
    run = TestHost().on("POST stub/*", Answer.ok()).run(mixed, True)
    assert run.failure is not None and run.failure.details == b'{"why":1}'
    assert [(str(call), call.body) for call in run.calls[4:]] == [
        ("04 rollback POST stub/closure", b"4"),
        ("04-01 action POST stub/more", b"4"),
        ("03 rollback POST stub/closure", b"3"),
        ("03-01 action POST stub/more", b"3"),
        ("02 rollback POST stub/undo/rollback", b'{"n":2}'),
        ("01 rollback POST stub/a/cancel", b""),
        ("finish POST stub/finish", b"true"),
    ]


def test_a_refused_action_is_not_undone() -> None:
    @workflow
    async def refused(tx: Transaction, compensate: bool) -> None:
        options = Options(compensate_failed=True) if compensate else Options()
        await tx.branch(options).on_rollback(STUB.post("undo")).call(STUB.post("do"))

    for compensate, want in ((False, 1), (True, 2)):
        run = TestHost().on("POST stub/do", Answer.failure(b"no")).run(refused, compensate)
        assert run.failure is not None and run.failure.message == "the participant refused: no"
        assert len(run.calls) == want


async def _no_undo(tx: Transaction) -> Any:
    await tx.branch().call(STUB.post("a"))


async def _two_actions(tx: Transaction) -> Any:
    branch = tx.branch().read_only()
    await branch.call(STUB.post("a"))
    await branch.call(STUB.post("a"))


async def _two_undos(tx: Transaction) -> Any:
    tx.branch().on_rollback(STUB.post("a")).on_rollback(STUB.post("a"))


async def _no_json(tx: Transaction) -> Any:
    tx.branch().on_rollback(STUB.post("a", json=object()))


async def _stranger(tx: Transaction, branch: Branch, phase: Phase, payload: int) -> None:
    """A handler that no workflow lists."""


async def _unlisted_handler(tx: Transaction) -> Any:
    tx.branch().on_rollback_handler(_stranger, 1)


async def _no_answer(tx: Transaction) -> Any:
    await tx.branch().call(STUB.get("unknown"))


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (_no_undo, "branch 01: POST stub/a may change something and nothing says how it is undone"),
        (_two_actions, "branch 01 has its operation already; open another one with `new-branch`"),
        (_two_undos, "branch 01 has its on-rollback already"),
        (_no_json, "POST stub/a: no JSON form: object is no dataclass and nothing that JSON has"),
        (_unlisted_handler, "no handler `_stranger`: name it in @workflow(handlers=[_stranger])"),
        (_no_answer, 'the TestHost has no answer for `GET stub/unknown`: add .on("GET stub/unknown", ..)'),
    ],
)
def test_mistakes_are_invalid(mistake: Any, message: str) -> None:
    @workflow
    async def wrong(tx: Transaction, _: None) -> None:
        with pytest.raises(Invalid) as caught:
            await mistake(tx)
        assert str(caught.value) == message

    assert TestHost().on("POST stub/a", Answer.ok()).run(wrong, None).failure is None


def test_wrong_inputs_are_failures() -> None:
    @workflow
    async def typed(tx: Transaction, item: Item) -> None:
        raise AssertionError("it does not come to this")

    for data, message in (
        (b"{", "the input can't be read: Expecting property name"),
        (b"{}", "the input can't be read: `n` is missing"),
        ({"n": "x"}, 'the input can\'t be read: `n` is `"x"`, which is no int'),
    ):
        run = TestHost().run(typed, data)
        assert run.failure is not None and run.failure.message.startswith(message)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda tx, order: None, "has to be an `async def`"),
        (_no_undo, "takes 2 parameters: `tx: Transaction` and its input"),
    ],
)
def test_wrong_functions_are_found_at_once(function: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        workflow(function)


def test_a_mistake_in_the_code_is_no_failure() -> None:
    @workflow
    async def broken(tx: Transaction, order: dict[str, int]) -> int:
        return order["missing"]

    with pytest.raises(KeyError):
        TestHost().run(broken, {})


def test_databases() -> None:
    take = Statement("UPDATE account SET balance = balance - ? WHERE id = ?", [30, "alice"], affected=1)

    @workflow
    async def move(tx: Transaction, _: None) -> list[Any]:
        reply: Reply = await tx.branch().call(xa("bank", take, "SELECT balance FROM account"))
        await tx.branch().on_rollback(sql("bank", "DELETE FROM t")).call(sql("bank", "INSERT INTO t VALUES (1)"))
        return [reply.affected(), reply.rows()]

    run = TestHost().on("XA bank", Answer.rows({"balance": 70})).on("SQL bank", Answer.affected(1)).run(move, None)
    assert run.json() == [1, [{"balance": 70}]]
    assert run.calls[0].body.startswith(b'UPDATE account SET balance = balance - ? WHERE id = ? [30, "alice"]\n')


@pytest.mark.parametrize(
    ("participant", "path", "want"),
    [
        ("bank", "/pay", "bank/pay"),
        ("bank", "pay?a=b", "bank/pay?a=b"),
        ("http://bank:80/", "/pay", "http://bank:80/pay"),
        ("http://bank/v1", "pay", "http://bank/v1/pay"),
        ("bank/pay", "", "bank/pay"),
    ],
)
def test_targets_have_one_slash(participant: str, path: str, want: str) -> None:
    assert Participant(participant).get(path).target == want


def test_outside_of_a_workflow_there_is_no_transaction() -> None:
    with pytest.raises(RuntimeError, match="there is no transaction here"):
        Transaction().branch()
