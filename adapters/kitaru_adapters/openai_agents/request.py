"""One request to a model: what identifies it, what is stored of it, and what follows from its response."""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from agents.model_settings import ModelSettings
from agents.tool import FunctionTool
from pydantic import TypeAdapter

from kitaru_adapters.openai_agents.boundary import content_key
from kitaru_adapters.openai_agents.codec import MODEL_CODEC, as_recorded_response, item_bytes, item_json
from kitaru_adapters.openai_agents.tools import is_durable
from kitaru_adapters.openai_agents.usage import model_call_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.usage import Usage

    from kitaru.seam import Call, Outcome, Unit
    from kitaru_adapters.openai_agents.boundary import RunScope
    from kitaru_adapters.openai_agents.codec import RecordedResponse

__all__ = ["ModelArguments", "ModelRequest"]

ModelArguments: TypeAlias = dict[str, Any]
"""What the framework passes to its models, by name; whatever a release adds to it is handed on."""

_HOSTED = {"web_search", "file_search", "code_interpreter", "image_generation", "mcp"}


class ModelRequest:
    """One request to a model.

    Args:
        scope: The run it belongs to.
        model: Name of the model, if it is known.
        arguments: What the framework passes to its models, by name.
    """

    def __init__(self, scope: RunScope, model: str | None, arguments: ModelArguments) -> None:
        self._scope = scope
        self._model = model
        self._arguments = arguments
        self._position = scope.recorder.take()
        for tool in arguments["tools"]:
            if isinstance(tool, FunctionTool) and not is_durable(tool):
                scope.recorder.warn(
                    f"The tool {tool.name!r} came in while the run was going on, so its calls are not recorded; "
                    "put it on the agent before the run."
                )
        self._started = time.monotonic()

    def unit(self, *, streamed: bool) -> Unit:
        """Return the boundary of this request.

        Args:
            streamed: Whether the caller reads a stream; shown in the inputs.

        Returns:
            The unit; its key counts the calls of this run that have completed.
        """
        scope, arguments = self._scope, self._arguments
        history = _history(arguments["system_instructions"], arguments["input"])
        visible = scope.settings.capture.save_input
        shown = {
            "agent": scope.acting_agent,
            "model": self._model,
            "streamed": streamed,
            **_shown_request(arguments, self._tool_digests()),
        }
        identity = {**shown, "input": scope.conversation.digest(history)}
        config = scope.settings.model
        return scope.unit(
            f"{scope.acting_agent}_openai_model_call",
            f"model/{scope.completed_model_calls + 1}",
            config,
            kind="model",
            label="llm_call",
            inputs={"input": shown} if visible else {},
            identity={key: value for key, value in identity.items() if key != "streamed"},
            history=history if visible else None,
            codec=MODEL_CODEC,
            validate=as_recorded_response,
            cache_key=content_key(b"model", msgspec.json.encode(identity)) if config.get("cache") else None,
        )

    def _tool_digests(self) -> list[str]:
        """Return the name of each tool with the digest of its schema; what the call before offered is known."""
        known, offered = self._scope.tool_digests, {}
        found = []
        for tool in self._arguments["tools"]:
            name = str(getattr(tool, "name", type(tool).__name__))
            schema = getattr(tool, "params_json_schema", None)
            if schema is not None:
                offered[id(schema)] = known.get(id(schema)) or (schema, _short_digest(schema))
                name = f"{name}:{offered[id(schema)][1]}"
            found.append(name)
        self._scope.tool_digests = offered
        return found

    @contextmanager
    def counting_failures(self) -> Iterator[None]:
        """Count an attempt that fails, for the framework may make another one of the same call."""
        try:
            yield
        except Exception:
            self._scope.failed_attempts += 1
            raise

    def record_usage(self, call: Call, tokens: Usage, started: float) -> None:
        """Record what the call cost, in the body that paid for it."""
        settings = self._scope.settings
        if settings.capture.save_usage:
            call.record_usage(
                model_call_record(
                    call,
                    tokens,
                    model=self._model,
                    calculator=settings.cost_calculator,
                    latency_ms=round((time.monotonic() - started) * 1000, 3),
                )
            )

    def completed(self, outcome: Outcome[RecordedResponse]) -> RecordedResponse:
        """Count the call, keep its event, and give the calls it asks for their places in the log.

        Args:
            outcome: What the seam gave back, live or recorded.

        Returns:
            The response.
        """
        scope = self._scope
        response = outcome.value if outcome.executed else outcome.value.with_failed_attempts()
        scope.completed_model_calls += 1
        scope.failed_attempts = 0
        scope.recorder.saw_model(self._model)
        metadata: dict[str, object] = {"model": self._model, "response_id": response.response_id}
        if scope.settings.capture.save_response_items:
            metadata["output"] = response.output
        scope.recorder.add(
            "llm_call",
            position=self._position,
            agent=scope.acting_agent,
            outcome=outcome,
            duration_ms=round((time.monotonic() - self._started) * 1000, 3),
            metadata=metadata,
        )
        scope.recorder.reserve(f"{scope.path}/{call_id}" for call_id in _call_ids(response))
        self._observe_hosted_tools(response)
        return response

    def _observe_hosted_tools(self, response: RecordedResponse) -> None:
        for item in response.output:
            kind = item.get("type", "") if isinstance(item, dict) else ""
            if kind.endswith("_call") and kind.removesuffix("_call") in _HOSTED:
                self._scope.recorder.add(
                    "hosted_tool_observed",
                    position=self._scope.recorder.take(),
                    status="observed",
                    agent=self._scope.acting_agent,
                    metadata={"item_type": kind, "item_id": item.get("id")},
                )


