"""Deep research in the background, then a briefing that needs our figures and a person's approval.

    python examples/gemini_research/research.py start "How do heat pumps sell?"
    python examples/gemini_research/research.py approve EXECUTION_ID      (or: decline, retry)

Without a key in `GEMINI_API_KEY` it talks to a scripted service on this machine.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kitaru import KitaruClient, KitaruError, checkpoint, flow, wait
from kitaru.adapters.gemini import FunctionAnswer, GeminiInteractionRequest, KitaruGeminiInteractionsRunner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kitaru.adapters.gemini import GeminiInteractionFunctionCall

AGENT = "deep-research-preview-04-2026"
MODEL = "gemini-3-pro-preview"
TOOLS = [
    {
        "type": "function",
        "name": "look_up_sales",
        "description": "Units sold in a region",
        "parameters": {"type": "object", "properties": {"region": {"type": "string"}}},
    },
    {
        "type": "function",
        "name": "publish",
        "description": "Publish the briefing; a person decides",
        "parameters": {"type": "object", "properties": {"title": {"type": "string"}}},
    },
]

# A research job is expensive: after a crash in the one unlucky moment, ask a person instead of paying twice.
researcher = KitaruGeminiInteractionsRunner(name="researcher", on_unknown_submission="fail", poll_interval_s=0.05)
writer = KitaruGeminiInteractionsRunner(name="writer")


@checkpoint(type="tool_call")
def look_up_sales(region: str) -> dict[str, object]:
    """Read our own figures; a rerun does not ask the database again."""
    return {"region": region, "units": 1234}


def answered(call: GeminiInteractionFunctionCall) -> FunctionAnswer:
    """Do what the model asks for: figures come from a checkpoint, publishing from a person."""
    result: dict[str, object]
    if call.function_name == "publish":
        title = call.arguments["title"]
        approved = wait(name="approve_publication", schema=bool, question=f"Publish {title!r}?", timeout=0)
        result = {"approved": approved}
    else:
        result = look_up_sales(str(call.arguments["region"]))
    return FunctionAnswer(call_id=call.call_id, name=call.function_name, result=result)


@flow
def research(question: str) -> str:
    """Research a question and write a briefing about it.

    Args:
        question: What to find out.

    Returns:
        The briefing.
    """
    report = researcher.run_sync(GeminiInteractionRequest.start(question, agent=AGENT, background=True, timeout_s=3600))
    turn = writer.run_sync(
        GeminiInteractionRequest.start(
            f"Write a briefing from this report: {report.output_text}", model=MODEL, tools=TOOLS
        )
    )
    while turn.status == "requires_action":
        answers = [answered(call) for call in turn.function_calls]
        turn = writer.run_sync(GeminiInteractionRequest.function_results(results=answers, from_result=turn))
    return turn.output_text or ""


@contextmanager
def service() -> Iterator[None]:
    """Use the real service when a key is given, else a scripted one on this machine."""
    if os.environ.get("GEMINI_API_KEY") or os.environ.get("GOOGLE_API_KEY"):
        yield
        return
    from scripted import answer

    from kitaru_adapters.gemini.loopback import LoopbackGemini

    with LoopbackGemini(answer=answer) as scripted:
        os.environ |= {"GEMINI_API_KEY": "scripted", "GOOGLE_GEMINI_BASE_URL": scripted.url}
        yield


def main(action: str, argument: str) -> None:
    """Carry out one command of the command line.

    Args:
        action: `start`, `approve`, `decline` or `retry`.
        argument: The question, or the id of the execution.
    """
    executions = KitaruClient().executions
    exec_id = research.run(argument).exec_id if action == "start" else argument
    if action == "retry":
        executions.retry(exec_id, block=True)
    elif action != "start":
        executions.input(exec_id, wait="approve_publication", value=action == "approve")
        executions.resume(exec_id, block=True)
    print(f"execution {exec_id}")  # noqa: T201 - a command line speaks
    print(_outcome(exec_id))  # noqa: T201


def _outcome(exec_id: str) -> str:
    executions = KitaruClient().executions
    if executions.wait(exec_id).status == "waiting":
        return f"waiting: run `approve {exec_id}` or `decline {exec_id}`"
    return str(executions.result(exec_id))


def command_line() -> None:
    """Read the command line; what cannot be done is told in a sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", nargs="?", default="start", choices=["start", "approve", "decline", "retry"])
    parser.add_argument("argument", nargs="?", metavar="QUESTION|EXECUTION_ID")
    given = parser.parse_args()
    if given.argument is None and given.action != "start":
        parser.error(f"{given.action} needs an EXECUTION_ID")
    try:
        with service():
            main(given.action, given.argument or "How do heat pumps sell?")
    except KitaruError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    command_line()
