from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap

import pytest
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

import kitaru_adapters.pydantic_ai as room
from kitaru.adapters import pydantic_ai as promised
from kitaru.adapters.pydantic_ai import (
    CapturePolicy,
    KitaruAgent,
    KitaruModel,
    PydanticAIUsageSummary,
    SandboxCommandToolResult,
    sandbox_command_toolset,
    validate_checkpoint_strategy,
    wrap,
)
from kitaru.errors import KitaruUsageError


class Forwarding(Agent):
    """Stands for an agent of a later release, whose `run` has learnt something new."""

    async def run(self, *args, brand_new=None, **kwargs):
        self.seen = brand_new
        return await super().run(*args, **kwargs)


def test_keywords_that_nobody_knows_yet_are_handed_on(lab):
    inner = Forwarding(TestModel(custom_output_text="done"), name="bot")
    agent = KitaruAgent(inner)

    async def body():
        return (await agent.run("go", brand_new=7)).output

    assert lab.run(lambda: asyncio.run(body())).get() == "done"
    assert inner.seen == 7


def test_the_old_retry_keyword_is_translated_and_both_together_are_refused(lab):
    agent = lab.agent("done")
    assert lab.run(lambda: agent.run_sync("go", output_retries=2).output).get() == "done"
    with pytest.raises(KitaruUsageError, match="old name"):
        agent.run_sync("go", output_retries=2, retries=1)


@pytest.mark.parametrize(
    ("config", "mode"),
    [
        ({"mode": "full"}, "full"),
        ({"mode": "metadata_only"}, "metadata"),
        ({"mode": "off"}, None),
        ({"enabled": False}, None),
        ({"save_args": True, "save_result": False}, "full"),
        ({"save_args": False, "save_result": False}, "metadata"),
    ],
)
def test_wrap_warns_and_translates(config, mode):
    with pytest.warns(DeprecationWarning, match="KitaruAgent"):
        agent = wrap(Agent(TestModel(), name="bot"), tool_capture_config=config)
    assert agent.capture.tool_capture == mode


def test_wrap_refuses_old_and_new_capture_together():
    with pytest.warns(DeprecationWarning, match="KitaruAgent"), pytest.raises(TypeError, match="not both"):
        wrap(Agent(TestModel(), name="bot"), tool_capture_config={"mode": "full"}, capture=CapturePolicy())


def python(code):
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)


HIDE = """
    import sys
    class Hide:
        def find_spec(self, name, path=None, target=None):
            if name == {hidden!r}:
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
    sys.meta_path.insert(0, Hide())
"""


def test_without_the_framework_the_import_names_the_extra():
    done = python(HIDE.format(hidden="pydantic_ai") + "\n    import kitaru.adapters.pydantic_ai")
    assert "KitaruFeatureNotAvailableError" in done.stderr
    assert "extra 'pydantic-ai'" in done.stderr


def test_a_broken_framework_is_not_disguised():
    done = python(HIDE.format(hidden="pydantic_graph") + "\n    import kitaru.adapters.pydantic_ai")
    assert "No module named 'pydantic_graph'" in done.stderr
    assert "KitaruFeatureNotAvailableError" not in done.stderr


def test_looking_at_the_plugin_loads_no_framework():
    done = python("""
        import sys
        import kitaru_adapters.pydantic_ai.plugin as plugin
        assert plugin.kitaru_adapters()[0].name == "pydantic_ai"
        assert plugin.kitaru_plugin_card().frameworks
        assert "pydantic_ai" not in sys.modules, "loaded"
    """)
    assert done.returncode == 0, done.stderr


def test_the_promised_module_offers_every_public_name():
    assert promised.__all__ == room.__all__
    assert all(getattr(promised, name) is getattr(room, name) for name in room.__all__)


def test_small_names_behave():
    assert validate_checkpoint_strategy("turn") == "turn"
    assert PydanticAIUsageSummary(total_tokens=3).adapter_name == "pydantic_ai"
    with pytest.raises(KitaruUsageError, match="max_chars"):
        sandbox_command_toolset(max_chars=True)
    with pytest.raises(KitaruUsageError, match="cleanup"):
        sandbox_command_toolset(cleanup="keep")
    with pytest.raises(AttributeError, match="no attribute"):
        promised.NoSuchName  # noqa: B018


def test_a_command_runs_in_the_sandbox_and_its_result_is_recorded(lab, call):
    command = f"{sys.executable} -c \"import sys; print('ab' * 5); print('c', file=sys.stderr); sys.exit(3)\""
    toolset = sandbox_command_toolset(max_chars=6)
    agent = lab.agent(call("run_sandbox_command", command=command), "done", toolsets=[toolset])
    handle = lab.run(lambda: agent.run_sync("go").output)
    ran = next(one for one in lab.calls(handle) if one.invocation_id == "run_sandbox_command_tool")
    shown = SandboxCommandToolResult.model_validate(ran.artifacts[0].load())
    assert (shown.stdout, shown.stdout_truncated) == ("ababab", True)
    assert (shown.stderr, shown.stderr_truncated, shown.exit_code) == ("c\n", False, 3)
    assert (shown.command, shown.cwd, shown.cleanup_succeeded) == (command, None, True)


def test_one_model_can_be_wrapped_alone(lab):
    inner = Agent(KitaruModel(lab.script("done", name="bot").model, agent_name="solo"), name="bot")
    first, second = lab.twice(lambda: asyncio.run(inner.run("go")).output)
    assert (first, second) == ("done", "done")
    assert lab.counts == {"bot": 1}


def test_a_conversation_is_remembered_from_run_to_run_if_that_is_wanted(lab):
    agent = lab.agent("one", "two", persist_message_history=True)
    assert [agent.run_sync(text).output for text in ("a", "b")] == ["one", "two"]
    forgetful = lab.agent("one", "two")
    assert [forgetful.run_sync(text).output for text in ("a", "b")] == ["one", "one"]
