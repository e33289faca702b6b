"""An execution that waits for a person is held against the code: no model is asked, no tool runs."""

from __future__ import annotations

from agents import Agent, function_tool
from agents.testing import ScriptedModel, assistant_message, function_call

import kitaru
from kitaru.adapters.openai_agents import KitaruRunner, OpenAIRunRequest

SENT: list[str] = []


@function_tool(needs_approval=True)
def send(to: str) -> str:
    SENT.append(to)
    return "sent"


def mailing(name="mailer"):
    steps = [[function_call("send", {"to": "ann"}, call_id="c1")], [assistant_message("done")]]
    agent = Agent(name=name, model=ScriptedModel(steps), tools=[send])
    runner = KitaruRunner(agent, approvals="wait", approval_timeout=0)

    @kitaru.flow
    async def mail():
        return (await runner.run(OpenAIRunRequest.start("go"))).final_output

    return mail, agent


def test_no_model_is_asked_and_no_tool_runs():
    client = kitaru.KitaruClient()
    mail, _ = mailing()
    handle = mail.run()
    client.executions.wait(handle.exec_id, timeout=20)
    (wait,) = client.executions.pending_waits(handle.exec_id)
    again, agent = mailing()
    (found,) = client.executions.check(again).executions
    assert (found.verdict, found.at, found.missed) == ("resumes", wait.name, ())
    client.executions.input(handle.exec_id, wait=wait.name, value=True)
    (found,) = client.executions.check(again).executions
    assert (found.verdict, found.missed) == ("resumes", ())
    renamed, other = mailing("clerk")
    (found,) = client.executions.check(renamed).executions
    assert found.verdict == "reruns"
    assert not [*SENT, *agent.model.calls, *other.model.calls]
