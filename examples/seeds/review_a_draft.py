"""A person decides whether a draft goes out: one checkpoint, one wait, and a handle to the run."""

from __future__ import annotations

import sys

from kitaru import KitaruClient, checkpoint, flow, wait


@checkpoint
def draft(topic: str) -> str:
    """Write a text about a topic."""
    return f"A few words about {topic}."


@flow
def review(topic: str) -> str:
    """Give the draft back if somebody approves of it."""
    text = draft(topic)
    approved = wait(name="approve_draft", question=f"Publish this? {text}", schema=bool, timeout=0)
    return text if approved else "rejected"


def main(*, approve: bool = True) -> str:
    """Run a review, and answer its question as a person would from another window.

    Args:
        approve: The answer.

    Returns:
        What the flow returned.
    """
    executions = KitaruClient().executions
    handle = review.run("durable agents")
    executions.wait(handle.exec_id)
    sys.stdout.write(f"execution {handle.exec_id} is {handle.status}\n")
    executions.input(handle.exec_id, wait="approve_draft", value=approve, resume=True)
    result = handle.wait()
    sys.stdout.write(f"{result}\n")
    return result


if __name__ == "__main__":
    main()
