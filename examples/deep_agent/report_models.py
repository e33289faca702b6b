"""Stand-ins for the two models of the report: they answer by a script and say aloud when they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult


class ScriptedModel(BaseChatModel):
    """Gives its n-th answer to the n-th question of a conversation.

    Attributes:
        role: Who it plays.
        answers: What it says, in order.
    """

    role: str
    answers: list[AIMessage]

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
        print(f"asked the {self.role}, turn {turn}", flush=True)  # noqa: T201 - the reader shall see what really runs
        return ChatResult(generations=[ChatGeneration(message=self.answers[turn])])


def call(tool: str, **arguments: object) -> AIMessage:
    """Return a model's wish to call one tool."""
    return AIMessage("", tool_calls=[{"name": tool, "args": arguments, "id": f"call-{tool}"}])


def editor(topic: str) -> ScriptedModel:
    """Return the model that delegates the research and writes the report."""
    report = f"# {topic}\n\nHeat pumps outsell gas boilers for the first time."
    answers = [
        call("task", description=f"Find figures about {topic}", subagent_type="researcher"),
        call("write_file", file_path="/report.md", content=report),
        AIMessage("The report is in /report.md."),
    ]
    return ScriptedModel(role="editor", answers=answers)


def researcher(topic: str) -> ScriptedModel:
    """Return the model that looks figures up."""
    answers = [call("look_up", question=topic), AIMessage("312,000 heat pumps against 298,000 gas boilers.")]
    return ScriptedModel(role="researcher", answers=answers)
