"""Messages for people, in the execution's log. Shown once: not again when the workflow is replayed.

``logging`` goes there too: a component sets `Handler` on the root logger. So does what is printed, as stdout and
stderr.
"""

from __future__ import annotations

import logging

from . import host


def trace(message: object) -> None:
    """Writes what is only of use when looking for a mistake, in every detail."""
    host.current().log("trace", str(message))


def debug(message: object) -> None:
    """Writes what is only of use when looking for a mistake."""
    host.current().log("debug", str(message))


def info(message: object) -> None:
    """Writes what is worth knowing."""
    host.current().log("info", str(message))


def warn(message: object) -> None:
    """Writes what may need attention."""
    host.current().log("warn", str(message))


def error(message: object) -> None:
    """Writes what needs attention."""
    host.current().log("error", str(message))


class Handler(logging.Handler):
    """Hands records of ``logging`` to the execution's log."""

    def emit(self, record: logging.LogRecord) -> None:
        host.current().log(_level(record.levelno), self.format(record))


def _level(number: int) -> str:
    levels = ((logging.ERROR, "error"), (logging.WARNING, "warn"), (logging.INFO, "info"), (logging.DEBUG, "debug"))
    return next((name for least, name in levels if number >= least), "trace")
