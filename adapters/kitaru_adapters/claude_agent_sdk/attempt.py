"""One attempt from its first note to its result: plan, run, capture, usage."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kitaru_adapters.claude_agent_sdk.errors import ClaudeRunError, error_from_result
from kitaru_adapters.claude_agent_sdk.guard import RunGuard
from kitaru_adapters.claude_agent_sdk.invocation import converse
from kitaru_adapters.claude_agent_sdk.launcher import end_survivor
from kitaru_adapters.claude_agent_sdk.notes import NoteBook
from kitaru_adapters.claude_agent_sdk.options import request_options, with_partial_messages
from kitaru_adapters.claude_agent_sdk.outcome import Keeper
from kitaru_adapters.claude_agent_sdk.plan import Situation, check_continuable, make_plan
from kitaru_adapters.claude_agent_sdk.sessions import KitaruSessionStore, saved_session
from kitaru_adapters.claude_agent_sdk.stream import live_stream, publish_message
from kitaru_adapters.claude_agent_sdk.tools import ToolMemory
from kitaru_adapters.claude_agent_sdk.watch import ToolWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from claude_agent_sdk import ClaudeAgentOptions, SessionKey, SessionStoreEntry

    from kitaru.seam import Call
    from kitaru_adapters.claude_agent_sdk.notes import AttemptNotes
    from kitaru_adapters.claude_agent_sdk.request import ClaudeRunRequest
    from kitaru_adapters.claude_agent_sdk.settings import Place, RunnerSettings
    from kitaru_adapters.claude_agent_sdk.types import ClaudeRunResult
    from kitaru_adapters.kit.streams import LiveStream

__all__ = ["Attempt"]


@dataclass
class Attempt:
    """One attempt of an invocation.

    Attributes:
        settings: The runner's settings.
        request: What Claude is asked to do.
        call: The call whose body this is.
        place: Where the invocation stands in the flow.
    """

    settings: RunnerSettings
    request: ClaudeRunRequest
    call: Call
    place: Place
    _warnings: list[str] = field(default_factory=list)

    async def run(self) -> ClaudeRunResult:
        """Run Claude once.

        Returns:
            The result; its status tells whether a tool call waits for approval.

        Raises:
            ClaudeRunError: Claude failed.
            KitaruStateError: The session is unknown, in use, or an earlier attempt broke off and the policy is `fail`.
        """
        stream = live_stream(self.call, self.settings.name) if self.place.streamed else None
        if stream is not None:
            stream.start(display=f"{self.settings.name} started")
        try:
            result = await self._run(stream)
        except BaseException as error:
            if stream is not None:
                stream.fail(error)
            raise
        if stream is not None:
            stream.complete(display=f"{self.settings.name} ended: {result.status}")
        return result

    @property
    def _notes(self) -> str:
        """Name of the notes inside the call. A call of its own holds one run, whatever its place in the body is now."""
        return self.place.label if self.place.direct else "run"

    async def _run(self, stream: LiveStream | None) -> ClaudeRunResult:
        book = NoteBook(self.call, self._notes)
        earlier = book.earlier()
        keeper = Keeper(self.settings, self.request, self.call, self.place, self._warnings)
        try:
            options = self._options()
            keeper.options = options
            self._end_survivors(earlier)
            with RunGuard(self.call) as guard:
                return await self._converse(options, book, earlier, guard, keeper, stream)
        except Exception as error:
            broke_off = isinstance(error, ClaudeRunError) and error.broke_off
            await keeper.keep_failure(error, book, "interrupted" if broke_off else "failed")
            raise

    async def _converse(
        self,
        options: ClaudeAgentOptions,
        book: NoteBook,
        earlier: Sequence[AttemptNotes],
        guard: RunGuard,
        keeper: Keeper,
        stream: LiveStream | None,
    ) -> ClaudeRunResult:
        settings = self.settings
        derive = settings.session_ids == "derived"
        found = Situation(
            self.request,
            options,
            book,
            earlier,
            derive=derive,
            fork=self.place.fork,
            observed=settings.observe_tools,
        )
        plan = await make_plan(found, settings.on_interrupted)
        self._warnings.extend(plan.warnings)
        await keeper.starting(plan)
        memory = ToolMemory.of(book, guard, earlier, told=plan.told)
        watch = ToolWatch(
            guard,
            book if settings.observe_tools else None,
            approval=settings.approval,
            decision=self.request.decision,
            arguments=settings.capture.save_messages,
        )
        await book.begin(plan.session_id)
        conversation = await converse(
            replace(plan, options=replace(plan.options, hooks=watch.hooks(plan.options))),
            book=book,
            memory=memory,
            watch=watch,
            publish=self._publisher(stream),
            resume_timeout=settings.resume_timeout,
        )
        used = memory.taken.union(plan.told, *(attempt.reused for attempt in earlier))
        facts = [attempt.as_fact(reused=used) for attempt in earlier]
        keeper.seen(conversation, watch)
        message = keeper.message
        if message.is_error:
            raise error_from_result(message)
        return await keeper.keep_result(facts)

    def _options(self) -> ClaudeAgentOptions:
        settings = self.settings
        options = request_options(self.request, static=settings.options, factory=settings.options_factory)
        if self.place.streamed:
            options = with_partial_messages(options, self._warnings)
        if settings.keeps_sessions:
            check_continuable(options)
            if options.session_store is None:
                store = KitaruSessionStore(self.call, label=self._notes, base=self._base())
                options = replace(options, session_store=store, session_store_flush="eager")
        return options

    def _base(self) -> Callable[[SessionKey], Sequence[SessionStoreEntry] | None] | None:
        if not self.place.parts:
            return None
        executions = [self.call.execution_id, self.place.original_execution_id]
        return saved_session([found for found in executions if found is not None], self.place.parts)

    def _end_survivors(self, earlier: Sequence[AttemptNotes]) -> None:
        for attempt in earlier:
            end_survivor(attempt.lease, session_id=attempt.intent.get("session_id"))
            host = attempt.intent.get("host")
            if attempt.interrupted and host not in {None, socket.gethostname()}:
                self._warnings.append(
                    f"Attempt {attempt.attempt} ran on {host}; whether its program still runs cannot be seen from here."
                )

    def _publisher(self, stream: LiveStream | None) -> Callable[[object], None] | None:
        if stream is None:
            return None
        text = self.settings.capture.include_stream_text_deltas
        return lambda message: publish_message(stream, message, text=text)
