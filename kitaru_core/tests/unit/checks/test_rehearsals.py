"""What becomes of executions under changed code, found out without running a body or writing a record."""

from __future__ import annotations

import asyncio
import threading

import pytest

from kitaru import KitaruAsyncClient
from kitaru.errors import KitaruUsageError


def test_the_same_code_resumes_everything(till):
    waiting, failed = till.start(), till.fail()
    found = till.check()
    assert [(one.exec_id, one.verdict, one.at) for one in found.executions] == [
        (failed, "resumes", "ship"),
        (waiting, "resumes", "sure"),
    ]
    assert found.counts == {"checked": 2, "resumes": 2, "reruns": 0, "diverges": 0, "fails": 0}
    assert found.passes()


def test_no_body_runs_and_nothing_is_written(till, dump):
    till.start()
    till.fail()
    till.client.executions.input(till.start("milk"), wait="sure", value=True)
    till.change(("receipt = charge(bill)", 'receipt = charge(price("other"))\n    kitaru.log(checked=True)'))
    before, bodies = dump(), till.bodies()
    found = till.check()
    assert found.counts["checked"] == 3
    assert (dump(), till.bodies()) == (before, bodies)


def test_nothing_is_found_where_nothing_goes_on(till):
    assert till.check().executions == ()
    (till.file.parent / "open").touch()
    assert till.client.executions.get(till.fail()).status == "completed"
    assert till.check().executions == ()
    assert till.check().passes()


def test_a_renamed_checkpoint_runs_again(till):
    till.start()
    till.change(("def charge(bill)", "def bill_customer(bill)"), ("= charge(", "= bill_customer("))
    found = till.only()
    assert (found.verdict, found.at, found.missed) == ("reruns", "bill_customer", ("charge", "sure"))
    assert "runs 'bill_customer' where 'charge' is recorded" in found.message
    assert not found.passes()
    assert found.passes(["reruns"])


def test_a_checkpoint_added_before_is_where_it_runs_from(till):
    till.start()
    till.change(("    bill = price(item)", "    ship(item)\n    bill = price(item)"))
    found = till.only()
    assert (found.verdict, found.at, found.missed) == ("reruns", "ship", ("price", "charge", "sure"))


def test_a_checkpoint_added_after_is_new_work(till):
    failed = till.fail()
    till.change(("    return ship(item) if", "    price(receipt)\n    return ship(item) if"))
    found = till.only()
    assert (found.exec_id, found.verdict, found.at) == (failed, "resumes", "price_2")


def test_a_removed_checkpoint_leaves_its_record_behind(till):
    till.start()
    till.change(("receipt = charge(bill)", "receipt = bill.amount"))
    found = till.only()
    assert (found.verdict, found.at, found.missed) == ("diverges", "sure", ("charge",))
    assert "without what is recorded of: charge" in found.message


def test_a_removed_question_takes_its_answer_along(till):
    till.start()
    till.change(('kitaru.wait(name="sure", question="Ship it?", timeout=0)', "False"))
    found = till.only()
    assert (found.verdict, found.at, found.missed) == ("diverges", None, ("sure",))


def test_a_renamed_question_is_asked_again(till):
    till.start()
    till.change(('name="sure"', 'name="certain"'))
    found = till.only()
    assert (found.verdict, found.at, found.missed) == ("reruns", "certain", ("sure",))
    assert found.message.startswith("asks 'certain'")


def test_an_answer_is_void_when_what_it_was_bound_to_changes(till):
    asked = "kitaru.seam.ask([kitaru.seam.Question(name='sure', bound_to={}, timeout=0)])[0]"
    till.change(
        ("import kitaru\n", "import kitaru\nimport kitaru.seam\n"),
        ('kitaru.wait(name="sure", question="Ship it?", timeout=0)', asked.format("item")),
    )
    till.client.executions.input(till.start(), wait="sure", value=True)
    assert till.only().at == "ship"
    till.change(("bound_to=item", "bound_to=bill.amount"))
    found = till.only()
    assert (found.verdict, found.at, found.missed) == ("reruns", "sure_2", ("sure",))


def test_other_arguments_of_a_checkpoint_are_noted_and_the_record_counts(till, monkeypatch):
    till.start()
    till.change(
        ("def charge(bill)", "def charge(bill, currency)"), ("receipt = charge(bill)", 'receipt = charge(bill, "EUR")')
    )
    found = till.only()
    assert (found.verdict, found.at) == ("resumes", "sure")
    assert "other inputs" in found.drifted[0]
    monkeypatch.setenv("KITARU_STRICT_REPLAY", "1")
    assert (till.only().verdict, till.only().reason) == ("fails", "divergence")


def test_a_flow_that_does_not_take_its_inputs_fails(till):
    till.start()
    till.change(("def order(item):", "def order(item, customer):"))
    found = till.only()
    assert (found.verdict, found.reason) == ("fails", "inputs")
    assert "'customer'" in found.message


