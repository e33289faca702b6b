"""The event log and the run summary of one invocation, stored with the checkpoint that holds its result."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from kitaru.errors import KitaruRuntimeError
from kitaru_adapters.langgraph.capture import redacted, structure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kitaru.seam import Call
    from kitaru_adapters.langgraph.invocation import Invocation
    from kitaru_adapters.langgraph.settings import RunnerSettings
    from kitaru_adapters.langgraph.types import LangGraphRunRequest, LangGraphRunResult

__all__ = ["Report"]


@cache
def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


class Report:
    """Writes what people want to know about an invocation; a failure to write never changes the result.

    Args:
        runner: The runner's settings.
        request: What was asked.
        config: The merged configuration.
        inv: The invocation.
        method: Which method of the graph was called.
    """

    def __init__(
        self,
        runner: RunnerSettings,
        request: LangGraphRunRequest,
        config: Mapping[str, object],
        inv: Invocation,
        method: str,
    ) -> None:
        self._runner = runner
        self._request = request
        self._config = config
        self._inv = inv
        self._method = method

    def written(self, call: Call, result: LangGraphRunResult, *, persist: bool) -> LangGraphRunResult:
        """Store the report with a checkpoint.

        Args:
            call: The checkpoint.
            result: What the invocation came to.
            persist: Whether to save artifacts, and not only light metadata.

        Returns:
            The result with the names of the artifacts, or with a warning.

        Raises:
            KitaruRuntimeError: Storing failed, and the capture policy says that this is an error.
        """
        try:
            return self._write(call, result, persist=persist)
        except Exception as error:
            if self._runner.capture.fail_on_event_persistence_error:
                msg = f"The events of {self._runner.name!r} could not be stored: {type(error).__name__}."
                raise KitaruRuntimeError(msg) from error
            warning = f"events could not be stored: {type(error).__name__}"
            return result.model_copy(update={"warnings": [*result.warnings, warning]})

    def _write(self, call: Call, result: LangGraphRunResult, *, persist: bool) -> LangGraphRunResult:
        suffix = f"{self._inv.graph}_{self._inv.label}"
        events = self._inv.events.ordered()
        names: dict[str, str] = {}
        if persist:
            names = {
                "event_log_artifact_name": f"event_log__{suffix}",
                "run_summary_artifact_name": f"run_summary__{suffix}",
            }
            call.save(names["event_log_artifact_name"], events, type="context")
            call.save(names["run_summary_artifact_name"], self._summary(result), type="context")
        pointer = {
            "artifact": names.get("event_log_artifact_name"),
            "count": len(events),
            "event_ids": [each["event_id"] for each in events][:100],
            "status": result.status,
            "thread_id": result.thread_id,
            "latest_checkpoint_id": result.latest_checkpoint_id,
        }
        summary = {"artifact": names.get("run_summary_artifact_name"), "status": result.status}
        call.log(
            langgraph_events={self._inv.label: pointer},
            langgraph_run_summaries={self._inv.label: summary},
        )
        return result.model_copy(update=names)

    def _summary(self, result: LangGraphRunResult) -> dict[str, object]:
        capture, request = self._runner.capture, self._request
        given = request.input if request.kind == "start" else request.command
        shown: dict[str, object] = {
            "adapter": "langgraph",
            "versions": {name: _version(name) for name in ("langgraph", "langchain", "langchain-core", "deepagents")},
            "graph": self._inv.graph,
            "strategy": self._runner.checkpoint_strategy,
            "method": self._method,
            "thread_id": result.thread_id,
            "durability": request.durability or self._runner.durability.mode,
            "capture_mode": capture.capture_mode,
            "status": result.status,
            "events": len(self._inv.events),
            "usage": result.usage.model_dump(mode="json") if result.usage else None,
            "estimated_cost_usd": result.estimated_cost_usd,
            "warnings": result.warnings,
            "metadata": redacted(request.metadata),
        }
        if capture.save_input:
            shown["input"] = structure(given)
        if capture.save_output:
            shown["output"] = structure(result.output)
        if capture.save_config:
            shown["config"] = redacted({key: value for key, value in self._config.items() if key != "callbacks"})
        if capture.save_context:
            shown["context"] = redacted(request.context)
        return shown
