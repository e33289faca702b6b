"""One flow keeps its report under a name; another one is given the execution's id and builds on that very report."""

from __future__ import annotations

import sys

from kitaru import KitaruClient, checkpoint, current_execution_id, flow, load, log, save


@checkpoint
def score(headlines: list[str]) -> dict[str, int]:
    """Say how much each headline matters."""
    log(headlines=len(headlines))
    return {line: len(line) for line in headlines}


@checkpoint
def write_report(scores: dict[str, int]) -> str:
    """Write the report and keep it as an artifact of its own, for people who do not care how it came about."""
    best = max(scores, key=lambda line: scores[line])
    report = f"Most important: {best}"
    save("final_report", report, type="output", tags=["news"])
    save("scores", scores, type="context")
    return report


@flow
def morning(headlines: list[str]) -> str | None:
    """Report on the morning's headlines."""
    log(stage="morning", headlines=len(headlines))
    write_report(score(headlines))
    return current_execution_id()


@checkpoint
def compare(earlier: str, headline: str) -> str:
    """Hold a headline against the report of an earlier run, and against what a step of it returned."""
    report, scores = load(earlier, "final_report"), load(earlier, "score")
    return f"{report} (of {len(scores)}); now: {headline}"


@flow
def evening(earlier: str, headline: str) -> str:
    """Go on from the morning's report."""
    return compare(earlier, headline)


def main() -> str:
    """Run both.

    Returns:
        What the evening made of the morning.
    """
    client = KitaruClient()
    earlier = morning.run(["rain", "a bridge opens", "tea"]).wait()
    execution = client.executions.get(str(earlier))
    sys.stdout.write(f"{execution.metadata} {[one.name for one in execution.artifacts]}\n")
    (report,) = client.artifacts.list(execution.exec_id, name="final_report")
    text = evening.run(execution.exec_id, "the bridge is full").wait()
    sys.stdout.write(f"{report.load()}\n{text}\n")
    return text


if __name__ == "__main__":
    main()
