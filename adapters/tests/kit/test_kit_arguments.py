from __future__ import annotations

import pytest

from kitaru.errors import KitaruFeatureNotAvailableError, KitaruUsageError
from kitaru_adapters.kit.capture import ToolCapture, check_capture_mode
from kitaru_adapters.kit.configs import check_config, check_named_configs, config_for
from kitaru_adapters.kit.missing import require_framework
from kitaru_adapters.kit.names import identifier, slug
from kitaru_adapters.kit.strategies import check_strategy


def test_a_known_strategy_is_returned_unchanged():
    assert check_strategy("turn", accepted=("calls", "turn")) == "turn"


@pytest.mark.parametrize("value", ["invocation", "", None, 1, ["calls"]])
def test_an_unknown_strategy_is_refused_with_the_accepted_ones(value):
    with pytest.raises(KitaruUsageError, match="'calls', 'turn'"):
        check_strategy(value, accepted=("calls", "turn"))


def test_a_configuration_is_copied_not_shared():
    given = {"retries": 2, "type": "tool_call"}
    checked = check_config(given, argument="tool_checkpoint_config")
    given["retries"] = 9
    assert checked == {"retries": 2, "type": "tool_call"}


def test_unknown_keys_are_named_together_with_the_known_ones():
    with pytest.raises(KitaruUsageError, match=r"tool_checkpoint_config has unknown keys: retry; known are: cache"):
        check_config({"retry": 1}, argument="tool_checkpoint_config")


@pytest.mark.parametrize(
    "config",
    [{"retries": -1}, {"retries": True}, {"cache": 1}, {"type": " "}, {"runtime": "cloud"}, {"effect": "none"}, 3],
)
def test_values_that_do_not_fit_their_key_are_refused(config):
    with pytest.raises(KitaruUsageError, match="model_checkpoint_config"):
        check_config(config, argument="model_checkpoint_config")


def test_isolated_is_refused_where_the_call_cannot_leave_the_process():
    with pytest.raises(KitaruUsageError, match="does not cross"):
        check_config({"runtime": "isolated"}, argument="c")
    assert check_config({"runtime": "isolated"}, argument="c", isolated=True) == {"runtime": "isolated"}


def test_an_entry_by_name_replaces_the_default_and_false_opts_out():
    named = check_named_configs({"search": {"cache": True}, "ask": False}, argument="by_name")
    default = check_config({"retries": 3}, argument="default")
    assert [config_for(name, default, named) for name in ("search", "ask", "read")] == [
        {"cache": True},
        False,
        {"retries": 3},
    ]


def test_a_missing_framework_names_the_extra():
    with (
        pytest.raises(KitaruFeatureNotAvailableError, match="pydantic-ai"),
        require_framework("no_such_framework_here", extra="pydantic-ai"),
    ):
        import no_such_framework_here  # noqa: F401


def test_a_module_missing_inside_an_installed_framework_is_not_disguised():
    with pytest.raises(ModuleNotFoundError), require_framework("installed_framework", extra="x"):
        import a_dependency_of_it  # noqa: F401


def test_names_keep_word_characters_only():
    assert slug("news scout (v2)", fallback="agent") == "news_scout_v2"
    assert slug("--", fallback="agent") == "agent"


def test_an_id_is_never_invented():
    assert identifier("call-1/a", what="The call") == "call_1_a"
    with pytest.raises(KitaruUsageError, match="The call of 'ask' has no id"):
        identifier(" ", what="The call of 'ask'")


def test_the_capture_of_one_tool_wins_over_the_default():
    capture = ToolCapture("metadata", {"login": None})
    assert (capture.for_tool("login"), capture.for_tool("search")) == (None, "metadata")


@pytest.mark.parametrize("value", ["off", "metadata_only", "all", 1])
def test_other_capture_words_are_refused(value):
    with pytest.raises(KitaruUsageError, match="tool_capture"):
        check_capture_mode(value, argument="tool_capture")
