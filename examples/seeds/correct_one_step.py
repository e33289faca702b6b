"""A step got it wrong. Replace what it returned, and let only what follows run again."""

from __future__ import annotations

import sys

from kitaru import KitaruClient, checkpoint, flow


@checkpoint
def gather(subject: str) -> list[str]:
    """Collect notes."""
    return [f"{subject} is old", f"{subject} is large"]


@checkpoint
def summarize(notes: list[str]) -> str:
    """Shorten them, rather too much."""
    return notes[0]


@checkpoint
def publish(summary: str) -> str:
    """Make a page of it."""
    return f"<p>{summary}</p>"


@flow
def brief(subject: str) -> str:
    """Write a brief."""
    return publish(summarize(gather(subject)))


def main() -> list[str]:
    """Run, look at a plan, replay from a step, and replay with a corrected value.

    Returns:
        The three pages that came of it.
    """
    executions = KitaruClient().executions
    first = brief.run("the library")
    pages = [first.wait()]
    plan = executions.replay(first.exec_id, from_="summarize", dry_run=True)
    sys.stdout.write(f"reused {plan.reused}, run again {plan.runs}\n")
    pages.append(brief.replay(first.exec_id, from_="summarize").wait())
    corrected = {"checkpoint.summarize": "the library is old and large"}
    second = executions.replay(first.exec_id, from_="publish", overrides=corrected)
    pages.append(executions.wait(second.exec_id).result())
    sys.stdout.write("\n".join([*pages, f"derived from {second.original_exec_id}"]) + "\n")
    return pages


if __name__ == "__main__":
    main()
