"""The built-in formats of stored values under the contract."""

from __future__ import annotations

import enum
import json
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from uuid import UUID

import pytest

from kitaru.artifacts.codecs import decode, encode
from kitaru_conformance import CodecContract

GOLDEN = Path(__file__).parents[2] / "kitaru_core/tests/unit/artifacts/golden"


class Format:
    """One of the built-in formats as a codec; a value that takes another format is foreign to it."""

    def __init__(self, name):
        self.name = name

    def encode(self, value):
        encoded = encode(value)
        if encoded.codec != self.name:
            msg = f"{type(value).__name__} is stored as {encoded.codec}"
            raise TypeError(msg)
        return encoded.data

    def decode(self, data):
        return decode(self.name, data)


@dataclass
class Page:
    title: str
    tags: tuple[str, ...] = ()


class Colour(enum.Enum):
    RED = "red"


Point = namedtuple("Point", "x y")  # noqa: PYI024 - the plain kind is stored as well


class TestText(CodecContract):
    subject = "text/1"

    @pytest.fixture
    def make(self):
        return lambda: Format("text/1")

    @pytest.fixture
    def samples(self):
        return ["", "plain", "ünï 漢字 🙂\x00\u2028", '["tuple", "looks tagged"]', "x" * 100_000]


class TestBytes(CodecContract):
    subject = "bytes/1"

    @pytest.fixture
    def make(self):
        return lambda: Format("bytes/1")

    @pytest.fixture
    def samples(self):
        return [b"", bytes(range(256)), b"\x80\x04pickled?", b"x" * 100_000]


class TestJson(CodecContract):
    subject = "json/1"

    @pytest.fixture
    def make(self):
        return lambda: Format("json/1")

    @pytest.fixture
    def samples(self):
        return [True, -(2**53), 0.1, 1e300, [], {}, {"a": [1, None, {"b": "ü\x00"}]}, [[[]], [{}]], ["tuple", [1]]]


class TestTyped(CodecContract):
    subject = "typed/1"
    capabilities = frozenset({"checked", "released"})

    @pytest.fixture
    def make(self):
        return lambda: Format("typed/1")

    @pytest.fixture
    def samples(self):
        return [
            (1, ("a", None)),
            {1, 2},
            frozenset({"a"}),
            {1: "one", (2, 3): "pair"},
            2**70,
            float("inf"),
            Decimal("1.10"),
            Fraction(1, 3),
            datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
            date(2026, 1, 2),
            timedelta(days=-1, microseconds=1),
            UUID(int=7),
            PurePosixPath("a/b"),
            bytearray(b"\x00\xff"),
            OrderedDict(b=1, a=2),
            Page("one", ("x", "y")),
            Colour.RED,
            Point(1, (2,)),
            [{"deep": (Page("two"),)}],
        ]

    @pytest.fixture
    def released(self):
        numbers = (2**70, -(2**63), float("inf"), -0.0, 1 + 2j, Decimal("1.10"), Fraction(1, 3))
        collections = [deque([1], 2), OrderedDict(a=1), Counter("aa"), defaultdict(list, k=[1]), defaultdict(None)]
        return [(golden("numbers"), numbers), (golden("collections"), collections)]


def golden(name):
    """Return bytes that an earlier release wrote."""
    return json.loads((GOLDEN / f"{name}.json").read_text())["data"].encode()
