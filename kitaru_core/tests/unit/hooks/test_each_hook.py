"""One test for each hook: what it is given, and what becomes of its answer."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from kitaru.errors import BoundaryRefused, KitaruPluginError
from kitaru.hooks import (
    AdapterCard,
    ArtifactStoreDriver,
    CodecCard,
    JournalDriver,
    ModelProvider,
    ResultCacheDriver,
    Route,
    RuntimeConfig,
    RuntimeInfo,
    SecretStoreDriver,
    ServerContext,
    StackKind,
    Summary,
    TargetDriver,
    Tool,
    Usage,
)


@dataclass
class Seen:
    kind: str
    seq: int


def test_hook_plugin_card_names_the_plugin_and_its_level(listening):
    card = listening(name="toy").plugin_card()["toy"]
    assert (card.name, card.hookspec) == ("toy", 1)


def test_hook_adapters_are_found_by_name_and_loaded_on_demand(listening):
    loads = []

    def kitaru_adapters():
        return [
            AdapterCard(
                name="acme",
                framework="acme-agents",
                extra="acme",
                boundaries=("model", "tool"),
                strategies=("calls", "runner_call"),
                default_strategy="calls",
                load=lambda: loads.append("acme"),
            )
        ]

    card = listening(kitaru_adapters).adapters()["acme"]
    assert not loads
    card.load()
    assert loads == ["acme"]


@pytest.mark.parametrize(
    ("hook", "facade", "card"),
    [
        ("kitaru_codecs", "codecs", CodecCard(name="toy", load=dict)),
        ("kitaru_execution_targets", "execution_targets", TargetDriver(name="toy", load=dict)),
        ("kitaru_stack_kinds", "stack_kinds", StackKind(name="toy", load=dict)),
        ("kitaru_model_providers", "model_providers", ModelProvider(name="toy", load=dict)),
        ("kitaru_secret_stores", "secret_stores", SecretStoreDriver(name="toy", load=dict)),
        ("kitaru_result_caches", "result_caches", ResultCacheDriver(name="toy", load=dict)),
        ("kitaru_journals", "journals", JournalDriver(schemes=("toy", "toys"), load=dict)),
        ("kitaru_artifact_stores", "artifact_stores", ArtifactStoreDriver(schemes=("toy", "toys"), load=dict)),
    ],
)
def test_cards_are_found_by_each_name_they_claim(listening, hook, facade, card):
    def offer():
        return [card]

    offer.__name__ = hook
    found = getattr(listening(offer), facade)()
    assert found == dict.fromkeys(card.claims, card)


def test_hook_journals_serve_address_schemes(listening):
    def kitaru_journals():
        return [JournalDriver(schemes=("postgresql", "postgres"), load=lambda: "opener")]

    drivers = listening(kitaru_journals).journals()
    assert drivers["postgresql"] is drivers["postgres"]


def test_hook_artifact_stores_serve_address_schemes(listening):
    def kitaru_artifact_stores():
        return [ArtifactStoreDriver(schemes=("s3",), load=lambda: "opener")]

    assert listening(kitaru_artifact_stores).artifact_stores()["s3"].load() == "opener"


def test_hook_codecs_are_found_by_name_and_version(listening):
    def kitaru_codecs():
        return [CodecCard(name=f"acme.tensor/{version}", load=lambda: None) for version in (1, 2)]

    assert list(listening(kitaru_codecs).codecs()) == ["acme.tensor/1", "acme.tensor/2"]


def test_hook_execution_targets_say_whether_a_body_leaves_the_machine(listening):
    def kitaru_execution_targets():
        return [TargetDriver(name="cluster", remote=True, load=lambda: None)]

    assert listening(kitaru_execution_targets).execution_targets()["cluster"].remote


def test_hook_stack_kinds_list_their_settings(listening):
    def kitaru_stack_kinds():
        return [StackKind(name="cloud", fields={"region": "Where jobs run."}, load=lambda: None)]

    assert "region" in listening(kitaru_stack_kinds).stack_kinds()["cloud"].fields


def test_hook_model_providers_are_found_by_prefix(listening):
    def kitaru_model_providers():
        return [ModelProvider(name="acme", load=lambda: "provider")]

    assert listening(kitaru_model_providers).model_providers()["acme"].load() == "provider"


def test_hook_secret_stores_are_found_by_name(listening):
    def kitaru_secret_stores():
        return [SecretStoreDriver(name="vault", load=lambda: "opener")]

    assert listening(kitaru_secret_stores).secret_stores()["vault"].load() == "opener"


def test_hook_result_caches_are_found_by_name(listening):
    def kitaru_result_caches():
        return [ResultCacheDriver(name="files", load=lambda: str)]

    assert listening(kitaru_result_caches).result_caches()["files"].load() is str


def test_hook_configured_reaches_plugins_registered_before_and_after(listening, manager):
    seen = []

    def kitaru_configured(config):
        seen.append(config.store)

    listening(kitaru_configured, name="early")
    manager.configured(RuntimeConfig(store="memory:"))
    listening(kitaru_configured, name="late")
    assert seen == ["memory:", "memory:"]


def test_hook_configured_that_fails_refuses_a_late_plugin(listening, manager):
    def kitaru_configured(config):
        msg = f"cannot work on {config.store}"
        raise ValueError(msg)

    manager.configured(RuntimeConfig(store="memory:"))
    with pytest.raises(KitaruPluginError, match="cannot work on memory:") as caught:
        listening(kitaru_configured, name="late")
    assert (caught.value.plugin, caught.value.hook, manager.plugins) == ("late", "kitaru_configured", ())


def test_hook_checkpoint_admit_may_refuse_a_boundary(listening, boundary):
    def kitaru_checkpoint_admit(boundary):
        msg = f"{boundary.name} is not allowed"
        raise BoundaryRefused(msg)

    with pytest.raises(BoundaryRefused, match="think is not allowed") as caught:
        listening(kitaru_checkpoint_admit, name="policy").checkpoint_admit(boundary)
    assert (caught.value.plugin, caught.value.hook) == ("policy", "kitaru_checkpoint_admit")


def test_hook_checkpoint_admit_that_crashes_is_a_fault_of_the_plugin(listening, boundary):
    def kitaru_checkpoint_admit(boundary):
        return boundary.no_such_fact

    with pytest.raises(KitaruPluginError, match=r"'policy'.*AttributeError") as caught:
        listening(kitaru_checkpoint_admit, name="policy").checkpoint_admit(boundary)
    assert not isinstance(caught.value, BoundaryRefused)


def test_hook_checkpoint_identity_takes_the_first_text(listening, manager, boundary):
    def kitaru_checkpoint_identity(boundary):
        return f"region of {boundary.name}"

    listening(kitaru_checkpoint_identity)
    assert manager.checkpoint_identity(boundary) == "region of think"


def test_hook_checkpoint_identity_refuses_what_is_no_text(listening, boundary):
    def kitaru_checkpoint_identity():
        return 7

    with pytest.raises(KitaruPluginError, match="answered with a int where a str is needed"):
        listening(kitaru_checkpoint_identity).checkpoint_identity(boundary)


def test_hook_checkpoint_scope_surrounds_the_body(listening, boundary):
    events = []

    @contextmanager
    def kitaru_checkpoint_scope(boundary):
        events.append(f"enter {boundary.name}")
        yield
        events.append("leave")

    with ExitStack() as stack:
        for scope in listening(kitaru_checkpoint_scope).checkpoint_scope(boundary):
            stack.enter_context(scope)
        events.append("body")
    assert events == ["enter think", "body", "leave"]


def test_hook_checkpoint_summary_takes_the_first_and_lets_wrappers_redact(listening, manager, boundary):
    def kitaru_checkpoint_summary(value):
        return Summary(text=f"said {value}")

    def redact():
        found = yield
        return Summary(text=found.text.replace("secret", "***"))

    listening(kitaru_checkpoint_summary, name="plain")
    listening(redact, name="redactor", specname="kitaru_checkpoint_summary", wrapper=True)
    assert manager.checkpoint_summary(boundary, "secret").text == "said ***"


def test_hook_checkpoint_summary_that_fails_is_logged_and_empty(listening, boundary, caplog):
    def kitaru_checkpoint_summary(value):
        return value.no_such_fact

    assert listening(kitaru_checkpoint_summary, name="clumsy").checkpoint_summary(boundary, 1) == Summary()
    assert "'clumsy'" in caplog.text
    assert "kitaru_checkpoint_summary" in caplog.text


def test_a_failing_summary_is_laid_at_the_right_door_among_several(listening, manager, boundary, caplog):
    def modest():
        return None

    def kitaru_checkpoint_summary(value):
        return value.no_such_fact

    listening(modest, name="modest", specname="kitaru_checkpoint_summary")
    listening(kitaru_checkpoint_summary, name="clumsy")
    manager.checkpoint_summary(boundary, 1)
    assert "'clumsy'" in caplog.messages[0]
    assert "'modest'" not in caplog.messages[0]


def test_hook_checkpoint_usage_reads_tokens_out_of_a_result(listening, boundary):
    def kitaru_checkpoint_usage(boundary, value):
        return Usage(model=boundary.name, input_tokens=value["in"], cost_usd=0.5)

    record = listening(kitaru_checkpoint_usage).checkpoint_usage(boundary, {"in": 7}).as_record()
    assert record["usage"] == {"input_tokens": 7}
    assert record["cost"]["actual_cost_usd"] == 0.5


def test_hook_checkpoint_usage_that_fails_is_logged(listening, boundary, caplog):
    def kitaru_checkpoint_usage(value):
        return value.no_such_fact

    assert listening(kitaru_checkpoint_usage, name="clumsy").checkpoint_usage(boundary, 1) is None
    assert "'clumsy'" in caplog.text


def test_hook_record_committed_reaches_every_observer_past_a_broken_one(listening, manager, caplog):
    seen = []

    def watch(record):
        seen.append(record.seq)

    def crash(record):
        seen.append(record.seq)
        msg = "disk full"
        raise OSError(msg)

    for name, function in {"a": watch, "b": crash, "c": watch}.items():
        listening(function, name=name, specname="kitaru_record_committed")
    manager.record_committed(Seen("wait.opened", 3))
    assert seen == [3, 3, 3]
    assert "'b'" in caplog.text
    assert "disk full" in caplog.text


class Program:
    def __init__(self):
        self.commands = {}

    def command(self, target, *, name):
        self.commands[name] = target


def test_hook_cli_commands_adds_commands(listening):
    def kitaru_cli_commands(cli):
        cli.command(print, name="acme")

    program = Program()
    listening(kitaru_cli_commands).cli_commands(program)
    assert program.commands == {"acme": print}


def test_hook_cli_commands_that_fails_leaves_only_its_own_out(listening, manager, caplog):
    def good(cli):
        cli.command(print, name="acme")

    def bad(cli):
        cli.command(print, name="half")
        msg = "no config"
        raise OSError(msg)

    listening(good, name="good", specname="kitaru_cli_commands")
    listening(bad, name="bad", specname="kitaru_cli_commands")
    program = Program()
    manager.cli_commands(program)
    assert list(program.commands) == ["acme"]
    assert "'bad'" in caplog.text


def test_hook_cli_commands_of_two_plugins_must_not_clash(listening, manager):
    def kitaru_cli_commands(cli):
        cli.command(print, name="acme")

    listening(kitaru_cli_commands, name="one")
    listening(kitaru_cli_commands, name="two")
    program = Program()
    with pytest.raises(KitaruPluginError, match=r"'one'.*'two'|'two'.*'one'"):
        manager.cli_commands(program)
    assert program.commands == {}


def test_hook_server_routes_are_collected(listening):
    def kitaru_server_routes(server):
        return [Route(path=f"/{server.version}/acme", load=dict)]

    routes = listening(kitaru_server_routes).server_routes(ServerContext(version="1", store="memory:"))
    assert [route.path for route in routes] == ["/1/acme"]


def test_hook_mcp_tools_are_collected(listening):
    def kitaru_mcp_tools():
        return (Tool(name="acme", description="Does it.", load=lambda: print),)

    tools = listening(kitaru_mcp_tools).mcp_tools(ServerContext(version="1", store="memory:"))
    assert [tool.name for tool in tools] == ["acme"]


def test_hook_closing_reaches_every_plugin_past_a_broken_one(listening, manager, caplog):
    closed = []

    def kitaru_closing(runtime):
        closed.append(runtime.pid)
        msg = "cannot flush"
        raise OSError(msg)

    listening(kitaru_closing, name="one")
    listening(kitaru_closing, name="two")
    manager.closing(RuntimeInfo(version="1", pid=7))
    assert closed == [7, 7]
    assert caplog.text.count("cannot flush") >= 2
