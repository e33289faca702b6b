"""`KitaruClaudeRunner`: one invocation of Claude is one durable step of a flow."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kitaru.errors import KitaruUsageError
from kitaru.seam import current_call, in_flow, run_unit, run_unit_async
from kitaru_adapters.claude_agent_sdk.attempt import Attempt
from kitaru_adapters.claude_agent_sdk.boundary import (
    direct_place,
    invocation_place,
    invocation_unit,
    remember_session,
)
from kitaru_adapters.claude_agent_sdk.capture import ClaudeCapturePolicy
from kitaru_adapters.claude_agent_sdk.request import ClaudeRunRequest
from kitaru_adapters.claude_agent_sdk.settings import RunnerSettings, validate_checkpoint_strategy
from kitaru_adapters.kit.configs import check_config
from kitaru_adapters.kit.loops import refuse_running_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_agent_sdk import ClaudeAgentOptions

    from kitaru.seam import Call
    from kitaru_adapters.claude_agent_sdk.plan import OnInterrupted
    from kitaru_adapters.claude_agent_sdk.settings import SessionIds
    from kitaru_adapters.claude_agent_sdk.types import ClaudeRunResult, ClaudeUsageSummary
    from kitaru_adapters.claude_agent_sdk.waits import ClaudeToolApproval
    from kitaru_adapters.kit.configs import CheckpointConfig

__all__ = ["KitaruClaudeRunner"]

_DIRECT = (
    "This run is part of a checkpoint of yours: when that is attempted again, Claude runs again, with its cost and its "
    "effects."
)


class KitaruClaudeRunner:
    """Runs Claude as one durable step: it runs once, and a rerun of the flow reads the result back.

    What Claude does to files, through Bash, through external MCP servers or hooks is not part of the record and happens
    again when an attempt that broke off is made again; the result then lists which tools had run.

    Args:
        name: Name of the runner; its checkpoints are called `{name}_claude_invocation`.
        options: Options for every request; what a request leaves open is taken from here, and the other way round.
        options_factory: Makes the options for a request; called for each attempt, never when a result is read back.
        checkpoint_strategy: `invocation` is the only one.
        capture: What is kept for people to look at.
        checkpoint_config: Settings of the checkpoint: `cache`, `retries`, `type`, `runtime`, `effect`.
        allow_direct_execution_inside_checkpoint: Allow a run inside a checkpoint of yours. It is then repeated
            whenever that checkpoint is.
        cost_calculator: Estimates the cost in dollars where Claude reports none.
        on_interrupted: What a new attempt does about one that broke off, as in a crash: `rerun` starts a new session
            from the prompt; `continue` keeps the session in the journal and goes on with it; `fail` leaves the
            decision to the flow.
        session_ids: `derived` chooses the session's id before Claude starts, so that it can be found after a crash;
            `claude` leaves it to the program.
        approval: Which tool calls stop the run until somebody decides.
        observe_tools: Write down which tools started and completed.
        resume_timeout: Seconds within which a resumed session must show that it goes on.
        cache_identity: With `cache`, a text that changes whenever something behind the options behaves differently.

    Raises:
        KitaruUsageError: An argument does not fit.
    """

    def __init__(  # noqa: PLR0913 - keyword arguments of a public class
        self,
        *,
        name: str,
        options: ClaudeAgentOptions | None = None,
        options_factory: Callable[[ClaudeRunRequest], ClaudeAgentOptions | None] | None = None,
        checkpoint_strategy: str = "invocation",
        capture: ClaudeCapturePolicy | None = None,
        checkpoint_config: CheckpointConfig | None = None,
        allow_direct_execution_inside_checkpoint: bool = False,
        cost_calculator: Callable[[ClaudeUsageSummary], object] | None = None,
        on_interrupted: OnInterrupted = "rerun",
        session_ids: SessionIds = "derived",
        approval: ClaudeToolApproval | None = None,
        observe_tools: bool = True,
        resume_timeout: float = 120.0,
        cache_identity: str | None = None,
    ) -> None:
        self._strategy = validate_checkpoint_strategy(checkpoint_strategy)
        self._settings = RunnerSettings(
            name=name,
            options=options,
            options_factory=options_factory,
            capture=capture or ClaudeCapturePolicy(),
            config=check_config(checkpoint_config, argument="checkpoint_config"),
            allow_direct=allow_direct_execution_inside_checkpoint,
            cost_calculator=cost_calculator,
            on_interrupted=on_interrupted,
            session_ids=session_ids,
            approval=approval,
            observe_tools=observe_tools,
            resume_timeout=resume_timeout,
            cache_identity=cache_identity,
        )

    @property
    def name(self) -> str:
        """Name of the runner."""
        return self._settings.name

    @property
    def checkpoint_strategy(self) -> str:
        """Always `invocation`."""
        return self._strategy

    @property
    def capture(self) -> ClaudeCapturePolicy:
        """What is kept for people to look at."""
        return self._settings.capture

    async def run(self, request: ClaudeRunRequest) -> ClaudeRunResult:
        """Run Claude in the flow body, or read the result of an earlier run back.

        Args:
            request: What to do.

        Returns:
            The result.

        Raises:
            KitaruUsageError: Not in a flow body, or the request does not fit the options.
            ClaudeRunError: Claude failed.
            KitaruStateError: The session is unknown or in use, or an earlier attempt broke off and
                `on_interrupted="fail"`.
        """
        return await self._run(request, streamed=False)

    async def run_stream(self, request: ClaudeRunRequest) -> ClaudeRunResult:
        """Do the same as `run` and publish live events meanwhile.

        Args:
            request: What to do.

        Returns:
            The result.

        Raises:
            KitaruUsageError: Not in a flow body, or the request does not fit the options.
            ClaudeRunError: Claude failed.
            KitaruStateError: As in `run`.
        """
        return await self._run(request, streamed=True)

    def run_sync(self, request: ClaudeRunRequest) -> ClaudeRunResult:
        """Do the same as `run` from code that is not asynchronous.

        Args:
            request: What to do.

        Returns:
            The result.

        Raises:
            KitaruUsageError: An event loop runs in this thread, or as in `run`.
            ClaudeRunError: Claude failed.
            KitaruStateError: As in `run`.
        """
        return self._run_sync(request, streamed=False)

    def run_stream_sync(self, request: ClaudeRunRequest) -> ClaudeRunResult:
        """Do the same as `run_stream` from code that is not asynchronous.

        Args:
            request: What to do.

        Returns:
            The result.

        Raises:
            KitaruUsageError: An event loop runs in this thread, or as in `run`.
            ClaudeRunError: Claude failed.
            KitaruStateError: As in `run`.
        """
        return self._run_sync(request, streamed=True)

    async def _run(self, request: ClaudeRunRequest, *, streamed: bool) -> ClaudeRunResult:
        call = self._enclosing(request)
        if call is not None:
            return await self._direct(request, call, streamed=streamed).run()
        place = invocation_place(self._settings, request, streamed=streamed)
        unit = invocation_unit(self._settings, request, streamed=streamed)
        outcome = await run_unit_async(unit, lambda own: Attempt(self._settings, request, own, place).run())
        remember_session(outcome.value)
        return outcome.value

    def _run_sync(self, request: ClaudeRunRequest, *, streamed: bool) -> ClaudeRunResult:
        twin = "run_stream" if streamed else "run"
        refuse_running_loop(f"{twin}_sync", f"runner.{twin}(request)")
        call = self._enclosing(request)
        if call is not None:
            return asyncio.run(self._direct(request, call, streamed=streamed).run())
        place = invocation_place(self._settings, request, streamed=streamed)
        unit = invocation_unit(self._settings, request, streamed=streamed)
        outcome = run_unit(unit, lambda own: asyncio.run(Attempt(self._settings, request, own, place).run()))
        remember_session(outcome.value)
        return outcome.value

    def _direct(self, request: ClaudeRunRequest, call: Call, *, streamed: bool) -> Attempt:
        place = direct_place(self._settings, call, streamed=streamed)
        return Attempt(self._settings, request, call, place, [_DIRECT])

    def _enclosing(self, request: object) -> Call | None:
        """Return the checkpoint's call to run in, or `None` for a checkpoint of our own."""
        if not isinstance(request, ClaudeRunRequest):
            msg = f"A request is made with ClaudeRunRequest.start or .resume; this is a {type(request).__name__}."
            raise KitaruUsageError(msg)
        call = current_call()
        if call is None and not in_flow():
            msg = (
                f"Runner {self.name!r} was called outside a flow, where nothing can be recorded. Call it in the body "
                "of a function decorated with @flow."
            )
            raise KitaruUsageError(msg)
        if call is not None and not self._settings.allow_direct:
            msg = (
                f"Runner {self.name!r} was called inside checkpoint {call.name!r}, and checkpoints do not nest. Call "
                "it in the flow body; or set allow_direct_execution_inside_checkpoint=True and accept that Claude runs "
                "again, with its cost and its effects, whenever that checkpoint is attempted again."
            )
            raise KitaruUsageError(msg)
        return call
