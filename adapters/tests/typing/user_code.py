"""User code that has to type-check: each adapter around an agent whose dependencies, context and output have types.

Nothing here runs; mypy reads it beside the frameworks' own types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_type

from agents import Agent as OpenAIAgent
from agents import RunContextWrapper, function_tool
from claude_agent_sdk import ClaudeAgentOptions
from langgraph.graph import START, MessagesState, StateGraph
from pydantic import BaseModel
from pydantic_ai import Agent, FunctionToolset, RunContext

from kitaru import flow
from kitaru.adapters.claude_agent_sdk import ClaudeRunRequest, ClaudeRunResult, KitaruClaudeRunner
from kitaru.adapters.gemini import GeminiInteractionRequest, GeminiInteractionResult, KitaruGeminiInteractionsRunner
from kitaru.adapters.langgraph import KitaruGraphRunner, LangGraphRunRequest, LangGraphRunResult
from kitaru.adapters.openai_agents import KitaruRunner, OpenAIRunRequest, OpenAIRunResult
from kitaru.adapters.pydantic_ai import KitaruAgent, KitaruDurability, hitl_tool, kitaruify_toolset


@dataclass
class Library:
    """What the tools of the agents need."""

    shelf: str


class Brief(BaseModel):
    """What an agent ends with."""

    text: str


toolset: FunctionToolset[Library] = FunctionToolset()
researcher = Agent("test", name="researcher", deps_type=Library, output_type=Brief, toolsets=[toolset])


@researcher.tool
def look_up(ctx: RunContext[Library], title: str) -> str:
    """Look something up."""
    return f"{title} in {ctx.deps.shelf}"


@researcher.tool_plain
@hitl_tool(schema=bool)
def may_i(question: str) -> str:
    """Ask."""
    return question


def shelf_of(deps: Library) -> str:
    """Tell dependencies apart."""
    return deps.shelf


durable = KitaruAgent(researcher, tool_checkpoint_config_by_name={"may_i": False})
with_capability = Agent("test", deps_type=Library, capabilities=[KitaruDurability(deps_cache_identity=shelf_of)])
kitaruify_toolset(toolset)


@flow
async def research(topic: str) -> str:
    """Run the agent of PydanticAI."""
    result = await durable.run(topic, deps=Library("a"))
    return str(result.output.text)


@function_tool
def order_status(ctx: RunContextWrapper[Library], order: str) -> str:
    """Say where an order is."""
    return f"{order} on {ctx.context.shelf}"


support = KitaruRunner(
    OpenAIAgent[Library](name="support", tools=[order_status]),
    context_cache_identity=shelf_of,
    tool_checkpoint_config={"retries": 2},
)


@flow
def answer(question: str) -> str:
    """Run the agent of the OpenAI Agents SDK."""
    result = support.run_sync(OpenAIRunRequest.start(question, context=Library("a")))
    assert_type(result, OpenAIRunResult)
    return str(result.final_output)


def said(state: MessagesState) -> MessagesState:
    """Say nothing new."""
    return state


graph = StateGraph(MessagesState).add_node("said", said).add_edge(START, "said").compile()
graphs = KitaruGraphRunner(graph, checkpoint_strategy="calls", context_factory=lambda _request: Library("a"))


@flow
def chat(question: str) -> str:
    """Run a graph."""
    first = graphs.invoke({"messages": [("user", question)]}, thread_id="t", durability="sync")
    assert_type(first, LangGraphRunResult)
    return str(graphs.invoke(LangGraphRunRequest.start({"messages": []}, thread_id="t")).status)


reviewer = KitaruClaudeRunner(name="reviewer", options=ClaudeAgentOptions(setting_sources=[]))
assistant = KitaruGeminiInteractionsRunner(name="assistant")


@flow
async def review(folder: str) -> tuple[str | None, str | None]:
    """Run Claude, and Gemini."""
    reviewed = await reviewer.run(ClaudeRunRequest.start("Review this.", cwd=folder))
    assert_type(reviewed, ClaudeRunResult)
    asked = assistant.run_sync(GeminiInteractionRequest.start("Sum it up.", model="gemini-3-pro-preview"))
    assert_type(asked, GeminiInteractionResult)
    return reviewed.final_text, asked.output_text
