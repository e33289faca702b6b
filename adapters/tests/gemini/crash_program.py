"""A flow for a process that the tests kill, and continue in their own."""

from __future__ import annotations

from kitaru import flow
from kitaru.adapters.gemini import GeminiInteractionRequest, KitaruGeminiInteractionsRunner


@flow
def research(mode: str) -> str:
    runner = KitaruGeminiInteractionsRunner(
        name="agent",
        poll_interval_s=0.01,
        max_poll_interval_s=0.02,
        on_unknown_submission="fail" if mode == "fail" else "resubmit",
    )
    request = GeminiInteractionRequest.start(
        "dig", agent="deep-research-preview-04-2026", background=True, timeout_s=50
    )
    result = (runner.run_stream_sync if mode == "stream" else runner.run_sync)(request)
    states = ",".join(entry.state for entry in result.attempt_submissions)
    return " ".join([result.output_text or "", *result.warnings, *([states] if result.warnings else [])])
