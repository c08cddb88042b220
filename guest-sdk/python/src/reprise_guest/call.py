"""What was started and is not yet taken: the action of a branch, a timer."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import CallError, Canceled
from .reply import Reply

if TYPE_CHECKING:
    from .loop import Loop

T = TypeVar("T")


class Ticket(asyncio.Future[T]):
    """A future of something that the runtime does. It was started where it was made; awaiting it only waits."""

    def __init__(self, number: int, loop: Loop) -> None:
        super().__init__(loop=loop)
        self.number = number
        self._home = loop
        loop.started(self)

    def __hash__(self) -> int:
        return self.number

    def settle(self) -> None:
        """Takes the result, waiting for it if need be."""
        try:
            self.set_result(self._take())
        except CallError as error:
            self.set_exception(error)

    def cancel(self, msg: Any = None) -> bool:
        """Gives it up: no further attempt is made. A branch whose action was given up is in doubt, so its rollback is
        still performed. Whether there was something to give up."""
        if not super().cancel(msg):
            return False
        self._home.give_up(self)
        return True

    def add_done_callback(self, fn: Any, *, context: Any = None) -> None:
        if not self.done():
            self._home.wait_for(self)
        super().add_done_callback(fn, context=context)

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done():
            if self._home.nothing_else_can_go_on():
                self._home.wait_for(self)
                self._home.deliver()
            else:
                yield from self._park()
        if self.cancelled():
            raise Canceled()
        return self.result()

    __iter__ = __await__

    def _park(self) -> Generator[Any, None, None]:
        """Lets others go on until this is done."""
        self._asyncio_future_blocking = True
        try:
            yield self
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise

    def _take(self) -> T:
        raise NotImplementedError


class Call(Ticket[Reply]):
    """The action of a branch, already submitted. Await it: its result is a `Reply`, or raised as a `CallError`."""

    def __init__(self, number: int, loop: Loop, branch: int) -> None:
        super().__init__(number, loop)
        self._branch = branch

    def __str__(self) -> str:
        return f"the action of branch {self._branch:02}"

    def _take(self) -> Reply:
        return self._home.host.take(self.number)


class Sleep(Ticket[None]):
    """A timer that was started. Await it."""

    def _take(self) -> None:
        self._home.host.take(self.number)
