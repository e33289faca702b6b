"""Artifacts that checkpoints save, and what `load` takes a name for."""

from __future__ import annotations

import pytest

from kitaru import KitaruContextError, KitaruRuntimeError, KitaruUsageError, checkpoint, flow, load, save

KINDS = ["prompt", "response", "context", "input", "output", "blob"]


def inside(body):
    """Run a body in a checkpoint of a flow of its own."""

    @checkpoint
    def work():
        return body()

    handle = flow(lambda: work()).run()
    handle.wait(10)
    return handle


@checkpoint
def draws(n):
    save("card", n)
    return n * 10


@flow
def deals(*numbers):
    for n in numbers:
        draws(n)


def dealt(*numbers):
    handle = deals.run(*numbers)
    handle.wait(10)
    return handle.exec_id


@pytest.mark.parametrize("kind", [*KINDS, " Blob "])
def test_every_kind_can_be_saved(kind, client):
    handle = inside(lambda: save("thing", 1, type=kind))
    (found,) = client.artifacts.list(handle.exec_id, name="thing")
    assert (found.kind, found.save_type, found.load()) == (kind.strip().casefold(), "manual", 1)


@pytest.mark.parametrize(("name", "options"), [("x", {"type": "picture"}), (" ", {}), ("x", {"tags": "red"})])
def test_what_cannot_be_saved_is_refused(name, options):
    def body():
        with pytest.raises(KitaruUsageError):
            save(name, 1, **options)

    inside(body)


@pytest.mark.parametrize("use", [lambda: save("x", 1), lambda: load("id", "x")], ids=["save", "load"])
def test_outside_of_a_checkpoint_nothing_is_saved_or_loaded(use):
    with pytest.raises(KitaruContextError, match="checkpoint"):
        use()

    def body():
        with pytest.raises(KitaruContextError, match="checkpoint"):
            use()

    flow(body).run().wait(10)


@pytest.mark.parametrize(("name", "value"), [("card", 3), ("draws", 30)])
def test_a_name_finds_the_artifact_or_the_output(name, value):
    source = dealt(3)

    def body():
        assert load(source, name) == value

    inside(body)


def test_one_of_several_calls_is_named_by_its_invocation():
    source = dealt(1, 2, 3)

    def body():
        assert load(source, "draws_2") == 20

    inside(body)


@pytest.mark.parametrize(
    ("name", "candidates"), [("card", r"names 2 values.*card"), ("draws", "names 2 values.*draws_2")]
)
def test_a_name_of_several_values_lists_them(name, candidates):
    source = dealt(1, 2)

    def body():
        with pytest.raises(KitaruRuntimeError, match=candidates):
            load(source, name)

    inside(body)


def test_a_name_of_nothing_lists_what_there_is():
    source = dealt(1)

    def body():
        with pytest.raises(KitaruRuntimeError, match="outputs are: draws"):
            load(source, "dealer")

    inside(body)


def test_what_a_failed_attempt_saved_is_hidden(client):
    tries = []

    @checkpoint(retries=1)
    def flaky():
        tries.append(1)
        save(f"try {len(tries)}", len(tries))
        if len(tries) == 1:
            raise OSError

    handle = flow(lambda: flaky()).run()
    handle.wait(10)
    assert [one.name for one in client.artifacts.list(handle.exec_id, kind="output") if one.save_type == "manual"] == [
        "try 2"
    ]


def test_a_completed_call_of_the_running_execution_can_be_loaded():
    from kitaru import current_execution_id

    @checkpoint
    def reads_back():
        return load(current_execution_id(), "draws")

    @flow
    def body():
        draws(4)
        return reads_back()

    assert body.run().wait(10) == 40
