"""One call at a boundary, as its body sees it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from kitaru.crash_points import hit
from kitaru.deferred import asyncio
from kitaru.engine import histories, payloads
from kitaru.engine.ids import idempotency_key
from kitaru.engine.scope import current_boundary
from kitaru.engine.texts import check_text
from kitaru.errors import KitaruUsageError
from kitaru.journal.api import Draft
from kitaru.records.boundary import Boundary
from kitaru.records.facts import ArtifactSaved, MetadataLogged, NoteWritten, UsageRecorded, usage_defaults

if TYPE_CHECKING:
    from kitaru.engine.run import Run
    from kitaru.engine.unit import Unit
    from kitaru.records.payload import HistoryRef

__all__ = ["ARTIFACT_TYPES", "Call", "Note", "current_call"]

_log = logging.getLogger("kitaru")

ARTIFACT_TYPES = ("prompt", "response", "context", "input", "output", "blob")


class Note(msgspec.Struct, frozen=True):
    """A value that an attempt wrote before its outcome was known.

    Attributes:
        name: Its name.
        value: The value.
        attempt: The attempt that wrote it.
        at: When, in seconds since 1970.
    """

    name: str
    value: Any
    attempt: int
    at: float


class Call:
    """A call whose body is running; handed to the body of a unit and returned by `current_call()`.

    Attributes:
        execution_id: The execution.
        name: Checkpoint name.
        invocation_id: Readable id, unique in the execution.
        call_id: The call's id.
        attempt: Number of this attempt, from 1.
        is_replay: Whether the execution is a replay.
    """

    __slots__ = (
        "_carried",
        "_earlier",
        "_held",
        "_listeners",
        "_source",
        "_versions",
        "attempt",
        "call_id",
        "digest",
        "invocation_id",
        "name",
        "run",
        "unit",
    )

    def __init__(self, run: Run, unit: Unit, *, invocation_id: str, call_id: str, digest: str | None) -> None:
        self.run: Run = run
        self.unit: Unit = unit
        self.name: str = unit.name
        self.invocation_id: str = invocation_id
        self.call_id: str = call_id
        self.attempt: int = 1
        self.digest: str | None = digest
        self._carried: msgspec.Raw | None = None
        self._earlier: list[Note] = []
        self._source: list[Note] | None = None
        self._versions: dict[str, int] = {}
        self._listeners: list[Callable[[], None]] = []
        self._held: list[Draft] = []

    @property
    def execution_id(self) -> str:
        """The execution."""
        return self.run.execution_id

    @property
    def is_replay(self) -> bool:
        """Whether the execution is a replay of another one."""
        return self.run.is_replay

    @property
    def idempotency_key(self) -> str:
        """The same text on every attempt, resume, retry and replay of this logical call; hand it to the other side."""
        return idempotency_key(self.run.lineage_id, self.unit.key or self.invocation_id, self.unit.business_key)

    @property
    def boundary(self) -> Boundary:
        """The facts about this call, as hooks get them."""
        unit = self.unit
        return Boundary(
            execution_id=self.run.execution_id,
            flow=self.run.flow,
            name=self.name,
            invocation_id=self.invocation_id,
            call_id=self.call_id,
            kind=unit.kind,
            type=unit.type,
            adapter=unit.adapter,
            attempt=self.attempt,
            input_digest=self.digest,
            target=unit.runtime or "inline",
            is_replay=self.run.is_replay,
            effect=unit.effect,
            idempotency_key=self.idempotency_key,
        )

    def note(self, name: str, value: object) -> None:
        """Write something down before the outcome of this attempt is known; durable when this returns.

        Args:
            name: Name of the note; the same name may be written several times.
            value: The note.

        Raises:
            KitaruEncodingError: The value cannot be stored.
            KitaruUsageError: The name cannot be.
        """
        check_text(name, "The name of a note")
        stored = payloads.store(value, path=f"note {name!r}")
        at = time.time()
        fact = NoteWritten(
            at=at,
            call_id=self.call_id,
            invocation_id=self.invocation_id,
            name=name,
            value=stored.ref,
            attempt=self.attempt,
        )
        self.run.write(*self.started_now(), Draft(fact, stored.inline, stored.blobs))
        self._earlier.append(Note(name, value, self.attempt, at))
        hit("note.written")

    async def note_async(self, name: str, value: object) -> None:
        """Write a note as `note` does, without blocking the event loop.

        Args:
            name: Name of the note.
            value: The note.
        """
        await asyncio.to_thread(self.note, name, value)

    def notes(self, name: str | None = None) -> list[Note]:
        """Return the notes of all attempts of this call, oldest first.

        Args:
            name: Only notes of this name.
        """
        return [note for note in self._earlier if name is None or note.name == name]

    def source_notes(self, name: str | None = None) -> list[Note]:
        """In a replay, return the notes of the call in the source execution that has this call's identity.

        Args:
            name: Only notes of this name.
        """
        if self._source is None:
            self._source = self.run.notes_of_source(self.invocation_id, self.unit.key)
        return [note for note in self._source if name is None or note.name == name]

    def remember(self, notes: list[Note]) -> None:
        """Take in the notes of earlier attempts."""
        self._earlier.extend(notes)

    def carry(self, value: object) -> None:
        """Attach small JSON-ready data to the outcome; given back as `Outcome.carried` whenever the value is.

        Args:
            value: The data; the last call counts.

        Raises:
            KitaruEncodingError: It is not JSON-ready.
        """
        self._carried = msgspec.Raw(payloads.to_json(value))

    def restore_carried(self, carried: msgspec.Raw | None) -> None:
        """Attach what was carried with a value that comes from the result cache."""
        self._carried = carried

    @property
    def carried(self) -> msgspec.Raw | None:
        """What `carry` attached."""
        return self._carried

    def save(self, name: str, value: object, *, type: str = "output", tags: list[str] | None = None) -> str:  # noqa: A002 - the name users know
        """Store a named artifact; see `kitaru.save`.

        Args:
            name: Its name.
            value: The value.
            type: One of prompt, response, context, input, output, blob.
            tags: Labels.

        Returns:
            The artifact's id.

        Raises:
            KitaruUsageError: The name is blank, the type unknown, or the tags are no list of texts.
            KitaruEncodingError: The value cannot be stored.
        """
        kind = _artifact_type(name, type)
        _check_tags(tags)
        # A model's answer is the boundary's value as well, and its bytes are to stand once.
        stored = payloads.store(value, path=f"artifact {name!r}", shared=kind == "response")
        return self._keep(name, kind, tags, stored)

    def save_messages(self, name: str, messages: Sequence[object], *, tags: list[str] | None = None) -> str:
        """Store messages for a model as an artifact of type `prompt`; what earlier ones contain is not stored again.

        Args:
            name: Its name.
            messages: The messages, oldest first.
            tags: Labels.

        Returns:
            The artifact's id; its value is the list of the messages.

        Raises:
            KitaruUsageError: The name is blank.
            KitaruEncodingError: A message cannot be stored.
        """
        kind = _artifact_type(name, "prompt")
        path = f"artifact {name!r}"
        parts = histories.plain_messages(messages, path=path)
        if parts is None:
            return self._keep(name, kind, tags, payloads.store(list(messages), path=path))
        stored, node = histories.store_messages(parts, self.run.prompts)
        saved = self._keep(name, kind, tags, stored, history=node)
        self.run.prompts[node.node] = 1
        return saved

    def _keep(
        self,
        name: str,
        kind: str,
        tags: list[str] | None,
        stored: payloads.Stored,
        *,
        history: HistoryRef | None = None,
    ) -> str:
        version = self._versions[name] = self._versions.get(name, 0) + 1
        fact = ArtifactSaved(
            at=time.time(),
            artifact_id=self.run.new_id(2),
            name=name,
            type=kind,
            value=stored.ref,
            call_id=self.call_id,
            attempt=self.attempt,
            tags=list(tags or []),
            version=version,
            history=history,
        )
        self.run.write_later(*self.started_now(), Draft(fact, stored.inline, stored.blobs, packed=True))
        self.run.totals.artifacts += 1
        hit("artifact.written")
        return fact.artifact_id

    @property
    def has_saved(self) -> bool:
        """Whether the body saved an artifact."""
        return bool(self._versions)

    def log(self, **metadata: object) -> None:
        """Attach metadata to this attempt; see `kitaru.log`.

        Args:
            **metadata: JSON-ready values by key.

        Raises:
            KitaruUsageError: A value is not JSON-ready; nothing was written.
        """
        self.run.log(metadata, call=self)

    def publish(
        self,
        kind: str,
        payload: Mapping[str, object] | None = None,
        *,
        message: str | None = None,
        correlation_id: str | None = None,
        index: int | None = None,
    ) -> None:
        """Publish a live event; trouble on the way never reaches the caller.

        Args:
            kind: Kind of the event.
            payload: Its data.
            message: A text for people.
            correlation_id: Groups events; one per attempt by default.
            index: Place within the group; counted by default.
        """
        self.run.events.publish(self, kind, payload, message=message, correlation_id=correlation_id, index=index)

    def record_usage(self, record: Mapping[str, object]) -> None:
        """Record tokens and cost of a model call.

        Args:
            record: A record with the field names of `llm_usage_v1`; call, checkpoint and cache status are filled in.
        """
        usage = {**usage_defaults(self.call_id, self.invocation_id, self.name), **record}
        fact = UsageRecorded(at=time.time(), call_id=self.call_id, attempt=self.attempt, usage=usage)
        self.run.totals.usage.append(fact)
        self._tell(Draft(fact))

    def attach(self, values: dict[str, Any]) -> None:
        """Record metadata of this attempt.

        Args:
            values: JSON-ready, without secrets.
        """
        self._tell(Draft(MetadataLogged(at=time.time(), values=values, call_id=self.call_id, attempt=self.attempt)))

    def _tell(self, draft: Draft) -> None:
        """Record something small about this attempt: together with its start or its end, whichever is written first."""
        if self.call_id in self.run.lease.starting:
            self._held.append(draft)
        else:
            self.run.write_later(draft)

    def take_held(self) -> list[Draft]:
        """Return what was told of this attempt and is not on its way yet; called once its start or end is."""
        held: list[Draft] = []
        if not self._held:
            return held
        with suppress(IndexError):  # one at a time, since the commit of the start may take them in another thread
            while self._held:
                held.append(self._held.pop(0))
        return held

    def started_now(self) -> Sequence[Draft]:
        """Return the start record if it is not on its way yet: what the body records must not precede it."""
        waiting = self.run.lease.starting.pop(self.call_id, None)
        return () if waiting is None else waiting[1]()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to cancel the execution."""
        return self.run.lease.cancelled

    def raise_if_cancelled(self) -> None:
        """Raise the cancel signal if somebody asked to cancel."""
        self.run.check()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Have a function called, from another thread or at once, when somebody asks to cancel while this call runs.

        Args:
            callback: What to call, at most once; if it fails, that is logged.
        """
        once = threading.Lock()

        def listen() -> None:
            if not self.run.lease.cancelled or current_attempt != self.attempt or not once.acquire(blocking=False):
                return
            try:
                callback()
            except Exception as error:  # noqa: BLE001 - others have to hear of the cancellation too
                _log.warning("Call %s: its reaction to a cancellation failed: %s", self.call_id, type(error).__name__)

        current_attempt = self.attempt
        self.run.lease.on_change.append(listen)
        self._listeners.append(listen)
        listen()  # the cancellation may have come before

    def close(self) -> None:
        """Let go of what this attempt registered; called by the engine when its body has ended."""
        if self._listeners:
            for listener in self._listeners:
                self.run.lease.on_change.remove(listener)
            self._listeners.clear()

    def sleep(self, seconds: float) -> None:
        """Sleep; ends early with the cancel signal when the execution is cancelled."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.run.changed.clear()
            self.run.check()
            self.run.changed.wait(min(left, 0.2))
        self.run.check()

    async def sleep_async(self, seconds: float) -> None:
        """Sleep on the event loop; ends early with the cancel signal when the execution is cancelled."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.run.check()
            await asyncio.sleep(min(left, 0.1))
        self.run.check()


def _check_tags(tags: object) -> None:
    if tags is None:
        return
    if isinstance(tags, list | tuple | set | frozenset) and all(isinstance(one, str) for one in tags):
        for one in tags:
            check_text(one, "The tag")
        return
    msg = f"save(tags=) takes a list of texts, not {tags!r}."
    raise KitaruUsageError(msg)


def _artifact_type(name: str, given: str) -> str:
    kind = given.strip().casefold()
    if kind not in ARTIFACT_TYPES:
        msg = f"{given!r} is no artifact type; use one of: {', '.join(ARTIFACT_TYPES)}."
        raise KitaruUsageError(msg)
    if not name.strip():
        msg = "save() needs a name that is not blank; it is what load() and readers look the artifact up by."
        raise KitaruUsageError(msg)
    check_text(name, "The name of an artifact")
    return kind


def current_call() -> Call | None:
    """Return the call whose body the caller stands in, or `None`."""
    return current_boundary.get()
