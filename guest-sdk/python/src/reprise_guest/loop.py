"""An asyncio event loop on the world's ``wait-any``: owns the tickets that tasks wait for, and nothing else.

The order is deterministic: results are taken one at a time in the journal's order of completion, and everything that
can go on does so before the next one is taken. There are no sockets, threads or signals; timers are the runtime's.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import traceback
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Protocol, TypeVar, TypeVarTuple

from . import scope
from .call import Call, Ticket
from .errors import Failure, failure_of
from .host import Host

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_task_numbers = itertools.count()


class Receiver(Protocol):
    """What waits for a ticket."""

    def settle(self) -> None: ...


class Loop(asyncio.AbstractEventLoop):
    """The event loop of one call of the component."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._ready: deque[asyncio.Handle] = deque()
        #: By ticket, in the order in which somebody began to wait.
        self._waiting: dict[int, Receiver] = {}
        #: Tickets that nobody has waited for yet.
        self._unseen: dict[int, Ticket[Any]] = {}
        self._running = False
        self._start = host.now()

    # What the SDK asks of it.

    def started(self, ticket: Ticket[Any]) -> None:
        """A ticket is there, and nobody waits for it yet."""
        self._unseen[ticket.number] = ticket

    def wait_for(self, ticket: Ticket[Any]) -> None:
        """Somebody waits for the ticket."""
        if self._unseen.pop(ticket.number, None) is not None:
            self._waiting[ticket.number] = ticket

    def give_up(self, ticket: Ticket[Any]) -> None:
        """The ticket was cancelled."""
        self._unseen.pop(ticket.number, None)
        self._waiting.pop(ticket.number, None)
        self.host.cancel(ticket.number)

    def nothing_else_can_go_on(self) -> bool:
        """Whether the running task is all there is, so that it may wait without giving way to others."""
        if self._ready or self._waiting:
            return False
        task = asyncio.current_task(self)
        return task is None or not task.cancelling()

    def deliver(self) -> None:
        """Waits for the earliest result and hands it to what waits for it. A single ticket needs no ``wait-any``."""
        tickets = list(self._waiting)
        if not tickets:
            raise RuntimeError(
                "the workflow awaits something that is neither an operation nor a timer of its transaction, so nothing "
                "can ever wake it"
            )
        first = tickets[self.host.wait_any(tickets)] if len(tickets) > 1 else tickets[0]
        self._waiting.pop(first).settle()

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs to the end; then cancels what is left, as ``asyncio.run`` does.

        Errors: what ``main`` raises; `Failure` if it returned and an action was started that nobody awaited. After a
        mistake in the code nothing is cancelled: the execution is kept as it is.
        """
        asyncio._set_running_loop(self)
        try:
            task: asyncio.Task[T] = self.create_task(main)
            output = self._drive(task)
            forgotten = [ticket for ticket in self._unseen.values() if isinstance(ticket, Call)]
            self._cancel_what_is_left()
        except BaseException as error:
            if failure_of(error) is not None:
                self._cancel_what_is_left()
            raise
        finally:
            asyncio._set_running_loop(None)
        if forgotten:
            raise Failure(f"{forgotten[0]} was never awaited: write `await` before it, or cancel it")
        return output

    def _drive(self, task: asyncio.Task[T]) -> T:
        self._running = True
        try:
            while not task.done():
                if self._ready:
                    handle = self._ready.popleft()
                    if not handle.cancelled():
                        scope.enter(handle)
                        handle._run()
                else:
                    self.deliver()
        finally:
            self._running = False
        output: T = task.result()
        return output

    def _cancel_what_is_left(self) -> None:
        for ticket in list(self._unseen.values()):
            ticket.cancel()
        left = sorted(asyncio.all_tasks(self), key=hash)
        for task in left:
            task.cancel()
        if left:
            self._drive(self.create_task(_ended(left)))

    # What asyncio asks of a loop.

    def time(self) -> float:
        """Seconds since this call of the component began."""
        (seconds, nanos), (start_seconds, start_nanos) = self.host.now(), self._start
        return seconds - start_seconds + (nanos - start_nanos) / 1e9

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _Timer(self.time() + delay, callback, args, self, context)
        if delay <= 0:
            self._ready.append(timer)
        else:
            timer.home, timer.ticket = self, start_timer(self.host, delay)
            self._waiting[timer.ticket] = timer
        return timer

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_later(when - self.time(), callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        if isinstance(handle, _Timer) and handle.ticket is not None:
            if self._waiting.pop(handle.ticket, None) is not None:
                self.host.cancel(handle.ticket)

    def timer_due(self, timer: asyncio.TimerHandle) -> None:
        """A timer's time has come."""
        self._ready.append(timer)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
        return _Task(coro, loop=self, **kwargs)

    def run_until_complete(self, future: Any) -> Any:
        raise RuntimeError("the loop of a workflow runs already: write `await`")

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], Any], *args: *Ts) -> Any:
        raise RuntimeError("a workflow has no threads: call the function itself")

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return False

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What asyncio can tell nobody else: an error in a callback, an exception that nobody looked at."""
        print(context.get("message"), file=sys.stderr)
        if (error := context.get("exception")) is not None:
            traceback.print_exception(error)


def new(host: Host) -> Loop:
    """A loop. asyncio's base class raises ``NotImplementedError`` for what a workflow does not have."""
    return Loop(host)  # type: ignore[abstract]


def start_timer(host: Host, seconds: float) -> int:
    """A timer of the runtime, rounded to microseconds; longer than 136 years counts as 136 years."""
    micros = round(seconds * 1_000_000)
    whole = micros // 1_000_000
    return host.timer(0xFFFF_FFFF, 0) if whole > 0xFFFF_FFFF else host.timer(whole, micros % 1_000_000 * 1_000)


class _Timer(asyncio.TimerHandle):
    """A callback at a time."""

    home: Loop
    ticket: int | None = None

    def settle(self) -> None:
        if self.ticket is not None:
            self.home.host.take(self.ticket)
            self.ticket = None
            self.home.timer_due(self)


class _Task(asyncio.Task[T]):
    """A task whose hash is its number, so that sets of tasks have the order in which these were made."""

    def __init__(self, coro: Any, **kwargs: Any) -> None:
        self._number = next(_task_numbers)
        super().__init__(coro, **kwargs)

    def __hash__(self) -> int:
        return self._number


async def _ended(tasks: list[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
