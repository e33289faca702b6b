"""Scopes around a body: faults name the plugin, and the body's exception always goes on."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress

import pytest

from kitaru.errors import KitaruPluginError


def run(manager, boundary, body):
    with ExitStack() as stack:
        for scope in manager.checkpoint_scope(boundary):
            stack.enter_context(scope)
        body()


def fail():
    msg = "the body failed"
    raise LookupError(msg)


def test_a_scope_cannot_swallow_the_exception_of_a_body(listening, boundary):
    def kitaru_checkpoint_scope():
        return suppress(LookupError)

    with pytest.raises(LookupError, match="the body failed"):
        run(listening(kitaru_checkpoint_scope), boundary, fail)


def test_a_scope_sees_the_exception_of_a_body_and_lets_it_through(listening, boundary):
    seen = []

    @contextmanager
    def kitaru_checkpoint_scope():
        try:
            yield
        except LookupError as error:
            seen.append(error)
            raise

    with pytest.raises(LookupError) as caught:
        run(listening(kitaru_checkpoint_scope), boundary, fail)
    assert seen == [caught.value]


@pytest.mark.parametrize("when", ["entering", "leaving"])
def test_a_scope_that_fails_names_its_plugin(listening, boundary, when):
    @contextmanager
    def kitaru_checkpoint_scope():
        if when == "entering":
            fail()
        yield
        fail()

    with pytest.raises(KitaruPluginError, match=f"'tracer'.*failed on {when} with LookupError") as caught:
        run(listening(kitaru_checkpoint_scope, name="tracer"), boundary, list)
    assert isinstance(caught.value.__cause__, LookupError)


def test_what_is_no_context_manager_is_refused(listening, boundary):
    def kitaru_checkpoint_scope():
        return 7

    with pytest.raises(KitaruPluginError, match="int where a context manager is needed"):
        run(listening(kitaru_checkpoint_scope), boundary, list)


def test_a_signal_that_is_no_error_passes_a_scope_untouched(listening, boundary):
    @contextmanager
    def kitaru_checkpoint_scope():
        yield

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(listening(kitaru_checkpoint_scope), boundary, interrupt)
