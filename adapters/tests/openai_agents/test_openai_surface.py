"""What may be configured and asked for, and how mistakes are answered."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from agents import Agent
from agents.sandbox import SandboxAgent
from agents.testing import ScriptedModel, assistant_message
from agents.tool import ComputerTool
from agents.tool_context import ToolContext
from pydantic import ValidationError

import kitaru
from kitaru.adapters.openai_agents import (
    KitaruRunner,
    OpenAIApprovalDecision,
    OpenAIRunRequest,
    OpenAIRunResult,
    sandbox_command_tool,
    validate_checkpoint_strategy,
)


def agent(**more):
    return Agent(**{"name": "poet", "model": ScriptedModel([[assistant_message("hi")]]), **more})


@pytest.mark.parametrize(("old", "new"), [("step", "calls"), ("run", "runner_call")])
def test_old_strategy_words_are_refused_with_todays(old, new):
    with pytest.raises(kitaru.KitaruUsageError, match=f"now written '{new}'"):
        KitaruRunner(agent(), checkpoint_strategy=old)


def test_unknown_strategies_are_refused_with_the_list():
    with pytest.raises(kitaru.KitaruUsageError, match="'calls', 'runner_call'"):
        validate_checkpoint_strategy("graph_call")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"model_checkpoint_config": {"retries": -1}}, "model_checkpoint_config"),
        ({"tool_checkpoint_config": {"retries": True}}, "tool_checkpoint_config"),
        ({"mcp_checkpoint_config": {"speed": 1}}, "mcp_checkpoint_config"),
        ({"run_checkpoint_config": {"runtime": "isolated"}}, "run_checkpoint_config"),
        ({"custom_tool_checkpoint_config": {"type": " "}}, "custom_tool_checkpoint_config"),
        ({"tool_checkpoint_config_by_name": {" ": False}}, "tool_checkpoint_config_by_name"),
        ({"context_serializer": dict}, "context_serializer"),
        ({"name": " "}, "name"),
        ({"approvals": "later"}, "approvals"),
        ({"approvals": "wait", "checkpoint_strategy": "runner_call"}, "approvals"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(settings, named):
    with pytest.raises(kitaru.KitaruUsageError, match=named):
        KitaruRunner(agent(), **settings)


def test_only_agents_of_the_framework_are_run():
    with pytest.raises(kitaru.KitaruUsageError, match="realtime"):
        KitaruRunner(object())


def test_the_runner_tells_what_it_is():
    runner = KitaruRunner(agent(), name="bard")
    assert (runner.name, runner.checkpoint_strategy, runner.agent.name) == ("bard", "calls", "poet")
    assert runner.capture.save_usage


async def test_blocking_calls_are_refused_in_a_running_loop():
    with pytest.raises(kitaru.KitaruUsageError, match=r"await KitaruRunner\.run\(\)"):
        KitaruRunner(agent()).run_sync(OpenAIRunRequest.start("go"))


async def test_unknown_options_of_a_run_are_refused():
    with pytest.raises(kitaru.KitaruUsageError, match="sesion"):
        await KitaruRunner(agent()).run(OpenAIRunRequest.start("go"), sesion=None)


async def test_a_bare_text_is_no_request():
    with pytest.raises(kitaru.KitaruUsageError, match=r"OpenAIRunRequest\.start"):
        await KitaruRunner(agent()).run("go")


def test_the_future_of_a_checkpoint_is_refused_as_input(story):
    @kitaru.checkpoint
    def question() -> str:
        return "go"

    async def body():
        return await KitaruRunner(agent()).run(OpenAIRunRequest.start(question.submit()))

    with pytest.raises(kitaru.KitaruExecutionError, match="result"):
        story(body).start().wait()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "start"},
        {"kind": "start", "input": "x", "decision": OpenAIApprovalDecision(approve=True)},
        {"kind": "resume", "input": "x"},
        {"kind": "start", "input": "x", "speed": 1},
    ],
)
def test_requests_keep_their_contract(wrong):
    with pytest.raises(ValidationError):
        OpenAIRunRequest(**wrong)


def test_results_keep_their_contract():
    with pytest.raises(ValidationError, match="interruption"):
        OpenAIRunResult(status="interrupted")


def test_a_decision_has_a_message_only_for_a_rejection():
    with pytest.raises(ValidationError, match="rejection"):
        OpenAIApprovalDecision(approve=True, rejection_message="no")


def test_a_resumption_without_a_decision_is_refused():
    with pytest.raises(kitaru.KitaruUsageError, match="pending_state"):
        OpenAIRunRequest.resume(None, OpenAIApprovalDecision(approve=True))


def test_computer_tools_are_refused_call_by_call(story):
    from agents import AsyncComputer

    class Screen(AsyncComputer):
        async def screenshot(self): ...
        async def click(self, x, y, button): ...
        async def double_click(self, x, y): ...
        async def scroll(self, x, y, scroll_x, scroll_y): ...
        async def type(self, text): ...
        async def wait(self): ...
        async def move(self, x, y): ...
        async def keypress(self, keys): ...
        async def drag(self, path): ...

    runner = KitaruRunner(agent(tools=[ComputerTool(Screen())]))
    with pytest.raises(kitaru.KitaruExecutionError, match="runner_call"):
        story(lambda: runner.run(OpenAIRunRequest.start("go"))).start().wait()


def test_sandbox_agents_are_refused_call_by_call(story):
    runner = KitaruRunner(SandboxAgent(name="box", model=ScriptedModel([[assistant_message("hi")]])))
    with pytest.raises(kitaru.KitaruExecutionError, match="runner_call"):
        story(lambda: runner.run(OpenAIRunRequest.start("go"))).start().wait()


@pytest.mark.parametrize(
    "options", [{"name": ""}, {"max_chars": -1}, {"timeout_seconds": 0}, {"cleanup": "keep"}, {"timeout_seconds": True}]
)
def test_wrong_options_of_the_sandbox_tool_are_refused(options):
    with pytest.raises(kitaru.KitaruUsageError, match=next(iter(options))):
        sandbox_command_tool(**options)


@pytest.mark.parametrize(
    "arguments", ["{", "[]", '{"command": " "}', '{"command": "ls", "env": {}}', '{"command": "ls", "cwd": 1}']
)
async def test_bad_input_of_the_model_is_answered_as_data(arguments):
    tool = sandbox_command_tool()
    ctx = ToolContext(None, tool_name=tool.name, tool_call_id="c1", tool_arguments=arguments)
    answered = json.loads(await tool.on_invoke_tool(ctx, arguments))
    assert answered["error"]["code"] == "invalid_tool_input"


def test_the_sandbox_tools_schema_has_the_command_and_the_directory_only():
    tool = sandbox_command_tool()
    assert set(tool.params_json_schema["properties"]) == {"command", "cwd"}
    assert (tool.params_json_schema["additionalProperties"], tool.strict_json_schema) == (False, False)


IMPORT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r}:
            raise ModuleNotFoundError("No module named " + name, name=name)
sys.meta_path.insert(0, Missing())
import kitaru.adapters.openai_agents
"""


@pytest.mark.parametrize(
    ("missing", "error"), [("agents", "KitaruFeatureNotAvailableError"), ("openai", "ModuleNotFoundError")]
)
def test_a_missing_framework_names_the_extra_and_a_broken_one_is_not_disguised(missing, error):
    done = subprocess.run(
        [sys.executable, "-c", IMPORT.format(missing=missing)], capture_output=True, text=True, check=False
    )
    last = done.stderr.strip().splitlines()[-1]
    assert (error in last, "openai-agents" in last) == (True, missing == "agents")


def test_the_plugin_is_described_without_importing_the_framework():
    code = (
        "import sys, kitaru_adapters.openai_agents.plugin as plugin\n"
        "card, = plugin.kitaru_adapters()\n"
        "assert card.default_strategy == 'calls' and 'agents' not in sys.modules, sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
