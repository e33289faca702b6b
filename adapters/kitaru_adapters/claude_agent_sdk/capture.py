"""What is kept of a run for people to look at; the result itself is always kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kitaru.errors import KitaruRuntimeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru.seam import Call

__all__ = ["ArtifactNames", "ClaudeCapturePolicy"]

_TYPES = {"output": "response"}


@dataclass(frozen=True)
class ClaudeCapturePolicy:
    """What is saved beside the result. Messages and transcripts hold contents of files and output of commands.

    Attributes:
        emit_events: Keep one event and one summary of every invocation.
        save_prompt: Keep the prompt with the checkpoint's inputs.
        save_messages: Save the messages of the run, and arguments with the tool calls.
        save_transcript_file: Save Claude's own record of the session.
        save_options_manifest: Save the shape of the options.
        save_final_output: Save the final output by itself.
        save_usage: Save usage by itself.
        redact_options_manifest: Leave values out whose names sound like secrets.
        fail_on_artifact_capture_error: Fail when something cannot be saved, although Claude has run already.
        fail_on_event_persistence_error: The same for the event.
        include_stream_text_deltas: Show Claude's words in live events while they stream.
        max_transcript_characters: Longer transcripts are cut.
    """

    emit_events: bool = True
    save_prompt: bool = True
    save_messages: bool = True
    save_transcript_file: bool = True
    save_options_manifest: bool = True
    save_final_output: bool = True
    save_usage: bool = True
    redact_options_manifest: bool = True
    fail_on_artifact_capture_error: bool = False
    fail_on_event_persistence_error: bool = False
    include_stream_text_deltas: bool = False
    max_transcript_characters: int = 5_000_000


@dataclass
class ArtifactNames:
    """Saves artifacts of one attempt and remembers their names, and what could not be saved.

    Attributes:
        call: The call they belong to.
        suffix: Runner and label, the second half of every name.
        strict: Fail instead of warn.
    """

    call: Call
    suffix: str
    strict: bool
    saved: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    async def save(self, kind: str, make: Callable[[], object]) -> None:
        """Save one artifact.

        Args:
            kind: What it is; the first half of its name.
            make: Builds its content.

        Raises:
            KitaruRuntimeError: It could not be saved and that is to be an error.
        """
        name = f"{kind}__{self.suffix}"
        try:
            await asyncio.to_thread(self.call.save, name, make(), type=_TYPES.get(kind, "context"))
        except Exception as error:  # noqa: BLE001 - Claude has run; what cannot be shown must not lose the result
            self.note_failure(f"{kind}: {type(error).__name__}", error, strict=self.strict)
        else:
            self.saved[kind] = name

    def note_failure(self, text: str, error: Exception, *, strict: bool) -> None:
        """Remember that something could not be kept.

        Args:
            text: What.
            error: Why.
            strict: Fail instead of warn.

        Raises:
            KitaruRuntimeError: It is to be an error.
        """
        self.failures.append(text)
        if strict:
            msg = (
                f"Claude has run already, but its {text.partition(':')[0]} could not be kept "
                f"({type(error).__name__}). Another attempt would run Claude again; turn the fail flag of the capture "
                "policy off to keep the result without it."
            )
            raise KitaruRuntimeError(msg) from error
