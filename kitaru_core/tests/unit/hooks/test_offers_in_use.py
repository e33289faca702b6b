"""What plugins offer is found where it is needed: journals by address, codecs by class and by name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import kitaru
from kitaru import checkpoint, flow
from kitaru.artifacts.codecs import unregister_codec
from kitaru.errors import KitaruUsageError
from kitaru.hooks import CodecCard, JournalDriver, close_manager, get_manager, hookimpl
from kitaru.journal.registry import close_all, embedded_opener, open_journal


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y


def _encode(point):
    return f"{point.x} {point.y}".encode()


def _decode(data):
    return Point(*map(int, data.split()))


POINTS = SimpleNamespace(name="toy.point/1", encode=_encode, decode=_decode, handles=lambda kind: kind is Point)


@checkpoint
def locate():
    return Point(1, 2)


@flow
def find():
    found = locate()
    return found.x + found.y


@pytest.fixture
def plug(tmp_path, monkeypatch, plugin_of):
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "kitaru.db"))
    monkeypatch.setenv("KITARU_PLUGINS_AUTOLOAD", "0")
    close_manager()
    yield lambda function: get_manager().register(plugin_of(hookimpl(function)), name="toy")
    unregister_codec("toy.point/1")
    close_manager()


def test_a_codec_of_a_plugin_is_loaded_for_its_class_and_not_before(plug):
    loads = []

    def load():
        loads.append("codec")
        return POINTS

    def kitaru_codecs():
        return [CodecCard(name="toy.point/1", classes=(f"{__name__}.Point",), load=load)]

    plug(kitaru_codecs)
    assert loads == []
    assert find.run().wait() == 3
    assert loads == ["codec"]


def test_a_value_is_read_by_the_name_of_the_codec_that_wrote_it(plug):
    def kitaru_codecs():
        return [CodecCard(name="toy.point/1", classes=(f"{__name__}.Point",), load=lambda: POINTS)]

    plug(kitaru_codecs)
    handle = find.run()
    handle.wait()
    unregister_codec("toy.point/1")
    (call,) = kitaru.KitaruClient().executions.get(handle.exec_id).checkpoints
    (output,) = call.artifacts
    assert output.load().x == 1


def test_a_journal_of_a_plugin_is_opened_by_its_address(plug):
    opened = []

    def open_it(address, durability, on_committed):
        opened.append((address, durability))
        return embedded_opener()("memory:", durability, on_committed)

    def kitaru_journals():
        return [JournalDriver(schemes=("toy",), load=lambda: open_it)]

    plug(kitaru_journals)
    open_journal("toy://somewhere", durability="process")
    close_all()
    assert opened == [("toy://somewhere", "process")]


def test_an_address_that_nobody_knows_is_refused_with_those_that_are_known(plug):
    def kitaru_journals():
        return [JournalDriver(schemes=("toy",), load=dict)]

    plug(kitaru_journals)
    with pytest.raises(KitaruUsageError, match="knows 'mysql' addresses; there are: memory, sqlite, toy"):
        open_journal("mysql://somewhere")


def test_the_journals_built_in_come_through_the_same_hook():
    driver = get_manager().journals()["sqlite"]
    assert driver.load() is embedded_opener()
