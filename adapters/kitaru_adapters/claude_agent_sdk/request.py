"""What Claude is asked to do in one invocation."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Literal, TypedDict

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from kitaru.records.plain import JsonObject

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

__all__ = ["ClaudeRunRequest", "ClaudeToolDecision", "ResumeOptions"]


def _as_text(value: object) -> object:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


class ClaudeToolDecision(BaseModel):
    """What somebody decided about a tool call that waited for approval.

    Attributes:
        approved: Whether the tool may run.
        updated_input: Arguments to run it with instead of Claude's; only together with an approval.
        message: What Claude is told when the call is denied.
        tool_use_id: The call it is about; filled in by `wait_for_tool_approval`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    approved: bool
    updated_input: JsonObject | None = None
    message: str | None = None
    tool_use_id: str | None = None

    @model_validator(mode="after")
    def _input_only_with_approval(self) -> Self:
        if self.updated_input is not None and not self.approved:
            msg = "updated_input changes what an approved tool runs with; a denied call has no input. Leave it out."
            raise ValueError(msg)
        return self


class ResumeOptions(TypedDict, total=False):
    """What else may be said when a session is gone on with; see `ClaudeRunRequest.resume`."""

    cwd: str | os.PathLike[str] | None
    max_turns: int | None
    decision: ClaudeToolDecision | None
    metadata: Mapping[str, object] | None


class ClaudeRunRequest(BaseModel):
    """One request to Claude; build it with `start` or `resume`.

    Attributes:
        schema_version: Version of this shape.
        kind: `start` for a new session, `resume` to go on with one.
        prompt: What to do. Blank only where a decision about a tool call is handed over.
        resume_session_id: The session to go on with.
        cwd: Folder to work in.
        max_turns: Limit on turns of the model.
        decision: Answer to the tool call the session stopped at.
        metadata: Facts of the caller, kept with the events.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    kind: Literal["start", "resume"]
    prompt: str
    resume_session_id: str | None = None
    cwd: Annotated[str | None, BeforeValidator(_as_text)] = None
    max_turns: Annotated[int, Field(gt=0)] | None = None
    decision: ClaudeToolDecision | None = None
    metadata: JsonObject = Field(default_factory=dict)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if not self.prompt.strip() and self.decision is None:
            msg = "prompt is blank; say what Claude should do."
            raise ValueError(msg)
        if self.kind == "start" and (self.resume_session_id is not None or self.decision is not None):
            msg = "a start opens a new session; use ClaudeRunRequest.resume to go on with one."
            raise ValueError(msg)
        if self.kind == "resume" and not (self.resume_session_id or "").strip():
            msg = "a resume needs the id of the session to go on with."
            raise ValueError(msg)
        return self

    @classmethod
    def start(
        cls,
        prompt: str,
        *,
        cwd: str | os.PathLike[str] | None = None,
        max_turns: int | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> ClaudeRunRequest:
        """Ask for something in a new session.

        Args:
            prompt: What to do.
            cwd: Folder to work in.
            max_turns: Limit on turns of the model.
            metadata: Facts to keep with the events.

        Returns:
            The request.

        Raises:
            pydantic.ValidationError: The prompt is blank or the limit is not positive.
        """
        facts = dict(metadata or {})
        return cls.model_validate(
            {"kind": "start", "prompt": prompt, "cwd": cwd, "max_turns": max_turns, "metadata": facts}
        )

    @classmethod
    def resume(
        cls,
        prompt: str,
        session_id: str,
        *,
        cwd: str | os.PathLike[str] | None = None,
        max_turns: int | None = None,
        decision: ClaudeToolDecision | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> ClaudeRunRequest:
        """Ask for something more in a session that exists.

        Args:
            prompt: What to do next.
            session_id: The session, such as `result.session_id`.
            cwd: Folder to work in; Claude finds a session by its folder.
            max_turns: Limit on turns of the model.
            decision: Answer to the tool call the session stopped at; then the prompt is left blank.
            metadata: Facts to keep with the events.

        Returns:
            The request.

        Raises:
            pydantic.ValidationError: Prompt or session id is blank, or the limit is not positive.
        """
        fields = {"prompt": prompt, "resume_session_id": session_id, "cwd": cwd, "max_turns": max_turns}
        facts = dict(metadata or {})
        return cls.model_validate({"kind": "resume", **fields, "decision": decision, "metadata": facts})
