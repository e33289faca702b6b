"""Claude reviews the Python files of a folder, and a crash in the middle costs nothing that was done.

    python examples/claude_reviewer/reviewer.py FOLDER            # review
    python examples/claude_reviewer/reviewer.py FOLDER --resume   # go on with the review that broke off

Without `ANTHROPIC_API_KEY` a scripted model on this machine plays Claude's part; the program, the SDK, the tools and
the files are real.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claude_agent_sdk import ClaudeAgentOptions, tool
from scripted_model import review_by_rules

from kitaru import KitaruClient, KitaruError, checkpoint, flow
from kitaru.adapters.claude_agent_sdk import ClaudeRunRequest, KitaruClaudeRunner, durable_mcp_server
from kitaru_adapters.claude_agent_sdk.testing import LoopbackAnthropic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_agent_sdk import McpSdkServerConfig

FINDINGS = "findings.jsonl"
REPORT = "REVIEW.md"
PROMPT = """Review the Python files listed below. Read each one. For every real problem call record_finding once, with
the file's name, the line and one sentence. When everything is recorded, answer with a summary of two sentences.

{files}
"""

_environment: dict[str, str] = {}


def notebook(folder: Path) -> McpSdkServerConfig:
    """Return the server with the one tool that has an effect: it writes a finding down."""

    @tool("record_finding", "Record one problem", {"file": str, "line": int, "problem": str})
    async def record_finding(finding: dict[str, Any]) -> dict[str, Any]:
        with (folder / FINDINGS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(finding, sort_keys=True) + "\n")
        return {"content": [{"type": "text", "text": f"Recorded for {finding['file']}:{finding['line']}."}]}

    return durable_mcp_server("notebook", [record_finding])


def claude_options(request: ClaudeRunRequest) -> ClaudeAgentOptions:
    """Return options under which Claude may read files and record findings, and nothing else."""
    folder = Path(str(request.cwd))
    return ClaudeAgentOptions(
        env=_environment,
        setting_sources=[],
        strict_mcp_config=True,
        permission_mode="dontAsk",
        tools=["Read"],
        allowed_tools=["Read", "mcp__notebook__record_finding"],
        mcp_servers={"notebook": notebook(folder)},
    )


reviewer = KitaruClaudeRunner(name="reviewer", options_factory=claude_options, on_interrupted="continue")


@checkpoint
def python_files(folder: str) -> list[str]:
    """Return the names of the files to review."""
    return sorted(path.name for path in Path(folder).glob("*.py"))


@checkpoint
def write_report(folder: str, summary: str) -> str:
    """Write the report: an effect that must last has a checkpoint of its own, after Claude has returned."""
    kept = Path(folder, FINDINGS)
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    findings = [json.loads(line) for line in lines]
    rows = [f"- {finding['file']}:{finding['line']} {finding['problem']}" for finding in findings]
    report = "\n".join(["# Review", "", summary, "", *rows, ""])
    Path(folder, REPORT).write_text(report, encoding="utf-8")
    return report


@flow
def review(folder: str) -> str:
    """Review a folder and return the report."""
    names = python_files(folder)
    prompt = PROMPT.format(files="\n".join(f"- {Path(folder, name)}" for name in names))
    result = reviewer.run_sync(ClaudeRunRequest.start(prompt, cwd=folder, max_turns=40))
    for attempt in result.earlier_attempts:
        done = ", ".join(call.name for call in attempt.completed_tools) or "nothing"
        print(f"attempt {attempt.attempt} broke off; known to have completed: {done}")  # noqa: T201 - a program
    return write_report(folder, result.final_text or "")


@contextlib.contextmanager
def claude_behind() -> Iterator[None]:
    """Let Claude be the real one where there is a key, and the scripted one otherwise."""
    if os.environ.get("ANTHROPIC_API_KEY"):
        yield
        return
    with LoopbackAnthropic(review_by_rules) as api, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        _environment.update(api.env(home))
        yield


def main() -> None:
    """Review a folder, or go on with the review that broke off."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--resume", action="store_true", help="go on with the latest review that broke off")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        sys.exit(f"{arguments.folder} is no folder; name one with Python files.")
    try:
        with claude_behind():
            report = go_on() if arguments.resume else review.run(str(arguments.folder.resolve())).wait()
            print(report)  # noqa: T201 - a program
    except KitaruError as error:
        sys.exit(str(error))


def go_on() -> str:
    """Go on with the latest review that broke off, and return its report."""
    executions = KitaruClient().executions
    broken = executions.latest(flow="review", status="failed")
    executions.retry(broken.exec_id, block=True)
    return str(executions.result(broken.exec_id))


if __name__ == "__main__":
    main()
