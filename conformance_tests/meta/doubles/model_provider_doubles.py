"""A provider of models over a wire in this process, and providers that are right in everything but one thing."""

from __future__ import annotations

import asyncio
import os
import threading
import time

from judged import doubles
from msgspec import structs

from kitaru.models.api import ModelReply
from kitaru_conformance.contracts.model_providers import Asked


class RefusedError(Exception):
    """The far side refuses."""


class InProcessWire:
    """A far side that speaks plain Python."""

    def __init__(self):
        self.asked = []
        self.answers = []
        self.lock = threading.Lock()

    def answer(self, said):
        self.answers.append(said)

    def refuse(self, status, text):
        self.answers.append(RefusedError(f"{status}: {text}"))

    def exchange(self, asked):
        with self.lock:
            self.asked.append(asked)
            said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(said, RefusedError):
            raise said
        return said


WIRES = []


class Right:
    """A provider that does everything."""

    fails = frozenset()
    structured = True
    credentials = ("ACME_API_KEY",)
    options = ("ACME_BASE_URL",)

    def ask(self, request):
        return Asked(
            model=request.model,
            messages=[(one["role"], one["content"]) for one in request.messages],
            credential=request.credentials["ACME_API_KEY"],
            temperature=request.temperature,
            max_tokens=request.max_tokens,
            schema=request.schema,
        )

    def reply(self, said):
        return ModelReply(
            text=said.text,
            model=said.model,
            finish_reason=said.finish or "stop",
            raw_usage={"in": said.input_tokens},
            **self.usage(said),
        )

    def usage(self, said):
        return {
            "input_tokens": said.input_tokens,
            "output_tokens": said.output_tokens,
            "total_tokens": said.input_tokens + said.output_tokens,
            "cached_input_tokens": said.cached,
            "reasoning_tokens": said.reasoning,
            "actual_cost_usd": said.cost,
        }

    def complete(self, request):
        said = WIRES[-1].exchange(self.ask(request))
        time.sleep(said.delay)
        return self.reply(said)

    async def complete_async(self, request):
        said = WIRES[-1].exchange(self.ask(request))
        await asyncio.sleep(said.delay)
        return self.reply(said)

    def stream(self, request):
        said = WIRES[-1].exchange(self.ask(request))
        yield from said.pieces
        yield self.reply(said)

    async def stream_async(self, request):
        for item in self.stream(request):
            yield item


def wrong(*ids):
    """Mark a double with the ids of the cases it must fail, and no others."""

    def mark(kind):
        kind.fails = frozenset(f"M-{number}" for number in ids)
        return kind

    return mark


class _ChangesReplies(Right):
    changes = {}

    def usage(self, said):
        return {**super().usage(said), **self.changes}


class _ChangesQuestions(Right):
    def change(self, request, found):
        return {}

    def ask(self, request):
        found = super().ask(request)
        fields = {
            name: getattr(found, name)
            for name in ("model", "messages", "credential", "temperature", "max_tokens", "schema")
        }
        return Asked(**{**fields, **self.change(request, found)})


@wrong("01")
class NamesOptionsBadly(Right):
    options = ("base-url",)


@wrong("02")
class LosesLines(Right):
    def reply(self, said):
        return super().reply(type(said)(text=said.text.partition("\n")[0]) if "\n" in said.text else said)


@wrong("03")
class ForgetsItsOwnTurns(_ChangesQuestions):
    def change(self, request, found):
        return {"messages": [one for one in found.messages if one[0] != "assistant"]}


@wrong("04")
class AddsASystemText(_ChangesQuestions):
    def change(self, request, found):
        first = [] if found.messages[0][0] == "system" else [("system", "be nice")]
        return {"messages": first + found.messages}


@wrong("05")
class CutsModelNames(_ChangesQuestions):
    def change(self, request, found):
        return {"model": found.model.rpartition("/")[2]}


@wrong("06")
class TakesZeroForNone(_ChangesQuestions):
    def change(self, request, found):
        return {"temperature": found.temperature or None}


@wrong("07")
class LeavesCachedTokensOut(_ChangesReplies):
    changes = {"input_tokens": 60}


@wrong("08")
class ForgetsTheCache(_ChangesReplies):
    changes = {"cached_input_tokens": None}


@wrong("09")
class ForgetsThinking(_ChangesReplies):
    changes = {"reasoning_tokens": None}


@wrong("10")
class SumsUpWrongly(_ChangesReplies):
    changes = {"total_tokens": 135}


@wrong("11")
class IsFree(_ChangesReplies):
    changes = {"actual_cost_usd": 0.0}


@wrong("12")
class KeepsLiveFigures(Right):
    def reply(self, said):
        found = super().reply(said)
        return ModelReply(
            text=found.text, model=found.model, finish_reason="stop", raw_usage={"usage": said}, **self.usage(said)
        )


@wrong("13")
class NamesTheModelAsked(Right):
    def reply(self, said):
        found = super().reply(said)
        return ModelReply(text=found.text, finish_reason="stop", raw_usage=found.raw_usage, **self.usage(said))


@wrong("14")
class NeedsAText(Right):
    def reply(self, said):
        if not said.text:
            raise ValueError("no text")
        return super().reply(said)


@wrong("15")
class TriesAgain(Right):
    def complete(self, request):
        try:
            return super().complete(request)
        except RefusedError:
            return super().complete(request)


@wrong("15")
class HidesTheReason(Right):
    async def complete_async(self, request):
        try:
            return await super().complete_async(request)
        except RefusedError:
            raise RuntimeError("it did not work") from None


@wrong("16")
class SetsTheEnvironment(Right):
    def ask(self, request):
        os.environ["ACME_API_KEY"] = request.credentials["ACME_API_KEY"]
        return super().ask(request)


@wrong("17")
class KeepsItsClient(_ChangesQuestions):
    first = None

    def change(self, request, found):
        self.first = self.first or found.credential
        return {"credential": self.first}


@wrong("18")
class ChangesMessages(Right):
    def ask(self, request):
        found = super().ask(request)
        for one in request.messages:
            one["role"] = "developer"
        return found


@wrong("19")
class BlocksTheLoop(Right):
    async def complete_async(self, request):
        return self.complete(request)


@wrong("20")
class WaitsForTheWhole(Right):
    def stream(self, request):
        reply = self.complete(request)
        yield from (reply.text, reply)


@wrong("21")
class CountsNothingWhileStreaming(Right):
    def stream(self, request):
        *pieces, reply = super().stream(request)
        yield from pieces
        yield ModelReply(text=reply.text, model=reply.model, finish_reason=reply.finish_reason)


@wrong("22")
class TriesToStreamAgain(Right):
    def stream(self, request):
        try:
            yield from super().stream(request)
        except RefusedError:
            yield from super().stream(request)


@wrong("23")
class ForgetsTheSchema(Right):
    def complete(self, request):
        return super().complete(structs.replace(request, schema=None))


@wrong("23")
class DoesNotSayThatItIsStructured(Right):
    structured = False


@wrong("24")
class ForgetsTheSchemaWhileStreaming(Right):
    def stream(self, request):
        yield from super().stream(structs.replace(request, schema=None))


DOUBLES = doubles(globals(), Right)
