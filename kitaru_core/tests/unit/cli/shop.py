"""Flows that the tests of the program operate; worker processes load them from this file."""

from __future__ import annotations

import os
from pathlib import Path

import kitaru
from kitaru import seam


@kitaru.checkpoint(type="tool_call")
def price(item):
    kitaru.save("receipt", {"item": item})
    return 3


@kitaru.checkpoint
def pay(amount):
    if not Path(os.environ.get("SHOP_OPEN", "/nowhere")).exists():
        raise ConnectionError("the shop is closed")
    return f"paid {amount}"


@kitaru.flow
def order(item):
    amount = price(item)
    sure = kitaru.wait(schema=bool, name="sure", question=f"Buy {item} for {amount}?", timeout=0)
    return price(item) if sure else 0


@kitaru.flow
def purchase(item):
    return pay(price(item))


@kitaru.flow
def quick(item):
    return price(item)


@kitaru.flow
def survey():
    options = {"schema": {"type": "string", "enum": ["red", "blue"]}, "name": "colour", "question": "Which colour?"}
    words = {"schema": str, "name": "words", "question": "In your words?"}
    number = {"schema": int, "name": "number", "question": "How many?"}
    return [kitaru.wait(**asked, timeout=0) for asked in (options, words, number)]


@kitaru.checkpoint
def say(words):
    print(f"said {words}")  # noqa: T201 - what is kept


@kitaru.flow
def speak(words):
    say(words)


@kitaru.flow
def chatter(times):
    for number in range(times):
        say(str(number))


@kitaru.flow
def two_words():
    return kitaru.wait(schema=str, name="two words", question="Which?", timeout=0)


@kitaru.flow
def talk(question):
    messages = [{"role": "user", "content": question}, {"type": "note", "of": {"who": "\x1b[31mme", "none": None}}]
    for number in range(2):
        unit = seam.Unit(name="ask", key=str(number), adapter="tests", history=messages)
        answer = seam.run_unit(unit, lambda _: {"role": "assistant", "content": "certainly"})
        messages = [*messages, answer.value]
    return price("tea")
