from __future__ import annotations

from pydantic_ai import Agent, Tool
from pydantic_ai.capabilities import RequestInput

from kitaru.adapters.pydantic_ai import KitaruAgent


def answers(result):
    return [part.content for part in result.all_messages()[2].parts]


def test_the_frameworks_own_event_wait_survives_a_restart_and_asks_once(lab, call):
    tokens = []

    def ask(_ctx, requests, token):
        tokens.append((token, [request.tool_name for request in requests.approvals]))

    def pay() -> str:
        return "paid"

    inner = Agent(
        lab.script(call("pay", "p"), "done", name="bot").model,
        name="bot",
        tools=[Tool(pay, requires_approval=True)],
        capabilities=[RequestInput(ask=ask)],
    )
    agent = KitaruAgent(inner)
    handle = lab.run(lambda: answers(agent.run_sync("go")))
    assert handle.status == "waiting", handle.execution.failure
    (wait,) = lab.waits(handle)
    lab.answer(handle, value={"approvals": {"p": True}})
    lab.resume(handle)
    assert handle.get() == ["paid"]
    assert tokens == [(f"{handle.exec_id}:{wait.name}", ["pay"])]
