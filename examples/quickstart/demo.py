"""The quickstart in three processes: one is killed, one goes on until a person has to answer, one finishes.

Each boundary counts in a file when its body really starts. At the end the file is held against what was complete when
the first process died: if any of that ran again, this program says so and ends with exit code 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from work_log import LOG_VARIABLE, entries

if TYPE_CHECKING:
    from kitaru.operating.executions import ExecutionsNamespace

HERE = Path(__file__).resolve().parent
KILLED = -9


class Demo:
    """One execution, driven by several processes that share nothing but the journal.

    Attributes:
        folder: Where journal and work log are.
        console: Where everything is shown.
        processes: Process ids of the children, in order.
        complete: The boundaries that were complete when each of the children had ended.
    """

    def __init__(self, folder: Path, console: Console) -> None:
        """Point this process and its children at a journal of their own.

        Args:
            folder: An empty folder.
            console: Where to show everything.
        """
        self.folder = folder
        self.console = console
        self.processes: list[int] = []
        self.complete: list[set[str]] = []
        os.environ["KITARU_CONFIG_PATH"] = str(folder)
        os.environ["KITARU_STORE"] = str(folder / "journal.db")
        os.environ["KITARU_WAIT_TIMEOUT"] = "0"
        os.environ[LOG_VARIABLE] = str(folder / "work.jsonl")

    @property
    def executions(self) -> ExecutionsNamespace:
        """What there is to know about executions, read by this process only."""
        import kitaru

        return kitaru.KitaruClient().executions

    def child(self, *arguments: str) -> int:
        """Run the example in a process of its own.

        Args:
            *arguments: Its command line.

        Returns:
            Its exit code; negative for the signal that killed it.
        """
        command = [sys.executable, str(HERE / "research.py"), *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - our own program
            process.communicate()
            self.processes.append(process.pid)
            return process.returncode

    def note_complete(self, exec_id: str) -> int:
        """Note which boundaries the journal holds as complete now.

        Args:
            exec_id: The execution.

        Returns:
            How many there are.
        """
        calls = self.executions.get(exec_id).checkpoints
        self.complete.append({call.invocation_id for call in calls if call.status == "completed"})
        return len(self.complete[-1])

    def ran_again(self) -> list[str]:
        """Return the boundaries that ran in a process although they were complete before it started."""
        ran = entries(os.environ[LOG_VARIABLE])
        return sorted(
            entry["boundary"]
            for entry in ran
            for pid, complete in zip(self.processes[1:], self.complete, strict=False)
            if entry["pid"] == pid and entry["boundary"] in complete
        )


def run(question: str | None, crash_at: int, console: Console, folder: Path) -> int:
    """Show one execution that survives its process.

    Args:
        question: What to ask; the example's own question when left out.
        crash_at: In the body of which boundary the first process dies.
        console: Where to show everything.
        folder: An empty folder.

    Returns:
        The exit code.
    """
    demo = Demo(folder, console)
    asked = [question] if question else []
    console.rule("[bold]1. A process starts, and is killed in the middle")
    code = demo.child(*asked, "--crash-at", str(crash_at))
    exec_id = demo.executions.latest().exec_id
    done = demo.note_complete(exec_id)
    console.print(f"Process {demo.processes[0]} ended with {code} ({'SIGKILL' if code == KILLED else 'not killed'}).")
    console.print(f"Execution {exec_id} has {done} complete boundaries.\n")

    console.rule("[bold]2. Another process goes on until a person has to answer")
    demo.child("--continue", exec_id)
    demo.note_complete(exec_id)
    (wait,) = demo.executions.pending_waits(exec_id)
    console.print(f"Process {demo.processes[1]} has left. Open wait: [bold]{wait.name}[/] - {wait.question}")
    demo.executions.input(exec_id, wait=wait.name, value=True)
    console.print(f"Answered with yes from process {os.getpid()}, which never ran the agent.\n")

    console.rule("[bold]3. A third process finishes")
    demo.child("--continue", exec_id)
    console.print(_table(demo, exec_id))
    again = demo.ran_again()
    if again or code != KILLED:
        console.print(f"[bold red]Ran again although complete: {', '.join(again) or 'nothing, but nothing was killed'}")
        return 1
    console.print("[bold green]No boundary that was complete ran a second time.\n")
    console.print(Panel(Markdown(_artifact(exec_id)), title="the artifact 'brief'"))
    return 0


def _table(demo: Demo, exec_id: str) -> Table:
    table = Table("boundary", title="What really ran, and where", title_justify="left")
    for number, pid in enumerate(demo.processes, start=1):
        table.add_column(f"process {number}\n({pid})", justify="center")
    ran = Counter((entry["boundary"], entry["pid"]) for entry in entries(os.environ[LOG_VARIABLE]))
    seen: set[str] = set()
    for call in demo.executions.get(exec_id).checkpoints:
        cells = []
        for pid in demo.processes:
            if ran[call.invocation_id, pid]:
                cut = pid == demo.processes[0] and call.invocation_id not in demo.complete[0]
                cells.append("[red]killed in it" if cut else "[green]ran")
                if not cut:
                    seen.add(call.invocation_id)
            else:
                cells.append("[dim]reused" if call.invocation_id in seen else "")
        table.add_row(call.invocation_id, *cells)
    return table


def _artifact(exec_id: str) -> str:
    import kitaru

    (ref,) = [ref for ref in kitaru.KitaruClient().executions.get(exec_id).artifacts if ref.name == "brief"]
    return str(ref.load())


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration from the command line.

    Args:
        arguments: The command line; that of the process when left out.

    Returns:
        0 when the execution survived and nothing complete ran again, else 1.
    """
    parser = argparse.ArgumentParser(description="Kill an agent in the middle, and watch it go on.")
    parser.add_argument("question", nargs="?")
    parser.add_argument("--crash-at", type=int, default=12, metavar="N")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="kitaru_demo_") as folder:
        return run(given.question, given.crash_at, Console(), Path(folder))


if __name__ == "__main__":
    sys.exit(main())
