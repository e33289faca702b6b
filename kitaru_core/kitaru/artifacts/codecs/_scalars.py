"""Values of the standard library that hold no other values: how each is written and read.

A written scalar is an array whose first element is the tag; `WRITERS` goes by exact class, `READERS` by tag.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
import pathlib
from base64 import b64decode, b64encode
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from kitaru.artifacts.codecs._errors import Unencodable
from kitaru.artifacts.codecs._json import INT_BOUND, Json
from kitaru.deferred import pydantic_core

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["READERS", "WRITERS", "text_of", "write_float", "write_int"]

_Args = list[Json]

_PATHS: Final = {
    kind.__name__: kind
    for kind in (
        pathlib.PurePosixPath,
        pathlib.PureWindowsPath,
        pathlib.PosixPath,
        pathlib.WindowsPath,
    )
}
_ADDRESSES: Final = {
    kind.__name__: kind
    for kind in (
        ipaddress.IPv4Address,
        ipaddress.IPv6Address,
        ipaddress.IPv4Network,
        ipaddress.IPv6Network,
        ipaddress.IPv4Interface,
        ipaddress.IPv6Interface,
    )
}


def write_int(value: int) -> object:
    """Write an integer; one of more than 64 bits as hexadecimal text, which has no limit on its digits."""
    return value if -INT_BOUND <= value <= INT_BOUND else ["int", hex(value)]


def write_float(value: float) -> object:
    """Write a float; JSON has no word for infinities and nan."""
    return value if math.isfinite(value) else ["float", repr(value)]


def text_of(value: str) -> object:
    """Write a string; one with lone surrogates, which UTF-8 cannot hold, goes as bytes."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return ["str", _base64(value.encode("utf-8", "surrogatepass"))]
    return value


def _base64(data: bytes | bytearray) -> str:
    return b64encode(data).decode("ascii")


def _part(value: float) -> object:
    return value if math.isfinite(value) else repr(value)


def _write_datetime(value: dt.datetime) -> object:
    naive = value.replace(tzinfo=None, fold=0).isoformat()
    return ["datetime", naive, _write_zone(value.tzinfo), value.fold]


def _write_time(value: dt.time) -> object:
    naive = value.replace(tzinfo=None, fold=0).isoformat()
    return ["time", naive, _write_zone(value.tzinfo), value.fold]


def _write_zone(zone: dt.tzinfo | None) -> object:
    if zone is None:
        return None
    kind = type(zone)
    if kind is dt.timezone:
        offset = zone.utcoffset(None)
        # The second of the arguments it was made from is the name, there only when one was given.
        name = zone.__getinitargs__()[1:]  # type: ignore[attr-defined] # not in the stubs
        return ["offset", *_days(offset), *name]
    if isinstance(zone, ZoneInfo) and kind is ZoneInfo and zone.key is not None:
        return ["zone", zone.key]
    if kind.__name__ == "TzInfo" and kind.__module__.partition(".")[0] == "pydantic_core":
        return ["pydantic", *_days(zone.utcoffset(None))]
    reason = "this time zone has no key to store; use zoneinfo.ZoneInfo('Area/City') or datetime.timezone."
    raise Unencodable(reason, kind)


def _days(offset: dt.timedelta | None) -> list[int]:
    found = offset or dt.timedelta()
    return [found.days, found.seconds, found.microseconds]


def _write_range(value: range) -> object:
    return ["range", *(hex(part) for part in (value.start, value.stop, value.step))]


def _write_fraction(value: Fraction) -> object:
    return ["fraction", hex(value.numerator), hex(value.denominator)]


def _write_path(value: pathlib.PurePath) -> object:
    return ["path", type(value).__name__, text_of(str(value))]


def _write_address(value: object) -> object:
    return ["address", type(value).__name__, str(value)]


