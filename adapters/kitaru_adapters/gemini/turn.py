"""One turn from the first note to a stable interaction: submit once, observe, continue, never submit twice.

The order is the point. The intent is durable before the create is sent, the id is durable before anything else happens,
and whoever comes after a crash reads both and observes the same job.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kitaru.errors import KitaruError, KitaruRuntimeError
from kitaru.seam import log_drift
from kitaru_adapters.gemini.codec import merge_hops
from kitaru_adapters.gemini.errors import (
    GeminiBackendError,
    GeminiInteractionEndedError,
    GeminiUnknownSubmissionError,
    create_error,
    is_connection_trouble,
    is_definite_refusal,
)
from kitaru_adapters.gemini.operations import Ask, Program
from kitaru_adapters.gemini.polling import CONTINUES, STABLE, Deadline, PollSettings, Watch, status_of
from kitaru_adapters.gemini.streaming import StreamReader
from kitaru_adapters.gemini.submissions import Entry, Submissions
from kitaru_adapters.gemini.types import FUNCTION_RESULT
from kitaru_adapters.gemini.values import Json, digest, jsonable, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kitaru.seam import Call
    from kitaru_adapters.gemini.request import GeminiInteractionRequest

__all__ = ["Turn", "TurnSettings"]

_CANCEL_GRACE_S = 5.0


@dataclass(frozen=True, kw_only=True)
class TurnSettings:
    """How a runner carries out turns.

    Attributes:
        polling: How it polls.
        on_unknown_submission: What to do when an earlier attempt may have submitted a job whose id is lost.
        early_id: Whether plain turns are streamed inside, to learn their id early.
    """

    polling: PollSettings
    on_unknown_submission: Literal["resubmit", "fail"] = "resubmit"
    early_id: bool = False


class Turn:
    """Carries out one request in one attempt of its checkpoint.

    Attributes:
        submissions: The submission journal.
        warnings: What a reader of the result should know.
        polls: How often a state was asked for.
        last: What the service said last.
        reader: Reads the events, when the create is streamed for whatever reason.
        streamed_by: The same reader, when the caller asked for a streamed turn.
    """

    def __init__(
        self,
        request: GeminiInteractionRequest,
        settings: TurnSettings,
        call: Call,
        *,
        durable: bool = True,
        reader: StreamReader | None = None,
        deadline: Deadline | None = None,
        labels: Mapping[str, str] | None = None,
        can_switch_continuation: bool = True,
    ) -> None:
        self._request, self._settings, self._call = request, settings, call
        self._deadline = deadline or Deadline(request.timeout_s)
        self._labels, self._can_switch = dict(labels or {}), can_switch_continuation
        self.submissions = Submissions(call, durable=durable, request_digest=digest(request.sent_fields()))
        self.reader = reader
        self.streamed_by = reader
        if settings.early_id and reader is None and request.store and not request.background and request.kind != "poll":
            self.reader = StreamReader(self._deadline, live=None, show_text=False)
        self.warnings: list[str] = []
        self.last: Json = {}
        self._watches: list[Watch] = []
        self._own_job: str | None = None
        self._interruptions = 0

    @property
    def polls(self) -> int:
        """How often a state was asked for."""
        return sum(watch.polls for watch in self._watches)

    def program(self) -> Program[Json]:
        """Return the program that ends with a stable interaction.

        Returns:
            The interaction as JSON, hops merged.

        Raises:
            KitaruError: See `polling` and `errors`.
        """
        try:
            interaction = yield from self._carry_out()
        except GeneratorExit:
            raise
        except BaseException:
            if self._watches and self._watches[-1].last.get("usage"):
                self.last = self._watches[-1].last
            yield from self._cancel_own_job()
            raise
        self.warnings += [notice for watch in self._watches for notice in watch.warnings]
        return interaction

    def _cancel_own_job(self) -> Program[None]:
        if self._own_job is not None and self._call.cancelled:
            with suppress(Exception):
                yield Ask("cancel", {"id": self._own_job, "timeout": _CANCEL_GRACE_S})

    def _carry_out(self) -> Program[Json]:
        if self._request.kind == "poll":
            started = time.time() if self._deadline.remaining is not None else None
            return (yield from self._observe(self._request.interaction_id or "", created_at=started))
        hops: list[Json] = []
        body = self._body()
        while True:
            hop = yield from self._hop(len(hops), body)
            hops.append(hop)
            self.last = merge_hops(hops)
            token = text_of(hop.get("continuation_token"))
            if status_of(hop) != CONTINUES or token is None:
                return self.last
            body = self._continued(body, hop, token)
            if self.reader is not None:
                self.reader.restart()

    @property
    def _hops_itself(self) -> bool:
        asked = self._request.automatic_continuation is not False
        return asked and self._request.target_kind == "model" and not self._request.background

    def _body(self) -> Json:
        body = self._request.sent_fields()
        return body | ({"labels": self._labels} if self._labels and self._request.labels is None else {})

    def _continued(self, body: Json, hop: Json, token: str) -> Json:
        following = body | {"continuation_token": token}
        if self._request.store:
            following.pop("input", None)
            following["previous_interaction_id"] = hop["id"]
        return following

    def _hop(self, index: int, body: Json) -> Program[Json]:
        entry = self.submissions.latest(index)
        if entry is not None and entry.state == "submitted" and entry.interaction_id and self._request.store:
            return (yield from self._take_up(index, entry))
        if entry is not None and entry.state in {"intent", "submitted"}:
            self._face_unknown(entry)
        return (yield from self._submit(index, body))

    def _take_up(self, index: int, entry: Entry) -> Program[Json]:
        if not self.submissions.is_for_this_request(entry):
            notice = f"request_changed: {entry.interaction_id} was submitted for other contents"
            log_drift(notice, interaction_id=entry.interaction_id)
            self.warnings.append(notice)
        try:
            hop = yield from self._observe(entry.interaction_id or "", created_at=entry.at)
        except GeminiInteractionEndedError:
            yield from self.submissions.write("ended", hop=index, interaction_id=entry.interaction_id)
            raise
        return hop | ({"continuation_token": entry.token} if entry.token and status_of(hop) == CONTINUES else {})

    def _face_unknown(self, entry: Entry) -> None:
        if self._settings.on_unknown_submission == "fail":
            msg = (
                f"Attempt {entry.attempt} of {self._call.invocation_id!r} announced a create and its outcome was lost: "
                "the service may be running a job whose id nobody knows. Look for it in the console, then either "
                "observe it with GeminiInteractionRequest.poll(...), or start it again with "
                "on_unknown_submission='resubmit'."
            )
            raise GeminiUnknownSubmissionError(msg, attempt=entry.attempt, announced_at=entry.at)
        self.warnings.append("possible_duplicate_submission")

    def _submit(self, index: int, body: Json) -> Program[Json]:
        yield from self.submissions.write("intent", hop=index)
        reader = None if self._request.background else self.reader
        try:
            interaction = yield from (
                self._create(body) if reader is None else self._create_streamed(index, body, reader)
            )
        except KitaruError:
            raise
        except Exception as error:
            entry = self.submissions.latest(index)
            if is_definite_refusal(error) and entry is not None and entry.is_unknown:
                yield from self.submissions.write("refused", hop=index)
            over = self._deadline.seconds if self._deadline.is_over else None
            translated = create_error(error, continues=self._request.previous_interaction_id, over_after_s=over)
            if translated is None:
                raise
            raise translated from error
        interaction_id = text_of(interaction.get("id")) or ""
        if reader is None:
            yield from self._submitted(index, interaction_id)
        return (yield from self._settle(index, interaction, interaction_id, reader=reader))

    def _submitted(self, index: int, interaction_id: str) -> Program[None]:
        if not interaction_id and self._request.background:
            msg = (
                "Gemini accepted a background job but named no id, so it cannot be observed safely; look in the "
                "console."
            )
            raise KitaruRuntimeError(msg)
        yield from self.submissions.write("submitted", hop=index, interaction_id=interaction_id or None)
        if self._request.background:
            self._own_job = interaction_id

    def _create(self, body: Json) -> Program[Json]:
        try:
            answer: Json = yield Ask("create", self._arguments(body))
        except Exception as error:
            partial = getattr(error, "partial_interaction", None)
            token = getattr(error, "continuation_token", None)
            if partial is None or not token or self._interruptions:
                raise
            # The SDK's own continuation broke off: what it has is paid for, so go on from there, once.
            self._interruptions += 1
            merged: Json = jsonable(partial)
            return merged | {"status": CONTINUES, "continuation_token": token}
        return answer

    def _create_streamed(self, index: int, body: Json, reader: StreamReader) -> Program[Json]:
        reader.on_id = lambda found: self._submitted(index, found)
        stream = yield Ask("create", self._arguments(body) | {"stream": True}, streamed=True)
        try:
            yield from reader.read(stream)
        except Exception as error:
            if reader.interaction_id is None or not self._request.store or not is_connection_trouble(error):
                raise
            yield from reader.follow(reader.interaction_id)
        if reader.interaction_id is None and self._request.store:
            msg = "The event stream of a new interaction ended without naming its id, so it cannot be observed."
            raise GeminiBackendError(msg, operation="stream")
        rebuilt = reader.rebuilt.interaction()
        return rebuilt if not self._request.store else rebuilt | {"id": reader.interaction_id}

    def _arguments(self, body: Json) -> Json:
        arguments = dict(body)
        extra = dict(self._request.extra or {})
        if self._request.kind == FUNCTION_RESULT and "input" in arguments:
            # As an extra field the items are sent as they are; google-genai 2.x drops nulls from inside results.
            extra["input"] = arguments.pop("input")
        if "continuation_token" in arguments:
            # Earlier releases of 2.x do not know the field yet; the service does.
            extra["continuation_token"] = arguments.pop("continuation_token")
        if self._can_switch and self._wants_single_requests:
            arguments["automatic_continuation"] = False
        return arguments | ({"extra_body": extra} if extra else {}) | self._deadline.timeout()

    @property
    def _wants_single_requests(self) -> bool:
        # Hops of a turn that is not stored cannot be fetched again after a crash, so those are left to the SDK's loop.
        unwanted = self._request.automatic_continuation is False and not self._request.background
        return unwanted or (self._hops_itself and self._request.store)

    def _settle(
        self, index: int, interaction: Json, interaction_id: str, *, reader: StreamReader | None
    ) -> Program[Json]:
        watch = self._watch(interaction_id, created_at=time.time())
        try:
            if reader is not None and self._request.store:
                return (yield from self._stopped(index, (yield from self._fetched(watch, reader))))
            if watch.is_settled(interaction, stop_at_continuation=self._hops_itself):
                return (yield from self._stopped(index, interaction))
            if not self._request.store:
                msg = f"A turn that is not stored was left in state {status_of(interaction)!r}; it cannot be observed."
                raise GeminiBackendError(msg, operation="create", interaction_id=interaction_id)
            if self.streamed_by is not None:
                yield from self.streamed_by.follow(interaction_id)
            else:
                yield from watch.first_pause()
            return (yield from watch.until_stable(stop_at_continuation=self._hops_itself))
        except GeminiInteractionEndedError:
            yield from self.submissions.write("ended", hop=index, interaction_id=interaction_id)
            raise

    def _fetched(self, watch: Watch, reader: StreamReader) -> Program[Json]:
        # A stream that ended in a stable state may be a moment ahead of what a get shows.
        if self._deadline.remaining is None and reader.facts.final_status in STABLE:
            watch.deadline = Deadline(self._settings.polling.not_found_grace_s or None)
        return (yield from watch.until_stable(stop_at_continuation=self._hops_itself))

    def _stopped(self, index: int, interaction: Json) -> Program[Json]:
        token = text_of(interaction.get("continuation_token"))
        if status_of(interaction) == CONTINUES and token is not None:
            yield from self.submissions.write(
                "submitted", hop=index, interaction_id=text_of(interaction.get("id")), token=token
            )
        return interaction

    def _observe(self, interaction_id: str, *, created_at: float | None) -> Program[Json]:
        if self.streamed_by is not None:
            yield from self.streamed_by.follow(interaction_id)
        watch = self._watch(interaction_id, created_at=created_at)
        return (yield from watch.until_stable(stop_at_continuation=self._hops_itself))

    def _watch(self, interaction_id: str, *, created_at: float | None) -> Watch:
        watch = Watch(interaction_id, self._settings.polling, self._deadline, created_at=created_at)
        self._watches.append(watch)
        return watch
