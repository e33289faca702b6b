"""What goes in comes out: every kind of value, class included."""

from __future__ import annotations

import dataclasses
import datetime as dt
import ipaddress
import math
import pathlib
import sys
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from enum import Enum, Flag, IntEnum, IntFlag, StrEnum, auto
from fractions import Fraction
from functools import cached_property
from typing import Any, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kitaru.artifacts.codecs import decode, encode, roundtrip

T = TypeVar("T")


class Colour(Enum):
    RED = "red"
    MIXED = (1, 2)


class Level(IntEnum):
    LOW = 1


class Mode(StrEnum):
    FAST = "fast"


class Access(Flag):
    READ = auto()
    WRITE = auto()


class Bits(IntFlag):
    ONE = 1
    TWO = 2


class Point(NamedTuple):
    x: int
    y: object = 0


Pair = namedtuple("Pair", ["left", "right"])  # noqa: PYI024 - the old form is what is tested


@dataclasses.dataclass
class Order:
    number: int
    lines: list[Any] = dataclasses.field(default_factory=list)
    total: float = dataclasses.field(init=False, default=0.0)

    def __post_init__(self):
        self.total = float(len(self.lines))
        self.remembered = ("beside", self.number)

    @cached_property
    def shown(self) -> str:
        return f"order {self.number}"


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    name: str
    inner: object = None


class Reply(pydantic.BaseModel):
    text: str
    at: dt.datetime | None = None
    parts: tuple[Any, ...] = ()
    _seen: int = pydantic.PrivateAttr(default=0)


class Open(pydantic.BaseModel, extra="allow"):
    name: str = "x"


class Box(pydantic.BaseModel, Generic[T]):
    item: T


class Names(pydantic.RootModel[list[str]]):
    pass


class Linked(pydantic.BaseModel):
    url: pydantic.HttpUrl


class Event(msgspec.Struct, frozen=True):
    kind: str
    data: object = None


class Outer:
    class Inner(NamedTuple):
        value: int


class TroubleError(Exception):
    def __init__(self, code: int, *, hint: str) -> None:
        super().__init__(f"code {code}")
        self.code = code
        self.hint = hint


def order_with_changes() -> Order:
    order = Order(3, [1, (2, 3)])
    order.total = 99.5
    return order


def seen_reply() -> Reply:
    reply = Reply(text="hi", at=dt.datetime(2026, 1, 2, tzinfo=dt.UTC), parts=(1, b"x"))
    reply._seen = 4
    return reply


