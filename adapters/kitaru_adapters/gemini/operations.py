"""What a turn does to the outside, as data, and the two drivers that do it.

A turn is written once, as a generator that yields operations. `drive` carries them out on the caller's thread with the
blocking client, `drive_async` on the caller's event loop with coroutines. Errors are thrown back into the generator at
the operation that failed, so its own `try` blocks work in both.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, Self, TypeAlias, TypeVar

from kitaru_adapters.gemini.values import Foreign, jsonable

if TYPE_CHECKING:
    from kitaru.seam import Call
    from kitaru_adapters.gemini.service import Service

__all__ = ["END", "Ask", "Close", "Jot", "Next", "Operation", "Program", "Sleep", "drive", "drive_async"]

T = TypeVar("T")
END = object()


@dataclass(frozen=True)
class Ask:
    """Call the service.

    Attributes:
        method: Method of the SDK's resource.
        arguments: Its keyword arguments.
        streamed: Whether the answer is a stream to read with `Next`; otherwise it comes back as JSON.
    """

    method: Literal["create", "get", "cancel"]
    arguments: Mapping[str, object]
    streamed: bool = False


@dataclass(frozen=True)
class Next:
    """Read the next event of a stream, as JSON; `END` when there is none."""

    stream: Foreign


@dataclass(frozen=True)
class Close:
    """Let go of a stream."""

    stream: Foreign


@dataclass(frozen=True)
class Sleep:
    """Do nothing for a while; ends early when the execution is cancelled."""

    seconds: float


@dataclass(frozen=True)
class Jot:
    """Write a note of the boundary; durable when the program goes on."""

    name: str
    value: Mapping[str, object]


Operation: TypeAlias = Ask | Next | Close | Sleep | Jot
Program: TypeAlias = Generator[Operation, Foreign, T]


class _Exchange(Generic[T]):
    """Hands the outcome of one operation to the program and takes the next operation from it.

    Around the carrying out of an operation it catches whatever that raises, cancellation included: what an error means
    is the program's decision.
    """

    def __init__(self, program: Program[T]) -> None:
        self._program = program
        self.value: Foreign = None
        self.result: list[T] = []
        self.operation: Operation
        self._take(lambda: next(program))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if error is None:
            self._take(lambda: self._program.send(self.value))
        else:
            self._take(lambda: self._program.throw(error))
        return True

    def _take(self, step: Callable[[], Operation]) -> None:
        try:
            self.operation = step()
        except StopIteration as done:
            self.result.append(done.value)


def drive(program: Program[T], service: Service, call: Call) -> T:
    """Carry a program out on this thread.

    Args:
        program: What to do.
        service: The client to use; its methods block.
        call: The boundary it runs in.

    Returns:
        What the program returns.
    """
    exchange = _Exchange(program)
    while not exchange.result:
        with exchange:
            exchange.value = _perform(exchange.operation, service, call)
    return exchange.result[0]


async def drive_async(program: Program[T], service: Service, call: Call) -> T:
    """Carry a program out on this event loop.

    Args:
        program: What to do.
        service: The client to use; blocking methods run in a worker thread.
        call: The boundary it runs in.

    Returns:
        What the program returns.
    """
    exchange = _Exchange(program)
    while not exchange.result:
        with exchange:
            exchange.value = await _perform_async(exchange.operation, service, call)
    return exchange.result[0]


def _perform(operation: Operation, service: Service, call: Call) -> Foreign:
    match operation:
        case Ask(method, arguments, streamed):
            answer = getattr(service.resource, method)(**arguments)
            return iter(answer) if streamed else jsonable(answer)
        case Next(stream):
            return jsonable(event) if (event := next(stream, END)) is not END else END
        case Close(stream):
            return _close(stream)
        case Sleep(seconds):
            return call.sleep(seconds)
        case Jot(name, value):
            return call.note(name, value)


async def _perform_async(operation: Operation, service: Service, call: Call) -> Foreign:
    match operation:
        case Ask(method, arguments, streamed):
            function = getattr(service.resource, method)
            if service.asynchronous:
                answer = await function(**arguments)
                return aiter(answer) if streamed else jsonable(answer)
            answer = await asyncio.to_thread(function, **arguments)
            return iter(answer) if streamed else jsonable(answer)
        case Next(stream):
            if service.asynchronous:
                event = await anext(stream, END)
            else:
                event = await asyncio.to_thread(next, stream, END)
            return jsonable(event) if event is not END else END
        case Close(stream):
            closed = _close(stream)
            return await closed if inspect.isawaitable(closed) else closed
        case Sleep(seconds):
            return await call.sleep_async(seconds)
        case Jot(name, value):
            return await call.note_async(name, value)


def _close(stream: Foreign) -> Foreign:
    close = getattr(stream, "close", None) or getattr(stream, "aclose", None)
    return close() if callable(close) else None
