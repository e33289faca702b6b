"""What a flow may ask for, and under which name."""

from __future__ import annotations

import socket
import sys
import threading
from contextvars import copy_context

import pytest

from kitaru import KitaruUsageError, checkpoint, flow, save, wait
from kitaru.engine.schemas import check_answer
from kitaru.errors import KitaruWaitValidationError
from kitaru.seam import Question, open_questions


@pytest.mark.parametrize("schema", [{"type": "strnig"}, {"required": "outcome"}, {"minimum": "1"}, {"pattern": "["}])
def test_a_dict_that_is_no_schema_is_refused_when_the_flow_asks(schema, client):
    @flow
    def asks():
        with pytest.raises(KitaruUsageError, match="no JSON schema"):
            wait(schema=schema, name="go", timeout=0)

    asks.run().wait(10)
    assert client.waits.list() == []


def waiting(client, schema):
    @flow
    def asks():
        wait(schema=schema, name="go", timeout=0)

    handle = asks.run()
    client.executions.wait(handle.exec_id, timeout=10)
    return handle.exec_id


def test_nothing_is_fetched_for_a_schema(client):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        exec_id = waiting(client, {"$ref": f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"})
        with pytest.raises(KitaruWaitValidationError, match="cannot be used"):
            client.executions.input(exec_id, wait="go", value=1)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_recorded_schema_that_cannot_be_used_refuses_answers_in_words():
    with pytest.raises(KitaruWaitValidationError, match="cannot be used"):
        check_answer("go", {"type": "string", "pattern": "["}, "text")


@pytest.fixture
def impatient():
    """Have threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("impatient")
def test_questions_asked_from_many_threads_get_names_of_their_own(client):
    found = []

    def asks_often():
        for _ in range(10):
            found.extend(one.name for one in open_questions([Question(name="go")]))

    @flow
    def asks_beside_itself():
        threads = [threading.Thread(target=copy_context().run, args=(asks_often,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    asks_beside_itself.run().wait(30)
    assert len(set(found)) == len(found) == 80


NOT_UTF8 = "caf\udce9"


@pytest.mark.parametrize("saved", [{"name": NOT_UTF8}, {"name": "a", "tags": [NOT_UTF8]}], ids=["name", "tag"])
def test_what_an_artifact_is_called_must_be_utf8(saved):
    @checkpoint
    def saves():
        with pytest.raises(KitaruUsageError, match=r"caf\\udce9"):
            save(value=1, **saved)

    @flow
    def keeps():
        saves()

    keeps.run().wait(10)


def test_the_name_of_a_wait_must_be_utf8_and_its_question_is_written_out(client):
    @flow
    def asks():
        with pytest.raises(KitaruUsageError, match="name of a wait"):
            wait(name=NOT_UTF8, timeout=0)
        wait(name="go", question=NOT_UTF8, timeout=0)

    handle = asks.run()
    client.executions.wait(handle.exec_id, timeout=10)
    (pending,) = client.executions.pending_waits(handle.exec_id)
    assert pending.question == r"caf\udce9"