WRITERS: Final[dict[type, Callable[[Any], object]]] = {
    complex: lambda value: ["complex", _part(value.real), _part(value.imag)],
    bytes: lambda value: ["bytes", _base64(value)],
    bytearray: lambda value: ["bytearray", _base64(value)],
    range: _write_range,
    Decimal: lambda value: ["decimal", str(value)],
    Fraction: _write_fraction,
    UUID: lambda value: ["uuid", str(value)],
    dt.datetime: _write_datetime,
    dt.date: lambda value: ["date", value.isoformat()],
    dt.time: _write_time,
    dt.timedelta: lambda value: ["timedelta", *_days(value)],
    dt.timezone: lambda value: ["tz", _write_zone(value)],
    ZoneInfo: lambda value: ["tz", _write_zone(value)],
    **dict.fromkeys(_PATHS.values(), _write_path),
    **dict.fromkeys(_ADDRESSES.values(), _write_address),
}


def _read_int(args: _Args) -> int:
    (text,) = args
    return int(text, 16)


def _read_float(args: _Args) -> float:
    (text,) = args
    return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[text]


def _read_str(args: _Args) -> str:
    return _bytes(args).decode("utf-8", "surrogatepass")


def _read_complex(args: _Args) -> complex:
    real, imaginary = args
    return complex(float(real), float(imaginary))


def _bytes(args: _Args) -> bytes:
    (text,) = args
    return b64decode(text, validate=True)


def _read_range(args: _Args) -> range:
    start, stop, step = (int(part, 16) for part in args)
    return range(start, stop, step)


def _read_decimal(args: _Args) -> Decimal:
    (text,) = args
    return Decimal(str(text))


def _read_fraction(args: _Args) -> Fraction:
    numerator, denominator = (int(part, 16) for part in args)
    return Fraction(numerator, denominator)


def _read_uuid(args: _Args) -> UUID:
    (text,) = args
    return UUID(text)


def _read_datetime(args: _Args) -> dt.datetime:
    text, zone, fold = args
    return dt.datetime.fromisoformat(text).replace(tzinfo=_read_zone(zone), fold=fold)


def _read_date(args: _Args) -> dt.date:
    (text,) = args
    return dt.date.fromisoformat(text)


def _read_time(args: _Args) -> dt.time:
    text, zone, fold = args
    return dt.time.fromisoformat(text).replace(tzinfo=_read_zone(zone), fold=fold)


def _read_timedelta(args: _Args) -> dt.timedelta:
    days, seconds, microseconds = args
    return dt.timedelta(days, seconds, microseconds)


def _read_zone(zone: _Args | None) -> dt.tzinfo | None:
    if zone is None:
        return None
    form, *args = zone
    if form == "zone":
        (key,) = args
        return ZoneInfo(key)
    offset = _read_timedelta(args[:3])
    if form == "offset":
        return dt.timezone(offset, *args[3:])
    if form == "pydantic":
        return pydantic_core.TzInfo(int(offset.total_seconds()))
    msg = f"no time zone is written as {form!r}"
    raise ValueError(msg)


def _read_tz(args: _Args) -> dt.tzinfo | None:
    (zone,) = args
    return _read_zone(zone)


def _read_path(args: _Args) -> pathlib.PurePath:
    name, text = args
    return _PATHS[name](text if isinstance(text, str) else _read_str(text[1:]))


def _read_address(args: _Args) -> object:
    name, text = args
    return _ADDRESSES[name](text)


READERS: Final[dict[str, Callable[[_Args], object]]] = {
    "int": _read_int,
    "float": _read_float,
    "str": _read_str,
    "complex": _read_complex,
    "bytes": _bytes,
    "bytearray": lambda args: bytearray(_bytes(args)),
    "range": _read_range,
    "decimal": _read_decimal,
    "fraction": _read_fraction,
    "uuid": _read_uuid,
    "datetime": _read_datetime,
    "date": _read_date,
    "time": _read_time,
    "timedelta": _read_timedelta,
    "tz": _read_tz,
    "path": _read_path,
    "address": _read_address,
}
