"""A research agent that survives its process: it reads real documents, asks before it publishes, and writes a brief.

Run it:

    python examples/quickstart/research.py "What happens when a process is killed?"

Kill it wherever you like, then continue it:

    kitaru executions retry EXEC_ID
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path

from library import Library
from pydantic_ai import Agent, RunContext
from pydantic_ai.models import infer_model
from research_model import offline_model
from work_log import CRASH_VARIABLE, FAIL_VARIABLE, CountedModel, begin

import kitaru
from kitaru.adapters.pydantic_ai import CapturePolicy, KitaruAgent, hitl_tool

__all__ = ["main", "publish", "research"]

REPOSITORY = Path(__file__).resolve().parents[2]
QUESTION = "What happens to a wait when the process is killed?"
INSTRUCTIONS = """Answer the question from the documents alone. List the files, search for the important words, read the
best documents, extract the parts that matter, and write a short Markdown brief that quotes them. Call approve_publish
with the brief before you give it as your answer."""


def list_files(ctx: RunContext[Library], contains: str = "") -> list[str]:
    """List documents whose path contains a text."""
    begin("list_files")
    return ctx.deps.list_files(contains)


def search(ctx: RunContext[Library], word: str) -> list[dict[str, object]]:
    """Find lines that contain a word."""
    begin("search")
    return [asdict(hit) for hit in ctx.deps.search(word)]


def read_file(ctx: RunContext[Library], path: str) -> str:
    """Read the beginning of a document."""
    begin("read_file")
    return ctx.deps.read(path)


def extract(ctx: RunContext[Library], path: str, word: str) -> str:
    """Return the part of a document that speaks most of a word."""
    begin("extract")
    return ctx.deps.extract(path, word)


@hitl_tool(question="Publish this brief?", name="approve_publish", schema=bool)
def approve_publish(summary: str) -> bool:  # type: ignore[empty-body]  # a person answers; the body never runs
    """Ask a person whether the brief may be published."""


def _model() -> CountedModel:
    name = os.environ.get("KITARU_EXAMPLE_MODEL")
    return CountedModel(infer_model(name) if name else offline_model())


researcher = KitaruAgent(
    Agent(
        _model(),
        name="researcher",
        deps_type=Library,
        instructions=INSTRUCTIONS,
        tools=[list_files, search, read_file, extract, approve_publish],
    ),
    capture=CapturePolicy(tool_capture="full"),
)


@kitaru.checkpoint
def publish(brief: str) -> str:
    """Give the brief a name under which anybody can find it."""
    begin("publish")
    kitaru.save("brief", brief, tags=["markdown"])
    return brief


@kitaru.flow
def research(question: str, folder: str) -> str:
    """Answer a question about a folder of documents."""
    result = researcher.run_sync(question, deps=Library(Path(folder)))
    return publish(result.output)


def main(arguments: list[str] | None = None) -> int:
    """Run the example from the command line.

    Args:
        arguments: The command line; that of the process when left out.

    Returns:
        The exit code: 0 when the brief is done, 3 while a person has to answer, 1 when the execution failed.
    """
    parser = argparse.ArgumentParser(description="Answer a question about a folder of documents.")
    parser.add_argument("question", nargs="?", default=QUESTION)
    parser.add_argument("--folder", default=str(REPOSITORY), help="the documents; this repository by default")
    parser.add_argument("--crash-at", type=int, metavar="N", help="kill this process in the body of its N-th boundary")
    parser.add_argument("--fail-at", type=int, metavar="N", help="let the body of the N-th boundary fail")
    parser.add_argument("--continue", dest="exec_id", help="go on with an execution instead of starting one")
    given = parser.parse_args(arguments)
    for variable, number in ((CRASH_VARIABLE, given.crash_at), (FAIL_VARIABLE, given.fail_at)):
        if number is not None:
            os.environ[variable] = str(number)
    exec_id = given.exec_id or research.run(given.question, given.folder).exec_id
    sys.stderr.write(f"execution {exec_id}\n")
    return follow(exec_id, go_on=given.exec_id is not None)


def follow(exec_id: str, *, go_on: bool) -> int:
    """Stay with an execution until it ends or waits for a person, and say how it stands.

    Args:
        exec_id: The execution.
        go_on: Whether it has to be continued first.

    Returns:
        The exit code, as for `main`.
    """
    executions = kitaru.KitaruClient().executions
    if go_on:
        step = executions.resume if executions.get(exec_id).status == "waiting" else executions.retry
        step(exec_id)
    execution = executions.wait(exec_id)
    if execution.status == "completed":
        sys.stdout.write(executions.result(exec_id))
        return 0
    if execution.status == "waiting":
        for wait in executions.pending_waits(exec_id):
            sys.stderr.write(
                f"{wait.question} Answer: kitaru executions input {exec_id} --wait {wait.name} --value true\n"
            )
        return 3
    told = execution.failure.message if execution.failure is not None else execution.status_reason
    sys.stderr.write(f"{execution.status}: {told}\nContinue it: kitaru executions retry {exec_id}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
