"""The adapter contract itself under test: a right adapter passes all of it, and each broken double fails its cases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kitaru_conformance import AdapterContract
from kitaru_conformance.guard import cases_of

CASES = {case.requirement.id for case in cases_of(AdapterContract).values()}
TOY = Path(__file__).with_name("toy")
DISTRIBUTIONS = {
    "toy_agents": "",
    "toy_imported_early": "",
    "kitaru_toy": "[kitaru]\ntoy = kitaru_toy_plugin\n",
}


def install(folder):
    """Make the toy's modules look installed, so that the plugin is found by its entry point as any other."""
    for module, entry_points in DISTRIBUTIONS.items():
        facts = folder / f"{module}-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 1.0\n")
        (facts / "top_level.txt").write_text(f"{module}\n")
        (facts / "entry_points.txt").write_text(entry_points)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What came of one run of all subjects, by name of the subject and id of the case."""
    folder = tmp_path_factory.mktemp("toy")
    install(folder)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\nfilterwarnings = error\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TOY), str(folder)])}
    quiet = [f"-pno:{name}" for name in ("cacheprovider", "asyncio", "hypothesispytest", "logfire", "xdist")]
    subjects = str(TOY / "doubles_subjects.py")
    program = [sys.executable, "-m", "pytest", "-q", "-c", str(folder / "pytest.ini"), *quiet, "-p", "doubles_plugin"]
    done = subprocess.run(
        [*program, "--kitaru-report=report.json", subjects],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (folder / "report.json").exists(), done.stdout + done.stderr
    found = json.loads((folder / "report.json").read_text())
    return {one["name"]: {case["id"]: case["result"] for case in one["results"]} for one in found["subjects"]}


@pytest.fixture(scope="module")
def doubles():
    """The doubles by name: what each says it fails."""
    sys.path.insert(0, str(TOY))
    try:
        from toy_doubles import DOUBLES
    finally:
        sys.path.remove(str(TOY))
    return {name: set(harness.fails) for name, harness in DOUBLES.items()}


def failed(results):
    return {case for case, result in results.items() if result == "failed"}


@pytest.mark.timeout(900)
def test_a_right_adapter_passes_every_case(report):
    right = [report["Right"], report["RightWithServers"]]
    assert [failed(one) for one in right] == [set(), set()]
    assert {case for one in right for case, found in one.items() if found == "passed"} == CASES


def test_each_double_fails_exactly_the_cases_that_it_names(report, doubles):
    wrong = {name: (failed(report[name]) - fails, fails - failed(report[name])) for name, fails in doubles.items()}
    assert {name: found for name, found in wrong.items() if found != (set(), set())} == {}


def test_there_is_a_double_for_every_case(doubles):
    assert set().union(*doubles.values()) == CASES
