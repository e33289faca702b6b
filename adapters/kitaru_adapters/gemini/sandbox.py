"""Function calls that are answered by a command in the active stack's sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Unpack

import kitaru
from kitaru.errors import KitaruUsageError
from kitaru.seam import in_checkpoint, in_flow
from kitaru_adapters.gemini.request import GeminiInteractionRequest

if TYPE_CHECKING:
    from kitaru_adapters.gemini.options import RequestOptions
    from kitaru_adapters.gemini.types import GeminiInteractionFunctionCall, GeminiInteractionResult

__all__ = [
    "CommandOutcome",
    "GeminiSandboxFunctionExecution",
    "GeminiSandboxFunctionSpec",
    "execute_gemini_sandbox_function_call",
]

Command = str | Sequence[str]

_LONGEST_TEXT = 4000
_SHORTEST_SECRET = 6
_MAX_CHARS = 1_048_576


class CommandOutcome(Protocol):
    """What is read of a sandbox's result; `kitaru.SandboxCommandResult` is one."""

    @property
    def exit_code(self) -> int:
        """The command's exit code."""

    @property
    def stdout(self) -> str:
        """What it wrote."""

    @property
    def stderr(self) -> str:
        """What it wrote to its error stream."""


@dataclass(frozen=True)
class GeminiSandboxFunctionSpec:
    """How one function of the model is carried out by a command.

    Attributes:
        function_name: The function.
        command: Text or a sequence of texts, never filled in with anything; or a callable that gets the function call,
            arguments included, and returns one of these.
        cwd: Where to run it.
        env: Environment variables for it; they are never recorded.
        max_chars: How much of each output stream is kept.
        cleanup: What happens to the session afterwards.
        result_payload_builder: Gets the call and the sandbox's result, returns the function result.
    """

    function_name: str
    command: Command | Callable[[GeminiInteractionFunctionCall], Command]
    cwd: str | None = None
    env: Mapping[str, str] | None = None
    max_chars: int = _MAX_CHARS
    cleanup: Literal["destroy", "close"] = "destroy"
    result_payload_builder: Callable[[GeminiInteractionFunctionCall, CommandOutcome], object] | None = None


@dataclass(frozen=True)
class GeminiSandboxFunctionExecution:
    """What came of one function call.

    Attributes:
        call: The call.
        sandbox_result: What the sandbox reports.
        function_result_payload: What the model is told.
        function_result_request: The request that tells it.
    """

    call: GeminiInteractionFunctionCall
    sandbox_result: CommandOutcome
    function_result_payload: object
    function_result_request: GeminiInteractionRequest


def execute_gemini_sandbox_function_call(
    result: GeminiInteractionResult,
    functions: Sequence[GeminiSandboxFunctionSpec],
    *,
    call_id: str | None = None,
    allow_direct_execution_inside_flow_body: bool = False,
    run_command: Callable[..., CommandOutcome] | None = None,
    **options: Unpack[RequestOptions],
) -> GeminiSandboxFunctionExecution:
    """Run the command for one open function call of a model, inside a checkpoint.

    Args:
        result: A model's turn that ended in `requires_action`.
        functions: The functions that commands carry out.
        call_id: Which call, when several are open.
        allow_direct_execution_inside_flow_body: Accept that the command runs again whenever the flow is rerun.
        run_command: What runs the command; `kitaru.run_sandbox_command` if not given.
        **options: Fields of the next request, such as `model`, `tools`, `store`.

    Returns:
        The call, what came out, and the request to send next.

    Raises:
        KitaruUsageError: The call cannot be carried out this way; nothing has run.
    """
    _check_place(allow_in_flow=allow_direct_execution_inside_flow_body)
    call = _chosen_call(result, call_id, options)
    spec = _spec_for(call, functions)
    # Built once before the command runs, so that a wrong option cannot waste its effect.
    _follow_up(result, call, "", options)
    outcome = (run_command or kitaru.run_sandbox_command)(
        _command(spec, call), cwd=spec.cwd, env=spec.env, max_chars=spec.max_chars, cleanup=spec.cleanup
    )
    build = spec.result_payload_builder
    payload = _default_payload(spec, outcome) if build is None else build(call, outcome)
    return GeminiSandboxFunctionExecution(call, outcome, payload, _follow_up(result, call, payload, options))


def _check_place(*, allow_in_flow: bool) -> None:
    if in_flow() and not in_checkpoint() and not allow_in_flow:
        msg = (
            "A sandbox command in the flow body would run again on every rerun. Call this inside a checkpoint, "
            "or accept "
            "that with allow_direct_execution_inside_flow_body=True."
        )
        raise KitaruUsageError(msg)


def _chosen_call(
    result: GeminiInteractionResult, call_id: str | None, options: RequestOptions
) -> GeminiInteractionFunctionCall:
    if result.agent is not None or options.get("agent") is not None:
        msg = "Function calls of managed agents are not answered from a sandbox of yours; only those of models are."
        raise KitaruUsageError(msg)
    if options.get("store") is False:
        msg = "store=False cannot work here: the function result continues a stored interaction."
        raise KitaruUsageError(msg)
    calls = result.function_calls if result.status == "requires_action" else []
    chosen = [call for call in calls if call_id in {None, call.call_id}]
    if len(chosen) != 1:
        known = ", ".join(call.call_id for call in calls) or "none"
        msg = f"call_id={call_id!r} does not name exactly one open function call; open are: {known}."
        raise KitaruUsageError(msg)
    return chosen[0]


def _spec_for(
    call: GeminiInteractionFunctionCall, functions: Sequence[GeminiSandboxFunctionSpec]
) -> GeminiSandboxFunctionSpec:
    names = [spec.function_name for spec in functions]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        msg = f"Several specifications for {', '.join(repeated)}; give one for each function."
        raise KitaruUsageError(msg)
    found = next((spec for spec in functions if spec.function_name == call.function_name), None)
    if found is None:
        msg = f"No specification for {call.function_name!r}; offered are: {', '.join(sorted(names)) or 'none'}."
        raise KitaruUsageError(msg)
    return found


def _command(spec: GeminiSandboxFunctionSpec, call: GeminiInteractionFunctionCall) -> Command:
    return spec.command(call) if callable(spec.command) else spec.command


def _follow_up(
    result: GeminiInteractionResult, call: GeminiInteractionFunctionCall, payload: object, options: RequestOptions
) -> GeminiInteractionRequest:
    settings: RequestOptions = {"model": result.model, **options}
    return GeminiInteractionRequest.function_result(
        previous_interaction_id=result.interaction_id,
        function_call_id=call.call_id,
        function_name=call.function_name,
        function_result=payload,
        **settings,
    )


def _default_payload(spec: GeminiSandboxFunctionSpec, outcome: CommandOutcome) -> object:
    facts = {
        "ok": outcome.exit_code == 0,
        "exit_code": outcome.exit_code,
        "stdout": _shown(outcome.stdout, spec),
        "stderr": _shown(outcome.stderr, spec),
    }
    return [{"type": "text", "text": json.dumps(facts)}]


def _shown(text: str, spec: GeminiSandboxFunctionSpec) -> str:
    """Return output for the model: values from the command's environment hidden, then cut to a bounded length."""
    for value in sorted((spec.env or {}).values(), key=len, reverse=True):
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "[hidden]")
    return text[:_LONGEST_TEXT]
