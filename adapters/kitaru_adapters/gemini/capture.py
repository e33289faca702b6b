"""What is saved beside the recorded result: the policy, the request manifest without secrets, and the artifacts."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from kitaru.errors import KitaruRuntimeError, KitaruUsageError
from kitaru_adapters.gemini.values import Json, digest
from kitaru_adapters.kit.redaction import shown_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kitaru.seam import Call
    from kitaru_adapters.gemini.request import GeminiInteractionRequest

__all__ = ["Capture", "GeminiInteractionCapturePolicy", "request_manifest"]


@dataclass(frozen=True, kw_only=True)
class GeminiInteractionCapturePolicy:
    """What a turn saves beside its result. Prompts, payloads, steps and outputs hold user data: review before saving.

    Attributes:
        emit_events: Add one event a turn to the metadata, and publish stream events.
        save_input: Save the input as it was sent.
        save_request_manifest: Save what was asked for, with a hash in place of the input.
        save_raw_interaction: Save the service's whole answer.
        save_steps: Save the steps with their contents.
        save_output: Save the answer text.
        save_usage: Save the token counts.
        include_stream_text_deltas: Let stream events carry pieces of the model's own answer.
        redact_request_manifest: Hide secrets in the manifest.
        fail_on_artifact_capture_error: Make a failed save an error instead of a warning.
        fail_on_event_persistence_error: Make a failed event an error instead of a warning.
    """

    emit_events: bool = True
    save_input: bool = False
    save_request_manifest: bool = True
    save_raw_interaction: bool = False
    save_steps: bool = False
    save_output: bool = True
    save_usage: bool = True
    include_stream_text_deltas: bool = False
    redact_request_manifest: bool = True
    fail_on_artifact_capture_error: bool = False
    fail_on_event_persistence_error: bool = False

    def __post_init__(self) -> None:
        """Check the switches once, at construction.

        Raises:
            KitaruUsageError: One of them is neither `True` nor `False`.
        """
        for switch in fields(self):
            if not isinstance(getattr(self, switch.name), bool):
                msg = f"Capture policy: {switch.name}={getattr(self, switch.name)!r} must be True or False."
                raise KitaruUsageError(msg)


def request_manifest(
    request: GeminiInteractionRequest, *, client: Mapping[str, object] | None = None, redact: bool = True
) -> Json:
    """Describe a request without its contents.

    Args:
        request: The request.
        client: Facts about the client, without credentials.
        redact: Whether secrets in the configuration are hidden.

    Returns:
        JSON data: kind, target, ids, flags, counts, configuration, and hash and length of the input.
    """
    shown = shown_settings if redact else (lambda value: value)
    settings = (
        "environment",
        "generation_config",
        "agent_config",
        "response_format",
        "service_tier",
        "labels",
        "extra",
    )
    manifest: Json = {
        "kind": request.kind,
        "target_kind": request.target_kind,
        "model": request.model,
        "agent": request.agent,
        "previous_interaction_id": request.previous_interaction_id,
        "interaction_id": request.interaction_id,
        "function_call_id": request.function_call_id,
        "function_name": request.function_name,
        "input_sha256": digest(request.input) if request.input is not None else None,
        "input_length": len(json.dumps(request.input)) if request.input is not None else None,
        "system_instruction_length": len(request.system_instruction) if request.system_instruction else None,
        "background": request.background,
        "store": request.store,
        "timeout_s": request.timeout_s,
        "tool_count": len(request.tools) if request.tools is not None else None,
        "tools": shown(request.tools) if request.tools is not None else None,
        "metadata_keys": sorted(request.metadata or {}),
        "client": dict(client or {}),
    }
    manifest |= {name: shown(getattr(request, name)) for name in settings}
    return {name: value for name, value in manifest.items() if value is not None}


class Capture:
    """Saves the artifacts and the event of one turn; a problem becomes a warning, or an error if the policy says so.

    Attributes:
        warnings: What could not be saved.
    """

    def __init__(self, call: Call, policy: GeminiInteractionCapturePolicy, *, runner_name: str, label: str) -> None:
        self._call, self._policy = call, policy
        self._runner_name, self._label = runner_name, label
        self.warnings: list[str] = []

    def save(self, kind: str, value: object, *, wanted: bool, type_: str = "output") -> str | None:
        """Save one artifact.

        Args:
            kind: First part of its name.
            value: JSON data.
            wanted: Whether the policy asks for it; nothing is saved for `None` either.
            type_: Kind of artifact as listings show it.

        Returns:
            Its name, or `None`.

        Raises:
            KitaruRuntimeError: It cannot be saved and the policy says that this is an error.
        """
        if not wanted or value is None:
            return None
        name = f"{kind}__{self._runner_name}_{self._label}"
        with self._guarded(f"artifact {name}", fatal=self._policy.fail_on_artifact_capture_error):
            self._call.save(name, value, type=type_)
            return name
        return None

    def log(self, key: str, value: Mapping[str, object]) -> None:
        """Add an entry for this turn to the metadata of the checkpoint.

        Args:
            key: Metadata key.
            value: The entry.

        Raises:
            KitaruRuntimeError: It cannot be written and the policy says that this is an error.
        """
        if not self._policy.emit_events:
            return
        with self._guarded(f"metadata {key}", fatal=self._policy.fail_on_event_persistence_error):
            self._call.log(**{key: {self._label: dict(value)}})

    def _guarded(self, what: str, *, fatal: bool) -> _Guard:
        return _Guard(what, None if fatal else self.warnings)


class _Guard:
    def __init__(self, what: str, warnings: list[str] | None) -> None:
        self._what, self._warnings = what, warnings

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if not isinstance(error, Exception):
            return False
        if self._warnings is None:
            msg = (
                f"Gemini already answered, but {self._what} could not be saved ({type(error).__name__}). Retrying this "
                "turn may duplicate the work; fix the store, or leave the fail_on_... switch of the capture policy off."
            )
            raise KitaruRuntimeError(msg) from error
        self._warnings.append(f"{self._what} could not be saved: {type(error).__name__}")
        return True
