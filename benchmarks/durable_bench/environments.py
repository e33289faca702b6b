"""Where each peer runs: a virtualenv of its own, made once and kept in a folder that git ignores."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CACHE", "PEERS", "PeerCard", "build_sync_counter", "interpreter"]

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".venv-bench"


@dataclass(frozen=True)
class PeerCard:
    """One engine of the comparison.

    Attributes:
        name: Its name in tables and on the command line.
        module: Module under `durable_bench.peers` that drives it.
        requirements: What to install for it; nothing means that it runs on the interpreter of the runner.
        steps: How many sequential steps it is asked for in one round; slow engines do fewer.
        flows: How many one-step flows it is asked for in one round.
        default: Whether it takes part when nobody names the peers.
    """

    name: str
    module: str
    requirements: tuple[str, ...] = ()
    steps: int = 300
    flows: int = 100
    default: bool = True


PEERS: dict[str, PeerCard] = {
    card.name: card
    for card in (
        PeerCard("raw", "raw"),
        PeerCard("kitaru", "kitaru_peer"),
        PeerCard("unhinged", "unhinged_peer", ("unhinged",)),
        PeerCard("dbos", "dbos_peer", ("dbos",), steps=100, flows=20),
        PeerCard("langgraph", "langgraph_peer", ("langgraph", "langgraph-checkpoint-sqlite"), steps=100, flows=20),
        PeerCard("kitaru-0.18", "kitaru018_peer", ("kitaru==0.18.0",), steps=5, flows=1),
        PeerCard("prefect", "prefect_peer", ("prefect", "fastapi<0.120"), steps=10, flows=2),
    )
}


def interpreter(card: PeerCard) -> Path:
    """Return the interpreter that a peer runs on, making its virtualenv on first use.

    Args:
        card: The peer.

    Returns:
        Path of a Python interpreter that can import the peer.

    Raises:
        subprocess.CalledProcessError: The packages cannot be installed; what pip said is in `stderr`.
    """
    if not card.requirements:
        return Path(sys.executable)
    home = CACHE / card.name
    python, ready = home / "bin" / "python", home / "ready"
    if not ready.exists():
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, capture_output=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *card.requirements]
        subprocess.run(pip, check=True, capture_output=True, text=True)
        ready.touch()
    return python


def build_sync_counter() -> Path | None:
    """Compile the library that counts fsync and fdatasync.

    Returns:
        Its path, or `None` where there is no C compiler; the runner then prints "not counted".
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    CACHE.mkdir(exist_ok=True)
    source, library = Path(__file__).with_name("sync_counter.c"), CACHE / "sync_counter.so"
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
        subprocess.run(command, check=True, capture_output=True)
    return library
