"""The plugin: what it refuses, what it calls things, what it writes down."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

FOUR = """
class TestFour(ToyContract):
    capabilities = frozenset({"halves"})

    @pytest.fixture
    def number(self):
        return 4
"""
SIX = FOUR.replace("Four", "Six").replace("return 4", "return 6")
PLAIN = FOUR.replace('    capabilities = frozenset({"halves"})\n', "")


def report(pytester, name="report.json"):
    return json.loads((pytester.path / name).read_text())


def results(pytester, subject="Four"):
    (found,) = [one for one in report(pytester)["subjects"] if one["name"] == subject]
    return {one["id"]: one["result"] for one in found["results"]}


def refusal(result):
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    return " ".join(result.errlines)


def test_a_subject_that_does_everything_reaches_the_full_level(suite, pytester):
    result = suite(FOUR, "--kitaru-report=report.json")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*kitaru conformance*", "ToyContract Four: level full; 3 passed"])
    assert results(pytester) == {"X-01": "passed", "X-02": "passed", "X-03": "passed"}


def test_a_failure_names_the_requirement_and_where_to_look(suite, pytester):
    result = suite(SIX, "--kitaru-report=report.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*requirement X-03 (call)*", "A number can be halved, twice.", "*repair X-02 first.*"])
    result.stdout.fnmatch_lines(["ToyContract Six: level base; 2 passed, 1 failed", "  failed X-03 A number*"])
    assert results(pytester, "Six")["X-03"] == "failed"


def test_a_case_without_its_capability_is_called_not_applicable(suite, pytester):
    result = suite(PLAIN, "--kitaru-report=report.json")
    result.stdout.fnmatch_lines(["*2 passed, 2 not applicable*"])
    assert result.ret == 0
    assert results(pytester)["X-03"] == "not-applicable"
    assert report(pytester)["subjects"][0]["level"] == "full"


def test_no_fixture_is_made_for_a_case_that_does_not_apply(suite):
    body = "class TestFour(ToyContract):\n    pass\n"
    suite(body, "-k", "halved").stdout.fnmatch_lines(["*2 not applicable*"])


LISTED = '    gaps = {"X-03[4]": "it is six"}\n'
OVERRIDDEN = """
    @declared_gap("it is six")
    def test_it_can_be_halved(self, number):
        assert number % 4 == 0
