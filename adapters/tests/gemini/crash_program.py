"""A flow in a process that the tests kill: `start` runs it, `retry` continues the only execution of the store."""

from __future__ import annotations

import sys

from kitaru import FlowHandle, KitaruClient, flow
from kitaru.adapters.gemini import GeminiInteractionRequest, KitaruGeminiInteractionsRunner
from kitaru.errors import KitaruExecutionError

MODE = sys.argv[2] if len(sys.argv) > 2 else "resubmit"

runner = KitaruGeminiInteractionsRunner(
    name="agent",
    poll_interval_s=0.01,
    max_poll_interval_s=0.02,
    on_unknown_submission="fail" if MODE == "fail" else "resubmit",
)


@flow
def research() -> str:
    request = GeminiInteractionRequest.start(
        "dig", agent="deep-research-preview-04-2026", background=True, timeout_s=20
    )
    result = (runner.run_stream_sync if MODE == "stream" else runner.run_sync)(request)
    states = ",".join(entry.state for entry in result.attempt_submissions)
    return " ".join([result.output_text or "", *result.warnings, *([states] if result.warnings else [])])


def main() -> None:
    if sys.argv[1] == "start":
        handle = research.run()
    else:
        client = KitaruClient()
        handle = FlowHandle.from_exec_id(client.executions.list()[0].exec_id)
        client.executions.retry(handle.exec_id, block=True)
    try:
        sys.stdout.write(handle.wait())
    except KitaruExecutionError as error:
        sys.stdout.write(type(error.__cause__ or error).__name__)


if __name__ == "__main__":
    main()
