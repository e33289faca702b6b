"""A stand-in for the model of the refund agent: it answers by a script and says aloud when it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

_CALLS = [
    {"name": "find_order", "args": {"order": "A-17"}, "id": "call-find"},
    {"name": "pay_refund", "args": {"order": "A-17", "euros": 40}, "id": "call-pay"},
]


class ScriptedModel(BaseChatModel):
    """Looks the order up, asks for the refund, then reports what came of it."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> ScriptedModel:  # noqa: ARG002
        """Take any tools: the script knows which ones to call."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> ChatResult:
        turn = sum(isinstance(message, AIMessage) for message in messages)
        print(f"asked the model, turn {turn}", flush=True)  # noqa: T201 - the reader shall see what really runs
        return ChatResult(generations=[ChatGeneration(message=_answer(turn, messages))])


def _answer(turn: int, messages: list[BaseMessage]) -> AIMessage:
    if turn < len(_CALLS):
        return AIMessage("", tool_calls=[_CALLS[turn]])
    last = messages[-1]
    told = last.content if isinstance(last, ToolMessage) else ""
    return AIMessage(f"Done: {told}")
