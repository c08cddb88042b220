"""What makes an ``async def`` a workflow: its input, its output, its handlers."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar, overload

from . import payload
from .branch import Branch, Handler, Phase
from .errors import Failure
from .transaction import Transaction

I = TypeVar("I")
O = TypeVar("O")

#: What `workflow` is put on: ``async def transfer(tx: Transaction, order: Order) -> Receipt``.
Function = Callable[[Transaction, I], Coroutine[Any, Any, O]]


class Workflow(Generic[I, O]):
    """A workflow. Called, it is the function it was made of."""

    def __init__(self, function: Function[I, O], handlers: Sequence[Handler[Any]]) -> None:
        _check(function, 2, "`tx: Transaction` and its input")
        for handler in handlers:
            _check(handler, 4, "`tx: Transaction`, `branch: Branch`, `phase: Phase` and its payload")
        functools.update_wrapper(self, function)
        self.function = function
        self.handlers = {handler.__name__: handler for handler in handlers}

    def __call__(self, tx: Transaction, order: I) -> Coroutine[Any, Any, O]:
        return self.function(tx, order)

    def resolve(self) -> None:
        """Reads all annotations, so that a wrong one is found when the component is built. Errors: ``TypeError``."""
        for function in (self.function, *self.handlers.values()):
            try:
                _last_parameter(function)
            except NameError as error:
                raise TypeError(f"the annotations of `{function.__name__}`: {error}") from None

    async def perform(self, tx: Transaction, data: bytes) -> bytes:
        """Runs the workflow from the bytes of its input to those of its output. Errors: what it raises; `Failure` if
        its input or output can't be read or written."""
        try:
            order = payload.decode(data, _last_parameter(self.function))
        except ValueError as error:
            raise Failure(f"the input can't be read: {error}") from None
        output = await self.function(tx, order)
        try:
            return payload.encode(output)
        except (TypeError, ValueError) as error:
            raise Failure(f"the output has no JSON form: {error}") from None

    async def handle(self, tx: Transaction, branch: Branch, phase: Phase, handler: Handler[Any], data: bytes) -> None:
        """Runs one of its handlers. Errors: what it raises; `Failure` if it can't read its payload."""
        try:
            value = payload.decode(data, _last_parameter(handler))
        except ValueError as error:
            raise Failure(f"the payload can't be read: {error}") from None
        await handler(tx, branch, phase, value)


@overload
def workflow(function: Function[I, O], /) -> Workflow[I, O]: ...
@overload
def workflow(*, handlers: Sequence[Handler[Any]]) -> Callable[[Function[I, O]], Workflow[I, O]]: ...
def workflow(function: Any = None, /, *, handlers: Sequence[Handler[Any]] = ()) -> Any:
    """Makes a workflow of an ``async def`` with a transaction and an input.

    The input is read as its annotation says: a dataclass, ``bytes``, or what JSON has. What the function returns is the
    output, and commits every branch; what it raises rolls every branch back (`errors` says which exceptions do).
    ``handlers``: the functions that `Branch.on_commit_handler` and `Branch.on_rollback_handler` are given.

    Errors: ``TypeError`` if the function has another form.
    """
    if function is None:
        return lambda function: Workflow(function, handlers)
    return Workflow(function, handlers)


def _check(function: Any, parameters: int, meant: str) -> None:
    name = getattr(function, "__name__", repr(function))
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"`{name}` has to be an `async def`")
    if len(inspect.signature(function).parameters) != parameters:
        raise TypeError(f"`{name}` takes {parameters} parameters: {meant}")


@functools.cache
def _last_parameter(function: Any) -> Any:
    """The type of the last parameter; anything if it has none."""
    name = list(inspect.signature(function).parameters)[-1]
    hint = typing.get_type_hints(function).get(name, Any)
    return Any if hint in (object, dict) or typing.is_typeddict(hint) else hint
