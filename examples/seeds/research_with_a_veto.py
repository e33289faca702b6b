"""Plan, look up, ask a person, write: each step is kept, so a crash costs no more than the step it hit.

Whatever drives a model belongs into the checkpoints; here they are plain functions.
"""

from __future__ import annotations

import sys
from typing import TypedDict

from kitaru import KitaruClient, checkpoint, flow, wait

SHELVES = {
    "checkpoints": "A checkpoint is work whose outcome is kept.",
    "replay": "A replay derives a new run from an old one.",
}


class Plan(TypedDict):
    """What to look up."""

    question: str
    terms: list[str]


@checkpoint(type="llm_call")
def plan(question: str) -> Plan:
    """Choose what to look up."""
    return {"question": question, "terms": [term for term in SHELVES if term in question]}


@checkpoint(type="tool_call", retries=2)
def retrieve(planned: Plan) -> list[str]:
    """Look everything up."""
    return [SHELVES[term] for term in planned["terms"]]


@checkpoint(type="llm_call")
def synthesize(documents: list[str]) -> str:
    """Write the answer."""
    return " ".join(documents)


@flow
def research(question: str) -> str:
    """Answer a question from the shelves, unless somebody objects to what was found."""
    documents = retrieve(plan(question))
    approved = wait(name="approve", question=f"Write from these {len(documents)} documents?", timeout=0)
    return synthesize(documents) if approved else "stopped by a person"


def main() -> str:
    """Run it once and agree.

    Returns:
        The answer.
    """
    executions = KitaruClient().executions
    handle = research.run("what do checkpoints have to do with replay?")
    executions.wait(handle.exec_id)
    executions.input(handle.exec_id, wait="approve", value=True, resume=True)
    answer = handle.wait()
    sys.stdout.write(f"{answer}\n")
    return answer


if __name__ == "__main__":
    main()
