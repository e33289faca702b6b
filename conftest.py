"""What holds for all tests: each lets go of what it opened, and none pays for certificates that nobody asks for."""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import certifi
import pytest

_DESCRIPTORS = "/proc/self/fd"
_MOST = 150
"""Far more than frameworks keep open for the life of a process; what tests leave behind, a few each, adds up to it."""


_END = "-----END CERTIFICATE-----\n"


@pytest.hookimpl(optionalhook=True)  # some tests start a pytest without xdist
def pytest_xdist_auto_num_workers() -> int:
    """Return how many workers `-n auto` starts: more than there are cores, as tests wait for programs they start."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


@pytest.fixture(autouse=True, scope="session")
def _one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let every client of a framework read one authority instead of all, which takes it forty times as long.

    Nothing here speaks TLS: every server of a test is on the loopback interface.
    """
    first, end, _ = Path(certifi.where()).read_text(encoding="utf-8").partition(_END)
    file = tmp_path_factory.mktemp("authorities") / "one.pem"
    file.write_text(first + end, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield


@pytest.fixture(autouse=True)
def _nothing_stays_open(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Close what the runtime opened for a test; what else the test leaves open is its failure."""
    folder = f"{tmp_path_factory.getbasetemp()}{os.sep}"
    before = _open().items()
    yield
    going = _wait_for_runs()
    _close_shared()
    if going:
        pytest.fail(f"This test leaves runs that do not end: {', '.join(going)}. End or answer them.")
    left = {item for item in _open().items() - before if item[1].startswith(folder)}
    if left:
        gc.collect()
        left &= _open().items()
    if left:
        pytest.fail(f"This test leaves open: {', '.join(sorted(path for _, path in left))}. Close it.")
    if len(_open()) > _MOST:
        gc.collect()
        kinds = Counter(path.partition(":")[0] for path in _open().values())
        if kinds.total() > _MOST:
            pytest.fail(f"This process has more than {_MOST} descriptors open: {kinds.most_common(9)}.")


def _wait_for_runs() -> list[str]:
    """Let runs that the test did not wait for come to their end; return the flows that do not within ten seconds."""
    module = sys.modules.get("kitaru.engine.staying")
    return [] if module is None else module.wait_for_threads(10)


def _close_shared() -> None:
    """Close what kitaru itself keeps open for the life of a process: result caches and journals."""
    for name, close in (("kitaru.engine.caching", "close_caches"), ("kitaru.journal.registry", "close_all")):
        module = sys.modules.get(name)
        if module is not None:
            getattr(module, close)()


def _open() -> dict[int, str]:
    """Return what this process has open, by descriptor; nothing where the system does not tell."""
    found = {}
    with suppress(FileNotFoundError):
        for descriptor in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - before and after every test
            with suppress(OSError):
                found[int(descriptor)] = os.readlink(f"{_DESCRIPTORS}/{descriptor}")  # noqa: PTH115 - the same
    return found
