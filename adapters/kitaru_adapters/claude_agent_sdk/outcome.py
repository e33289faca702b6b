"""From what the program said to the result and everything that is kept beside it."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from claude_agent_sdk import project_key_for_directory

from kitaru_adapters.claude_agent_sdk.capture import ArtifactNames
from kitaru_adapters.claude_agent_sdk.codec import dump_messages
from kitaru_adapters.claude_agent_sdk.errors import ClaudeRunError
from kitaru_adapters.claude_agent_sdk.manifest import options_manifest
from kitaru_adapters.claude_agent_sdk.sessions import KitaruSessionStore, session_artifact
from kitaru_adapters.claude_agent_sdk.transcript import find_transcript
from kitaru_adapters.claude_agent_sdk.types import (
    ClaudeDeferredTool,
    ClaudeEventError,
    ClaudeRunEvent,
    ClaudeRunResult,
)
from kitaru_adapters.claude_agent_sdk.usage import Spent, price, spent, summary_of, usage_records
from kitaru_adapters.kit.streams import safe_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, SessionStore, SessionStoreEntry

    from kitaru.seam import Call
    from kitaru_adapters.claude_agent_sdk.invocation import Conversation
    from kitaru_adapters.claude_agent_sdk.notes import NoteBook
    from kitaru_adapters.claude_agent_sdk.plan import Plan
    from kitaru_adapters.claude_agent_sdk.request import ClaudeRunRequest
    from kitaru_adapters.claude_agent_sdk.settings import Place, RunnerSettings
    from kitaru_adapters.claude_agent_sdk.types import ClaudeEarlierAttempt
    from kitaru_adapters.claude_agent_sdk.watch import ToolWatch

__all__ = ["Keeper"]


@dataclass
class Keeper:
    """Keeps what one attempt leaves behind: artifacts, event, summary, usage, result.

    Attributes:
        settings: The runner's settings.
        request: What Claude was asked to do.
        call: The call.
        place: Where the invocation stands in the flow.
        warnings: What a reader of the result should know.
        options: Options of the run, as far as they were made.
    """

    settings: RunnerSettings
    request: ClaudeRunRequest
    call: Call
    place: Place
    warnings: list[str]
    options: ClaudeAgentOptions | None = None
    _conversation: Conversation | None = None
    _watch: ToolWatch | None = None
    _spent: Spent = field(default_factory=lambda: Spent({}, {}, None))
    _cost_usd: float | None = None
    _known: int = 0

    def __post_init__(self) -> None:
        """Prepare to save under names made of runner and label."""
        self._started = time.monotonic()
        strict = self.settings.capture.fail_on_artifact_capture_error
        self._artifacts = ArtifactNames(self.call, f"{self.settings.name}_{self.place.label}", strict=strict)
        self._event_failures: list[str] = []

    @property
    def message(self) -> ResultMessage:
        """Claude's result."""
        return cast("ResultMessage", cast("Conversation", self._conversation).result)

    async def starting(self, plan: Plan) -> None:
        """Take in how the run is about to start, and how much of its session is there already.

        Args:
            plan: How it will run.
        """
        self.options = plan.options
        resumed = None if plan.options.fork_session else plan.options.resume
        if resumed is not None and plan.options.session_store is None:
            path = await asyncio.to_thread(find_transcript, resumed, plan.options)
            self._known = 0 if path is None else path.stat().st_size

    def seen(self, conversation: Conversation, watch: ToolWatch) -> None:
        """Take in what the program said, and record what it used up, before anything else can go wrong.

        Args:
            conversation: What it said.
            watch: What its tools did.
        """
        self._conversation, self._watch = conversation, watch
        message = self.message
        self._spent = spent(
            message.usage,
            message.model_usage,
            message.total_cost_usd,
            before=self.place.before,
        )
        cost = price(self._spent, self.settings.cost_calculator)
        self._cost_usd = cost.estimated_cost_usd
        self.warnings.extend([*self._spent.warnings, *cost.warnings])
        for record in usage_records(self.call, self.place.label, self._spent, cost, failed=message.is_error):
            self.call.record_usage(record)

    async def keep_result(self, earlier: Sequence[ClaudeEarlierAttempt]) -> ClaudeRunResult:
        """Save what is to be saved and return the result.

        Args:
            earlier: What is known of earlier attempts.
        """
        transcript = await self._keep_transcript()
        await self._keep_manifest()
        await self._keep_output()
        await self._keep_session()
        status = "completed" if self.message.deferred_tool_use is None else "requires_approval"
        await self._keep_event(status, None)
        return self._result(earlier, transcript)

    async def keep_failure(self, error: Exception, book: NoteBook, ended: str) -> None:
        """Save what helps to understand a failure; trouble on the way does not hide it.

        Args:
            error: What went wrong.
            book: Notes of the invocation.
            ended: How the attempt ended, for later ones: `failed` or `interrupted`.
        """
        if isinstance(error, ClaudeRunError) and self._conversation is not None:
            error.facts.update(usage=dict(self._spent.usage), cost_usd=self._cost_usd)
        try:
            await book.write("ended", status=ended)
            await self._keep_manifest()
            await self._keep_event("failed", error)
        except Exception as another:  # noqa: BLE001 - the first error is the one to report
            error.add_note(f"Its event could not be kept either ({type(another).__name__}).")

    async def _keep_transcript(self) -> str | None:
        path = await asyncio.to_thread(self._transcript_file)
        if self.settings.capture.save_messages:
            messages = cast("Conversation", self._conversation).messages
            await self._artifacts.save("messages", lambda: dump_messages(messages))
        if self.settings.capture.save_transcript_file:
            content = await self._transcript_text(path)
            if content is None:
                self.warnings.append("Claude's transcript was not found, so it was not saved.")
            else:
                kept = {"path": None if path is None else str(path), "format": "jsonl", "content": content}
                await self._artifacts.save("transcript", lambda: kept)
        return None if path is None else str(path)

    def _transcript_file(self) -> Path | None:
        reported = self._watch.transcript_path if self._watch is not None else None
        if reported is not None and Path(reported).is_file():
            return Path(reported)
        return find_transcript(self.message.session_id, cast("ClaudeAgentOptions", self.options))

    async def _transcript_text(self, path: Path | None) -> str | None:
        """Return what this invocation added to the transcript; what was there before is kept with earlier ones."""
        store = cast("ClaudeAgentOptions", self.options).session_store
        if store is not None or path is None:
            text = "\n".join(json.dumps(entry) for entry in await self._stored_entries(store))
        else:
            try:
                text = await asyncio.to_thread(self._written, path)
            except OSError as error:
                self.warnings.append(f"Claude's transcript cannot be read: {type(error).__name__}.")
                return None
        limit = self.settings.capture.max_transcript_characters
        if len(text) > limit:
            self.warnings.append(f"Claude's transcript was cut after {limit} of {len(text)} characters.")
        return text[:limit] or None

    def _written(self, path: Path) -> str:
        with path.open("rb") as file:
            file.seek(self._known)
            return file.read().decode("utf-8", errors="replace")

    async def _stored_entries(self, store: SessionStore | None) -> Sequence[SessionStoreEntry]:
        session_id = self.message.session_id
        if isinstance(store, KitaruSessionStore):
            return await asyncio.to_thread(store.entries, session_id)
        if store is None:
            return []
        cwd = cast("ClaudeAgentOptions", self.options).cwd
        return await store.load({"project_key": project_key_for_directory(cwd), "session_id": session_id}) or []

    async def _keep_manifest(self) -> None:
        options = self.options
        if self.settings.capture.save_options_manifest and options is not None:
            redact = self.settings.capture.redact_options_manifest
            await self._artifacts.save(
                "options_manifest", lambda: options_manifest(options, self.request, redact=redact)
            )

    async def _keep_output(self) -> None:
        message, capture = self.message, self.settings.capture
        if capture.save_final_output:
            output = message.result if message.structured_output is None else message.structured_output
            await self._artifacts.save("output", lambda: output)
        if capture.save_usage:
            await self._artifacts.save("usage", lambda: summary_of(self._spent).model_dump(mode="json"))

    async def _keep_session(self) -> None:
        """Save what this invocation added to the session, for a later one of this execution."""
        store = self.options.session_store if self.options is not None else None
        if isinstance(store, KitaruSessionStore):
            session_id = self.message.session_id
            resumed = session_id == self.request.resume_session_id
            part = self.place.parts + 1 if resumed else 1
            entries = await asyncio.to_thread(store.entries, session_id)
            await asyncio.to_thread(self.call.save, session_artifact(session_id, part), entries, type="context")

    async def _keep_event(self, status: str, error: Exception | None) -> None:
        capture = self.settings.capture
        if not capture.emit_events:
            return
        event = self._event(status, error).model_dump(mode="json")
        summary = {**event, "warnings": list(self.warnings), "message_count": self._message_count()}
        if error is None:
            await self._artifacts.save("event_log", lambda: [event])
            await self._artifacts.save("run_summary", lambda: summary)
        label = self.place.label
        try:
            self.call.log(claude_agent_sdk_events={label: event}, claude_agent_sdk_run_summaries={label: summary})
        except Exception as trouble:  # noqa: BLE001 - an event that cannot be kept is a warning unless told otherwise
            self._event_failures.append(type(trouble).__name__)
            self._artifacts.note_failure(
                f"event: {type(trouble).__name__}", trouble, strict=capture.fail_on_event_persistence_error
            )

    def _event(self, status: str, error: Exception | None) -> ClaudeRunEvent:
        name, label = self.settings.name, self.place.label
        session_id = self._conversation.session_id if self._conversation is not None else None
        return ClaudeRunEvent.model_validate(
            {
                "event_id": f"{name}_{label}_invocation_1",
                "status": status,
                "run_label": label,
                "runner_name": name,
                "duration_ms": (time.monotonic() - self._started) * 1000,
                "session_id": session_id or getattr(error, "session_id", None),
                "metadata": self.request.metadata,
                "artifacts": dict(self._artifacts.saved),
                "error": error and ClaudeEventError(type=type(error).__name__, message=safe_message(error)),
            }
        )

    def _message_count(self) -> int:
        return len(self._conversation.messages) if self._conversation is not None else 0

    def _result(self, earlier: Sequence[ClaudeEarlierAttempt], transcript: str | None) -> ClaudeRunResult:
        message, saved = self.message, self._artifacts.saved
        deferred = message.deferred_tool_use
        waiting = (
            None if deferred is None else ClaudeDeferredTool(id=deferred.id, name=deferred.name, input=deferred.input)
        )
        return ClaudeRunResult(
            status="completed" if waiting is None else "requires_approval",
            session_id=message.session_id,
            final_text=message.result,
            structured_output=message.structured_output,
            transcript_path=transcript,
            usage=self._spent.usage,
            cost_usd=self._cost_usd,
            model_usage=self._spent.model_usage,
            stop_reason=message.stop_reason,
            terminal_reason=message.terminal_reason,
            subtype=message.subtype,
            num_turns=message.num_turns,
            duration_ms=message.duration_ms,
            duration_api_ms=message.duration_api_ms,
            api_error_status=message.api_error_status,
            permission_denials=list(message.permission_denials or []),
            deferred_tool=waiting,
            tool_calls=[] if self._watch is None else self._watch.calls,
            earlier_attempts=list(earlier),
            warnings=[*self.warnings, *(f"Not kept: {failure}" for failure in self._artifacts.failures)],
            metadata=self._metadata(waiting),
            **cast("Any", {f"{kind}_artifact_name": name for kind, name in saved.items()}),
        )

    def _metadata(self, waiting: ClaudeDeferredTool | None) -> dict[str, object]:
        cwd = self.options.cwd if self.options is not None else None
        facts: dict[str, object] = {
            "run_label": self.place.label,
            "execution_id": self.call.execution_id,
            "direct_execution_inside_checkpoint": self.place.direct,
            "capture_failures": list(self._artifacts.failures),
            "event_persistence_failures": list(self._event_failures),
            "session_totals": {
                "cost_usd": self.message.total_cost_usd,
                "model_usage": self.message.model_usage or {},
            },
            "cwd": None if cwd is None else str(cwd),
        }
        if waiting is not None and self.settings.approval is not None:
            facts["approval_question"] = self.settings.approval.question(waiting)
        return facts
