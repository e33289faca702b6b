from __future__ import annotations

import pytest

from kitaru import KitaruClient, checkpoint, flow, progress
from kitaru.authoring.llm_calls import llm, llm_async
from kitaru.errors import KitaruBackendError, KitaruContextError, KitaruExecutionError, KitaruUsageError
from kitaru.events import CHECKPOINT_PROGRESS_KIND
from kitaru.models.api import ModelReply

PIECES = ["Bread", ", salt", ", time."]
TEXT = "".join(PIECES)


@pytest.fixture
def streaming(keyed):
    """The stub, with a provider's optional methods; `pieces` are handed out, an exception among them is raised."""
    keyed.pieces = [*PIECES, ModelReply(text=TEXT, input_tokens=10, output_tokens=3)]
    keyed.closed = 0

    def stream(request):
        keyed.requests.append(request)
        try:
            for piece in keyed.pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            keyed.closed += 1

    async def stream_async(request):
        for piece in stream(request):
            yield piece

    keyed.stream, keyed.stream_async = stream, stream_async
    return keyed


def run(body):
    handle = flow(body).run()
    return handle.wait(timeout=30), KitaruClient().executions.get(handle.exec_id)


def run_twice(body):
    """Run a body to its end, which fails, and once more from the record."""
    fail = [True]

    @checkpoint
    def after():
        if fail:
            raise OSError(fail.pop())

    async def whole():
        result = body()
        result = result if isinstance(result, str) else await result
        after()
        return result

    handle = flow(whole).run()
    with pytest.raises(KitaruExecutionError):
        handle.wait(timeout=30)
    KitaruClient().executions.retry(handle.exec_id)
    return handle.wait(timeout=30)


def test_the_text_is_told_while_it_is_written_and_recorded_once(streaming):
    told = []
    result, execution = run(lambda: llm("x", model="stub/small", on_text=told.append))
    assert (told, result) == (PIECES, TEXT)
    (call,) = execution.checkpoints
    assert call.llm_usage_records[0]["usage"]["total_tokens"] == 13
    assert {one.name: one.load() for one in execution.artifacts}["llm_1_response"] == TEXT
    assert streaming.closed == 1


@pytest.mark.parametrize("ask", [llm, llm_async])
def test_a_rerun_tells_the_same_pieces_without_a_call(ask, streaming):
    told = []
    assert run_twice(lambda: ask("x", model="stub/small", on_text=told.append)) == TEXT
    assert told == PIECES * 2
    assert len(streaming.requests) == 1


def test_an_asynchronous_listener_is_awaited_by_the_asynchronous_call(streaming):
    told = []

    async def listen(piece):
        told.append(piece)

    run_twice(lambda: llm_async("x", model="stub/small", on_text=listen))
    assert told == PIECES * 2
    with pytest.raises(KitaruExecutionError, match="use llm_async"):
        run(lambda: llm("x", model="stub/small", on_text=listen))
    assert streaming.closed == 2


def test_a_provider_that_does_not_stream_tells_its_text_in_one_piece(keyed):
    told = []
    run_twice(lambda: llm("x", model="stub/small", on_text=told.append))
    run_twice(lambda: llm_async("x", model="stub/small", on_text=told.append))
    assert told == ["answer 1", "answer 1", "answer 2", "answer 2"]
    assert len(keyed.requests) == 2


@pytest.mark.parametrize("ask", [llm, llm_async])
def test_a_canned_answer_is_told_word_by_word(ask, monkeypatch):
    monkeypatch.setenv("KITARU_LLM_MOCK_RESPONSE", " two\n words ")
    told = []
    run_twice(lambda: ask("x", model="stub/small", on_text=told.append))
    assert told == [" two\n ", "words "] * 2


def test_in_a_flow_body_a_listener_stands_outside_of_the_flow(streaming):
    def listen(_piece):
        with pytest.raises(KitaruContextError):
            progress("writing")

    assert run_twice(lambda: llm("x", model="stub/small", on_text=listen)) == TEXT
    assert len(streaming.requests) == 1


def test_in_a_checkpoint_a_listener_belongs_to_it(streaming):
    @checkpoint
    def inside():
        return llm("x", model="stub/small", on_text=lambda piece: progress(piece))

    result, execution = run(lambda: inside())
    assert result == TEXT
    shown = KitaruClient().executions.events(execution.exec_id, kinds=[CHECKPOINT_PROGRESS_KIND])
    assert [one.payload["message"] for one in shown] == PIECES
    assert len(streaming.requests) == 1


@pytest.mark.parametrize("ask", [llm, llm_async])
def test_an_error_of_the_listener_ends_the_call_and_comes_out_unchanged(ask, streaming):
    def listen(_piece):
        raise LookupError("enough")

    async def call():
        await ask("x", model="stub/small", on_text=listen)

    async def body():
        with pytest.raises(LookupError, match="enough"):
            await call()

    _, execution = run(body)
    assert [one.status for one in execution.checkpoints] == ["failed"]
    assert streaming.closed == 1


@pytest.mark.parametrize("ask", [llm, llm_async])
@pytest.mark.parametrize("fault", [OSError("key-of-the-environment is used up"), None])
def test_a_stream_that_breaks_is_the_providers_failure(ask, fault, streaming):
    streaming.pieces = [*PIECES, *([fault] if fault else [])]

    async def body():
        with pytest.raises(KitaruBackendError, match="used up" if fault else "in the middle") as caught:
            await ask("x", model="stub/small", on_text=lambda _piece: None)
        return str(caught.value)

    message, execution = run(body)
    assert "key-of-the-environment" not in message
    assert execution.checkpoints[0].llm_usage_records[0]["status"] == "failed"


def test_what_cannot_listen_is_refused(keyed):
    def body():
        with pytest.raises(KitaruUsageError, match=r"llm\(on_text="):
            llm("x", model="stub/small", on_text="print")

    run(body)
    assert keyed.requests == []
