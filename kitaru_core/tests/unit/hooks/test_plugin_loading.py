"""Installed plugins, with real entry points of throw-away distributions in a fresh interpreter."""

from __future__ import annotations

import json

import pytest

HEAD = """
from kitaru.hooks import JournalDriver, PluginCard, hookimpl

@hookimpl
def kitaru_plugin_card():
    return PluginCard(name=__name__, hookspec=1)
"""

ASK = """
import json
from kitaru.errors import KitaruPluginError
from kitaru.hooks import get_manager
try:
    foreign = [one.name for one in get_manager().plugins if one.distribution != "kitaru-core"]
    print(json.dumps({"plugins": foreign}))
except KitaruPluginError as error:
    facts = [error.plugin, error.distribution, error.version, error.hook]
    print(json.dumps({"facts": facts, "text": str(error), "notes": getattr(error, "__notes__", [])}))
"""


def answer(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_plugins_are_found_in_the_order_of_distribution_and_name(site):
    for distribution, module in [("zebra", "alpha"), ("apple", "omega"), ("mango", "beta")]:
        site.install(distribution, "1.0", module, HEAD)
    assert answer(site.run(ASK))["plugins"] == ["omega", "beta", "alpha"]


@pytest.mark.parametrize(
    ("source", "hook", "trouble"),
    [
        ("import no_such_framework", None, "cannot be imported: ModuleNotFoundError"),
        ("1 / 0", None, "cannot be imported: ZeroDivisionError"),
        (HEAD + "@hookimpl\ndef kitaru_closed(): ...", "kitaru_closed", "Did you mean kitaru_closing?"),
        (HEAD + "@hookimpl\ndef kitaru_closing(*, runtime): ...", "kitaru_closing", "keyword-only"),
        (HEAD + "@hookimpl\ndef kitaru_journals(): 1 / 0", "kitaru_journals", "failed with ZeroDivisionError"),
    ],
)
def test_a_broken_plugin_is_an_error_that_names_distribution_version_and_hook(site, source, hook, trouble):
    site.install("acme-plugin", "2.5", "acme", source)
    found = answer(site.run(ASK))
    assert found["facts"] == ["acme", "acme-plugin", "2.5", hook]
    assert trouble in found["text"]
    assert "KITARU_PLUGINS_DISABLED=acme" in found["text"]
    assert "acme-plugin 2.5" in found["text"]


def test_two_distributions_that_claim_one_scheme_fail_together(site):
    driver = HEAD + "@hookimpl\ndef kitaru_journals(): return [JournalDriver(schemes=('acme',), load=dict)]"
    site.install("one-journal", "1.0", "one", driver)
    site.install("two-journal", "2.0", "two", driver)
    found = answer(site.run(ASK))
    assert "one-journal 1.0" in found["text"]
    assert "two-journal 2.0" in found["text"]
    assert found["facts"][3] == "kitaru_journals"


def test_every_further_fault_is_a_note_on_the_first(site):
    site.install("aa", "1.0", "first", "1 / 0")
    site.install("bb", "1.0", "second", "1 / 0")
    found = answer(site.run(ASK))
    assert found["facts"][1] == "aa"
    assert "bb 1.0" in found["notes"][0]


def test_a_disabled_plugin_is_not_even_imported(site):
    site.install("acme-plugin", "2.5", "acme", "1 / 0")
    assert answer(site.run(ASK, KITARU_PLUGINS_DISABLED="other, acme"))["plugins"] == []


def test_autoload_can_be_switched_off_for_foreign_plugins(site):
    site.install("acme-plugin", "2.5", "acme", "1 / 0")
    assert answer(site.run(ASK, KITARU_PLUGINS_AUTOLOAD="0"))["plugins"] == []


def test_a_survey_lists_broken_plugins_without_raising(site):
    site.install("acme-plugin", "2.5", "acme", "1 / 0")
    site.install("good-plugin", "1.0", "good", HEAD)
    site.install("old-plugin", "1.0", "old", HEAD.replace("hookspec=1", "hookspec=1, frameworks={'pluggy': '<1'}"))
    ask = """
    import json
    from kitaru.hooks import survey
    print(json.dumps({one.name: one.state for one in survey().plugins if one.distribution != "kitaru-core"}))
    """
    assert answer(site.run(ask)) == {"acme": "broken", "good": "active", "old": "unsupported"}


def test_tracing_prints_calls_but_no_contents(site):
    site.install("acme-plugin", "2.5", "acme", HEAD + "@hookimpl\ndef kitaru_checkpoint_usage(value): ...")
    ask = """
    from kitaru.hooks import get_manager
    from kitaru.records.boundary import Boundary
    boundary = Boundary(execution_id="e", flow="f", name="think", invocation_id="think_2", call_id="c")
    get_manager().checkpoint_usage(boundary, "a secret")
    """
    done = site.run(ask, KITARU_TRACE_HOOKS="1")
    assert "kitaru_checkpoint_usage(str) -> acme" in done.stderr
    assert "a secret" not in done.stderr


def test_plugins_are_told_when_the_interpreter_ends(site):
    site.install("acme-plugin", "2.5", "acme", HEAD + "@hookimpl\ndef kitaru_closing(): print('closed')")
    done = site.run("from kitaru.hooks import get_manager; get_manager()")
    assert done.stdout.splitlines() == ["closed"]


def test_importing_the_package_loads_neither_pluggy_nor_a_plugin(site):
    site.install("acme-plugin", "2.5", "acme", "1 / 0")
    done = site.run("import sys, kitaru.hooks; print('pluggy' in sys.modules)")
    assert done.stdout.split() == ["False"]


def test_many_threads_get_the_same_manager(site):
    site.install("acme-plugin", "2.5", "acme", HEAD + "import time; time.sleep(0.05)")
    ask = """
    from concurrent.futures import ThreadPoolExecutor
    from kitaru.hooks import get_manager
    with ThreadPoolExecutor(8) as pool:
        print(len({id(one) for one in pool.map(lambda _: get_manager(), range(16))}))
    """
    assert site.run(ask).stdout.split() == ["1"]


def test_the_program_works_beside_a_broken_plugin_and_says_what_is_wrong_with_it(site):
    site.install("acme-plugin", "2.5", "acme", "1 / 0")
    done = site.run("from kitaru.cli.main import main; main(['plugins', 'list', '--output', 'json'])")
    assert done.returncode == 0
    assert "Warning: plugins are left out: Plugin 'acme' of acme-plugin 2.5" in done.stderr
    listed = json.loads(done.stdout)
    (acme,) = [one for one in listed["items"] if one["name"] == "acme"]
    assert acme["state"] == "broken"