def test_a_class_that_has_moved_fails(till):
    till.start()
    till.change(("class Bill:", "class Invoice:"), ("return Bill(3)", "return Invoice(3)"))
    found = till.only()
    assert (found.verdict, found.reason) == ("fails", "value")
    assert "Bill" in found.message


def test_an_id_that_belongs_to_another_checkpoint_fails(till):
    till.change(("= charge(bill)", '= charge(bill, id="pay")'))
    till.start()
    till.change(("= charge(bill,", "= ship(bill,"))
    found = till.only()
    assert (found.verdict, found.reason) == ("fails", "divergence")


def test_a_flow_whose_own_code_raises_fails(till):
    till.start()
    till.change(("    receipt =", '    raise LookupError("no till")\n    receipt ='))
    found = till.only()
    assert (found.verdict, found.reason, found.message) == (
        "fails",
        "flow",
        "raises in its own code: LookupError: no till",
    )
    assert not found.passes()


def test_failing_as_before_is_not_the_fault_of_the_present_code(till):
    till.change(("    receipt =", '    raise LookupError("no till")\n    receipt ='))
    till.start()
    found = till.only()
    assert (found.reason, found.passes()) == ("as_before", True)


def test_code_that_does_not_come_to_an_end_is_given_up(till):
    till.start()
    till.change(("    bill = price(item)", "    while Path(__file__).exists(): pass\n    bill = price(item)"))
    (found,) = till.check(timeout=0.2).executions
    till.file.unlink()  # lets the thread go
    for thread in [one for one in threading.enumerate() if one.name == "kitaru-order"]:
        thread.join(10)
    assert (found.verdict, found.reason) == ("fails", "timeout")


def test_a_signal_that_the_flow_swallows_is_not_forgotten(till, dump):
    till.start()
    swallowing = "    try:\n        ship(item)\n    except BaseException:\n        pass\n    bill = price(item)"
    till.change(("    bill = price(item)", swallowing))
    before = dump()
    assert till.only().at == "ship"
    assert (dump(), till.bodies()) == (before, ["price", "charge"])


def test_siblings_beside_the_one_that_failed_do_not_run_again(till):
    together = "[f.result() for f in [price.submit(item), ship.submit(item), charge.submit(price(item))]]"
    till.change(("    return ship(item) if sure else receipt", f"    return {together}"))
    till.fail()
    found = till.only()
    assert (found.verdict, found.at) == ("resumes", "ship")


def test_a_replay_is_checked_with_what_it_takes_from_its_source(till):
    source = till.fail()
    replay = till.client.executions.replay(source, from_="charge")
    till.client.executions.wait(replay.exec_id, timeout=30)
    found = {one.exec_id: one for one in till.check().executions}[replay.exec_id]
    assert (found.verdict, found.at) == ("resumes", "sure")


def test_more_executions_than_a_page_holds_are_all_checked(till):
    started = {till.start(str(n)) for n in range(23)}
    found = till.check()
    assert {one.exec_id for one in found.executions} == started
    assert found.counts["resumes"] == 23


def test_only_those_in_one_state_are_checked_on_request(till):
    waiting = till.start()
    till.fail()
    assert [one.exec_id for one in till.check(status="waiting").executions] == [waiting]
    with pytest.raises(KitaruUsageError, match="does not go on"):
        till.check(status="completed")


def test_what_is_no_flow_is_refused(till):
    with pytest.raises(KitaruUsageError, match="takes a flow"):
        till.client.executions.check(till.module.price)
    with pytest.raises(KitaruUsageError, match="above 0"):
        till.check(timeout=0)


def test_the_async_client_checks_as_well(till):
    till.start()
    till.change(("@kitaru.flow\ndef order", "@kitaru.flow\nasync def order"))

    async def check():
        return await KitaruAsyncClient().executions.check(till.module.order)

    assert asyncio.run(check()).counts["resumes"] == 1


def test_a_flow_that_has_moved_is_looked_for_where_it_was(till, tmp_path):
    till.start()
    till.move("counter")
    assert (till.only().verdict, till.only().reason) == ("fails", "code")
    (tmp_path / "till.py").write_text("from counter import order\n")
    assert till.only().verdict == "resumes"


def test_another_flow_of_the_same_name_is_left_out(till, tmp_path):
    till.start()
    till.move("counter")
    (tmp_path / "till.py").write_text("def order(item): ...\n")
    found = till.check()
    assert (found.executions, found.elsewhere) == ((), 1)


def test_an_asynchronous_flow_with_calls_beside_each_other_is_followed(till):
    together = "await asyncio.gather(*(go(n) for n in 'abc'))"
    till.change(
        ("import os\n", "import asyncio\nimport os\n"),
        (
            "@kitaru.flow\ndef order",
            "@kitaru.checkpoint\nasync def go(n):\n    return n\n\n\n@kitaru.flow\nasync def order",
        ),
        ("    receipt =", f"    {together}\n    receipt ="),
    )
    till.start()
    assert (till.only().verdict, till.only().at) == ("resumes", "sure")
    till.change(("async def go(n)", "async def run(n)"), ("go(n) for", "run(n) for"))
    assert (till.only().verdict, till.only().at) == ("reruns", "run")
