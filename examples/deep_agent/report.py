"""A deep agent that writes a report: an editor, a researcher under it, and a file. Every call of both is durable.

    python examples/deep_agent/report.py start "heat pumps"
    python examples/deep_agent/report.py retry EXECUTION_ID

Without a model name in `REPORT_MODEL` (such as `anthropic:claude-sonnet-4-6`) it uses scripted models.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

import report_models
from deepagents import create_deep_agent
from langchain.chat_models import init_chat_model
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool

from kitaru import FlowHandle, KitaruClient, KitaruError, flow
from kitaru.adapters.langgraph import (
    KitaruGraphRunner,
    KitaruLangGraphMiddleware,
    deep_agent_policy,
    durable_subagents,
)

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


@tool
def look_up(question: str) -> str:
    """Look figures up in the archive."""
    print(f"looked up {question!r}", flush=True)  # noqa: T201 - the reader shall see what really runs
    return "Sales 2025: 312,000 heat pumps, 298,000 gas boilers."


def models(topic: str) -> tuple[BaseChatModel, BaseChatModel]:
    """Return the editor's and the researcher's model."""
    name = os.environ.get("REPORT_MODEL")
    if name:
        return init_chat_model(name), init_chat_model(name)
    return report_models.editor(topic), report_models.researcher(topic)


def build_runner(topic: str) -> KitaruGraphRunner:
    """Build the agent, with the middleware in the editor and in every subagent.

    Args:
        topic: What the report is about; only the scripted models need it.

    Returns:
        The runner. Deep Agents do not hand middleware down, and their `task` tool must not be a checkpoint of its own,
        or the researcher's calls would vanish inside it: `durable_subagents` and `deep_agent_policy` see to that.
    """
    editor, researcher = models(topic)
    middleware = KitaruLangGraphMiddleware()
    subagents = [
        {
            "name": "researcher",
            "description": "Looks figures up.",
            "system_prompt": "Answer with figures only.",
            "model": researcher,
            "tools": [look_up],
        }
    ]
    agent = create_deep_agent(
        editor,
        system_prompt="Have the figures researched, then write /report.md.",
        middleware=[middleware],
        subagents=durable_subagents(subagents, middleware),
    )
    return KitaruGraphRunner(
        agent, name="report", checkpoint_strategy="calls", call_checkpoint_policy=deep_agent_policy()
    )


@flow
def report(topic: str) -> str:
    """Write a report.

    Args:
        topic: What it is about.

    Returns:
        The report, as it stands in the agent's file.
    """
    request = {"messages": [HumanMessage(f"Write a report about {topic}.")]}
    result = build_runner(topic).invoke(request, thread_id=f"report-{topic}")
    return str(result.output["files"]["/report.md"]["content"])


def main(action: str, argument: str) -> None:
    """Carry out one command of the command line.

    Args:
        action: `start` or `retry`.
        argument: The topic, or the id of the execution.
    """
    if action == "start":
        handle = report.run(argument)
    else:
        KitaruClient().executions.retry(argument, block=True)
        handle = FlowHandle.from_exec_id(argument)
    print(f"execution {handle.exec_id}")  # noqa: T201 - a command line speaks
    print(handle.wait())  # noqa: T201


def command_line() -> None:
    """Read the command line; what cannot be done is told in a sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["start", "retry"])
    parser.add_argument("argument", metavar="TOPIC|EXECUTION_ID")
    given = parser.parse_args()
    try:
        main(given.action, given.argument)
    except KitaruError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    command_line()
