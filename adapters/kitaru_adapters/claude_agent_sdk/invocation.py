"""One attempt of one invocation: the program starts, is watched, and what it says becomes a result or an error."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from claude_agent_sdk import ClaudeSDKError, ResultMessage, StreamEvent, query

from kitaru_adapters.claude_agent_sdk.errors import ClaudeRunError, error_from_exception
from kitaru_adapters.claude_agent_sdk.launcher import end_survivor, launched
from kitaru_adapters.claude_agent_sdk.tools import ToolMemory, current_memory

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from claude_agent_sdk import ClaudeAgentOptions, Message

    from kitaru.records.plain import JsonObject
    from kitaru_adapters.claude_agent_sdk.launcher import Launcher
    from kitaru_adapters.claude_agent_sdk.notes import NoteBook
    from kitaru_adapters.claude_agent_sdk.plan import Plan
    from kitaru_adapters.claude_agent_sdk.watch import ToolWatch

__all__ = ["Conversation", "converse"]

_log = logging.getLogger(__name__)
_STDERR_LINES = 20
_GRACE = 3.0


@dataclass
class Conversation:
    """What came out of the program.

    Attributes:
        messages: Its messages in order, without partial ones.
        heard: Whether there was any.
        result: The last result among them.
        session_id: The session, as reported.
        seconds: Wall time.
    """

    messages: list[Message] = field(default_factory=list)
    heard: bool = False
    result: ResultMessage | None = None
    session_id: str | None = None
    seconds: float = 0.0


async def converse(
    plan: Plan,
    *,
    book: NoteBook,
    memory: ToolMemory,
    watch: ToolWatch,
    publish: Callable[[object], None] | None,
    resume_timeout: float,
) -> Conversation:
    """Run the program once, to its end.

    Args:
        plan: How to run it.
        book: Notes of the invocation.
        memory: Results of durable tools.
        watch: Sees the tools of the run.
        publish: Called with every message.
        resume_timeout: Seconds within which a resumed session must show that it goes on.

    Returns:
        What came out of it; an error result is left to the caller.

    Raises:
        ClaudeRunError: The program died, could not be started, or ended without a result.
        KitaruStateError: The session is unknown, or in use.
    """
    found = Conversation(session_id=plan.session_id)
    stderr: deque[str] = deque(maxlen=_STDERR_LINES)
    started, token = time.monotonic(), current_memory.set(memory)
    try:
        with launched(_with_stderr(plan.options, stderr)) as launcher:
            try:
                listener = _Listener(plan, launcher, found, book, publish)
                await listener.run(watch, resume_timeout)
            finally:
                end_survivor(launcher.lease())
    except TimeoutError as error:
        raise _stuck(found.session_id, resume_timeout) from error
    except ClaudeSDKError as error:
        if found.result is None:
            raise error_from_exception(error, session_id=found.session_id, stderr=list(stderr)) from error
        if not found.result.is_error:
            _log.warning("Claude's program ended badly after it had given its result: %s", type(error).__name__)
    finally:
        current_memory.reset(token)
        found.seconds = time.monotonic() - started
    if found.result is None:
        msg = f"Claude's program ended without a result in session {found.session_id}; another attempt may mend that."
        raise ClaudeRunError(msg, session_id=found.session_id, retryable=True, broke_off=True)
    return found


def _stuck(session_id: str | None, seconds: float) -> ClaudeRunError:
    return ClaudeRunError(
        f"The resumed session {session_id} showed no sign of life within {seconds:g} seconds and was ended. Start "
        "afresh from a prompt, or give it longer with resume_timeout=.",
        session_id=session_id,
        retryable=True,
    )


@dataclass
class _Listener:
    plan: Plan
    launcher: Launcher
    found: Conversation
    book: NoteBook
    publish: Callable[[object], None] | None

    async def run(self, watch: ToolWatch, resume_timeout: float) -> None:
        """Listen to the end; when this is cancelled, the program is ended at once instead of being waited for."""
        resumed = self.plan.options.resume is not None
        async with asyncio.timeout(resume_timeout if resumed else None) as deadline:
            watch.on_activity = lambda: deadline.reschedule(None)
            listening = asyncio.create_task(self._listen(watch))
            try:
                await asyncio.shield(listening)
            except asyncio.CancelledError:
                watch.on_activity = lambda: None
                stopping = asyncio.ensure_future(self._stop(listening))
                while not stopping.done():  # a second cancellation must not leave a program behind
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.shield(stopping)
                raise

    async def _listen(self, watch: ToolWatch) -> None:
        ended = asyncio.Event()
        prompt = self.plan.prompt if self.plan.prompt is not None else _held_open(ended)
        # The SDK declares an iterator; it is a generator, and closing it is what ends the program.
        messages = cast("AsyncGenerator[Message, None]", query(prompt=prompt, options=self.launcher.options))
        async with contextlib.aclosing(messages):
            async for message in messages:
                watch.on_activity()
                await self._take(message)
                if isinstance(message, ResultMessage):
                    self.found.result = message
                    ended.set()

    async def _stop(self, listening: asyncio.Task[None]) -> None:
        # A dead program lets the SDK clean up by itself; a cancellation would reach into the middle of that.
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if end_survivor(self.launcher.lease(), sign=sign):
                await asyncio.wait({listening}, timeout=_GRACE)
        if not listening.done():
            listening.cancel()
            await asyncio.wait({listening}, timeout=_GRACE)
        if listening.done() and not listening.cancelled() and (error := listening.exception()) is not None:
            _log.debug("Claude's program was ended: %s", type(error).__name__)

    async def _take(self, message: Message) -> None:
        found = self.found
        if not found.heard and (lease := self.launcher.lease()) is not None:
            await self.book.write("lease", **lease)
        found.heard = True
        if not isinstance(message, StreamEvent):
            found.messages.append(message)
        session_id = getattr(message, "session_id", None) or _init_session(message)
        if session_id and session_id != found.session_id:
            found.session_id = session_id
            await self.book.write("session", session_id=session_id)
        if self.publish is not None:
            self.publish(message)


def _init_session(message: object) -> str | None:
    data = getattr(message, "data", None)
    return data.get("session_id") if isinstance(data, dict) else None


async def _held_open(ended: asyncio.Event) -> AsyncIterator[JsonObject]:
    """Say nothing until the run is over: the program then goes on with what the session left open."""
    await ended.wait()
    nothing: tuple[JsonObject, ...] = ()
    for message in nothing:
        yield message


def _with_stderr(options: ClaudeAgentOptions, lines: deque[str]) -> ClaudeAgentOptions:
    theirs = options.stderr

    def keep(line: str) -> None:
        lines.append(line)
        _log.debug("claude: %s", line)
        if theirs is not None:
            theirs(line)

    return replace(options, stderr=keep)
