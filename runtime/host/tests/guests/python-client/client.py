"""The words `get`, `scope` and `race` of `client`, on the event loop that componentize-py brings for `wasi:http`."""

import asyncio
import sys

from componentize_py_types import Err
import wit_world
from wit_world import imports
from wit_world.imports import monotonic_clock, reprise_workflow_types, transaction, wasi_http_types
from wit_world.imports.reprise_workflow_types import Failure, HttpOp, Operation_Http
from wit_world.imports.wasi_http_types import Fields, Method_Get, Method_Post, OutgoingRequest, Scheme_Http

# The loop knows `wasi:http/types` by its short name, which two packages share here.
imports.types = sys.modules["wit_world.imports.types"] = wasi_http_types
import poll_loop
from poll_loop import PollLoop, Sink, Stream, register


async def send(method, authority: str, path: str, body: bytes | None = None):
    request = OutgoingRequest(Fields.from_list([("x-test", b"1")]))
    request.set_method(method)
    request.set_scheme(Scheme_Http())
    request.set_authority(authority)
    request.set_path_with_query(path)
    if body is None:
        response = await poll_loop.send(request)
    else:
        sink = Sink(request.body())
        response, _ = await asyncio.gather(poll_loop.send(request), upload(sink, body))
    shop = dict(response.headers().entries()).get("x-shop", b"-").decode()
    stream, content = Stream(response.consume()), b""
    while (chunk := await stream.next()) is not None:
        content += chunk
    return response.status(), shop, content.decode()


async def upload(sink: Sink, body: bytes) -> None:
    await sink.send(body)
    sink.close()


async def get(authority: str, path: str) -> str:
    status, shop, content = await send(Method_Get(), authority, path)
    return f"{status} {shop} {len(content)} {content[:20]}"


async def in_scope() -> str:
    branch = transaction.new_branch()
    transaction.on_rollback(branch, Operation_Http(HttpOp("POST", "shop/refund", b"30")))
    transaction.scope(branch)
    _, _, paid = await send(Method_Post(), "shop", "/pay", b"30")
    receipt = await get("shop", "/receipt")
    transaction.scope(None)
    return f"{paid}|{receipt}|{await get('bank', '/balance')}"


async def race() -> str:
    order: list[str] = []

    async def note(name: str, what) -> None:
        await what
        order.append(name)

    loop = asyncio.get_event_loop()
    await asyncio.gather(
        note("a", get("shop", "/a")),
        note("b", get("shop", "/b")),
        note("slow", get("shop", "/slow")),
        note("timer", register(loop, monotonic_clock.subscribe_duration(5_000_000_000))),
    )
    return ", ".join(order)


class WitWorld(wit_world.WitWorld):
    def run(self, input: bytes) -> bytes:
        words = {"get": lambda: get("shop", "/items?q=1"), "scope": in_scope, "race": race}
        try:
            return PollLoop().run_until_complete(words[input.decode()]()).encode()
        except Err as error:
            raise Err(Failure(str(error.value), b""))