BERLIN = ZoneInfo("Europe/Berlin")
VALUES = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**64, -(10**5000), 0.0, -0.0, 1e308, 5e-324, math.inf, -math.inf,
    1j, complex(-0.0, math.inf), "", "text", "\x00\u2028\U0001f600", "\ud800 lone", b"", b"\x00\xff", bytearray(b"ab"),
    [], [1, "a", None, 2.5, [True]], {}, {"a": {"b": [1]}}, (), (1,), (1, (2, [3])), [1, (2,)], set(), {1, "a", None},
    frozenset({(1, 2), frozenset()}), {1: "a", "1": "b", None: 1, (1, 2): [3]}, {"b": 1, "a": (2,)},
    {"\ud800": 1, "x": "\udfff"}, ["json", 1], {"tuple": ["tuple", 1]}, ["typed/1", ["list"]],
    dt.datetime(2026, 3, 29, 2, 30, 1, 999),  # noqa: DTZ001 - naive on purpose
    dt.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
    dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, tzinfo=dt.timezone(dt.timedelta(seconds=-5))),
    dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2), "work")), dt.date(1, 1, 1), dt.time(1, 2, 3, 4),
    dt.time(1, 2, tzinfo=dt.UTC, fold=1), dt.timedelta(-1, 5, 7), dt.timedelta.max, dt.UTC, BERLIN,
    Decimal("1.10"), Decimal("-0"), Decimal("1E+400"), Decimal("Infinity"), Fraction(-3, 7),
    UUID(int=7), pathlib.PurePosixPath("/a/b"), pathlib.Path("rel/é"), pathlib.PureWindowsPath("C:\\x"),
    pathlib.Path("/bad\udcff"), range(3), range(10, -5, -3), range(2**70),
    ipaddress.ip_address("::1"), ipaddress.ip_network("10.0.0.0/8"),
    deque([1, 2], maxlen=3), OrderedDict(b=1, a=2), Counter("aab"), defaultdict(list, {"a": [1]}),
    defaultdict(None, x=1),
    Colour.RED, Colour.MIXED, Level.LOW, Mode.FAST, Access.READ | Access.WRITE, Access(0), Bits(3), Bits(8),
    Point(1, (2,)), Pair("l", ["r"]), Outer.Inner(3), Order(1), order_with_changes(), Slotted("n", {1: Slotted("m")}),
    seen_reply(), Reply.model_construct(text=12), Open(name="y", more=(1,)), Open(), Box[int](item=1),
    Box[list[Reply]](item=[seen_reply()]), Box[int | None](item=None), Box[Literal["a", 2]](item="a"),
    Box[dict[str, tuple[int, ...]]](item={"a": (1, 2)}), Box[Any](item=Colour.RED),
    Box[Box[dt.date]](item=Box[dt.date](item=dt.date.max)),
    Names(["a"]), Linked(url="https://example.org/a?b=1"), Event("e", (1,)), [Event("e"), Point(1)],
    Reply.model_validate_json('{"text": "t", "at": "2026-01-01T00:00:00Z"}'),
    Reply.model_validate_json('{"text": "t", "at": "2026-01-01T00:00:00-05:30"}'),
]  # fmt: skip


def shape(value: object) -> object:  # noqa: PLR0911 - one line per kind of value
    """Everything that distinguishes two values, classes of all parts included."""
    kind = type(value)
    if isinstance(value, pydantic.BaseModel):
        private, extra = value.__pydantic_private__, value.__pydantic_extra__
        return kind, shape(vars(value)), value.model_fields_set, shape(private), shape(extra)
    if isinstance(value, dict):
        return kind, [(shape(key), shape(item)) for key, item in value.items()], getattr(value, "default_factory", 0)
    if isinstance(value, list | tuple | deque):
        return kind, [shape(item) for item in value], getattr(value, "maxlen", 0)
    if isinstance(value, set | frozenset):
        return kind, sorted(repr(shape(item)) for item in value)
    if isinstance(value, Order):
        return kind, shape(vars(value))
    if isinstance(value, dt.datetime | dt.time):
        return kind, value.isoformat(), value.fold, type(value.tzinfo), repr(value.tzinfo)
    if isinstance(value, msgspec.Struct | Slotted):
        return kind, [shape(getattr(value, name)) for name in ("kind", "data", "name", "inner") if hasattr(value, name)]
    return kind, value if kind is int else repr(value)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_kind_of_value_comes_back_exactly(value):
    encoded = encode(value)
    assert shape(decode(encoded.codec, encoded.data)) == shape(value)


def test_all_values_at_once_come_back_in_one_tree():
    tree = {"values": VALUES, 7: tuple(VALUES)}
    assert shape(roundtrip(tree)[1]) == shape(tree)


def test_nan_comes_back():
    encoded, value = roundtrip([math.nan, Decimal("sNaN12"), complex(math.nan, 1)])
    assert encoded.codec == "typed/1"
    assert math.isnan(value[0])
    assert str(value[1]) == "sNaN12"
    assert math.isnan(value[2].real)


def test_enum_members_come_back_as_the_very_members():
    assert roundtrip([Colour.RED, Level.LOW, Mode.FAST])[1][0] is Colour.RED
    assert roundtrip(Mode.FAST)[1] is Mode.FAST