def _history(instructions: str | None, items: object) -> list[bytes]:
    """Return everything that the model reads, as the messages of one conversation, so that each is stored once."""
    opening = [{"role": "system", "content": instructions}] if instructions is not None else []
    listed = items if isinstance(items, list) else [{"role": "user", "content": items}]
    return [item_bytes(item) for item in (*opening, *listed)]


def _shown_request(arguments: ModelArguments, tools: list[str]) -> dict[str, object]:
    settings = arguments["model_settings"]
    schema = arguments["output_schema"]
    return {
        "settings": _shown_settings(settings),
        "tools": tools,
        "handoffs": [handoff.tool_name for handoff in arguments["handoffs"]],
        "output_type": schema.name() if schema is not None else None,
        "previous_response_id": arguments["previous_response_id"],
        "conversation_id": arguments["conversation_id"],
        "prompt": item_json(arguments["prompt"]),
    }


@cache
def _settings_form() -> TypeAdapter[ModelSettings]:
    # As `ModelSettings.to_json_dict` makes anew for each call, which takes longer than all the rest.
    return TypeAdapter(ModelSettings)


def _shown_settings(settings: ModelSettings | None) -> dict[str, object]:
    given = _settings_form().dump_python(settings, mode="json") if settings else {}
    # headers carry credentials, and they do not change what is asked
    shown = {name: value for name, value in given.items() if value is not None and name != "extra_headers"}
    extra = shown.get("extra_args")
    if isinstance(extra, dict) and str(extra.get("prompt_cache_key", "")).startswith("agents-sdk:"):
        # made up by the framework for each run, so it says nothing about the request
        shown["extra_args"] = {name: value for name, value in extra.items() if name != "prompt_cache_key"}
    return shown


def _short_digest(schema: object) -> str:
    return hashlib.sha256(item_bytes(schema)).hexdigest()[:16]


def _call_ids(response: RecordedResponse) -> Iterator[str]:
    for item in response.output:
        call_id = item.get("call_id") if isinstance(item, dict) else None
        if isinstance(call_id, str):
            yield call_id
