"""How values become bytes and back: inputs, outputs, payloads of handlers, bodies. JSON, or bytes as they are.

JSON is compact and keeps the order of keys, so it is the same bytes on every replay. A dataclass is an object with its
fields; a field that is a keyword of Python carries an underscore at its end, ``from_`` for ``from``.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import typing
from typing import Any, TypeVar

import dacite

T = TypeVar("T")

#: Most characters of a body in a message for people.
EXCERPT_CHARS_MAX = 200


def encode(value: object) -> bytes:
    """The bytes of a value: bytes as they are, everything else as JSON.

    Errors: ``TypeError`` or ``ValueError`` if it has no JSON form (an object that is no dataclass, NaN).
    """
    if isinstance(value, bytes):
        return value
    return _ENCODER.encode(value).encode()


@typing.overload
def decode(data: bytes) -> Any: ...
@typing.overload
def decode(data: bytes, shape: type[T]) -> T: ...
def decode(data: bytes, shape: Any = Any) -> Any:
    """The value that bytes stand for; no bytes at all read as ``None``.

    ``shape``: a dataclass, ``bytes`` for the bytes as they are, or any other type that JSON can have; without it, what
    ``json.loads`` gives.

    Errors: ``ValueError`` says what is no JSON, missing or of another type.
    """
    if shape is bytes:
        return data
    value = json.loads(data) if data else None
    return value if shape is Any else _shaped(value, shape)


def excerpt(data: bytes) -> str:
    """Bytes for people: text, cut where it gets long."""
    text = data.decode(errors="replace")
    return text if len(text) <= EXCERPT_CHARS_MAX else text[:EXCERPT_CHARS_MAX] + "..."


def _plain(value: object) -> object:
    """What JSON knows of an object that it does not know."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {_key(field.name): getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} is no dataclass and nothing that JSON has")


_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)


def _key(field: str) -> str:
    return field.rstrip("_")


_READING = dacite.Config(cast=[enum.Enum, tuple], convert_key=_key)


def _shaped(value: object, shape: Any) -> Any:
    if isinstance(shape, type) and dataclasses.is_dataclass(shape) and isinstance(value, dict):
        return _read(shape, value)
    # Everything else as the one field of a dataclass: the library reads nothing else.
    return getattr(_read(_box(shape), {_VALUE: value}), _VALUE)


#: The field of a box, as messages show it.
_VALUE = "it"


@functools.cache
def _box(shape: Any) -> Any:
    return dataclasses.make_dataclass("Box", [(_VALUE, shape)])


def _read(shape: Any, value: dict[str, object]) -> Any:
    try:
        return dacite.from_dict(shape, value, _READING)
    except dacite.MissingValueError as error:
        raise ValueError(f"`{_path(error)}` is missing") from None
    except dacite.WrongTypeError as error:
        wanted = getattr(error.field_type, "__name__", str(error.field_type))
        found = excerpt(encode(error.value))
        raise ValueError(f"{_subject(error)} is `{found}`, which is no {wanted}") from None
    except (dacite.DaciteError, TypeError, ValueError) as error:
        raise ValueError(str(error)) from None


def _subject(error: dacite.WrongTypeError) -> str:
    path = _path(error)
    return path if path == _VALUE else f"`{path}`"


def _path(error: dacite.MissingValueError | dacite.WrongTypeError) -> str:
    return ".".join(_key(part) for part in (error.field_path or "").split("."))
