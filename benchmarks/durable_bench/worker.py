"""Runs one peer inside its own virtualenv and does what the runner asks, one JSON line at a time."""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path


def main() -> None:
    """Serve orders from standard input until it closes; answers leave on what was standard output."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    module, folder = sys.argv[1], Path(sys.argv[2])
    peer = importlib.import_module(f"durable_bench.peers.{module}").Peer(folder)
    answers.write(json.dumps({"result": {"version": peer.version}}) + "\n")
    for line in sys.stdin:
        order = json.loads(line)
        try:
            work = getattr(peer, order["work"], None)
            answer = {"unsupported": True} if work is None else {"result": work(**order["arguments"])}
        except Exception:  # noqa: BLE001 - whatever a peer raises is the runner's to report
            answer = {"error": traceback.format_exc(limit=-8)}
        answers.write(json.dumps(answer) + "\n")
    peer.close()


if __name__ == "__main__":
    main()
