"""One turn as the flow asks for it: plain, checked data that says what to send and how long to wait."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self, Unpack

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from kitaru_adapters.gemini.results import FunctionAnswer, answers_for, result_item
from kitaru_adapters.gemini.types import FUNCTION_RESULT, GeminiInteractionResult
from kitaru_adapters.gemini.values import Json, JsonData, check_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kitaru_adapters.gemini.options import RequestOptions, TurnOptions

__all__ = ["ANTIGRAVITY_AGENT", "ANTIGRAVITY_AGENT_VARIABLE", "GeminiInteractionRequest", "antigravity_agent"]

ANTIGRAVITY_AGENT = "antigravity-preview-09-2026"
ANTIGRAVITY_AGENT_VARIABLE = "KITARU_GEMINI_ANTIGRAVITY_AGENT"

_PASSED_ON = (
    "environment",
    "tools",
    "system_instruction",
    "generation_config",
    "agent_config",
    "response_format",
    "response_mime_type",
    "labels",
    "service_tier",
    "safety_settings",
    "cached_content",
    "response_modalities",
    "webhook_config",
)
_INHERITED = ("tools", "system_instruction", "generation_config", "agent_config", "response_format", "extra")
_CREATE_ONLY = ("input", "model", "agent", "previous_interaction_id", "automatic_continuation", "extra", *_PASSED_ON)


def antigravity_agent() -> str:
    """Return the managed agent of the Antigravity preset: the environment variable's, else the built-in name."""
    return os.environ.get(ANTIGRAVITY_AGENT_VARIABLE, "").strip() or ANTIGRAVITY_AGENT


