"""Reports: reading, putting together, and the table for a README."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from kitaru_conformance.levels import level_of
from kitaru_conformance.report import load, merge, render, render_table, write
from kitaru_conformance.results import CaseResult, Report, SubjectReport, worst


def case(id_, result="passed", level="base", reason=None):
    return CaseResult(id=id_, statement=f"What {id_} says.", level=level, result=result, reason=reason)


def subject(name, *results, contract="AdapterContract", **facts):
    return SubjectReport(
        contract=contract,
        name=name,
        level=level_of(results),
        capabilities=["streams", "waits"],
        versions={"core": "1.0", "suite": "1.0", "python": "3.12"},
        facts={"framework": "acme", "range": ">=1,<2", "strategies": ["calls", "graph"], **facts},
        results=list(results),
    )


ACME = subject("acme", case("A-01"), case("A-02", "gap", "full", "no | streams"), case("A-03", "not-applicable"))
REPORT = Report(subjects=[ACME], uncovered=["CodecContract", "TargetContract"])


@pytest.mark.parametrize("name", ["report.json", "report.md"])
def test_the_same_results_make_the_same_file(name, tmp_path):
    write(REPORT, tmp_path / "a" / name)
    write(REPORT, tmp_path / "b" / name)
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_report_reads_back_as_it_was(tmp_path):
    write(REPORT, tmp_path / "report.json")
    assert load(tmp_path / "report.json") == REPORT


@pytest.mark.parametrize(("text", "complaint"), [("[]", "is no conformance report"), ("", "is no conformance report")])
def test_what_is_no_report_is_refused(text, complaint, tmp_path):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match=complaint):
        load(tmp_path / "x.json")


def test_a_report_of_a_later_format_is_refused(tmp_path):
    write(msgspec.structs.replace(REPORT, format=2), tmp_path / "x.json")
    with pytest.raises(ValueError, match="format 2"):
        load(tmp_path / "x.json")


def test_merging_keeps_every_subject_and_what_is_uncovered_everywhere():
    other = Report(subjects=[subject("abc", case("C-01"), contract="CodecContract")], uncovered=["TargetContract"])
    merged = merge([REPORT, other, REPORT])
    assert [one.name for one in merged.subjects] == ["acme", "abc"]
    assert merged.uncovered == ["TargetContract"]


def test_two_verdicts_on_one_subject_are_refused():
    with pytest.raises(ValueError, match=r"'acme' under AdapterContract differently"):
        merge([REPORT, Report(subjects=[subject("acme", case("A-01", "failed"))], uncovered=[])])


def test_the_table_of_adapters_has_a_line_for_each():
    assert render_table(REPORT).splitlines() == [
        "| Adapter | Framework | Strategies | Capabilities | Level | Cases passed |",
        "| --- | --- | --- | --- | --- | --- |",
        "| acme | acme >=1,<2 | `calls`, `graph` | streams, waits | base | 1 of 2, 1 gap |",
    ]


def test_the_table_of_other_subjects_leaves_out_what_they_have_not():
    report = Report(subjects=[subject("abc", case("C-01"), contract="CodecContract")], uncovered=[])
    assert render_table(report, contract="CodecContract").splitlines()[2] == "| abc | streams, waits | full | 1 of 1 |"
    assert render_table(report) == ""


def test_a_page_shows_gaps_with_their_reasons_and_what_is_uncovered():
    page = render(REPORT)
    assert "- **A-02** What A-02 says. *no | streams*" in page
    assert "Uncovered: CodecContract, TargetContract." in page


def test_the_command_prints_the_table_of_several_reports(tmp_path):
    write(REPORT, tmp_path / "a.json")
    write(Report(subjects=[subject("zeta", case("A-01"))], uncovered=[]), tmp_path / "b.json")
    command = [sys.executable, "-m", "kitaru_conformance.report", "table", "a.json", "b.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert [line.split(" | ")[0] for line in done.stdout.splitlines()[2:]] == ["| acme", "| zeta"]


@pytest.mark.parametrize(
    ("results", "level"),
    [
        ([case("X-01", level="loads"), case("X-02"), case("X-03", level="full")], "full"),
        ([case("X-01", level="loads"), case("X-02"), case("X-03", "gap", "full")], "base"),
        ([case("X-01", level="loads"), case("X-02"), case("X-03", "not-applicable", "full")], "full"),
        ([case("X-01", level="loads"), case("X-02", "not-run")], "loads"),
        ([case("X-01", "failed", "loads"), case("X-02")], None),
    ],
)
def test_a_level_is_reached_when_everything_up_to_it_passed(results, level):
    assert level_of(results) == level


@pytest.mark.parametrize(
    ("results", "counts"),
    [
        (["passed", "failed", "gap"], "failed"),
        (["passed", "not-run"], "not-run"),
        (["passed", "gap"], "gap"),
        ([], "not-run"),
    ],
)
def test_the_worst_of_several_results_of_a_case_counts(results, counts):
    assert worst(results) == counts
