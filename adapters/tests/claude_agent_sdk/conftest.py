"""Real program, real SDK, real journal; only the Messages API is a loopback server that answers from a script."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from claude_agent_sdk import ClaudeAgentOptions, tool

from kitaru import KitaruClient, flow
from kitaru.adapters.claude_agent_sdk import KitaruClaudeRunner, durable_mcp_server
from kitaru.engine.journals import default_journal
from kitaru_adapters.claude_agent_sdk.testing import LoopbackAnthropic, Text, replies


@pytest.fixture(scope="session")
def server():
    with LoopbackAnthropic() as api:
        yield api


@pytest.fixture
def api(server):
    server.reset(replies([Text("done")]))
    return server


@pytest.fixture(autouse=True)
def journal(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_STORE", f"sqlite:///{tmp_path / 'journal.db'}")
    monkeypatch.setenv("KITARU_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def make_options(api, home):
    """Options that are closed to everything but the loopback server."""

    def make(*servers, **changes):
        names = [f"mcp__{config['name']}__*" for config in servers]
        given = {
            "env": {**api.env(home), "CLAUDE_CODE_MAX_RETRIES": "0"},
            "cwd": str(home),
            "setting_sources": [],
            "strict_mcp_config": True,
            "permission_mode": "dontAsk",
            "tools": ["Bash"],
            "allowed_tools": ["Bash", *names],
            "mcp_servers": {config["name"]: config for config in servers},
        }
        return ClaudeAgentOptions(**{**given, **changes})

    return make


@pytest.fixture
def make_runner(make_options):
    def make(*servers, name="reviewer", options=None, **settings):
        return KitaruClaudeRunner(name=name, options=options or make_options(*servers), **settings)

    return make


class Till:
    """A counting tool: takes money, and can be told to refuse."""

    def __init__(self):
        self.amounts = []
        self.refusals = 0

    def server(self, make=durable_mcp_server, **settings):
        @tool("charge", "Charge an amount", {"amount": int})
        async def charge(arguments):
            if self.refusals:
                self.refusals -= 1
                return {"content": [{"type": "text", "text": "refused"}], "is_error": True}
            self.amounts.append(arguments["amount"])
            return {"content": [{"type": "text", "text": f"charged {arguments['amount']}"}]}

        return make("shop", tools=[charge], **settings)


@pytest.fixture
def till():
    return Till()


@dataclass
class Flows:
    """Runs functions as bodies of flows."""

    def start(self, body):
        if asyncio.iscoroutinefunction(body):

            @flow
            async def claude_flow():
                return await body()
        else:

            @flow
            def claude_flow():
                return body()

        self.flow = claude_flow
        return claude_flow.run()

    def run(self, body):
        return self.start(body).wait(timeout=45)

    def retry(self, handle):
        KitaruClient().executions.retry(handle.exec_id)
        return handle.wait(timeout=45)


@pytest.fixture
def flows():
    return Flows()


@pytest.fixture
def programs():
    """Lists the processes of Claude's program that this test process has started."""

    def find():
        return [int(entry.name) for entry in Path("/proc").iterdir() if _is_our_program(entry)]

    return find


def _is_our_program(entry):
    try:
        stat = (entry / "stat").read_text().rpartition(")")[2].split()
        command = (entry / "cmdline").read_bytes()
    except (OSError, ValueError):
        return False
    return entry.name.isdigit() and int(stat[1]) == os.getpid() and stat[0] != "Z" and b"stream-json" in command


@pytest.fixture
def live_events():
    """Reads the adapter's live events of an execution back, as kind and data."""

    def read(handle):
        events = default_journal().events(handle.exec_id)
        found = [(event.kind, json.loads(event.body)["data"]) for event in events]
        return [(kind, data) for kind, data in found if kind.startswith("claude_agent_sdk.")]

    return read
