"""A research team that asks before it sends: a planner, searchers side by side, and a writer with an approval.

    python examples/research_bot/research_bot.py start "How do the tides work in harbours?" ann@example.org
    python examples/research_bot/research_bot.py approve EXECUTION_ID      (or: reject, retry)

Without a model name in `RESEARCH_MODEL` (such as `gpt-5.2`) it uses an offline model. Reports that were sent are lines
in `outbox.txt` in the directory that `RESEARCH_HOME` names, the present one by default.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

from agents import Agent, function_tool
from offline_model import OfflineModel
from pydantic import BaseModel

from kitaru import KitaruClient, KitaruError, current_call, flow
from kitaru.adapters.openai_agents import CheckpointConfig, KitaruRunner, OpenAIRunRequest

NOTES = Path(__file__).with_name("notes")


class SearchPlan(BaseModel):
    """What the planner wants to know."""

    searches: list[str]


@function_tool
def search_notes(term: str) -> str:
    """Search the notes for a term.

    Args:
        term: One word.
    """
    stem = term.lower()[:4]
    notes = {path.stem: path.read_text() for path in sorted(NOTES.glob("*.md"))}
    hits = sorted(
        (name for name in notes if stem in notes[name].lower()), key=lambda name: -notes[name].lower().count(stem)
    )
    return "\n".join(f"{name}: {notes[name].splitlines()[2]}" for name in hits) or f"{term}: nothing found."


@function_tool(needs_approval=True)
def send_report(to: str, body: str) -> str:
    """Send a report by mail.

    Args:
        to: Address.
        body: The report.
    """
    call = current_call()
    key = call.idempotency_key if call else to
    outbox = Path(os.environ.get("RESEARCH_HOME", ".")) / "outbox.txt"
    sent = outbox.read_text().splitlines() if outbox.exists() else []
    if not any(json.loads(line)["key"] == key for line in sent):  # a mail service would take the key and do this itself
        outbox.write_text("\n".join([*sent, json.dumps({"key": key, "to": to, "body": body})]) + "\n")
    return f"The report went to {to}."


def build_team() -> tuple[KitaruRunner, KitaruRunner, KitaruRunner]:
    """Build the three agents and their runners.

    Returns:
        Planner, searcher and writer.
    """
    model = os.environ.get("RESEARCH_MODEL") or OfflineModel()
    planner = Agent(
        name="planner",
        instructions="Planner: name at most three single words to search for.",
        model=model,
        output_type=SearchPlan,
    )
    searcher = Agent(
        name="searcher",
        instructions="Searcher: search the notes for the term and answer in one sentence.",
        model=model,
        tools=[search_notes],
    )
    writer = Agent(
        name="writer",
        instructions="Writer: write a short report from the findings and send it to the person named first.",
        model=model,
        tools=[send_report],
    )
    sending: dict[str, CheckpointConfig] = {"send_report": {"effect": "idempotent"}}
    return (
        KitaruRunner(planner),
        KitaruRunner(searcher),
        KitaruRunner(writer, approvals="wait", approval_timeout=0, tool_checkpoint_config_by_name=sending),
    )


@flow
async def research(question: str, recipient: str) -> str:
    """Answer a question from the notes, and send the answer if a person agrees.

    Args:
        question: What to find out.
        recipient: Who gets the report.

    Returns:
        What became of the report.
    """
    planner, searcher, writer = build_team()
    plan = (await planner.run(OpenAIRunRequest.start(question))).final_output
    searches = [searcher.run(OpenAIRunRequest.start(term)) for term in plan.searches]
    findings = [result.final_output for result in await asyncio.gather(*searches)]
    report = OpenAIRunRequest.start("\n".join([f"For {recipient}", *findings]))
    return str((await writer.run(report)).final_output)


def main(action: str, *arguments: str) -> None:
    """Carry out one command of the command line.

    Args:
        action: `start`, `approve`, `reject` or `retry`.
        *arguments: The question and the recipient, or the id of the execution.
    """
    executions = KitaruClient().executions
    exec_id = research.run(*arguments).exec_id if action == "start" else arguments[0]
    if action == "retry":
        executions.retry(exec_id, block=True)
    elif action != "start":
        for wait in executions.pending_waits(exec_id):
            executions.input(exec_id, wait=wait.name, value=action == "approve")
        executions.resume(exec_id, block=True)
    print(f"execution {exec_id}")  # noqa: T201 - a command line speaks
    print(_outcome(exec_id))  # noqa: T201


def _outcome(exec_id: str) -> str:
    executions = KitaruClient().executions
    if executions.wait(exec_id).status == "waiting":
        return f"waiting: run `approve {exec_id}` or `reject {exec_id}`"
    return str(executions.result(exec_id))


def command_line() -> None:
    """Read the command line; what cannot be done is told in a sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["start", "approve", "reject", "retry"])
    parser.add_argument("arguments", nargs="+", metavar="ARGUMENT", help="question and recipient, or the id")
    given = parser.parse_args()
    try:
        main(given.action, *given.arguments)
    except KitaruError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    command_line()