def test_dictionaries_keep_their_order():
    assert list(roundtrip({"b": 1, "a": 2})[1]) == ["b", "a"]
    assert list(roundtrip({2: 1, 1: 2})[1]) == [2, 1]


def test_a_cached_property_is_not_stored():
    order = Order(1)
    assert order.shown == "order 1"
    assert "shown" not in vars(roundtrip(order)[1])


def test_an_immutable_value_is_its_own_copy_and_a_container_is_not():
    text, items = "x" * 50, ["x"]
    assert roundtrip(text)[1] is text
    assert roundtrip(items)[1] is not items


@pytest.mark.parametrize(("value", "codec"), [
    (None, "none"), ("a", "text/1"), (b"a", "bytes/1"), (1, "json/1"), ([1], "json/1"), ((1,), "typed/1"),
    ("\ud800", "typed/1"), (["\ud800"], "typed/1"), ([math.nan], "typed/1"), ([2**64], "typed/1"), ({1: 1}, "typed/1"),
    ([Mode.FAST], "typed/1"),
])  # fmt: skip
def test_the_simplest_format_that_is_exact_is_chosen(value, codec):
    assert encode(value).codec == codec


def test_an_exception_comes_back_with_its_parts():
    try:
        raise TroubleError(3, hint="h") from KeyError("k")  # noqa: TRY301 - a traceback is wanted
    except TroubleError as error:
        copy = roundtrip(error)[1]
    assert type(copy) is TroubleError
    assert (copy.args, copy.code, copy.hint) == (("code 3",), 3, "h")
    assert type(copy.__cause__) is KeyError
    assert "raise TroubleError(3" in copy.kitaru_traceback
    assert roundtrip(copy)[1].kitaru_traceback == copy.kitaru_traceback


@pytest.mark.parametrize("error", [
    ValueError(), KeyError("k"), FileNotFoundError(2, "no", "f"), UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"),
    StopIteration(3), SystemExit(4), ImportError("i", name="n"), KeyboardInterrupt(), pytest.UsageError("u"),
], ids=lambda error: type(error).__name__)  # fmt: skip
def test_exceptions_of_the_language_come_back(error):
    copy = roundtrip(error)[1]
    assert (type(copy), copy.args, str(copy)) == (type(error), error.args, str(error))
    assert getattr(copy, "errno", None) == getattr(error, "errno", None)


def test_a_group_comes_back_with_its_exceptions():
    copy = roundtrip(ExceptionGroup("g", [ValueError(1), ExceptionGroup("h", [KeyError(2)])]))[1]
    assert [type(each) for each in copy.exceptions] == [ValueError, ExceptionGroup]


def test_an_exception_survives_a_handle_that_hangs_on_it():
    error = ValueError("bad", sys.stdout)
    error.connection = open  # something that cannot be stored
    copy = roundtrip(error)[1]
    assert copy.args == ("bad", repr(sys.stdout))
    assert not hasattr(copy, "connection")


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.binary() | st.decimals()
    | st.text(st.characters(exclude_categories=())) | st.datetimes() | st.dates() | st.timedeltas() | st.fractions()
    | st.uuids() | st.datetimes(timezones=st.timezones()) | st.times() | st.sampled_from([*Colour, *Level, *Mode])
)  # fmt: skip
keys = st.text() | st.integers() | st.booleans() | st.none() | st.tuples(st.text(), st.integers()) | st.dates()
trees = st.recursive(
    scalars,
    lambda below: (
        st.lists(below)
        | st.lists(below).map(tuple)
        | st.dictionaries(st.text(), below)
        | st.dictionaries(keys, below)
        | st.frozensets(keys)
        | st.builds(Point, below, below)
        | st.builds(Slotted, st.text(), below)
        | st.builds(Event, st.text(), below)
        | st.builds(lambda value: Box[Any](item=value), below)
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(trees)
def test_any_tree_comes_back_exactly(tree):
    encoded, copy = roundtrip(tree)
    assert shape(copy) == shape(tree)
    assert encode(copy) == encoded
