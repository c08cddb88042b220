"""What an exception means: a failure that rolls back, or a mistake in the code."""

from email.message import Message
from urllib.error import HTTPError, URLError

import pytest

from reprise_guest import CallError, Canceled, DeadlinePassed, Exhausted, Failure, Invalid, Refused, Reply, ReplyError
from reprise_guest.errors import failure_of


@pytest.mark.parametrize(
    ("error", "message", "details"),
    [
        (Failure("no stock", {"sku": 7}), "no stock", b'{"sku":7}'),
        (Failure("no").about("e2"), "e2: no", b""),
        (Refused(Reply(b"too small", 409)), "the participant refused: too small", b"too small"),
        (
            Refused(Reply(b'{"message":"0 rows instead of 1","statement":1}')),
            "the participant refused: 0 rows instead of 1",
            b'{"message":"0 rows instead of 1","statement":1}',
        ),
        (Refused(Reply(b'{"message":"x"}', 409)), 'the participant refused: {"message":"x"}', b'{"message":"x"}'),
        (Exhausted("503"), "no success within the allowed attempts: 503", b""),
        (DeadlinePassed("503"), "no success before the deadline: 503", b""),
        (Canceled(), "the operation was cancelled", b""),
        (Invalid("unknown participant"), "unknown participant", b""),
        (ReplyError("no JSON"), "no JSON", b""),
        (TimeoutError(), "TimeoutError", b""),
        (ConnectionError("GET http://stub/a: connection refused"), "GET http://stub/a: connection refused", b""),
        (URLError(ConnectionError("no")), "<urlopen error no>", b""),
        (HTTPError("http://stub/a", 404, "Not Found", Message(), None), "HTTP Error 404: Not Found", b""),
        (ExceptionGroup("several", [Failure("first"), Invalid("second")]), "first", b""),
    ],
)
def test_failures(error: Exception, message: str, details: bytes) -> None:
    failure = failure_of(error)
    assert failure is not None
    assert (failure.message, failure.details) == (message, details)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("x"),
        RuntimeError(),
        FileNotFoundError(2, "No such file or directory", "prices.json"),
        PermissionError(13, "no sockets"),
        URLError(PermissionError(13, "no sockets")),
        URLError("unknown url type: ftp"),
        ExceptionGroup("", [Failure("x"), KeyError("y")]),
    ],
)
def test_mistakes_in_the_code(error: Exception) -> None:
    assert failure_of(error) is None


def test_every_call_error_has_its_name() -> None:
    kinds = {one.kind for one in CallError.__subclasses__()}
    assert kinds == {"failure", "exhausted", "deadline", "canceled", "invalid"}


def test_replies_are_read() -> None:
    reply = Reply(b'[{"affected":1,"rows":[]},{"affected":0,"rows":[{"balance":70}]}]')
    assert reply.affected(0) == 1
    assert reply.rows(1) == [{"balance": 70}]
    with pytest.raises(ReplyError, match="no statement 2: there were 2, counted from 0"):
        reply.rows(2)
    with pytest.raises(ReplyError, match="the reply `x` is not the expected JSON"):
        Reply(b"x").json()
    assert Reply(b"", 202, [("x-state", b"later")]).header("X-State") == "later"
