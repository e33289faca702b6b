"""Broken doubles of the right adapter: each is wrong in one way, and says which cases must notice.

`families` are the groups of cases that the fault can reach; within them exactly the cases in `fails` must fail.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import msgspec
from kitaru_toy import DurableRunner, pack
from toy_agents import Agent, Call, Listener, Message, Result, Runner, ToolRetryError, settled
from toy_harness import ToyHarness, ToyHarnessWithServers

from kitaru import KitaruClient, seam
from kitaru.errors import KitaruUsageError

DOUBLES: dict[str, type[ToyHarness]] = {}


def double(
    families: str, fails: str, harness: type[ToyHarness] = ToyHarness
) -> Callable[[type[DurableRunner]], type[DurableRunner]]:
    """Make a harness of a broken runner."""

    def declare(broken: type[DurableRunner]) -> type[DurableRunner]:
        facts = {
            "adapter": broken.adapter,
            "runner": broken,
            "families": frozenset(families.split()),
            "fails": frozenset(f"A-{int(one):02}" for one in fails.split()),
            "__module__": __name__,
        }
        made = type(f"{broken.__name__}Harness", (harness,), facts)
        globals()[made.__name__] = DOUBLES[broken.__name__] = made
        return broken

    return declare


def kept_file(name: str) -> Path:
    """Return a file outside of the journal, where no adapter should remember anything."""
    return Path(os.environ["KITARU_CONFIG_PATH"]) / f"remembered-{name}"


# --- the card and the strategies


@double("loading", "01 02 03 04 05")
class Unclaimed(DurableRunner):
    adapter = "toi"


@double("loading", "02")
class ImportsEarly(DurableRunner):
    adapter = "toy_eager"


@double("loading", "03")
class Unloadable(DurableRunner):
    adapter = "toy_unloadable"


@double("loading", "04")
class Boastful(DurableRunner):
    adapter = "toy_boastful"


@double("loading", "05")
class Narrow(DurableRunner):
    adapter = "toy_narrow"


@double("strategies", "06 07")
class Lenient(DurableRunner):
    def check(self, strategy: str) -> None:
        pass


@double("strategies", "06")
class Terse(DurableRunner):
    def check(self, strategy: str) -> None:
        if strategy not in {"calls", "run"}:
            raise KitaruUsageError(f"There is no strategy {strategy!r}.")


@double("strategies", "07")
class ChecksLate(DurableRunner):
    def check(self, strategy: str) -> None:
        pass

    async def at_flow_scope(self, prompt: str, on_text: Listener | None) -> Result:
        result = await super().at_flow_scope(prompt, on_text)
        super().check(self.strategy)
        return result


@double("strategies reuse", "08 11 30 31 33 34 35")
class ForgetsTools(DurableRunner):
    async def execute_once(self, call: Call, effect: Any) -> str:
        return await Runner.execute(self, call)


@double("strategies", "09")
class NeverWhole(DurableRunner):
    async def as_one(self, place: str, prompt: str, on_text: Listener | None) -> Result:
        return await Runner.run(self, prompt, on_text)


@double("strategies", "10")
class HasAnotherWayIn(DurableRunner):
    async def run_forever(self, prompt: str) -> Result:
        return await Runner(self.agent).run(prompt)


@double("strategies", "11")
class StreamsPastKitaru(DurableRunner):
    async def run_stream(self, prompt: str) -> AsyncIterator[str | Result]:
        async for item in Runner(self.agent).run_stream(prompt):
            yield item


@double("strategies", "12")
class RunsBackwards(DurableRunner):
    async def run_backwards(self, prompt: str) -> Result:
        return await Runner.run(self, prompt)


# --- where a run stands


@double("passthrough", "13 16 18")
class Embellishes(DurableRunner):
    async def run(self, prompt: str, on_text: Listener | None = None) -> Result:
        result = await super().run(prompt, on_text)
        return replace(result, text=result.text + "!")


@double("passthrough", "14")
class AsksTwice(DurableRunner):
    async def said(self, call: seam.Call, messages: Sequence[Message], on_text: Listener | None) -> Message:
        await Runner.ask(self, messages, None)
        return await Runner.ask(self, messages, on_text)

    async def as_one(self, place: str, prompt: str, on_text: Listener | None) -> Result:
        return await Runner.run(self, prompt, on_text)


@double("passthrough", "15")
class SilentOutside(DurableRunner):
    async def run(self, prompt: str, on_text: Listener | None = None) -> Result:
        return await (super() if seam.in_flow() else Runner(self.agent)).run(prompt, on_text)


@double("passthrough", "15 16")
class NeedsAFlow(DurableRunner):
    async def run(self, prompt: str, on_text: Listener | None = None) -> Result:
        if seam.current_scope() is None:
            raise KitaruUsageError("There is no flow.")
        return await super().run(prompt, on_text)


@double("passthrough", "17 18")
class Nests(DurableRunner):
    async def run(self, prompt: str, on_text: Listener | None = None) -> Result:
        inside = seam.in_checkpoint()
        return await (self.at_flow_scope(prompt, on_text) if inside else super().run(prompt, on_text))

    async def ask(self, messages: Sequence[Message], on_text: Listener | None) -> Message:
        if seam.in_checkpoint():
            return self.unpack((await self.at_boundary(self.unit("model", "nested"), _nothing)).value)
        return await super().ask(messages, on_text)


async def _nothing(_: seam.Call) -> str:
    return ""


# --- identity


@double("identity", "20")
class NamesAtRandom(DurableRunner):
    def unit(self, kind: Any, key: str, *, what: str = "", **more: Any) -> seam.Unit:
        return super().unit(kind, key, what=f"{kind}_{uuid4().hex}", **more)


@double("identity", "21")
class CoarseStreams(DurableRunner):
    async def at_flow_scope(self, prompt: str, on_text: Listener | None) -> Result:
        if on_text is not None:
            self.strategy = "run"
        return await super().at_flow_scope(prompt, on_text)


@double("identity", "22")
class Anonymous(DurableRunner):
    def unit(self, kind: Any, key: str, *, what: str = "", **more: Any) -> seam.Unit:
        return msgspec.structs.replace(super().unit(kind, key, what=what, **more), adapter="somebody")


@double("identity", "23 24")
class OnePlaceForAll(DurableRunner):
    def place(self) -> str:
        return self.agent.name


@double("identity parallel", "25 62")
class FindsByContent(DurableRunner):
    def tool_key(self, call: Call) -> str:
        return f"{super().tool_key(call).rpartition('/')[0]}/{call.tool}/{call.value}"


@double("identity", "26 27")
class MistakesTools(DurableRunner):
    def unit(self, kind: Any, key: str, *, what: str = "", **more: Any) -> seam.Unit:
        return super().unit("model" if kind == "tool" else kind, key, what=what or kind, **more)


@double("identity", "28")
class KeepsLiveObjects(DurableRunner):
    async def at_boundary(self, unit: seam.Unit, body: Callable[[seam.Call], Awaitable[Any]]) -> seam.Outcome[Any]:
        async def wrapped(call: seam.Call) -> Any:
            call.log(runner=repr(object()))
            return await body(call)

        return await super().at_boundary(unit, wrapped)


# --- reuse, crashes, replays


@double(
    "identity reuse crash replay approvals questions retries delegates streams capture",
    "24 27 30 31 33 34 35 40 41 42 43 44 45 47 50 51 54 55 56 72 82 88 102 115 131 132 191 192",
)
class ReusesNothing(DurableRunner):
    def unit(self, kind: Any, key: str, *, what: str = "", **more: Any) -> seam.Unit:
        return super().unit(kind, uuid4().hex, what=what, **more)


@double("reuse", "33 34 35 36")
class KeepsFailures(DurableRunner):
    async def at_boundary(self, unit: seam.Unit, body: Callable[[seam.Call], Awaitable[Any]]) -> seam.Outcome[Any]:
        async def wrapped(call: seam.Call) -> Any:
            try:
                return await body(call)
            except Exception as error:  # noqa: BLE001 - the fault of this double
                return {"failed": str(error)}

        outcome = await super().at_boundary(unit, wrapped)
        if isinstance(outcome.value, dict) and "failed" in outcome.value:
            raise RuntimeError(outcome.value["failed"])
        return outcome


@double("reuse usage", "32 152")
class ForgetsUsage(DurableRunner):
    async def run(self, prompt: str, on_text: Listener | None = None) -> Result:
        result = await super().run(prompt, on_text)
        file = kept_file("usage")
        if file.exists():
            return replace(result, usage=(0, 0))
        if seam.in_flow():
            file.touch()
        return result


@double("crash", "46")
class RemembersOutside(DurableRunner):
    async def as_one(self, place: str, prompt: str, on_text: Listener | None) -> Result:
        file = kept_file("running")
        if file.exists():
            raise KitaruUsageError("This run is running already.")
        file.touch()
        try:
            return await super().as_one(place, prompt, on_text)
        finally:
            file.unlink()


@double("replay", "52")
class DestroysSources(DurableRunner):
    async def run(self, prompt: str, on_text: Listener | None = None) -> Result:
        result = await super().run(prompt, on_text)
        scope = seam.current_scope()
        if scope is not None and scope.original_execution_id is not None:
            KitaruClient().executions.delete(scope.original_execution_id)
        return result


@double("replay", "53")
class ReusesTooMuch(DurableRunner):
    async def as_one(self, place: str, prompt: str, on_text: Listener | None) -> Result:
        file = kept_file("results")
        if file.exists():
            return Result(file.read_text(), (0, 0))
        result = await super().as_one(place, prompt, on_text)
        file.write_text(result.text)
        return result


@double("replay", "57")
class IgnoresDrift(DurableRunner):
    def unit(self, kind: Any, key: str, *, what: str = "", **more: Any) -> seam.Unit:
        return super().unit(kind, key, what=what, **{**more, "identity": None})


@double("replay", "54")
class WantsAnEnvelope(DurableRunner):
    async def tried(self, call: Call) -> Any:
        return {"envelope": await super().tried(call)}

    async def at_boundary(self, unit: seam.Unit, body: Callable[[seam.Call], Awaitable[Any]]) -> seam.Outcome[Any]:
        outcome = await super().at_boundary(unit, body)
        return msgspec.structs.replace(outcome, value=outcome.value["envelope"]) if unit.kind == "tool" else outcome


@double("replay", "55")
class WantsAMessage(DurableRunner):
    def unpack(self, data: Any) -> Message:
        return super().unpack(dict(data))


# --- side by side


@double("parallel", "60")
class MatchesByFinish(DurableRunner):
    async def use_all(self, calls: Sequence[Call]) -> list[Message]:
        if len({call.tool for call in calls}) < len(calls):
            return await super().use_all(calls)
        finished = [await one for one in asyncio.as_completed([self.use(call) for call in calls])]
        return [replace(one, call_id=call.id) for one, call in zip(finished, calls, strict=True)]


@double("parallel", "61")
class NamesByFinish(DurableRunner):
    async def execute_once(self, call: Call, effect: Any) -> str:
        unit = self.unit("tool", self.tool_key(call), what=call.tool)
        known = seam.peek(unit)
        if known is not None:
            return str(known.value)
        return str(seam.commit(unit, await Runner.execute(self, call)).value)


@double("parallel", "63 64")
class RecordsLate(DurableRunner):
    async def use_all(self, calls: Sequence[Call]) -> list[Message]:
        units = [self.unit("tool", self.tool_key(call), what=call.tool) for call in calls]
        known = [seam.peek(unit) for unit in units]
        left = [call for call, one in zip(calls, known, strict=True) if one is None]
        ran = settled(await asyncio.gather(*(self.plainly(call) for call in left), return_exceptions=True))
        texts = {message.call_id: message.text for message in ran}
        for unit, call in zip(units, calls, strict=True):
            if call.id in texts:
                seam.commit(unit, texts[call.id])
        values = [texts.get(call.id) or str(one and one.value) for call, one in zip(calls, known, strict=True)]
        return [Message("tool", value, call_id=call.id) for call, value in zip(calls, values, strict=True)]

    async def plainly(self, call: Call) -> Message:
        return Message("tool", await Runner.execute(self, call), call_id=call.id)


# --- streams


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
    async def use_all(self, calls: Sequence[Call]) -> list[Message]:
        return await super().use_all(calls)

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


# --- people


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


@double("approvals", "89")
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


# --- failures


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


@double("retries", "115")
class LetsSignalsFail(DurableRunner):
    async def tried(self, call: Call) -> Any:
        return await Runner.execute(self, call)


@double("errors", "120 121")
class WrapsErrors(DurableRunner):
    async def run(self, prompt: str, on_text: Listener | None = None) -> Result:
        try:
            return await super().run(prompt, on_text)
        except Exception as error:
            raise RuntimeError(f"The run failed: {error}") from error


@double("errors", "120 123 124")
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


# --- what is kept


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


# --- figures


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


@double("storage", "160")
class StoresConversationsWhole(DurableRunner):
    async def at_boundary(self, unit: seam.Unit, body: Callable[[seam.Call], Awaitable[Any]]) -> seam.Outcome[Any]:
        async def wrapped(call: seam.Call) -> Any:
            value = await body(call)
            return {**value, "before": list(unit.history or [])} if unit.kind == "model" else value

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


@double("cancellation", "180")
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


@double("tools", "200 201", ToyHarnessWithServers)
class LosesResultsOfTools(DurableRunner):
    async def tried(self, call: Call) -> Any:
        await super().tried(call)
        return "lost"


@double("tools", "201 202 203", ToyHarnessWithServers)
class FindsNothingAgain(DurableRunner):
    def unit(self, kind: Any, key: str, *, what: str = "", **more: Any) -> seam.Unit:
        return super().unit(kind, uuid4().hex, what=what, **more)
