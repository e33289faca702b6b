"""Targets without a runtime: bodies run at once in this process, and what the contract asks for is made to look right.

A double that runs nothing apart is enough here, because the contract looks at what comes back and not at how.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import threading
import traceback
from pathlib import Path

from judged import doubles

from kitaru import ExecutionStatus, FailureInfo, FailureOrigin
from kitaru_conformance.contracts.targets import bodies
from kitaru_conformance.contracts.targets.api import Ending

PIDS = itertools.count(os.getpid() + 1)


class Right:
    """A target that answers as a process of its own would."""

    fails = frozenset()

    def start(self, body, *args, timeout=None, **kwargs):
        return Started(self, body, args, kwargs, timeout)

    def value(self, body, args, kwargs):
        if body is bodies.own_process:
            return next(PIDS)
        found = body(*args, **kwargs)
        return asyncio.run(found) if asyncio.iscoroutine(found) else found

    @contextlib.contextmanager
    def apart(self):
        folder, environment = Path.cwd(), dict(os.environ)
        marks = list(bodies.MARKS)
        try:
            yield
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)
            bodies.MARKS[:] = marks

    def died(self, how):
        text = "was killed by signal 9" if how == "killed" else "ended with code 3"
        return self.failed("kitaru:Died", f"The worker {text}.", origin=FailureOrigin.RUNTIME)

    def failure(self, error):
        kind = f"{type(error).__module__}:{type(error).__qualname__}"
        return self.failed(kind, str(error), "".join(traceback.format_exception(error)))

    def failed(self, kind, text, trace="", origin=FailureOrigin.USER_CODE):
        failure = FailureInfo(message=text, exception_type=kind, traceback=trace, origin=origin)
        return Ending(ExecutionStatus.FAILED, failure=failure)

    def cancelled(self):
        return Ending(ExecutionStatus.CANCELLED)

    def timed_out(self):
        return self.failed("builtins:TimeoutError", "it took too long")


class Started:
    """A body on its way, or at its end."""

    def __init__(self, target, body, args, kwargs, timeout):
        self.target, self.body, self.args, self.kwargs, self.timeout = target, body, args, kwargs, timeout
        self.stopped = threading.Event()
        if body is bodies.announce_and_sleep:
            Path(args[0]).write_text("begun")

    def cancel(self):
        self.stopped.set()

    def ending(self):
        if self.body is bodies.die:
            return self.target.died(*self.args)
        if self.body is bodies.announce_and_sleep:
            return self.target.timed_out() if self.timeout else self.target.cancelled()
        try:
            with self.target.apart():
                value = self.target.value(self.body, self.args, self.kwargs)
        except Exception as error:
            return self.target.failure(error)
        if hasattr(value, "fileno"):
            value.close()
            return self.target.failed("kitaru.errors:KitaruEncodingError", "a file cannot be stored")
        return Ending(ExecutionStatus.COMPLETED, value)


def wrong(*ids):
    """Mark a double with the ids of the cases it must fail, and no others."""

    def mark(kind):
        kind.fails = frozenset(f"T-{number}" for number in ids)
        return kind

    return mark


class _ChangesEchoes(Right):
    def change(self, args, kwargs):
        return args, kwargs

    def value(self, body, args, kwargs):
        if body is bodies.echo:
            return self.change(args, kwargs)
        return super().value(body, args, kwargs)


@wrong("01", "11")
class RunsNothing(Right):
    def value(self, body, args, kwargs):
        return 0 if body is bodies.own_process else super().value(body, args, kwargs)


@wrong("02")
class DropsNames(_ChangesEchoes):
    def change(self, args, kwargs):
        return args, {}


@wrong("03")
class SpeaksJson(_ChangesEchoes):
    def change(self, args, kwargs):
        return tuple(list(one) if isinstance(one, set) else one for one in args), kwargs


@wrong("04")
class HasAShortLine(_ChangesEchoes):
    def change(self, args, kwargs):
        return tuple(one[:65536] if isinstance(one, str) else one for one in args), kwargs


@wrong("05")
class AwaitsNothing(Right):
    def value(self, body, args, kwargs):
        if body is bodies.greet_later:
            return "<coroutine>"
        return super().value(body, args, kwargs)


@wrong("06")
class WrapsErrors(Right):
    def failure(self, error):
        found = super().failure(error)
        return self.failed("builtins:RuntimeError", found.failure.message, found.failure.traceback)


@wrong("07")
class LosesTracebacks(Right):
    def failure(self, error):
        return self.failed(f"builtins:{type(error).__name__}", str(error), "Traceback: elsewhere")


@wrong("08")
class StoresAnything(Right):
    def failed(self, kind, text, trace="", origin=FailureOrigin.USER_CODE):
        if "Encoding" in kind:
            return Ending(ExecutionStatus.COMPLETED, "<file>")
        return super().failed(kind, text, trace, origin)


@wrong("09")
class SharesOneOrder(Right):
    def start(self, body, *args, timeout=None, **kwargs):
        self.order = super().start(body, *args, timeout=timeout, **kwargs)
        return _Shared(self)


class _Shared:
    def __init__(self, target):
        self.target = target

    def __getattr__(self, name):
        return getattr(self.target.order, name)


@wrong("10")
class HidesTheEnvironment(Right):
    def value(self, body, args, kwargs):
        return None if body is bodies.read_variable else super().value(body, args, kwargs)


@wrong("11")
class KeepsItsWorker(Right):
    def value(self, body, args, kwargs):
        return os.getpid() + 1 if body is bodies.own_process else super().value(body, args, kwargs)


@wrong("12")
class KeepsMarks(Right):
    @contextlib.contextmanager
    def apart(self):
        marks = len(bodies.MARKS)
        with super().apart():
            yield
            grown = len(bodies.MARKS) > marks
        if grown:
            self.marked = True

    def value(self, body, args, kwargs):
        found = super().value(body, args, kwargs)
        return found + 1 if body is bodies.disturb and getattr(self, "marked", False) else found


@wrong("13")
class BlamesTheBody(Right):
    def died(self, how):
        return self.failed("builtins:RuntimeError", super().died(how).failure.message)


@wrong("14")
class DiesWithItsWorker(Right):
    dead = False

    def died(self, how):
        self.dead = True
        return super().died(how)

    def value(self, body, args, kwargs):
        if self.dead:
            raise RuntimeError("no worker is left")
        return super().value(body, args, kwargs)


@wrong("15")
class CannotBeCancelled(Right):
    def cancelled(self):
        return Ending(ExecutionStatus.COMPLETED, "slept")


@wrong("16")
class HasTime(Right):
    def timed_out(self):
        return Ending(ExecutionStatus.COMPLETED, "slept")


DOUBLES = doubles(globals(), Right)
