"""The contract of model providers: what `kitaru.models.api.ModelProviderClient` promises, case by case."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol, cast

import pytest

from kitaru.models.api import ModelProviderClient, ModelReply, ModelRequest, StreamingModelProviderClient
from kitaru_conformance.contract import Contract, must_be_given
from kitaru_conformance.requirements import requirement

__all__ = ["Asked", "ModelProviderContract", "Said", "Wire"]

_SAID: Final = (("system", "be brief"), ("user", "2 + 2?"))
_KEY: Final = "made-up-key-1234"
_PIECES: Final = ('{"city": "', "Ma", 'lmö 🙂"', "}")
_TEXT: Final = "".join(_PIECES)
_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the far side answers, in no provider's words; the wire puts it into its provider's.

    Attributes:
        text: The text.
        model: The model that answers.
        finish: Why it stops: the provider's ordinary word if empty.
        input_tokens: Tokens read, those from a cache included.
        output_tokens: Tokens written, those for thinking included.
        cached: How many of those read came from a cache.
        reasoning: How many of those written were for thinking.
        cost: What it costs in USD.
        delay: Seconds until the answer comes.
        pieces: The text in the pieces in which it is streamed; the whole in one if empty.
    """

    text: str = "four"
    model: str = "model-1-2026"
    finish: str = ""
    input_tokens: int = 100
    output_tokens: int = 20
    cached: int = 40
    reasoning: int = 15
    cost: float = 0.0042
    delay: float = 0.0
    pieces: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came over the wire, in no provider's words.

    Attributes:
        model: The model.
        messages: Role (`system`, `user` or `assistant`) and text of each message.
        credential: The credential that came along.
        temperature: The temperature, if one was sent.
        max_tokens: The limit, if one was sent.
        schema: The JSON schema that the answer is to fit, if one was sent.
    """

    model: str
    messages: list[tuple[str, str]] = field(default_factory=list)
    credential: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    schema: Mapping[str, Any] | None = None


class Wire(Protocol):
    """The far side of a provider, scripted."""

    @property
    def asked(self) -> Sequence[Asked]:
        """What was asked so far."""

    def answer(self, said: Said) -> None:
        """Answer the next call."""

    def refuse(self, status: int, text: str) -> None:
        """Refuse the next call with an HTTP status, or whatever comes closest, and a text."""


class ModelProviderContract(Contract):
    """What every model provider must do; each case runs synchronously and on an event loop.

    A subclass gives the fixtures `provider`, `wire` and, if it needs any, `credentials`.
    """

    prefix: ClassVar[str] = "M"
    known_capabilities: ClassVar[Mapping[str, str]] = {
        "cached_tokens": "It says how many tokens came from the provider's cache.",
        "cost": "It says what a call cost.",
        "credentials": "It needs a credential.",
        "reasoning_tokens": "It says how many tokens were written while thinking.",
        "streams": "It hands the text out while the model writes it.",
        "structured": "It holds a model to a JSON schema.",
        "total_tokens": "It says how many tokens there were in all.",
    }

    @pytest.fixture
    def provider(self) -> ModelProviderClient:
        """Give what the provider's card loads; the author of a provider overrides this."""
        must_be_given("provider", "what the provider's card loads")

    @pytest.fixture
    def wire(self) -> Wire:
        """Give the scripted far side; the author of a provider overrides this."""
        must_be_given("wire", "the scripted far side")

    @pytest.fixture
    def credentials(self, provider: ModelProviderClient) -> Mapping[str, str]:
        """Give what the provider asks for: its first credential, made up, and the address of the wire."""
        return dict.fromkeys(provider.credentials[:1], _KEY)

    @pytest.fixture(params=["sync", "async"])
    def complete(self, request: pytest.FixtureRequest, provider: ModelProviderClient) -> Callable[..., ModelReply]:
        """Give the call, in both its forms."""
        if request.param == "sync":
            return provider.complete
        return lambda one: asyncio.run(provider.complete_async(one))

    @pytest.fixture
    def call(self, complete: Callable[..., ModelReply], credentials: Mapping[str, str]) -> Callable[..., ModelReply]:
        """Give a function that calls the model `model-1` with some messages."""

        def ask(said: Sequence[tuple[str, str]] = _SAID, **more: object) -> ModelReply:
            given: dict[str, object] = {"model": "model-1", "credentials": credentials, **more}
            return complete(ModelRequest(messages=_messages(said), **given))  # type: ignore[arg-type]  # checked by the struct's users

        return ask

    @pytest.fixture(params=["sync", "async"])
    def stream(
        self, request: pytest.FixtureRequest, provider: ModelProviderClient, credentials: Mapping[str, str]
    ) -> Callable[..., list[str | ModelReply]]:
        """Give a function that streams an answer of the model `model-1`, in both its forms, and returns what came."""
        streaming = cast("StreamingModelProviderClient", provider)

        def ask(**more: Any) -> list[str | ModelReply]:  # noqa: ANN401 - the request's fields
            one = ModelRequest(model="model-1", messages=_messages(_SAID), credentials=credentials, **more)
            if request.param == "sync":
                return list(streaming.stream(one))
            return asyncio.run(_all(streaming, one))

        return ask

    @requirement("M-01", level="loads")
    def test_it_says_what_it_needs(self, provider: ModelProviderClient) -> None:
        """A provider names the credentials and the options it looks for, as environment variables.

        If this fails: look at the card's `load`, then at `credentials` and `options`.
        """
        for name in (*provider.credentials, *provider.options):
            assert re.fullmatch(r"[A-Z][A-Z0-9_]*", name)
        assert not set(provider.credentials) & set(provider.options)

    @requirement("M-02")
    def test_the_text_comes_back(self, call: Callable[..., ModelReply], wire: Wire) -> None:
        """The model's text comes back, whatever characters it has.

        If this fails: repair M-01 first; then look at how the text is taken from the provider's reply.
        """
        text = 'ünï 漢字 🙂 "quoted"\nsecond line'
        wire.answer(Said(text=text))
        assert call().text == text

    @requirement("M-03")
    def test_messages_arrive_in_order(self, call: Callable[..., ModelReply], wire: Wire) -> None:
        """Every message arrives once, in order, in its role and with its text.

        If this fails: repair M-02 first; look at what is done with system texts and with roles.
        """
        said = [*_SAID, ("assistant", "5"), ("user", "ßure?")]
        wire.answer(Said())
        call(said)
        assert list(wire.asked[-1].messages) == said

    @requirement("M-04")
    def test_a_single_question_needs_no_system_text(self, call: Callable[..., ModelReply], wire: Wire) -> None:
        """A single message of the user arrives alone.

        If this fails: repair M-03 first; add nothing of your own.
        """
        wire.answer(Said())
        call(_SAID[1:])
        assert list(wire.asked[-1].messages) == [("user", "2 + 2?")]

    @requirement("M-05")
    def test_the_model_is_asked_for_by_its_name(self, call: Callable[..., ModelReply], wire: Wire) -> None:
        """The model's name arrives as it was given, without the provider's prefix.

        If this fails: repair M-02 first.
        """
        wire.answer(Said())
        call(model="family/model-1:tag")
        assert wire.asked[-1].model == "family/model-1:tag"

    @requirement("M-06")
    def test_limits_arrive_when_given(self, call: Callable[..., ModelReply], wire: Wire) -> None:
        """Temperature and limit arrive when they are given, and no temperature when it is not.

        If this fails: repair M-02 first; 0 is a temperature, only None is none.
        """
        for temperature in (0.5, 0.0, None):
            wire.answer(Said())
            call(temperature=temperature, max_tokens=9)
            assert (wire.asked[-1].temperature, wire.asked[-1].max_tokens) == (temperature, 9)

    @requirement("M-07")
    def test_tokens_are_counted_in_one_way(self, call: Callable[..., ModelReply], wire: Wire) -> None:
        """Tokens read include those from a cache, tokens written those for thinking, however the provider counts.

        If this fails: repair M-02 first; some providers leave one or the other out of their sums.
        """
        wire.answer(Said())
        reply = call()
        assert (reply.input_tokens, reply.output_tokens) == (100, 20)

    @requirement("M-08", needs={"cached_tokens"})
    def test_tokens_from_a_cache_are_told(self, call: Callable[..., ModelReply], wire: Wire) -> None:
        """Tokens from the provider's cache are told apart.

        If this fails: repair M-07 first.
        """
        wire.answer(Said())
        assert call().cached_input_tokens == 40

    @requirement("M-09", needs={"reasoning_tokens"})
    def test_tokens_for_thinking_are_told(self, call: Callable[..., ModelReply], wire: Wire) -> None:
        """Tokens written while thinking are told apart.

        If this fails: repair M-07 first.
        """
        wire.answer(Said())
        assert call().reasoning_tokens == 15

    @requirement("M-10", needs={"total_tokens"})
    def test_all_tokens_are_told(self, call: Callable[..., ModelReply], wire: Wire) -> None:
        """The sum of all tokens is the provider's.

        If this fails: repair M-07 first.
        """
        wire.answer(Said())
        assert call().total_tokens == 120

    @requirement("M-11", needs={"cost"})
    def test_the_cost_is_told(self, call: Callable[..., ModelReply], wire: Wire) -> None:
        """What the provider says the call cost is handed on, and nothing where it says nothing.

        If this fails: repair M-07 first.
        """
        wire.answer(Said())
        assert call().actual_cost_usd == 0.0042

    @requirement("M-12")
    def test_the_providers_own_figures_are_kept(self, call: Callable[..., ModelReply], wire: Wire) -> None:
        """The provider's own figures are kept beside ours, as plain data.

        If this fails: repair M-07 first; hand on data, not an object of an SDK.
        """
        wire.answer(Said())
        raw = call().raw_usage
        assert raw
        assert json.loads(json.dumps(dict(raw))) == raw

    @requirement("M-13")
    def test_the_answering_model_and_the_reason_are_told(self, call: Callable[..., ModelReply], wire: Wire) -> None:
        """The reply names the model that answered and the reason for which it stopped.

        If this fails: repair M-02 first.
        """
        wire.answer(Said(model="model-1-2027"))
        reply = call()
        assert reply.model == "model-1-2027"
        assert reply.finish_reason

    @requirement("M-14")
    def test_an_answer_without_text_is_an_empty_text(self, call: Callable[..., ModelReply], wire: Wire) -> None:
        """An answer without any text is an empty text and no error; the caller knows what to say about it.

        If this fails: repair M-02 first; look for a part of the reply that is missing then.
        """
        wire.answer(Said(text=""))
        assert call().text == ""

    @requirement("M-15")
    @pytest.mark.parametrize("status", [400, 401, 404])
    def test_a_refusal_is_raised_once(self, call: Callable[..., ModelReply], wire: Wire, status: int) -> None:
        """A call that the provider refuses raises, says the provider's status and words, and is not tried again.

        If this fails: repair M-02 first; look at what the SDK does with errors.
        """
        wire.refuse(status, "you may not")
        with pytest.raises(Exception, match=str(status)) as caught:
            call()
        assert "you may not" in str(caught.value)
        assert len(wire.asked) == 1

    @requirement("M-16", needs={"credentials"})
    def test_the_credential_goes_along(self, call: Callable[..., ModelReply], wire: Wire) -> None:
        """The credential of the request goes along with the call, and neither into the environment nor into the reply.

        If this fails: repair M-02 first; hand it to the client object and nowhere else.
        """
        before = dict(os.environ)
        wire.answer(Said())
        reply = call()
        assert wire.asked[-1].credential == _KEY
        assert dict(os.environ) == before
        assert _KEY not in repr(reply)

    @requirement("M-17", needs={"credentials"})
    def test_two_callers_keep_their_credentials(
        self, provider: ModelProviderClient, credentials: Mapping[str, str], wire: Wire
    ) -> None:
        """Calls at the same time each go out with their own credential.

        If this fails: repair M-16 first; look for a client that is kept between calls.
        """
        keys = [f"made-up-key-{number}" for number in range(4)]
        name = provider.credentials[0]
        for _ in keys:
            wire.answer(Said(delay=0.05))

        def ask(key: str) -> ModelReply:
            return provider.complete(
                ModelRequest(model=key, messages=_messages(_SAID), credentials={**credentials, name: key})
            )

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, keys))
        assert sorted((one.model, one.credential) for one in wire.asked) == [(key, key) for key in keys]

    @requirement("M-18")
    def test_the_request_stays_as_it_was(
        self, complete: Callable[..., ModelReply], credentials: Mapping[str, str], wire: Wire
    ) -> None:
        """A call changes nothing in the messages it was given.

        If this fails: repair M-03 first; work on copies.
        """
        messages = _messages(_SAID)
        wire.answer(Said())
        complete(ModelRequest(model="model-1", messages=messages, credentials=credentials))
        assert messages == _messages(_SAID)

    @requirement("M-19")
    def test_the_event_loop_is_free_meanwhile(
        self, provider: ModelProviderClient, credentials: Mapping[str, str], wire: Wire
    ) -> None:
        """While an asynchronous call waits for its answer, the event loop does other work.

        If this fails: repair M-02 first; look for a synchronous call inside `complete_async`.
        """
        wire.answer(Said(delay=0.4))
        request = ModelRequest(model="model-1", messages=_messages(_SAID), credentials=credentials)

        async def ask() -> int:
            waiting, rounds = asyncio.create_task(provider.complete_async(request)), 0
            while not waiting.done():
                await asyncio.sleep(0.01)
                rounds += 1
            await waiting
            return rounds

        # A call that blocks the loop lets it go round once or twice, before and after.
        assert asyncio.run(ask()) > 2

    @requirement("M-20", needs={"streams"})
    def test_the_text_comes_in_pieces(self, stream: Callable[..., list[str | ModelReply]], wire: Wire) -> None:
        """The text is handed out in the pieces in which it comes, and at the end the answer with the whole text.

        If this fails: repair M-02 first; look at which events of the provider's stream hold text.
        """
        wire.answer(Said(text=_TEXT, pieces=_PIECES))
        *pieces, reply = stream()
        assert [piece for piece in pieces if piece] == list(_PIECES)
        assert isinstance(reply, ModelReply)
        assert reply.text == _TEXT

    @requirement("M-21", needs={"streams"})
    def test_a_streamed_answer_has_all_figures(
        self,
        stream: Callable[..., list[str | ModelReply]],
        provider: ModelProviderClient,
        credentials: Mapping[str, str],
        wire: Wire,
    ) -> None:
        """The answer at the end of a stream is the one that `complete` gives, with every figure.

        If this fails: repair M-20 first; some providers count tokens in the last event only, or only when asked to.
        """
        wire.answer(Said(text=_TEXT, pieces=_PIECES))
        streamed = stream()[-1]
        wire.answer(Said(text=_TEXT))
        whole = provider.complete(ModelRequest(model="model-1", messages=_messages(_SAID), credentials=credentials))
        assert _figures(streamed) == _figures(whole)

    @requirement("M-22", needs={"streams"})
    def test_a_refused_stream_is_raised_once(self, stream: Callable[..., list[str | ModelReply]], wire: Wire) -> None:
        """A stream that the provider refuses raises, says the provider's status and words, and is not tried again.

        If this fails: repair M-20 first; look at what the SDK does with errors.
        """
        wire.refuse(400, "you may not")
        with pytest.raises(Exception, match="400") as caught:
            stream()
        assert "you may not" in str(caught.value)
        assert len(wire.asked) == 1

    @requirement("M-23", needs={"structured"})
    def test_a_schema_arrives_when_given(
        self, provider: ModelProviderClient, call: Callable[..., ModelReply], wire: Wire
    ) -> None:
        """A provider that says it is `structured` sends the schema along when there is one, and none otherwise.

        If this fails: repair M-02 first.
        """
        assert getattr(provider, "structured", False) is True
        for schema in (_SCHEMA, None):
            wire.answer(Said(text=_TEXT))
            assert call(schema=schema).text == _TEXT
            assert _properties(wire.asked[-1]) == (None if schema is None else ["city"])

    @requirement("M-24", needs={"streams", "structured"})
    def test_a_schema_arrives_with_a_stream(self, stream: Callable[..., list[str | ModelReply]], wire: Wire) -> None:
        """A streamed call sends the schema along as well.

        If this fails: repair M-20 and M-23 first.
        """
        wire.answer(Said(text=_TEXT, pieces=_PIECES))
        stream(schema=_SCHEMA)
        assert _properties(wire.asked[-1]) == ["city"]


async def _all(provider: StreamingModelProviderClient, request: ModelRequest) -> list[str | ModelReply]:
    return [item async for item in provider.stream_async(request)]


def _figures(reply: object) -> dict[str, object]:
    # The provider's own figures may be put in other words within a stream.
    return {name: getattr(reply, name, None) for name in ModelReply.__struct_fields__ if name != "raw_usage"}


def _properties(asked: Asked) -> list[str] | None:
    return None if asked.schema is None else list(asked.schema["properties"])


def _messages(said: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Make messages anew for each call, so that one that is changed harms no other case."""
    return [{"role": role, "content": text} for role, text in said]