class GeminiInteractionRequest(BaseModel):
    """One turn: what to send to the Interactions API, or which interaction to observe.

    Build it with `start`, `resume`, `function_result`, `function_results`, `poll` or `antigravity`.

    Attributes:
        schema_version: Version of this record.
        kind: `start`, `resume`, `function_result` or `poll`.
        input: Prompt, content blocks or steps; for `function_result` the result items.
        model: Model to ask; exactly one of `model` and `agent`, except for `poll`.
        agent: Managed agent to ask.
        previous_interaction_id: Turn to continue; for `resume` and `function_result`.
        interaction_id: Interaction to observe; for `poll`.
        function_call_id: Call that is answered, when there is exactly one.
        function_name: Function of that call.
        function_result_payload: Its result as the caller gave it; JSON null is a result too.
        environment: New remote environment, id of an existing one, or a full configuration.
        tools: Tools offered; they hold for one interaction and are not inherited by the next.
        system_instruction: Instruction for this interaction only.
        generation_config: Settings of the model.
        agent_config: Settings of the agent.
        response_format: Form of the answer.
        response_mime_type: Older way to say the same.
        background: Let the service run it as a job.
        store: Let the service keep it; required to continue or observe it.
        timeout_s: Deadline of the whole turn in seconds, polling included.
        metadata: Facts for the record; never sent.
        labels: Labels for the service's billing; an empty mapping also keeps kitaru's own labels away.
        service_tier: Passed on.
        safety_settings: Passed on.
        cached_content: Passed on.
        response_modalities: Passed on.
        automatic_continuation: `False` makes a turn that stops at the decode limit an error instead of continuing it.
        webhook_config: Passed on.
        extra: Further fields of the request body, for what the service knows and this adapter does not yet.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)

    schema_version: int = 1
    kind: Literal["start", "resume", "function_result", "poll"]
    input: JsonData = None
    model: str | None = None
    agent: str | None = None
    previous_interaction_id: str | None = None
    interaction_id: str | None = None
    function_call_id: str | None = None
    function_name: str | None = None
    function_result_payload: JsonData = Field(default=None, alias="function_result")
    environment: str | Json | None = None
    tools: list[JsonData] | None = None
    system_instruction: str | None = None
    generation_config: Json | None = None
    agent_config: Json | None = None
    response_format: JsonData = None
    response_mime_type: str | None = None
    background: bool = False
    store: bool = True
    timeout_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    metadata: Json | None = None
    labels: dict[str, str] | None = None
    service_tier: str | None = None
    safety_settings: list[JsonData] | None = None
    cached_content: str | None = None
    response_modalities: list[str] | None = None
    automatic_continuation: bool | None = None
    webhook_config: Json | None = None
    extra: Json | None = None

    @field_validator("*", mode="after")
    @classmethod
    def _plain_data(cls, value: JsonData) -> JsonData:
        return value if value is None or isinstance(value, (str, bool, int, float)) else check_json(value)

    @field_validator(
        "model", "agent", "previous_interaction_id", "interaction_id", "function_call_id", "function_name", mode="after"
    )
    @classmethod
    def _not_blank(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            msg = "must not be blank"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problem = self._poll_problem() if self.kind == "poll" else self._create_problem()
        if problem is None and self.kind == FUNCTION_RESULT:
            problem = self._result_problem()
        if problem:
            raise ValueError(problem)
        return self

    def _poll_problem(self) -> str | None:
        if self.interaction_id is None:
            return "a poll needs interaction_id, the interaction to observe"
        given = [name for name in _CREATE_ONLY if getattr(self, name) is not None]
        if given or self.background or not self.store:
            given += ["background"] * self.background + ["store"] * (not self.store)
            return f"a poll only observes, so it takes none of: {', '.join(given)}"
        return None

    def _create_problem(self) -> str | None:
        continued = self.kind != "start"
        rules = (
            (
                self.interaction_id is not None,
                "interaction_id belongs to a poll; continue with previous_interaction_id",
            ),
            ((self.model is None) == (self.agent is None), "give exactly one of model and agent"),
            (self.input is None, f"a {self.kind} request needs input"),
            (
                continued and self.previous_interaction_id is None,
                f"a {self.kind} request needs previous_interaction_id",
            ),
            (
                not continued and self.previous_interaction_id is not None,
                "a start has no previous_interaction_id; resume it",
            ),
            (self.background and not self.store, "background=True needs store=True, else nothing could be observed"),
            (self.agent is not None and self.generation_config is not None, "generation_config belongs to a model"),
            (self.model is not None and self.agent_config is not None, "agent_config belongs to an agent"),
            (self.kind != FUNCTION_RESULT and self._has_result_fields(), "function fields belong to a function_result"),
        )
        return next((text for broken, text in rules if broken), None)

    def _has_result_fields(self) -> bool:
        fields = (self.function_call_id, self.function_name, self.function_result_payload)
        return any(value is not None for value in fields)

    def _result_problem(self) -> str | None:
        items = self.input if isinstance(self.input, list) else [self.input]
        if not items or any(not isinstance(item, dict) or item.get("type") != FUNCTION_RESULT for item in items):
            return "the input of a function_result must be one or more items of type 'function_result'"
        call_ids = [item.get("call_id") for item in items]
        if len(set(map(str, call_ids))) != len(call_ids):
            return "every function call may be answered once; call ids repeat"
        if not self._has_result_fields():
            return None
        if len(items) > 1:
            return "function_call_id, function_name and function_result describe a single result, but there are several"
        expected = result_item(
            FunctionAnswer(
                call_id=self.function_call_id or "",
                name=self.function_name or "",
                result=self.function_result_payload,
                error=bool(items[0].get("is_error")),
            )
        )
        return None if items[0] == expected else "the result item differs from function_call_id, name or result"

    @property
    def target_kind(self) -> Literal["model", "agent", "poll"]:
        """What answers: `model`, `agent`, or `poll` when nothing is sent."""
        if self.kind == "poll":
            return "poll"
        return "model" if self.model is not None else "agent"

    @property
    def has_function_result_payload(self) -> bool:
        """Whether the single result was given; an explicit null counts."""
        given = "function_result_payload" in self.model_fields_set
        return self.kind == FUNCTION_RESULT and self.function_call_id is not None and given

    def sent_fields(self) -> Json:
        """Return the fields of the request body as they are sent, without those that were not given."""
        names = ("model", "agent", "input", "previous_interaction_id", *_PASSED_ON)
        fields = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        fields |= {"background": True} if self.background else {}
        return fields | ({} if self.store else {"store": False})

    @classmethod
    def start(cls, input: JsonData, **options: Unpack[RequestOptions]) -> Self:  # noqa: A002 - the name the API uses
        """Describe the first turn of a conversation.

        Args:
            input: Prompt, content blocks or steps.
            **options: Fields of the request: `model` or `agent`, `environment`, `tools`, `system_instruction`,
                `generation_config`, `agent_config`, `response_format`, `background`, `store`, `timeout_s`, ...

        Returns:
            The request.
        """
        return cls(kind="start", input=input, **options)

    @classmethod
    def resume(
        cls,
        input: JsonData,  # noqa: A002 - the name the API uses
        previous_interaction_id: str,
        **options: Unpack[RequestOptions],
    ) -> Self:
        """Describe a turn that continues a stored conversation.

        Args:
            input: Prompt, content blocks or steps.
            previous_interaction_id: The turn to continue.
            **options: As for `start`; tools and instructions are not inherited.

        Returns:
            The request.
        """
        return cls(kind="resume", input=input, previous_interaction_id=previous_interaction_id, **options)

    @classmethod
    def function_result(
        cls,
        *,
        previous_interaction_id: str,
        function_call_id: str,
        function_name: str,
        function_result: JsonData,
        error: bool = False,
        **options: Unpack[RequestOptions],
    ) -> Self:
        """Describe the answer to one function call.

        Args:
            previous_interaction_id: The turn that asked.
            function_call_id: The call.
            function_name: Its function.
            function_result: Any JSON value, or a list of content blocks.
            error: Whether the result says that the function failed.
            **options: As for `start`; send `model`, `tools` and instructions again.

        Returns:
            The request.
        """
        answer = FunctionAnswer(call_id=function_call_id, name=function_name, result=function_result, error=error)
        return cls(
            kind="function_result",
            input=[result_item(answer)],
            previous_interaction_id=previous_interaction_id,
            function_call_id=function_call_id,
            function_name=function_name,
            function_result=function_result,
            **options,
        )

    @classmethod
    def function_results(
        cls,
        previous_interaction_id: str | None = None,
        results: Sequence[FunctionAnswer | Sequence[JsonData]] = (),
        *,
        from_result: GeminiInteractionResult | None = None,
        request: GeminiInteractionRequest | None = None,
        **options: Unpack[RequestOptions],
    ) -> Self:
        """Describe the answers to all function calls of one turn, sent in one request.

        Args:
            previous_interaction_id: The turn that asked; may be left out with `from_result`.
            results: One `FunctionAnswer`, or a tuple of call id, function name, result and optionally whether it is an
                error, for each call.
            from_result: The turn that asked; every open call of it must be answered.
            request: The request of that turn; its target, tools and settings are sent again. Known by itself when
                `from_result` comes straight from a runner.
            **options: As for `start`; these win over what is taken from the request.

        Returns:
            The request.

        Raises:
            KitaruUsageError: A call is left open, unknown, or answered twice.
        """
        answers = answers_for(results, from_result)
        source = request or (source_request(from_result) if from_result is not None else None)
        settings = _inherited(source, from_result)
        if options.get("model") or options.get("agent"):
            settings = {name: value for name, value in settings.items() if name not in {"model", "agent"}}
        previous = previous_interaction_id or (from_result.interaction_id if from_result is not None else None)
        items = [result_item(answer) for answer in answers]
        return cls(kind="function_result", input=items, previous_interaction_id=previous, **{**settings, **options})

    @classmethod
    def poll(
        cls, interaction_id: str, *, timeout_s: float | None = None, metadata: Mapping[str, JsonData] | None = None
    ) -> Self:
        """Describe the observation of an interaction that already runs; nothing is submitted.

        Args:
            interaction_id: The interaction.
            timeout_s: How long to poll; without it the state is asked for once.
            metadata: Facts for the record.

        Returns:
            The request.
        """
        facts = dict(metadata) if metadata is not None else None
        return cls(kind="poll", interaction_id=interaction_id, timeout_s=timeout_s, metadata=facts)

    @classmethod
    def antigravity(
        cls,
        input: JsonData,  # noqa: A002 - the name the API uses
        *,
        previous_interaction_id: str | None = None,
        environment: str | Json = "remote",
        agent: str | None = None,
        background: bool = True,
        metadata: Mapping[str, JsonData] | None = None,
        **options: Unpack[TurnOptions],
    ) -> Self:
        """Describe a turn of the managed agent Antigravity, stored and in a remote environment.

        Its environment and files live at Google: a replay skips a finished turn, but restores none of them.

        Args:
            input: Task for the agent.
            previous_interaction_id: Turn to continue, if any.
            environment: New remote environment, id of an existing one, or a full configuration.
            agent: Name of the agent; the preset's name is `antigravity_agent()`.
            background: Run as a job, which is what long tasks need.
            metadata: Facts for the record.
            **options: As for `start`.

        Returns:
            The request.
        """
        marks = {"adapter_preview": True, "agent_family": "antigravity"}
        return cls(
            kind="start" if previous_interaction_id is None else "resume",
            input=input,
            agent=agent or antigravity_agent(),
            previous_interaction_id=previous_interaction_id,
            environment=environment,
            background=background,
            store=True,
            metadata={**(metadata or {}), **marks},
            **options,
        )


@dataclass(frozen=True)
class _Source:
    request: GeminiInteractionRequest
    turn: str


def remember_source(
    result: GeminiInteractionResult, request: GeminiInteractionRequest, turn: str
) -> GeminiInteractionResult:
    """Attach to a result, in memory, where it comes from.

    It is never recorded: tools and instructions can hold prompts and credentials. It sits beside the fields, where
    pydantic keeps cached properties, so two results still compare by their fields alone.

    Args:
        result: The result of a turn.
        request: The request of that turn, so that answers can repeat its target, tools and settings.
        turn: Invocation id of that turn's checkpoint, the same on every rerun and replay.
    """
    vars(result)["_source"] = _Source(request, turn)
    return result


def source_request(result: GeminiInteractionResult) -> GeminiInteractionRequest | None:
    """Return the request a result was made for, if it comes straight from a runner."""
    found = vars(result).get("_source")
    return found.request if isinstance(found, _Source) else None


def source_turn(result: GeminiInteractionResult) -> str:
    """Return what tells the turn of a result from others: its checkpoint if it is known, else its interaction."""
    found = vars(result).get("_source")
    return found.turn if isinstance(found, _Source) else result.interaction_id


def _inherited(source: GeminiInteractionRequest | None, result: GeminiInteractionResult | None) -> Json:
    if source is None or source.kind == "poll":
        target = {"model": result.model if not result.agent else None, "agent": result.agent} if result else {}
    else:
        target = {"model": source.model, "agent": source.agent}
        target |= {name: getattr(source, name) for name in _INHERITED}
    environment = result.environment_id if result is not None else None
    return {name: value for name, value in (target | {"environment": environment}).items() if value is not None}