"""


@pytest.mark.parametrize("gap", [LISTED, OVERRIDDEN], ids=["listed", "override"])
def test_a_declared_gap_is_an_expected_failure_and_holds_the_level(gap, suite, pytester):
    result = suite(SIX + gap, "--kitaru-report=report.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*gap X-03 *it is six*", "XFAIL *X-03: it is six"])
    found = report(pytester)["subjects"][0]
    assert (found["level"], found["results"][2]["result"]) == ("base", "gap")
    assert found["results"][2]["reason"] == "it is six"


def test_a_gap_that_passes_fails_the_run(suite, pytester):
    result = suite(FOUR + LISTED, "--kitaru-report=report.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert results(pytester)["X-03"] == "failed"


def test_an_expected_failure_that_nobody_declared_is_a_failure_in_the_report(suite, pytester):
    suite("@pytest.mark.xfail(reason='hush')" + SIX, "--kitaru-report=report.json")
    assert results(pytester, "Six")["X-03"] == "failed"


def test_a_skipped_case_is_not_run_and_holds_the_level(suite, pytester):
    body = FOUR.replace("return 4", "pytest.skip('no numbers today')")
    suite(body, "--kitaru-report=report.json").stdout.fnmatch_lines(["*not-run X-01*no numbers today*"])
    assert report(pytester)["subjects"][0]["level"] is None


def test_an_override_that_says_nothing_stops_the_collection(suite):
    text = refusal(suite(FOUR + "\n    def test_it_is_even(self):\n        pass\n"))
    assert "TestFour.test_it_is_even overrides X-02" in text
    assert "@declared_gap" in text


def test_a_case_set_to_none_stops_the_collection(suite):
    text = refusal(suite(FOUR + "\n    test_it_is_even = None\n"))
    assert "TestFour.test_it_is_even takes X-02 out of the contract" in text


def test_an_override_in_a_class_between_is_found_too(suite):
    body = f"class Middle(ToyContract):\n    test_it_is_even = None\n{FOUR.replace('ToyContract', 'Middle')}"
    assert "Middle.test_it_is_even takes X-02" in refusal(suite(body))


def test_an_unknown_capability_is_refused_with_the_nearest_name(suite):
    text = refusal(suite(FOUR.replace("halves", "halve")))
    assert "TestFour claims the capability 'halve'" in text
    assert "Did you mean 'halves'?" in text


@pytest.mark.parametrize(("id_", "hint"), [("X-33", "Did you mean 'X-03'?"), ("X-01", None), ("X-03", "not apply")])
def test_a_gap_for_a_case_that_is_not_there_or_does_not_apply_is_refused(id_, hint, suite):
    result = suite(f"{PLAIN}    gaps = {{'{id_}': 'because'}}\n")
    if hint is None:
        assert result.ret == pytest.ExitCode.TESTS_FAILED
    else:
        assert hint in refusal(result)


def test_two_subjects_of_one_name_are_refused(suite):
    body = FOUR + FOUR.replace("TestFour", "TestOther") + "    subject = 'Four'\n"
    assert "second subject called 'Four'" in refusal(suite(body))


@pytest.mark.parametrize(
    ("id_", "docstring", "complaint"),
    [
        ("X-02", "All is well.\n\nIf this fails: despair.", "declared twice"),
        ("x2", "All is well.\n\nIf this fails: despair.", "an id is a letter and a number"),
        ("X-09", "All is well.", "If this fails"),
    ],
)
def test_a_bad_declaration_is_an_error_where_it_stands(id_, docstring, complaint, suite):
    body = f'class Other(Contract):\n    @requirement("{id_}")\n    def test_x(self):\n        """{docstring}"""\n'
    suite(body).stdout.fnmatch_lines([f"*{complaint}*"])


def test_a_report_in_an_unknown_format_is_refused_before_anything_runs(suite):
    assert "must end in .json or .md" in refusal(suite(FOUR, "--kitaru-report=report.txt"))


def test_a_report_that_cannot_be_written_is_refused_before_anything_runs(suite):
    assert "cannot be written there" in refusal(suite(FOUR, f"--kitaru-report={__file__}/report.json"))


def test_a_run_without_subjects_writes_nothing(suite, pytester):
    result = suite("def test_nothing():\n    pass\n", "--kitaru-report=report.json")
    result.stdout.no_fnmatch_line("*kitaru conformance*")
    assert not (pytester.path / "report.json").exists()


def test_a_part_of_the_cases_makes_a_report_that_says_so(suite, pytester):
    suite(FOUR + SIX, "-k", "TestFour and even", "--kitaru-report=report.json")
    assert [one["name"] for one in report(pytester)["subjects"]] == ["Four"]
    assert results(pytester) == {"X-01": "not-run", "X-02": "passed", "X-03": "not-run"}
    assert report(pytester)["subjects"][0]["level"] is None


def test_workers_of_xdist_make_the_same_reports_as_one_process(suite, pytester):
    body = SIX + FOUR + PLAIN.replace("Four", "Plain") + LISTED.replace("[4]", "").replace("X-03", "X-01")
    suite(body, "--kitaru-report=alone.json", "--kitaru-report=alone.md")
    suite(body, "-n", "2", "--kitaru-report=both.json", "--kitaru-report=both.md")
    for suffix in ("json", "md"):
        alone, both = ((pytester.path / f"{name}.{suffix}").read_text() for name in ("alone", "both"))
        assert alone == both
        assert str(pytester.path) not in alone
    assert [one["name"] for one in report(pytester, "both.json")["subjects"]] == ["Four", "Plain", "Six"]


def test_a_fault_under_xdist_stops_the_run_and_is_named(suite):
    result = suite(FOUR + "\n    test_it_is_even = None\n", "-n", "1")
    assert result.ret != 0
    assert "TestFour.test_it_is_even takes X-02" in result.stdout.str() + result.stderr.str()


def test_the_plugin_loads_neither_kitaru_nor_anything_heavy(pytester):
    pytester.makepyfile(
        test_light="""
        import sys

        def test_light():
            heavy = {"kitaru", "msgspec", "pydantic", "kitaru_conformance.exam"}
            assert "kitaru_conformance.plugin" in sys.modules
            assert heavy & set(sys.modules) == set()
        """
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:logfire", "-p", "no:langsmith_plugin", "test_light.py"]
    done = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout
