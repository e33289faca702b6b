"""A managed agent builds something in Google's sandbox, a person reviews it, and the agent goes on where it stopped.

    python examples/antigravity/build.py start "A page that shows the time"
    python examples/antigravity/build.py review EXECUTION_ID "Make it dark"      (or: retry EXECUTION_ID)

Without a key in `GEMINI_API_KEY` it talks to a scripted service on this machine. The agent's environment and files live
at Google: kitaru remembers which turn and which environment it was, and restores neither.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kitaru import KitaruClient, flow, wait
from kitaru.adapters.gemini import GeminiInteractionRequest, KitaruGeminiInteractionsRunner
from kitaru.errors import KitaruError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from kitaru_adapters.gemini.loopback import Turn

builder = KitaruGeminiInteractionsRunner(name="builder", on_unknown_submission="fail", poll_interval_s=0.05)


@flow
def build(task: str) -> str:
    """Have something built, reviewed and improved.

    Args:
        task: What to build.

    Returns:
        What the agent says at the end.
    """
    first = builder.run_sync(GeminiInteractionRequest.antigravity(task, timeout_s=3600))
    remark = wait(name="review", schema=str, question=f"{first.output_text} What should change?", timeout=0)
    second = builder.run_sync(
        GeminiInteractionRequest.antigravity(
            remark,
            previous_interaction_id=first.interaction_id,
            environment=first.environment_id or "remote",
            timeout_s=3600,
        )
    )
    return second.output_text or ""


def scripted_answer(body: dict[str, Any]) -> Turn:
    """Decide what one create does when the example runs without a key."""
    from kitaru_adapters.gemini.loopback import Turn

    pending = ["queued", "in_progress", "in_progress"]
    sandbox: dict[str, object] = {"type": "code_execution_result", "result": "3 files written"}
    done = f"Changed: {body['input']}." if "previous_interaction_id" in body else f"Built: {body['input']}."
    return Turn(steps=[sandbox], text=done, pending=pending, usage={"total_tokens": 5000})


@contextmanager
def service() -> Iterator[None]:
    """Use the real service when a key is given, else a scripted one on this machine."""
    if os.environ.get("GEMINI_API_KEY") or os.environ.get("GOOGLE_API_KEY"):
        yield
        return
    from kitaru_adapters.gemini.loopback import LoopbackGemini

    with LoopbackGemini(answer=scripted_answer) as scripted:
        os.environ |= {"GEMINI_API_KEY": "scripted", "GOOGLE_GEMINI_BASE_URL": scripted.url}
        yield


def main(action: str, argument: str, remark: str = "") -> None:
    """Carry out one command of the command line.

    Args:
        action: `start`, `review` or `retry`.
        argument: The task, or the id of the execution.
        remark: What the reviewer says.
    """
    executions = KitaruClient().executions
    exec_id = build.run(argument).exec_id if action == "start" else argument
    if action == "retry":
        executions.retry(exec_id, block=True)
    elif action != "start":
        executions.input(exec_id, wait="review", value=remark)
        executions.resume(exec_id, block=True)
    print(f"execution {exec_id}")  # noqa: T201 - a command line speaks
    print(_outcome(exec_id))  # noqa: T201


def _outcome(exec_id: str) -> str:
    executions = KitaruClient().executions
    if executions.wait(exec_id).status == "waiting":
        return f"waiting: run `review {exec_id} REMARK`"
    return str(executions.result(exec_id))


def command_line() -> None:
    """Read the command line; what cannot be done is told in a sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", nargs="?", default="start", choices=["start", "review", "retry"])
    parser.add_argument("argument", nargs="?", metavar="TASK|EXECUTION_ID")
    parser.add_argument("remark", nargs="?", default="", help="what the reviewer says")
    given = parser.parse_args()
    if given.argument is None and given.action != "start":
        parser.error(f"{given.action} needs an EXECUTION_ID")
    try:
        with service():
            main(given.action, given.argument or "A page that shows the time", given.remark)
    except KitaruError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    command_line()
