"""The pytest plugin: finds subjects among the collected classes, runs their cases, and writes the report.

It comes with the entry point `kitaru_conformance` and imports nothing but pytest and the standard library until a
contract class is collected, so that it neither slows other test runs down nor spoils what they measure.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from kitaru_conformance.contract import Contract
    from kitaru_conformance.exam import Exam
    from kitaru_conformance.guard import Case
    from kitaru_conformance.results import Report, Result

__all__ = [
    "Recorder",
    "Sender",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_report_teststatus",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
]

# Cases compare values by `assert`; their reader wants to see both sides.
pytest.register_assert_rewrite("kitaru_conformance.contracts")

_PROPERTY: Final = "kitaru_conformance"
_SUFFIXES: Final = (".json", ".md")
_NOT_APPLICABLE: Final = "not applicable: "
_GAP: Final = "gap "

_exam: Final[pytest.StashKey[Exam]] = pytest.StashKey()
_case: Final[pytest.StashKey[Case]] = pytest.StashKey()
_idle: Final = pytest.StashKey[str]()
_fault: Final = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--kitaru-report`."""
    parser.getgroup("kitaru").addoption(
        "--kitaru-report",
        action="append",
        default=[],
        metavar="FILE",
        help="write the conformance report to FILE: JSON if it ends in .json, Markdown if in .md; may be repeated",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a report in a format that does not exist, before anything runs."""
    for name in config.getoption("--kitaru-report"):
        if Path(name).suffix not in _SUFFIXES:
            msg = f"--kitaru-report={name}: the file must end in {' or '.join(_SUFFIXES)}, which says its format."
            raise pytest.UsageError(msg)
        if not _writable(config.invocation_params.dir / name):
            msg = f"--kitaru-report={name} cannot be written there; name a file in a folder of your own."
            raise pytest.UsageError(msg)
    is_worker = hasattr(config, "workerinput")
    config.pluginmanager.register(Sender(config) if is_worker else Recorder(config), "kitaru_conformance_results")


def _writable(file: Path) -> bool:
    """Say whether a report can be written later: better known now than when hundreds of cases have run."""
    folder = next(place for place in file.parents if place.exists())
    return not file.is_dir() and folder.is_dir() and os.access(folder, os.W_OK)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check every subject's class as a whole, and prepare its cases."""
    if "kitaru_conformance.contract" not in sys.modules:
        return
    from kitaru_conformance.contract import Contract

    subjects = [(item, kind) for item in items if (kind := _class_of(item)) and issubclass(kind, Contract)]
    if not subjects:
        return
    exam = _the_exam(config)
    for _, kind in subjects:
        exam.admit(kind)
    if exam.faults:
        _refuse(config, items, "\n".join(sorted(exam.faults)))
        return
    for item, kind in subjects:
        _prepare(exam, item, kind)


def _refuse(config: pytest.Config, items: list[pytest.Item], faults: str) -> None:
    if not hasattr(config, "workerinput"):
        raise pytest.UsageError(faults)
    # A worker of pytest-xdist cannot end the run before it starts: there each test says what is wrong instead.
    for item in items:
        item.stash[_fault] = faults


def _class_of(item: pytest.Item) -> type | None:
    kind = getattr(item, "cls", None)
    return kind if isinstance(kind, type) else None


def _the_exam(config: pytest.Config) -> Exam:
    if _exam not in config.stash:
        from kitaru_conformance.exam import Exam

        config.stash[_exam] = Exam()
    return config.stash[_exam]


def _prepare(exam: Exam, item: pytest.Item, kind: type[Contract]) -> None:
    case = exam.case(kind, getattr(item, "originalname", "") or item.name)
    if case is None:
        return  # a test of the author's own
    item.stash[_case] = case
    place = exam.place(kind, case)
    item.user_properties.append((_PROPERTY, f"{place.contract}\n{place.subject}\n{place.case}"))
    missing = sorted(case.requirement.needs - kind.capabilities)
    if missing:
        item.stash[_idle] = f"{_NOT_APPLICABLE}{case.requirement.id} needs {', '.join(missing)}"
        return
    parameters = getattr(item, "callspec", None)
    gap = case.gap or (parameters and kind.gaps.get(f"{case.requirement.id}[{parameters.id}]"))
    if gap:
        item.add_marker(pytest.mark.xfail(reason=f"{_GAP}{case.requirement.id}: {gap}", strict=True))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out a case whose capability is not claimed, before any of its fixtures is made."""
    fault = item.stash.get(_fault, None)
    if fault is not None:
        pytest.fail(fault, pytrace=False)
    reason = item.stash.get(_idle, None)
    if reason is not None:
        pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the requirement, and where to look, beside a failure."""
    report = yield
    case = item.stash.get(_case, None)
    if case is not None and report.failed:
        wanted = case.requirement
        text = f"{wanted.statement}\n\nIf this fails: {wanted.if_fails}"
        report.sections.append((f"requirement {wanted.id} ({call.when})", text))
    return report


def pytest_report_teststatus(
    report: pytest.TestReport | pytest.CollectReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Call a case that does not apply by that name; it was not skipped."""
    if _place(report) is not None and report.skipped and _reason(report).startswith(_NOT_APPLICABLE):
        return "not applicable", "n", ("NOT APPLICABLE", {"yellow": True})
    return None


class Recorder:
    """Gathers what came of the cases in the process that shows it to the user, and writes it down at the end.

    Args:
        config: The run's configuration.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what came of a case."""
        found = _place(report)
        if found is not None and (report.when == "call" or not report.passed):
            from kitaru_conformance.exam import Place

            _the_exam(self._config).take(Place(*found.split("\n")), *_outcome(report))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Take over a worker's list of subjects."""
        packed = getattr(node, "workeroutput", {}).get(_PROPERTY)
        if isinstance(packed, str):
            _the_exam(self._config).unpack(packed)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write the reports; a run without subjects writes none."""
        report = self._report()
        files = self._config.getoption("--kitaru-report")
        if report is not None and files:
            from kitaru_conformance.report.files import write

            for name in files:
                write(report, self._config.invocation_params.dir / name)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the results as a section of pytest's summary."""
        report = self._report()
        if report is not None:
            from kitaru_conformance.report.summary import lines

            terminalreporter.section("kitaru conformance")
            for line in lines(report):
                terminalreporter.write_line(line)

    def _report(self) -> Report | None:
        exam = self._config.stash.get(_exam, None)
        report = None if exam is None else exam.report()
        return report if report is not None and report.subjects else None


class Sender:
    """Hands a worker's list of subjects to the controller of pytest-xdist.

    Args:
        config: The worker's configuration.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_sessionfinish(self) -> None:
        """Send the list."""
        exam = self._config.stash.get(_exam, None)
        if exam is not None:
            output: dict[str, object] = getattr(self._config, "workeroutput", {})
            output[_PROPERTY] = exam.packed()


def _place(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    properties = report.user_properties if isinstance(report, pytest.TestReport) else ()
    found = (value for name, value in properties if name == _PROPERTY)
    return next((value for value in found if isinstance(value, str)), None)


def _outcome(report: pytest.TestReport) -> tuple[Result, str | None]:
    if report.passed:
        return "passed", None
    if report.failed:
        return "failed", _reason(report)
    expected = getattr(report, "wasxfail", None)
    if not isinstance(expected, str):
        return "not-run", _reason(report)
    if not expected.startswith(_GAP):
        return "failed", "It is expected to fail, and no declared gap says so."
    return "gap", expected.partition(": ")[2]


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    text = report.longrepr
    if isinstance(text, tuple):
        return str(text[2]).removeprefix("Skipped: ")
    return str(getattr(getattr(text, "reprcrash", None), "message", text)).partition("\n")[0]
