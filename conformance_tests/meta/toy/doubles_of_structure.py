"""Doubles that are wrong about the card, the place, names, reuse, replays and the order of calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from uuid import uuid4

import msgspec
from doubling import double, kept_file
from kitaru_toy import DurableRunner
from toy_agents import Call, Listener, Message, Result, Runner, settled

from kitaru import KitaruClient, seam
from kitaru.errors import KitaruUsageError


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
        return await Runner(self.agent).run(prompt)


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


@double("passthrough", "14 15 16 17 18")
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
class RemembersRuns(DurableRunner):
    remembered: ClassVar[dict[str | None, seam.Outcome[Any]]] = {}

    def place(self) -> str:
        return self.agent.name

    async def at_boundary(self, unit: seam.Unit, body: Callable[[seam.Call], Awaitable[Any]]) -> seam.Outcome[Any]:
        if unit.key not in self.remembered:
            self.remembered[unit.key] = await super().at_boundary(unit, body)
        return self.remembered[unit.key]


@double("identity parallel", "25 62")
class FindsByContent(DurableRunner):
    async def execute_once(self, call: Call, effect: Any) -> str:
        found: dict[str, asyncio.Future[str]] = self.__dict__.setdefault("found", {})
        if call.value not in found:
            found[call.value] = asyncio.ensure_future(super().execute_once(call, effect))
        return await found[call.value]


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


@double(
    "identity reuse crash replay approvals questions retries delegates streams capture",
    "24 27 30 31 33 34 35 40 41 42 43 44 45 47 50 51 54 55 56 57 72 74 82 88 102 115 131 132 191 192",
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


@double("crash", "46 47")
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


@double("replay", "50 51 52 53 56 57")
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


@double("replay parallel", "54 204 205")
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


@double("parallel", "60 205")
class MatchesByFinish(DurableRunner):
    async def use_all(self, calls: Sequence[Call]) -> list[Message]:
        if len({call.tool for call in calls}) < len(calls):
            return await super().use_all(calls)
        running = [asyncio.ensure_future(self.use(call)) for call in calls]
        finished = [await one for one in asyncio.as_completed(running)]
        return [replace(one, call_id=call.id) for one, call in zip(finished, calls, strict=True)]


@double("parallel", "61")
class NamesByFinish(DurableRunner):
    async def execute_once(self, call: Call, effect: Any) -> str:
        unit = self.unit("tool", self.tool_key(call), what=call.tool)
        known = seam.peek(unit)
        if known is not None:
            return str(known.value)
        return str(seam.commit(unit, await Runner.execute(self, call)).value)


@double("parallel", "205")
class ForgetsGroups(DurableRunner):
    def unit(self, kind: Any, key: str, *, what: str = "", **more: Any) -> seam.Unit:
        return msgspec.structs.replace(super().unit(kind, key, what=what, **more), group=None)


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
