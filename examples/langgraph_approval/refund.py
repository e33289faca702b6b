"""A refund that a person approves: the agent stops before it pays, the process may end, the payment happens once.

    python examples/langgraph_approval/refund.py start "Order A-17 arrived broken."
    python examples/langgraph_approval/refund.py approve EXECUTION_ID      (or: reject, retry)

Without a model name in `REFUND_MODEL` (such as `openai:gpt-5.2`) it uses a scripted model. Payments are lines in
`payments.txt` in the directory that `REFUND_HOME` names, the present one by default.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from pathlib import Path

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain.chat_models import init_chat_model
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from refund_model import ScriptedModel

from kitaru import KitaruClient, KitaruError, current_call, flow
from kitaru.adapters.langgraph import (
    KitaruCheckpointSaver,
    KitaruGraphRunner,
    KitaruLangGraphMiddleware,
    LangGraphCallCheckpointPolicy,
    wait_for_interrupt,
)

HOME = Path(os.environ.get("REFUND_HOME", "."))
ANSWERS = {"approve": {"type": "approve"}, "reject": {"type": "reject", "message": "Not covered by the warranty."}}


@tool
def find_order(order: str) -> str:
    """Find an order."""
    print(f"looked up {order}", flush=True)  # noqa: T201 - the reader shall see what really runs
    return f"{order}: a lamp, 40 euros, delivered in May."


@tool
def pay_refund(order: str, euros: int) -> str:
    """Pay money back."""
    call = current_call()
    key = call.idempotency_key if call else order
    book = HOME / "payments.txt"
    paid = book.read_text().splitlines() if book.exists() else []
    if not any(line.startswith(key) for line in paid):  # a bank would take the key and do this itself
        book.write_text("\n".join([*paid, f"{key} {order} {euros}"]) + "\n")
    return f"{euros} euros were paid back for {order}."


def build_runner() -> KitaruGraphRunner:
    """Build the agent: LangChain's own approval middleware outside, kitaru's innermost, threads on disk.

    Returns:
        The runner.
    """
    name = os.environ.get("REFUND_MODEL")
    agent = create_agent(
        init_chat_model(name) if name else ScriptedModel(),
        tools=[find_order, pay_refund],
        system_prompt="Handle the complaint. Refunds need an approval, which is asked for you.",
        middleware=[
            HumanInTheLoopMiddleware(interrupt_on={"pay_refund": {"allowed_decisions": ["approve", "reject"]}}),
            KitaruLangGraphMiddleware(),
        ],
        checkpointer=KitaruCheckpointSaver(HOME / "threads.db"),
        name="refund",
    )
    policy = LangGraphCallCheckpointPolicy(tool_checkpoint_config_by_name={"pay_refund": {"effect": "idempotent"}})
    return KitaruGraphRunner(agent, checkpoint_strategy="calls", call_checkpoint_policy=policy)


@flow
def refund(complaint: str) -> str:
    """Handle a complaint.

    Args:
        complaint: What the customer writes.

    Returns:
        What the agent did.
    """
    runner = build_runner()
    result = runner.invoke({"messages": [HumanMessage(complaint)]}, thread_id=f"complaint-{hash_of(complaint)}")
    while result.status == "interrupted":
        result = runner.invoke(wait_for_interrupt(result, name="approve_refund", timeout=0))
    return str(result.output["messages"][-1].content)


def hash_of(text: str) -> str:
    """Return a short name for a text, the same in every process."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def main(action: str, argument: str) -> None:
    """Carry out one command of the command line.

    Args:
        action: `start`, `approve`, `reject` or `retry`.
        argument: The complaint, or the id of the execution.
    """
    executions = KitaruClient().executions
    exec_id = refund.run(argument).exec_id if action == "start" else argument
    if action == "retry":
        executions.retry(exec_id, block=True)
    elif action != "start":
        executions.input(exec_id, wait="approve_refund", value={"decisions": [ANSWERS[action]]})
        executions.resume(exec_id, block=True)
    print(f"execution {exec_id}")  # noqa: T201 - a command line speaks
    print(_outcome(exec_id))  # noqa: T201


def _outcome(exec_id: str) -> str:
    executions = KitaruClient().executions
    if executions.wait(exec_id).status == "waiting":
        return f"waiting: run `approve {exec_id}` or `reject {exec_id}`"
    return str(executions.result(exec_id))


def command_line() -> None:
    """Read the command line; what cannot be done is told in a sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["start", *ANSWERS, "retry"])
    parser.add_argument("argument", metavar="COMPLAINT|EXECUTION_ID")
    given = parser.parse_args()
    try:
        main(given.action, given.argument)
    except KitaruError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    command_line()
