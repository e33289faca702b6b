"""The checkpoint around one turn: what it is called, how it is found again, and how its body runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from kitaru.seam import Unit
from kitaru_adapters.gemini.capture import GeminiInteractionCapturePolicy, request_manifest
from kitaru_adapters.gemini.errors import is_worth_another_attempt
from kitaru_adapters.gemini.operations import Program, drive, drive_async
from kitaru_adapters.gemini.polling import Deadline
from kitaru_adapters.gemini.recording import Recorder
from kitaru_adapters.gemini.service import Service, client_facts, open_service, sdk_major, sdk_version
from kitaru_adapters.gemini.streaming import StreamReader, live_stream
from kitaru_adapters.gemini.turn import Turn, TurnSettings
from kitaru_adapters.gemini.types import ADAPTER, GeminiInteractionResult, GeminiUsageSummary
from kitaru_adapters.gemini.values import digest
from kitaru_adapters.kit.configs import CheckpointConfig, with_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru.seam import Call
    from kitaru_adapters.gemini.request import GeminiInteractionRequest

__all__ = ["Attempt", "RunnerSettings", "Surface", "unit_for"]

Surface = Literal["run", "stream"]


@dataclass(frozen=True, kw_only=True)
class RunnerSettings:
    """What a runner was built with.

    Attributes:
        name: Name of the runner.
        client: The caller's client, if given.
        client_factory: Builds a client for each attempt, if given.
        capture: What is saved beside the result.
        config: Settings of the checkpoint.
        cache_identity: What makes an equal request of another project, region or key a different one.
        cost_calculator: Estimates dollars from a usage summary, if given.
        turn: How turns are carried out.
    """

    name: str
    client: object | None
    client_factory: Callable[[], object] | None
    capture: GeminiInteractionCapturePolicy
    config: CheckpointConfig
    cache_identity: str | None
    cost_calculator: Callable[[GeminiUsageSummary], object] | None
    turn: TurnSettings


def cache_key(settings: RunnerSettings, request: GeminiInteractionRequest, surface: Surface) -> str:
    """Return the key under which another execution may find the same turn."""
    client = type(settings.client).__qualname__ if settings.client is not None else "default"
    return digest(
        {
            "adapter": ADAPTER,
            "sdk": sdk_major(sdk_version()),
            "request": request.sent_fields(),
            "extra": request.extra,
            "surface": surface,
            "cache_identity": settings.cache_identity,
            "client": "factory" if settings.client_factory is not None else client,
        }
    )


def is_cacheable(request: GeminiInteractionRequest) -> bool:
    """Tell whether an equal request may be answered by another execution: polls, jobs and environments may not."""
    return request.kind != "poll" and not request.background and request.environment is None


def unit_for(settings: RunnerSettings, request: GeminiInteractionRequest, surface: Surface) -> Unit:
    """Describe the checkpoint of one turn.

    Args:
        settings: What the runner was built with.
        request: The request.
        surface: Whether the turn is streamed.

    Returns:
        The unit; its inputs hold no prompt, its identity is only digested.
    """
    sent = request.sent_fields() | {"interaction_id": request.interaction_id, "extra": request.extra}
    unit = Unit(
        name=f"{settings.name}_gemini_interaction",
        adapter=ADAPTER,
        kind="interaction",
        type="agent_call",
        inputs={"request": request_manifest(request)},
        identity={"request": sent, "cache_identity": settings.cache_identity},
        retry_if=is_worth_another_attempt,
    )
    configured = with_config(unit, settings.config)
    if not is_cacheable(request):
        return msgspec.structs.replace(configured, cache=False)
    if configured.cache is False:
        return configured
    return msgspec.structs.replace(configured, cache_key=cache_key(settings, request, surface))


class Attempt:
    """One attempt of one turn: builds what it needs, runs it, and has it recorded."""

    def __init__(
        self,
        settings: RunnerSettings,
        request: GeminiInteractionRequest,
        call: Call,
        *,
        surface: Surface,
        label: str,
        durable: bool = True,
    ) -> None:
        """Prepare the attempt.

        Args:
            settings: What the runner was built with.
            request: The request.
            call: The boundary it runs in.
            surface: Whether it is streamed.
            label: Label of the turn within the execution.
            durable: Whether the boundary belongs to this turn alone.
        """
        self._settings, self._request, self._call = settings, request, call
        self._surface: Surface = surface
        self._label, self._durable = label, durable

    def run(self) -> GeminiInteractionResult:
        """Carry the turn out on this thread."""
        service, client = open_service(self._settings.client, self._settings.client_factory, prefer_async=False)
        try:
            return drive(self._program(service, client), service, self._call)
        finally:
            service.close()

    async def run_async(self) -> GeminiInteractionResult:
        """Carry the turn out on this event loop."""
        service, client = open_service(self._settings.client, self._settings.client_factory, prefer_async=True)
        try:
            return await drive_async(self._program(service, client), service, self._call)
        finally:
            closing = service.close()
            if closing is not None:
                await closing

    def _program(self, service: Service, client: object) -> Program[GeminiInteractionResult]:
        deadline, policy = Deadline(self._request.timeout_s), self._settings.capture
        streamed = self._surface == "stream"
        live = live_stream(self._call, runner_name=self._settings.name) if streamed and policy.emit_events else None
        reader = StreamReader(deadline, live=live, show_text=policy.include_stream_text_deltas) if streamed else None
        facts = client_facts(client)
        turn = Turn(
            self._request,
            self._settings.turn,
            self._call,
            durable=self._durable,
            reader=reader,
            deadline=deadline,
            labels=self._labels() if facts.get("api") == "vertex" else None,
            can_switch_continuation=service.can_switch_continuation,
        )
        recorder = Recorder(
            self._call,
            self._request,
            turn,
            runner_name=self._settings.name,
            label=self._label,
            policy=policy,
            cost_calculator=self._settings.cost_calculator,
            live=live,
        )
        try:
            interaction = yield from turn.program()
        except GeneratorExit:
            raise
        except BaseException as error:
            recorder.failed(error)
            raise
        return recorder.recorded(interaction, client=facts)

    def _labels(self) -> dict[str, str]:
        # Only the Vertex variant of the API is known to take labels on every request.
        return {"kitaru_execution": self._call.execution_id, "kitaru_call": self._call.call_id}
