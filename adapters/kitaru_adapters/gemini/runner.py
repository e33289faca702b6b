"""The runner: gives each turn of the Interactions API its own durable checkpoint."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Literal

from kitaru.errors import KitaruUsageError
from kitaru.seam import Call, current_call, in_checkpoint, in_flow, occurrence, run_unit, run_unit_async
from kitaru_adapters.gemini.boundary import Attempt, RunnerSettings, Surface, unit_for
from kitaru_adapters.gemini.capture import GeminiInteractionCapturePolicy
from kitaru_adapters.gemini.polling import PollSettings
from kitaru_adapters.gemini.request import GeminiInteractionRequest, remember_source
from kitaru_adapters.gemini.service import repeats_creates
from kitaru_adapters.gemini.turn import TurnSettings
from kitaru_adapters.gemini.types import GeminiInteractionResult, GeminiUsageSummary
from kitaru_adapters.kit.configs import CheckpointConfig, check_config
from kitaru_adapters.kit.loops import refuse_running_loop
from kitaru_adapters.kit.names import slug
from kitaru_adapters.kit.strategies import check_strategy

__all__ = ["KitaruGeminiInteractionsRunner", "validate_checkpoint_strategy"]

_STRATEGY = "interaction"
_REPEATS = (
    "This client lets google-genai repeat a create by itself, which can start several paid jobs. Build it with "
    "HttpRetryOptions(attempts=1), or attempts=-1 on google-genai 2.x, or leave the client to the runner."
)
_GRANULAR = frozenset(
    {
        "calls",
        "runner_call",
        "granular",
        "model_call",
        "tool_call",
        "client_tools",
        "antigravity_steps",
        "managed_agent_steps",
        "step",
        "run",
    }
)


def validate_checkpoint_strategy(value: object) -> Literal["interaction"]:
    """Return the strategy if it is the one this adapter offers.

    Args:
        value: What the caller gave.

    Returns:
        `"interaction"`.

    Raises:
        KitaruUsageError: It is anything else; names of finer boundaries are told why they cannot work.
    """
    finer = (
        "Steps inside an interaction run at Google and cannot be replayed one by one: one stable interaction is one "
        "checkpoint. Work that must be durable by itself goes through requires_action back to the flow."
    )
    check_strategy(value, accepted=(_STRATEGY,), hint=finer if isinstance(value, str) and value in _GRANULAR else None)
    return "interaction"


class KitaruGeminiInteractionsRunner:
    """Runs turns of the Gemini Interactions API, each as one checkpoint of the flow.

    Inside a flow a finished turn is never sent again: a rerun reads its result back. A turn that was interrupted goes
    on observing the interaction it had submitted.

    Args:
        name: Stable name; its checkpoints are called `{name}_gemini_interaction`.
        client: A `google.genai.Client` of yours; it is never closed here.
        client_factory: Builds a client once for each attempt that really runs; that client is closed here. Without
            either, a client is built from the environment, with the SDK's own retries switched off.
        checkpoint_strategy: Only `"interaction"`.
        capture: What is saved beside the result; the default keeps prompts and payloads out.
        checkpoint_config: `cache`, `runtime`, `retries`, `type` of the checkpoints.
        cache_identity: Text that separates project, region, credentials and client settings in the cache.
        allow_direct_execution_inside_checkpoint: Run without a checkpoint of its own inside another one.
        poll_interval_s: First pause between two looks at a job.
        cost_calculator: Gets a `GeminiUsageSummary`, returns dollars or `None`.
        on_unknown_submission: After a crash between sending a create and learning its id: `"resubmit"` sends it
            again with a warning, `"fail"` raises. Prefer `"fail"` for expensive background agents.
        not_found_grace_s: How long after its creation an interaction may be unknown to the service.
        early_id: Stream plain turns inside, so that their id is known within the first event.
        max_poll_interval_s: Pauses grow up to this.

    Raises:
        KitaruUsageError: An argument is wrong.
    """

    def __init__(  # noqa: PLR0913 - the settings of one runner, all by name
        self,
        *,
        name: str,
        client: object | None = None,
        client_factory: Callable[[], object] | None = None,
        checkpoint_strategy: str = _STRATEGY,
        capture: GeminiInteractionCapturePolicy | None = None,
        checkpoint_config: CheckpointConfig | None = None,
        cache_identity: str | None = None,
        allow_direct_execution_inside_checkpoint: bool = False,
        poll_interval_s: float = 2.0,
        cost_calculator: Callable[[GeminiUsageSummary], object] | None = None,
        on_unknown_submission: Literal["resubmit", "fail"] = "resubmit",
        not_found_grace_s: float = 10.0,
        early_id: bool = False,
        max_poll_interval_s: float = 15.0,
    ) -> None:
        validate_checkpoint_strategy(checkpoint_strategy)
        _check_arguments(name, client, client_factory, cache_identity, on_unknown_submission)
        _check_switches(
            allow_direct_execution_inside_checkpoint=allow_direct_execution_inside_checkpoint, early_id=early_id
        )
        _check_seconds(poll_interval_s=poll_interval_s, max_poll_interval_s=max_poll_interval_s)
        if not_found_grace_s != 0:
            _check_seconds(not_found_grace_s=not_found_grace_s)
        if client is not None and repeats_creates(client):
            warnings.warn(_REPEATS, RuntimeWarning, stacklevel=2)
        self._direct = allow_direct_execution_inside_checkpoint
        self._settings = RunnerSettings(
            name=slug(name, fallback="gemini"),
            client=client,
            client_factory=client_factory,
            capture=capture or GeminiInteractionCapturePolicy(),
            config=check_config(checkpoint_config, argument="checkpoint_config"),
            cache_identity=cache_identity,
            cost_calculator=cost_calculator,
            turn=TurnSettings(
                polling=PollSettings(
                    interval_s=poll_interval_s,
                    longest_interval_s=max_poll_interval_s,
                    not_found_grace_s=not_found_grace_s,
                ),
                on_unknown_submission=on_unknown_submission,
                early_id=early_id,
            ),
        )

    @property
    def name(self) -> str:
        """Name of the runner, as its checkpoints carry it."""
        return self._settings.name

    @property
    def checkpoint_strategy(self) -> Literal["interaction"]:
        """The only strategy: one stable interaction is one checkpoint."""
        return "interaction"

    @property
    def capture(self) -> GeminiInteractionCapturePolicy:
        """What is saved beside the result."""
        return self._settings.capture

    async def run(self, request: GeminiInteractionRequest) -> GeminiInteractionResult:
        """Carry out one turn, or read its recorded result back.

        Args:
            request: The turn.

        Returns:
            The stable result; `requires_action` hands function calls to the flow.

        Raises:
            KitaruUsageError: Called outside a flow, or inside a checkpoint without the opt-in.
            KitaruError: The turn failed; see the errors of this adapter.
        """
        return await self._run(request, "run")

    async def run_stream(self, request: GeminiInteractionRequest) -> GeminiInteractionResult:
        """Carry out one turn and publish its events live while it runs; result and errors are those of `run`.

        Args:
            request: The turn.

        Returns:
            The stable result, fetched from the service after the stream.
        """
        return await self._run(request, "stream")

    def run_sync(self, request: GeminiInteractionRequest) -> GeminiInteractionResult:
        """Carry out one turn on this thread; result and errors are those of `run`.

        Args:
            request: The turn.

        Returns:
            The stable result.
        """
        return self._run_sync(request, "run")

    def run_stream_sync(self, request: GeminiInteractionRequest) -> GeminiInteractionResult:
        """Carry out one streamed turn on this thread; result and errors are those of `run_stream`.

        Args:
            request: The turn.

        Returns:
            The stable result.
        """
        return self._run_sync(request, "stream")

    async def _run(self, request: GeminiInteractionRequest, surface: Surface) -> GeminiInteractionResult:
        if (outer := self._scope(request)) is not None:
            direct = await self._direct_attempt(request, outer, surface).run_async()
            return remember_source(direct, request, outer.invocation_id)
        label = self._label()
        unit = unit_for(self._settings, request, surface)

        async def body(call: Call) -> GeminiInteractionResult:
            return await Attempt(self._settings, request, call, surface=surface, label=label).run_async()

        outcome = await run_unit_async(unit, body)
        return remember_source(_as_result(outcome.value, request), request, outcome.invocation_id)

    def _run_sync(self, request: GeminiInteractionRequest, surface: Surface) -> GeminiInteractionResult:
        twin = "run_stream" if surface == "stream" else "run"
        refuse_running_loop(f"{twin}_sync", f"runner.{twin}(request)")
        if (outer := self._scope(request)) is not None:
            direct = self._direct_attempt(request, outer, surface).run()
            return remember_source(direct, request, outer.invocation_id)
        label = self._label()
        unit = unit_for(self._settings, request, surface)

        def body(call: Call) -> GeminiInteractionResult:
            return Attempt(self._settings, request, call, surface=surface, label=label).run()

        outcome = run_unit(unit, body)
        return remember_source(_as_result(outcome.value, request), request, outcome.invocation_id)

    def _label(self) -> str:
        return f"r{occurrence(f'gemini_interactions:{self._settings.name}')}"

    def _direct_attempt(self, request: GeminiInteractionRequest, outer: Call, surface: Surface) -> Attempt:
        notice = (
            f"{self._settings.name} runs inside the checkpoint {outer.name!r} without one of its own: whenever that "
            "checkpoint runs again, Gemini is called and paid again."
        )
        warnings.warn(notice, RuntimeWarning, stacklevel=4)
        return Attempt(self._settings, request, outer, surface=surface, label=f"a{outer.attempt}", durable=False)

    def _scope(self, request: object) -> Call | None:
        """Return the checkpoint to run in directly, or `None` to open one; refuse every other place."""
        if not isinstance(request, GeminiInteractionRequest):
            msg = (
                f"{request!r} is no GeminiInteractionRequest; build it with GeminiInteractionRequest.start(...) "
                "and so on."
            )
            raise KitaruUsageError(msg)
        if in_checkpoint():
            outer = current_call()
            if self._direct and outer is not None:
                return outer
            msg = (
                f"{self._settings.name} was called inside a checkpoint, where it cannot open one of its own. "
                "Call it in the "
                "flow body, or accept with allow_direct_execution_inside_checkpoint=True that a rerun pays again."
            )
            raise KitaruUsageError(msg)
        if not in_flow():
            msg = (
                f"{self._settings.name} was called outside a flow, so nothing would be durable. Call it from a "
                "@flow body."
            )
            raise KitaruUsageError(msg)
        return None


def _as_result(value: object, request: GeminiInteractionRequest) -> GeminiInteractionResult:
    """Return the recorded result; the plain text or mapping of an override becomes one."""
    if isinstance(value, GeminiInteractionResult):
        return value
    if isinstance(value, Mapping):
        return GeminiInteractionResult.model_validate(value)
    return GeminiInteractionResult(
        status="completed",
        interaction_id="",
        output_text=None if value is None else str(value),
        model=request.model,
        agent=request.agent,
    )


def _check_arguments(
    name: object, client: object, factory: object, cache_identity: object, on_unknown_submission: object
) -> None:
    if not isinstance(name, str) or not name.strip():
        msg = f"name={name!r} is blank; replay finds turns by the runner's name, so give a stable one."
        raise KitaruUsageError(msg)
    if client is not None and factory is not None:
        msg = "client and client_factory were both given; a turn has one client, so give one of them."
        raise KitaruUsageError(msg)
    if cache_identity is not None and not isinstance(cache_identity, str):
        msg = f"cache_identity={cache_identity!r} must be text, such as 'project-a/europe-west4'."
        raise KitaruUsageError(msg)
    if on_unknown_submission not in {"resubmit", "fail"}:
        msg = f"on_unknown_submission={on_unknown_submission!r} must be 'resubmit' or 'fail'."
        raise KitaruUsageError(msg)


def _check_switches(**switches: object) -> None:
    for name, value in switches.items():
        if not isinstance(value, bool):
            msg = f"{name}={value!r} must be True or False."
            raise KitaruUsageError(msg)


def _check_seconds(**seconds: object) -> None:
    for name, value in seconds.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            msg = f"{name}={value!r} must be a number of seconds above 0."
            raise KitaruUsageError(msg)
