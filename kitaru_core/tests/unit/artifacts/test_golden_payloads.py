"""Bytes of every released format stay readable for ever, and are still written the same way."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from ipaddress import ip_address
from pathlib import Path, PurePosixPath
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pydantic
import pytest

from kitaru.artifacts.codecs import decode, encode

GOLDEN = Path(__file__).parent / "golden"
T = TypeVar("T")


class Kind(Enum):
    A = "a"


class Access(Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Order:
    number: int
    lines: list[Any]


class Reply(pydantic.BaseModel, extra="allow"):
    text: str
    size: int = 1
    _seen: int = pydantic.PrivateAttr(default=0)


class Box(pydantic.BaseModel, Generic[T]):
    item: T


class Event(msgspec.Struct):
    kind: str


class Link(pydantic.BaseModel):
    url: pydantic.HttpUrl


ZONE = ZoneInfo("Europe/Berlin")
VALUES: dict[str, object] = {
    "none": None,
    "text": "h\u00e9llo",
    "bytes": b"\x00\xff",
    "json": {"a": [1, 2.5, None, True, {"b": "c"}]},
    "numbers": (2**70, -(2**63), float("inf"), -0.0, 1 + 2j, Decimal("1.10"), Fraction(1, 3)),
    "texts": ("plain", "\ud800", b"x", bytearray(b"y")),
    "containers": ([1], [(1,)], {"k": {2}}, {1: "a"}, frozenset({"f"}), range(1, 9, 2)),
    "collections": [deque([1], 2), OrderedDict(a=1), Counter("aa"), defaultdict(list, k=[1]), defaultdict(None)],
    "times": [
        dt.datetime(2026, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001 - naive on purpose
        dt.datetime(2026, 10, 25, 2, 30, tzinfo=ZONE, fold=1),
        dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2), "work")),
        dt.date(2026, 1, 2),
        dt.time(1, 2, tzinfo=dt.UTC),
        dt.timedelta(-1, 5),
        ZONE,
    ],
    "names": [UUID(int=7), PurePosixPath("/a"), ip_address("10.0.0.1")],
    "enums": [Kind.A, Access.READ | Access.WRITE],
    "records": [Point(1, 2), Order(1, [(1,)]), Event("e")],
    "models": [Reply(text="t", more=(1,)), Box[list[int]](item=[1]), Link(url="https://example.org/")],
    "errors": [ValueError("bad", 1), FileNotFoundError(2, "no", "f")],
}


def place(name: str) -> str:
    """The bytes with this module's name as it stands in the file."""
    return (GOLDEN / f"{name}.json").read_text(encoding="ascii").replace("<module>", __name__)


@pytest.mark.parametrize("name", VALUES)
def test_released_bytes_are_readable(name):
    stored = json.loads(place(name))
    found = decode(stored["codec"], stored["data"].encode("latin-1"))
    assert type(found) is type(VALUES[name])
    assert repr(found) == repr(VALUES[name])


@pytest.mark.parametrize("name", VALUES)
def test_the_same_bytes_are_written_today(name):
    stored = json.loads(place(name))
    encoded = encode(VALUES[name])
    assert (encoded.codec, encoded.data.decode("latin-1")) == (stored["codec"], stored["data"])


def test_every_golden_file_is_tested():
    assert {path.stem for path in GOLDEN.glob("*.json")} == VALUES.keys()
