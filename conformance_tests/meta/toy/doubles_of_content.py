"""Doubles that are wrong about streams, people, failures, what is kept, and figures."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, ClassVar
from uuid import uuid4

import msgspec
from doubling import double, kept_file
from kitaru_toy import DurableRunner, pack
from toy_agents import Agent, Call, Listener, Message, Result, Runner, ToolRetryError
from toy_harness import ToyHarnessWithServers

from kitaru import seam


@double("streams", "70")
class LosesTheLastPiece(DurableRunner):
    async def run_stream(self, prompt: str) -> AsyncIterator[str | Result]:
        held: str | None = None
        async for item in super().run_stream(prompt):
            if isinstance(item, Result):
                yield item
            else:
                if held is not None:
                    yield held
                held = item


@double("streams", "71 74")
class StreamsOneTurn(DurableRunner):
    async def run(self, prompt: str, on_text: Listener | None = None) -> Result:
        if on_text is None:
            return await super().run(prompt)
        said = await self.first(prompt, on_text)
        return Result(said.text, said.usage)

    async def first(self, prompt: str, on_text: Listener) -> Message:
        unit = self.unit("model" if self.strategy == "calls" else "run", "first")

        async def body(_: seam.Call) -> Any:
            return pack(await Runner.ask(self, [Message("user", prompt)], on_text))

        outcome = await self.at_boundary(unit, body)
        said = self.unpack(outcome.value)
        if not outcome.executed:
            on_text(said.text)
        return said


@double("streams", "73 74")
class KeepsParts(DurableRunner):
    async def said(self, call: seam.Call, messages: Sequence[Message], on_text: Listener | None) -> Message:
        heard = call.notes("piece")
        if heard:
            return Message("model", "".join(str(note.value) for note in heard))

        def listen(piece: str) -> None:
            call.note("piece", piece)
            if on_text is not None:
                on_text(piece)

        return await Runner.ask(self, messages, listen)


@double("approvals", "80 83 84 85 86 87 89 90 91 92 93 94")
class AsksNobody(DurableRunner):
    async def use_all(self, calls: Sequence[Call]) -> list[Message]:
        return await Runner.use_all(self, calls)


@double("approvals", "81 87 88 89 93 94")
class HearsNo(DurableRunner):
    async def decided(self, calls: Sequence[Call], asked: Any) -> list[Message | BaseException]:
        await seam.ask_async(list(asked.values()))
        free = [call for call in calls if call.id not in asked]
        said = dict(zip(free, await asyncio.gather(*map(self.use, free)), strict=True))
        return [said.get(call) or Message("tool", "denied", call_id=call.id) for call in calls]


@double("approvals", "84")
class TakesAnything(DurableRunner):
    def question(self, call: Call) -> seam.Question:
        return msgspec.structs.replace(super().question(call), schema={})


@double("approvals", "85 87")
class Mumbles(DurableRunner):
    def question(self, call: Call) -> seam.Question:
        name = f"approve_{call.id}"
        return msgspec.structs.replace(super().question(call), name=name, metadata={}, key=name)


@double("approvals", "86 87")
class AsksOneByOne(DurableRunner):
    async def use_all(self, calls: Sequence[Call]) -> list[Message]:
        return [message for call in calls for message in await super(AsksOneByOne, self).use_all([call])]


@double("approvals", "89 91")
class UsesAnswersUp(DurableRunner):
    async def decided(self, calls: Sequence[Call], asked: Any) -> list[Message | BaseException]:
        file = kept_file("answers")
        if asked and file.exists():
            return [Message("tool", "too late", call_id=call.id) for call in calls]
        await seam.ask_async(list(asked.values())) if asked else None
        file.touch()
        return await super().decided(calls, asked)


@double("approvals", "91")
class Unbound(DurableRunner):
    def question(self, call: Call) -> seam.Question:
        return msgspec.structs.replace(super().question(call), bound_to=None)


@double("questions", "100")
class HidesTheQuestion(DurableRunner):
    def ask_person(self, question: str) -> str:
        return super().ask_person("")


@double("questions", "101 102")
class DropsTheAnswer(DurableRunner):
    def ask_person(self, question: str) -> str:
        super().ask_person(question)
        return ""


@double("retries", "110 111 112")
class IgnoresRetries(DurableRunner):
    def unit(self, kind: Any, key: str, *, what: str = "", **more: Any) -> seam.Unit:
        return super().unit(kind, key, what=what, **{**more, "retries": 0})


@double("retries", "110 111 113")
class RetriesTools(DurableRunner):
    async def tried(self, call: Call) -> Any:
        with contextlib.suppress(Exception):
            return await super().tried(call)
        return await super().tried(call)


@double("retries", "112")
class RetriesModels(DurableRunner):
    async def said(self, call: seam.Call, messages: Sequence[Message], on_text: Listener | None) -> Message:
        with contextlib.suppress(Exception):
            return await Runner.ask(self, messages, on_text)
        return await Runner.ask(self, messages, on_text)


@double("retries", "114 115")
class TakesSignalsForErrors(DurableRunner):
    async def tried(self, call: Call) -> Any:
        try:
            return await Runner.execute(self, call)
        except ToolRetryError as error:
            raise RuntimeError(str(error)) from error


@double("errors", "120 121")
class WrapsErrors(DurableRunner):
    async def run(self, prompt: str, on_text: Listener | None = None) -> Result:
        try:
            return await super().run(prompt, on_text)
        except Exception as error:
            raise RuntimeError(f"The run failed: {error}") from error


@double("errors", "120 122 123 124")
class SwallowsErrors(DurableRunner):
    async def tried(self, call: Call) -> Any:
        try:
            return await super().tried(call)
        except Exception as error:  # noqa: BLE001 - the fault of this double
            return str(error)


@double("errors", "122")
class WrapsErrorsOfStreams(DurableRunner):
    async def run_stream(self, prompt: str) -> AsyncIterator[str | Result]:
        try:
            async for item in super().run_stream(prompt):
                yield item
        except Exception as error:
            raise RuntimeError(f"The stream failed: {error}") from error


@double("capture", "130")
class NamesByPolicy(DurableRunner):
    def unit(self, kind: Any, key: str, *, what: str = "", **more: Any) -> seam.Unit:
        return super().unit(kind, key, what=f"{what or kind}_{self.capture}", **more)


@double("capture", "131 132")
class KeepsKeysByPolicy(DurableRunner):
    def unit(self, kind: Any, key: str, *, what: str = "", **more: Any) -> seam.Unit:
        return super().unit(kind, uuid4().hex if self.capture == "none" else key, what=what, **more)


@double("capture", "133")
class ShowsEverything(DurableRunner):
    def seen(self, **inputs: object) -> dict[str, Any]:
        return {"inputs": inputs}


@double("capture", "134")
class ShowsNothing(DurableRunner):
    def seen(self, **inputs: object) -> dict[str, Any]:
        return {"identity": inputs}


@double("secrets", "140")
class SavesErrors(DurableRunner):
    async def at_boundary(self, unit: seam.Unit, body: Callable[[seam.Call], Awaitable[Any]]) -> seam.Outcome[Any]:
        async def wrapped(call: seam.Call) -> Any:
            try:
                return await body(call)
            except Exception as error:
                call.save("error", str(error))
                raise

        return await super().at_boundary(unit, wrapped)


@double("secrets", "141")
class NamesByArgument(DurableRunner):
    async def execute_once(self, call: Call, effect: Any) -> str:
        unit = self.unit("tool", self.tool_key(call), what=f"{call.tool}_{call.value}")
        return str((await self.at_boundary(unit, lambda _: self.tried(call))).value)


@double("secrets", "142")
class NamesByPrompt(DurableRunner):
    async def at_flow_scope(self, prompt: str, on_text: Listener | None) -> Result:
        self.agent = Agent(prompt.replace(" ", "_"), self.agent.model, self.agent.tools)
        return await super().at_flow_scope(prompt, on_text)


@double("secrets", "143")
class NamesWaitsByArgument(DurableRunner):
    def question(self, call: Call) -> seam.Question:
        return msgspec.structs.replace(super().question(call), name=f"approve_{call.tool}_{call.value}")


@double("usage delegates", "150 151 153 154 193")
class CountsTwice(DurableRunner):
    def count(self, call: seam.Call, number: int, said: Message) -> None:
        super().count(call, number, said)
        super().count(call, number + 1000, said)


@double("usage", "155")
class CountsAnonymously(DurableRunner):
    def count(self, call: seam.Call, number: int, said: Message) -> None:
        self.adapter, own = "somebody", self.adapter
        super().count(call, number, said)
        self.adapter = own


def sealed(history: object) -> bytes:
    """Return a conversation as if it were encrypted anew, so that the store cannot find again what it has already."""
    return os.urandom(len(str(history)))


@double("storage", "160")
class StoresConversationsWhole(DurableRunner):
    async def at_boundary(self, unit: seam.Unit, body: Callable[[seam.Call], Awaitable[Any]]) -> seam.Outcome[Any]:
        async def wrapped(call: seam.Call) -> Any:
            value = await body(call)
            return {**value, "before": sealed(unit.history)} if unit.kind == "model" else value

        return await super().at_boundary(unit, wrapped)


@double("concurrency", "170 171")
class SharesAFile(DurableRunner):
    async def tried(self, call: Call) -> Any:
        value = await super().tried(call)
        return self.first(call, value)

    async def execute(self, call: Call) -> str:
        return str(self.first(call, await super().execute(call)))

    def first(self, call: Call, value: Any) -> Any:
        file = kept_file(call.id)
        if not file.exists():
            file.write_text(value)
        return file.read_text()


@double("concurrency", "171")
class SharesAGlobal(DurableRunner):
    seen_so_far: ClassVar[dict[str, str]] = {}

    async def execute(self, call: Call) -> str:
        return self.seen_so_far.setdefault(call.id, await super().execute(call))


@double("cancellation", "180 181")
class SwallowsCancels(DurableRunner):
    async def at_boundary(self, unit: seam.Unit, body: Callable[[seam.Call], Awaitable[Any]]) -> seam.Outcome[Any]:
        try:
            return await super().at_boundary(unit, body)
        except seam.ControlSignal:
            value = pack(await Runner.ask(self, [Message("model"), Message("user")], None))
            return seam.Outcome(value=value, executed=True, cache_status="executed", call_id="", invocation_id="")


@double("cancellation", "181")
class TurnsCancelsIntoErrors(DurableRunner):
    async def run(self, prompt: str, on_text: Listener | None = None) -> Result:
        try:
            return await super().run(prompt, on_text)
        except seam.ControlSignal as signal:
            raise RuntimeError(str(signal)) from signal


@double("delegates", "190 191 192")
class LosesDelegates(DurableRunner):
    async def execute(self, call: Call) -> str:
        text = await super().execute(call)
        return "" if self.agent.tools[call.tool].agent is not None else text


@double("tools", "202")
class IgnoresOptingOut(DurableRunner):
    async def execute(self, call: Call) -> str:
        self.options = {name: {**options, "durable": True} for name, options in self.options.items()}
        return await super().execute(call)


@double("tools", "203")
class IgnoresEffects(DurableRunner):
    async def execute_once(self, call: Call, effect: Any) -> str:
        return await super().execute_once(call, None)


@double("tools", "200 201 202", ToyHarnessWithServers)
class LosesResultsOfTools(DurableRunner):
    async def tried(self, call: Call) -> Any:
        await super().tried(call)
        return "lost"


@double("tools", "201 202 203", ToyHarnessWithServers)
class FindsNothingAgain(DurableRunner):
    def unit(self, kind: Any, key: str, *, what: str = "", **more: Any) -> seam.Unit:
        return super().unit(kind, uuid4().hex, what=what, **more)
