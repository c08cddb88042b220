"""The component: the SDK's `Host` over the imports of the world, and the class that componentize-py exports.

Only a component imports this module.
"""

from __future__ import annotations

import linecache
import logging
import sys
from collections.abc import Callable
from typing import Any

import wit_world
from componentize_py_types import Err
from wit_world.imports import log, random, time, transaction
from wit_world.imports import workflow_types as wit

from . import entry, wasi_http
from .branch import Phase
from .errors import CallError, Canceled, DeadlinePassed, Exhausted, Failure, Invalid, Refused
from .log import Handler
from .operation import Grpc, Http, Operation, Sql, SqlValue, Statement, Xa
from .reply import Reply
from .workflow import Workflow


def exports(workflow: object) -> type[wit_world.WitWorld]:
    """The class that exports a workflow. Errors: ``TypeError`` if it is none."""
    if not isinstance(workflow, Workflow):
        raise TypeError(f"{workflow!r} is no workflow: put `@workflow` on it")
    exported: Workflow[Any, Any] = workflow
    exported.resolve()
    _keep_sources()
    logging.basicConfig(handlers=[Handler()], format="%(name)s: %(message)s", level=logging.NOTSET)

    class WitWorld(wit_world.WitWorld):
        def run(self, input: bytes) -> bytes:
            try:
                return entry.run(exported, _RUNTIME, input)
            except Failure as failure:
                raise _out(failure) from None
            except BaseException as error:
                _trim(error)
                raise

        def handle(self, phase: wit.Phase, branch: int, name: str, payload: bytes) -> None:
            which = Phase.COMMIT if phase == wit.Phase.COMMIT else Phase.ROLLBACK
            try:
                entry.handle(exported, _RUNTIME, which, branch, name, payload)
            except Failure as failure:
                raise _out(failure) from None
            except BaseException as error:
                _trim(error)
                raise

    return WitWorld


class Runtime:
    """The runtime that the component runs in."""

    new_branch = staticmethod(transaction.new_branch)
    wait_any = staticmethod(transaction.wait_any)
    cancel = staticmethod(transaction.cancel)
    random_bytes = staticmethod(random.bytes)
    request = staticmethod(wasi_http.request)

    def set_options(self, branch: int, options: str) -> None:
        _asked(transaction.set_options, branch, options)

    def on_commit(self, branch: int, operation: Operation) -> None:
        _asked(transaction.on_commit, branch, _operation(operation))

    def on_rollback(self, branch: int, operation: Operation) -> None:
        _asked(transaction.on_rollback, branch, _operation(operation))

    def on_commit_handler(self, branch: int, name: str, payload: bytes) -> None:
        _asked(transaction.on_commit_handler, branch, name, payload)

    def on_rollback_handler(self, branch: int, name: str, payload: bytes) -> None:
        _asked(transaction.on_rollback_handler, branch, name, payload)

    def on_finish(self, operation: Operation) -> None:
        _asked(transaction.on_finish, _operation(operation))

    def scope(self, branch: int | None) -> None:
        _asked(transaction.scope, branch)

    def submit(self, branch: int, operation: Operation) -> int:
        return transaction.submit(branch, _operation(operation))

    def take(self, ticket: int) -> Reply:
        try:
            response = transaction.take_response(ticket)
        except Err as error:
            raise _error(error.value) from None
        headers = [(header.name, header.value) for header in response.headers]
        reply = Reply(response.body, response.status, headers)
        if response.refused:
            raise Refused(reply)
        return reply

    def timer(self, seconds: int, nanos: int) -> int:
        return time.timer(wit.Duration(seconds, nanos))

    def now(self) -> tuple[int, int]:
        moment = time.now()
        return moment.seconds, moment.nanos

    def log(self, level: str, message: str) -> None:
        log.write(log.Level[level.upper()], message)


_RUNTIME = Runtime()


def _asked(function: Callable[..., None], *arguments: Any) -> None:
    try:
        function(*arguments)
    except Err as error:
        raise Invalid(error.value) from None


def _operation(operation: Operation) -> wit.Operation:
    match operation:
        case Http(method, target, body):
            return wit.Operation_Http(wit.HttpOp(method, target, body))
        case Grpc(target, method, message):
            return wit.Operation_Grpc(wit.GrpcOp(target, method, message))
        case Sql(database, statements):
            return wit.Operation_Sql(wit.SqlOp(database, [_statement(one) for one in statements]))
        case Xa(database, statements):
            return wit.Operation_Xa(wit.SqlOp(database, [_statement(one) for one in statements]))
    raise TypeError(f"{operation!r} is no operation: make one with a `Participant`, `sql` or `xa`")


def _statement(statement: Statement) -> wit.Statement:
    return wit.Statement(statement.sql, [_value(one) for one in statement.parameters], statement.affected)


def _value(value: SqlValue) -> wit.SqlValue:
    match value:
        case None:
            return wit.SqlValue_Null()
        case bool():
            return wit.SqlValue_Boolean(value)
        case int():
            return wit.SqlValue_Integer(str(value))
        case float():
            return wit.SqlValue_Real(value)
        case str():
            return wit.SqlValue_Text(value)
        case bytes():
            return wit.SqlValue_Bytes(value)
    raise TypeError(f"{value!r} is no SQL value: pass None, bool, int, float, str or bytes")


def _error(error: wit.CallError) -> CallError:
    match error:
        case wit.CallError_Failure(body):
            return Refused(Reply(body))
        case wit.CallError_Exhausted(last):
            return Exhausted(last)
        case wit.CallError_Deadline(last):
            return DeadlinePassed(last)
        case wit.CallError_Canceled():
            return Canceled()
        case wit.CallError_Invalid(text):
            return Invalid(text)


def _out(failure: Failure) -> Err[wit.Failure]:
    return Err(wit.Failure(failure.message, failure.details))


def _trim(error: BaseException) -> None:
    """Lets the traceback of a mistake in the code begin where the SDK calls the workflow."""
    first = error.__traceback__
    while first is not None and first.tb_frame.f_globals.get("__package__") == __package__:
        first = first.tb_next
    error.__traceback__ = first or error.__traceback__


def _keep_sources() -> None:
    """Keeps the text of all modules, as there are no files later: a traceback shows the lines."""
    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        if name and (lines := linecache.getlines(name)):
            # Without a time of change, so that the entry stays although there is no such file.
            linecache.cache[name] = (sum(map(len, lines)), None, lines, name)
