"""`kitaru model show` and `kitaru model test`."""

from __future__ import annotations

import json

import pytest

from kitaru import KitaruClient
from kitaru.cli.app import run


@pytest.fixture
def kitaru(capsys):
    """Run a command; return its exit code, what it printed and what it complained about."""

    def call(*arguments):
        code = run(list(arguments))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def alias(kitaru):
    kitaru("model", "register", "fast", "--model", "stub/small")


def test_an_alias_is_shown(kitaru, alias):
    shown = json.loads(kitaru("model", "show", "FAST", "-o", "json")[1])["item"]
    assert shown == {"alias": "fast", "model": "stub/small", "secret": None, "is_default": True}
    assert "stub/small" in kitaru("model", "show", "fast")[1]


def test_an_unknown_alias_names_those_that_there_are(kitaru, alias):
    code, out, err = kitaru("model", "show", "slow")
    assert (code, out) == (1, "")
    assert "fast" in err


def test_a_model_is_called_once_and_nothing_is_recorded(kitaru, alias, keyed):
    item = json.loads(kitaru("model", "test", "-o", "json")[1])["item"]
    assert (item["model"], item["answer"], item["credential_source"]) == ("stub/small", "answer 1", "environment")
    assert len(keyed.requests) == 1
    assert KitaruClient().executions.list() == []
    assert "answer 2" in kitaru("model", "test", "stub/large")[1]


def test_what_is_wrong_with_a_model_is_told_without_the_credential(kitaru, alias, keyed, provider):
    provider.answers.append(ConnectionError("refused key-of-the-environment"))
    code, out, err = kitaru("model", "test", "fast")
    assert (code, out) == (1, "")
    assert "refused" in err
    assert "key-of-the-environment" not in err


def test_a_missing_credential_is_told(kitaru, alias, provider):
    code, _, err = kitaru("model", "test", "fast")
    assert (code, provider.requests) == (1, [])
    assert "STUB_API_KEY" in err
