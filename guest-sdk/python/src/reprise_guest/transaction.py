"""The transaction that a workflow is given: branches, time, randomness, several things at once."""

from __future__ import annotations

import asyncio
import datetime
import random
from collections.abc import Awaitable, Iterable
from typing import Any, TypeVar, overload

from . import session
from .branch import Branch
from .call import Sleep, Ticket
from .loop import start_timer
from .operation import Operation
from .options import Length, Options, seconds

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
#: Most random bytes that the runtime gives in one call.
_BYTES_MAX = 65_536


class Transaction:
    """The transaction that a workflow is given.

    ``asyncio`` works as everywhere, on a loop that the journal drives: ``gather``, ``TaskGroup``, ``timeout``,
    ``Queue``. The methods here do what fits transactions best: `join` waits for all before it raises.
    """

    def branch(self, options: Options | None = None) -> Branch:
        """Opens the next branch: ``01``, ``02``, ... for participants, in the order of these calls."""
        branch = Branch(session.current().host.new_branch())
        return branch if options is None else branch.options(options)

    def on_finish(self, operation: Operation) -> None:
        """The runtime performs the operation when all is done, with ``op=finish`` and ``outcome=succeeded`` or
        ``outcome=failed`` beside the other parameters, and repeats it until it succeeds. Errors: `Invalid`."""
        session.current().host.on_finish(operation)

    def now(self) -> datetime.datetime:
        """The time of the last result that this workflow has seen, UTC; the same on every replay."""
        whole, nanos = session.current().host.now()
        return _EPOCH + datetime.timedelta(seconds=whole, microseconds=nanos // 1_000)

    def sleep(self, length: Length) -> Sleep:
        """Starts a timer, here and now; awaiting it waits for the rest of it. The runtime may drop the instance
        meanwhile. Longer than 136 years counts as 136 years."""
        now = session.current()
        return Sleep(start_timer(now.host, seconds(length)), now.loop)

    def random_bytes(self, length: int) -> bytes:
        """Random bytes, the same on every replay."""
        host, parts = session.current().host, []
        while length > 0:
            parts.append(host.random_bytes(min(length, _BYTES_MAX)))
            length -= _BYTES_MAX
        return b"".join(parts)

    @property
    def random(self) -> random.Random:
        """Random numbers, choices and shuffles, the same on every replay: ``tx.random.randint(1, 6)``."""
        return _Random(self)

    @overload
    async def join(self, first: Awaitable[A], second: Awaitable[B], /) -> tuple[A, B]: ...
    @overload
    async def join(self, first: Awaitable[A], second: Awaitable[B], third: Awaitable[C], /) -> tuple[A, B, C]: ...
    @overload
    async def join(self, *parts: Awaitable[T]) -> tuple[T, ...]: ...
    async def join(self, *parts: Awaitable[Any]) -> tuple[Any, ...]:
        """Runs several things at once, waits for all, and gives their outputs in the order in which they are written.

        Errors: the first error in this order, once all have ended; so nothing is under way when a rollback begins.
        """
        outputs = await asyncio.gather(*parts, return_exceptions=True)
        for output in outputs:
            if isinstance(output, BaseException):
                raise output
        return tuple(outputs)

    async def join_all(self, parts: Iterable[Awaitable[T]]) -> list[T]:
        """As `join`, of any number of things of one kind."""
        return list(await self.join(*parts))

    async def try_join(self, *parts: Awaitable[T]) -> list[T]:
        """As `join`, but ends at the first error and gives the others up, which cancels their operations.

        Errors: the error that came first.
        """
        futures = [asyncio.ensure_future(part) for part in parts]
        try:
            return await asyncio.gather(*futures)
        finally:
            await _give_up(futures)

    async def race(self, *parts: Awaitable[T]) -> tuple[int, T]:
        """Runs several things at once until one is done: its place, from 0, and its output. The others are given up,
        which cancels their operations. When several are done at once, the first of them counts.

        Errors: the error of the winner; ``ValueError`` without parts.
        """
        futures = [asyncio.ensure_future(part) for part in parts]
        try:
            await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
            winner = next(place for place, future in enumerate(futures) if future.done())
        finally:
            await _give_up(futures)
        return winner, await futures[winner]

    async def _timeout(self, length: Length, part: Awaitable[T], timer: Sleep) -> T:
        winner, output = await self.race(part, timer)
        if winner == 1:
            raise TimeoutError(f"not done within {seconds(length):g}s")
        return output  # type: ignore[return-value]

    def timeout(self, length: Length, part: Awaitable[T]) -> Awaitable[T]:
        """Runs something for at most ``length``, counted from here; then gives it up, which cancels its operations.

        Errors: ``TimeoutError`` if it was not done in time.
        """
        return self._timeout(length, part, self.sleep(length))


async def _give_up(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Cancels what is not done, and waits for tasks to end: they may have to clean up."""
    left = [future for future in futures if not future.done()]
    for future in left:
        future.cancel()
    tasks = [future for future in left if not isinstance(future, Ticket)]
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)


class _Random(random.Random):
    """Draws from the runtime's random bytes; has no state of its own."""

    def __new__(cls, tx: Transaction) -> _Random:
        return super().__new__(cls)

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def random(self) -> float:
        return self.getrandbits(53) / (1 << 53)

    def getrandbits(self, k: int, /) -> int:
        size = (k + 7) // 8
        return int.from_bytes(self._tx.random_bytes(size)) >> (size * 8 - k)

    def randbytes(self, n: int) -> bytes:
        return self._tx.random_bytes(n)
