"""Values as bytes and back, and what is said of those that don't fit."""

import enum
from dataclasses import dataclass, field
from typing import Any

import pytest

from reprise_guest.payload import decode, encode, excerpt


class Kind(enum.Enum):
    FAST = "fast"


@dataclass
class Item:
    sku: int
    kind: Kind = Kind.FAST


@dataclass
class Order:
    from_: str
    price: float
    items: list[Item] = field(default_factory=list)
    note: str | None = None


def test_dataclasses_are_objects() -> None:
    order = Order("ä", 1.5, [Item(7)])
    data = encode(order)
    assert data == '{"from":"ä","price":1.5,"items":[{"sku":7,"kind":"fast"}],"note":null}'.encode()
    assert decode(data, Order) == order
    assert decode(b'{"from":"x","price":2,"more":1}', Order) == Order("x", 2)


def test_bytes_stay_as_they_are() -> None:
    assert encode(b"\x00\xff") == b"\x00\xff"
    assert decode(b"\x00\xff", bytes) == b"\x00\xff"


def test_nothing_reads_as_none() -> None:
    assert decode(b"") is None
    assert decode(b"", type(None)) is None
    with pytest.raises(ValueError, match="which is no str"):
        decode(b"", str)


@pytest.mark.parametrize(
    ("data", "shape", "want"),
    [
        (b"{", Order, "Expecting property name"),
        (b"[1]", Order, r"it is `\[1\]`, which is no Order"),
        (b'{"price":1}', Order, "`from` is missing"),
        (b'{"from":3,"price":1}', Order, "`from` is `3`, which is no str"),
        (b'{"from":"x","price":1,"items":[{"sku":"x"}]}', Order, '`items.sku` is `"x"`, which is no int'),
        (b'{"from":"x","price":1,"items":[{"sku":1,"kind":"slow"}]}', Order, "'slow' is not a valid Kind"),
        (b'["x"]', list[int], r'it is `\["x"\]`, which is no list'),
        (b"1.5", int, "it is `1.5`, which is no int"),
    ],
)
def test_what_does_not_fit_is_said(data: bytes, shape: Any, want: str) -> None:
    with pytest.raises(ValueError, match=want):
        decode(data, shape)


@pytest.mark.parametrize(
    ("value", "want"), [(object(), "object is no dataclass"), (float("nan"), "not JSON compliant")]
)
def test_what_has_no_form_is_said(value: object, want: str) -> None:
    with pytest.raises((TypeError, ValueError), match=want):
        encode({"a": value})


def test_excerpts_are_cut() -> None:
    assert excerpt(b"short") == "short"
    assert len(excerpt("ö".encode() * 300)) == 203
