"""Ordinary HTTP clients: ``urllib.request`` through the host, in the scope of a branch."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import reprise_guest.http
from reprise_guest import Branch, Participant, Transaction, workflow
from reprise_guest.testing import Answer, Request, TestHost

STUB = Participant("stub")


def fetch(url: str, body: bytes | None = None) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, body)) as response:
        return json.load(response)


def test_requests_in_a_scope_belong_to_its_branch() -> None:
    @workflow
    async def order(tx: Transaction, _: None) -> list[Any]:
        branch = tx.branch().on_rollback(STUB.post("undo"))
        with branch.scope():
            return [fetch("http://shop/pay?a=1", b'{"n":2}'), branch.id]

    run = TestHost().on("POST http://shop/pay?a=1", lambda request: Answer.raw(request.body)).run(order, None)
    assert run.json() == [{"n": 2}, 1]
    assert run.trace == ["01 action POST http://shop/pay?a=1: success"]


def test_scopes_do_not_reach_other_tasks() -> None:
    @workflow
    async def order(tx: Transaction, _: None) -> None:
        async def one(branch: Branch | None, path: str) -> None:
            if branch is None:
                await tx.sleep(1)
                fetch(f"http://shop/{path}")
            else:
                with branch.scope():
                    await tx.sleep(2)
                    fetch(f"http://shop/{path}")

        await asyncio.gather(one(tx.branch(), "in"), one(None, "out"))

    run = TestHost().on("GET http://shop/*", Answer.json(1)).run(order, None)
    assert run.trace == ["02 action GET http://shop/out: success", "01 action GET http://shop/in: success"]


def test_statuses_and_headers_are_those_of_urllib() -> None:
    @workflow
    async def look(tx: Transaction, _: None) -> list[Any]:
        with urllib.request.urlopen("https://shop:8443/a") as response:
            seen = [response.status, response.headers["x-kind"], response.read().decode()]
        try:
            fetch("http://shop/b")
        except urllib.error.HTTPError as error:
            seen += [error.code, error.read().decode()]
        return seen

    def refuse(request: Request) -> Answer:
        return Answer.failure(b"no", 404)

    run = (
        TestHost()
        .on("GET https://shop:8443/a", Answer.raw(b"text", 202).header("X-Kind", b"k"))
        .on("GET http://shop/b", refuse)
        .run(look, None)
    )
    assert run.json() == [202, "k", "text", 404, "no"]


def test_no_response_rolls_back() -> None:
    @workflow
    async def look(tx: Transaction, _: None) -> Any:
        return fetch("http://shop/a")

    run = TestHost().on("GET http://shop/a", Answer.exhausted("refused")).run(look, None)
    assert run.failure is not None
    assert "no success within the allowed attempts: refused" in run.failure.message


def test_bodies_come_in_several_forms() -> None:
    connection = reprise_guest.http.HTTPConnection("shop")
    connection.putrequest("POST", "/")
    for piece in (b"a", bytearray(b"b"), [b"c", b"d"]):
        connection.send(piece)
    assert connection._body == b"abcd"
