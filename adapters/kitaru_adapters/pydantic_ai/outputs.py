"""Output functions: they run outside of every call, so without a unit of their own they would act on every rerun."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from pydantic import TypeAdapter
from pydantic_ai.exceptions import ModelRetry, ToolRetryError
from pydantic_ai.messages import ModelRequestPart

from kitaru import seam
from kitaru_adapters.kit.configs import with_config
from kitaru_adapters.kit.names import slug
from kitaru_adapters.pydantic_ai.framework import record_unit
from kitaru_adapters.pydantic_ai.outcomes import add_usage, usage_delta
from kitaru_adapters.pydantic_ai.runs import run_state
from kitaru_adapters.pydantic_ai.types import ADAPTER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic_ai.output import OutputContext
    from pydantic_ai.tools import RunContext

    from kitaru_adapters.pydantic_ai.settings import Settings

__all__ = ["run_output_function"]

_PART: TypeAdapter[ModelRequestPart] = TypeAdapter(ModelRequestPart)


async def run_output_function(
    settings: Settings, ctx: RunContext[object], output_context: OutputContext, run: Callable[[], Awaitable[object]]
) -> object:
    """Run an output function as one unit.

    Args:
        settings: What the caller set for the agent.
        ctx: The framework's context of the step.
        output_context: The framework's description of the output.
        run: The function with its input.

    Returns:
        The output.

    Raises:
        ModelRetry: The function sent the model back to try again.
        ToolRetryError: The same, in the framework's inner form.
    """
    state = run_state(ctx)
    name = slug(output_context.function_name or "output", fallback="output")
    call_id = output_context.tool_call.tool_call_id if output_context.tool_call is not None else "text"
    unit = seam.Unit(
        name=f"{name}_output",
        adapter=ADAPTER,
        kind="tool",
        type="tool_call",
        key=state.numbered_key(f"step{ctx.run_step}", "output", name, call_id, f"retry{ctx.retry}"),
    )
    before = deepcopy(ctx.usage)

    async def body(call: seam.Call) -> object:
        fields: dict[str, object] = {}
        value = None
        try:
            value = await run()
        except ModelRetry as signal:
            fields["model_retry"] = signal.message
        except ToolRetryError as signal:
            fields["tool_retry"] = _PART.dump_python(signal.tool_retry, mode="json")
        call.carry({**fields, "usage": usage_delta(before, ctx.usage)})
        return value

    outcome = await seam.run_unit_async(with_config(unit, settings.tool_config), body)
    record_unit(executed=outcome.executed)
    carried = outcome.carried or {}
    if not outcome.executed:
        add_usage(ctx.usage, carried)
    if "model_retry" in carried:
        raise ModelRetry(carried["model_retry"])
    if "tool_retry" in carried:
        raise ToolRetryError(_PART.validate_python(carried["tool_retry"]))  # type: ignore[arg-type]  # it was one
    return outcome.value
