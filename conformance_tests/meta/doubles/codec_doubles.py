"""Codecs that are right in everything but one thing."""

from __future__ import annotations

import json
import pickle
import time

from judged import doubles


class Celsius:
    """A value of a class that no built-in format knows."""

    def __init__(self, degrees):
        self.degrees = degrees

    __hash__ = None

    def __eq__(self, other):
        return isinstance(other, Celsius) and self.degrees == other.degrees


class Warm(Celsius):
    """A kind of it."""


class Right:
    """A codec that does everything."""

    fails = frozenset()
    name = "acme.celsius/1"

    def handles(self, kind):
        return kind is Celsius

    def encode(self, value):
        if type(value) is not Celsius:
            msg = f"{type(value).__name__} is no Celsius"
            raise TypeError(msg)
        return json.dumps({"degrees": value.degrees}).encode()

    def decode(self, data):
        return Celsius(json.loads(data)["degrees"])


def wrong(*ids):
    """Mark a double with the ids of the cases it must fail, and no others."""

    def mark(kind):
        kind.fails = frozenset(f"C-{number}" for number in ids)
        return kind

    return mark


@wrong("01")
class HasNoVersion(Right):
    name = "celsius"


@wrong("02", "04", "07", "13")
class Rounds(Right):
    def decode(self, data):
        return Celsius(int(super().decode(data).degrees))


@wrong("03", "07")
class ChangesTheClass(Right):
    def decode(self, data):
        return Warm(super().decode(data).degrees)


@wrong("04", "07", "13")
class KeepsLiveValues(Right):
    def __init__(self):
        self.live = []

    def encode(self, value):
        super().encode(value)
        self.live.append(value)
        return json.dumps(len(self.live) - 1).encode()

    def decode(self, data):
        return Celsius(self.live[json.loads(data)].degrees)


@wrong("05")
class WritesBuffers(Right):
    def encode(self, value):
        return bytearray(super().encode(value))


@wrong("06", "07")
class WritesTheTime(Right):
    def encode(self, value):
        super().encode(value)
        return json.dumps({"degrees": value.degrees, "at": time.perf_counter_ns()}).encode()


@wrong("07")
class WritesOtherwiseLater(Right):
    def encode(self, value):
        data = super().encode(value)
        return data + b" " if getattr(value, "read", False) else data

    def decode(self, data):
        found = super().decode(data)
        found.read = True
        return found


@wrong("02", "04", "06", "08")
class ChangesWhatItWrites(Right):
    def encode(self, value):
        data = super().encode(value)
        value.degrees = 0
        return data


@wrong("09")
class SharesItsValues(Right):
    def __init__(self):
        self.cache = {}

    def decode(self, data):
        return self.cache.setdefault(data, super().decode(data))


@wrong("10")
class WritesAnything(Right):
    def encode(self, value):
        return super().encode(value if type(value) is Celsius else Celsius(repr(value)))


@wrong("11")
class Unpickles(Right):
    def decode(self, data):
        try:
            return super().decode(data)
        except ValueError:
            return pickle.loads(data)


@wrong("11")
class Evaluates(Right):
    def decode(self, data):
        try:
            return super().decode(data)
        except ValueError:
            return eval(data)


@wrong("12")
class ForgivesDamage(Right):
    def decode(self, data):
        try:
            return super().decode(data)
        except ValueError:
            return Celsius(0)


@wrong("13")
class ForgetsItsPast(Right):
    def decode(self, data):
        if b"celsius" in data:
            raise ValueError("that was long ago")
        return super().decode(data)


@wrong("14")
class ClaimsSubclasses(Right):
    def handles(self, kind):
        return issubclass(kind, Celsius)


DOUBLES = doubles(globals(), Right)
