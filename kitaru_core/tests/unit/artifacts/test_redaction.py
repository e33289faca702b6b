"""Secrets are cut out of what is kept or shown, and ordinary data is left alone."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote

import msgspec
import pytest
from pydantic import BaseModel, ConfigDict

from kitaru.artifacts.redaction import REDACTED, Redactor, is_secret_name

SECRET = 'hunter2/"é+'


@pytest.mark.parametrize("name", [
    "OPENAI_API_KEY", "api_key", "apiKey", "apikey", "x-api-key", "AWS_SECRET_ACCESS_KEY",
    "password", "dbPassword",
    "PASSWD", "client_secret", "Authorization", "proxy-authorization", "auth",
    "access_token", "GITHUB_TOKEN", "credentials",
    "private_key", "set-cookie", "Secrets", "SSHKey",
])  # fmt: skip
def test_names_of_secrets_are_recognised(name):
    assert is_secret_name(name)


@pytest.mark.parametrize("name", [
    "max_tokens", "input_tokens", "total_tokens", "token_count", "tokenizer", "author", "authored_by", "key", "keys",
    "monkey", "keyboard", "cache_key", "business_key", "idempotency_key", "secret_name", "primaryKey", "public_key", "",
    "sort-key", "name", "message", "credential_source",
])  # fmt: skip
def test_names_of_ordinary_data_are_not(name):
    assert not is_secret_name(name)


@pytest.mark.parametrize("form", [
    SECRET, json.dumps({"a": SECRET}), json.dumps(SECRET, ensure_ascii=False), quote(SECRET, safe=""),
    base64.b64encode(SECRET.encode()).decode(), f"ends with {SECRET}",
], ids=["plain", "json", "json-unicode", "url", "base64", "text"])  # fmt: skip
def test_a_known_secret_goes_in_every_form(form):
    cleaned = Redactor([SECRET]).text(f"before {form} after")
    assert "hunter2" not in cleaned
    assert form not in cleaned
    assert REDACTED in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")


def test_a_secret_that_begins_with_another_one_goes_whole():
    assert Redactor(["abcd", "abcdefgh"]).text("abcdefgh abcd") == f"{REDACTED} {REDACTED}"


def test_a_value_too_short_to_be_told_apart_is_ignored():
    assert Redactor(["a", ""]).text("a banana") == "a banana"


@pytest.mark.parametrize(("text", "cleaned"), [
    ("Authorization: Bearer abcdefgh.12345", f"Authorization: Bearer {REDACTED}"),
    ("sent bearer abcdefgh12345 today", f"sent bearer {REDACTED} today"),
    ("key sk-proj-abcdefghijklmnop1234 refused", f"key {REDACTED} refused"),
    ("ghp_abcdefghijklmnop1234", REDACTED),
    ("AKIAABCDEFGHIJKLMNOP", REDACTED),
    ("postgresql://me:pa55@host/db", f"postgresql://me:{REDACTED}@host/db"),
    ("run --password=pa55 --size=3", f"run --password={REDACTED} --size=3"),
    ('{"api_key": "pa55 word", "size": 3}', f'{{"api_key": "{REDACTED}", "size": 3}}'),
    ("{'token': 'pa55'}", f"{{'token': '{REDACTED}'}}"),
    ("OPENAI_API_KEY=pa55\nHOME=/x", f"OPENAI_API_KEY={REDACTED}\nHOME=/x"),
    ("note: token=pa55", f"note: token={REDACTED}"),
    ("size=3;İstanbul;dbPassword : pa55", f"size=3;İstanbul;dbPassword : {REDACTED}"),
    ("high glass hf_abcdefghijklmnopqr gh", f"high glass {REDACTED} gh"),
    ("ghp_abcdefghijklmnop1234\n-----BEGIN EC PRIVATE KEY-----\nabc", f"{REDACTED}\n{REDACTED}"),
])  # fmt: skip
def test_texts_lose_what_looks_like_a_secret(text, cleaned):
    assert Redactor().text(text) == cleaned


@pytest.mark.parametrize("text", [
    "max_tokens=5, cache_key=abc", "see https://example.org/a?b=1", "the key: to success", "12:30 o'clock", "",
    "-----BEGIN CERTIFICATE-----", "task-force-abcdefghijklmnop1234",
])  # fmt: skip
def test_ordinary_texts_stay_as_they_are(text):
    assert Redactor().text(text) == text


def test_a_private_key_goes_whole():
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\ndef==\n-----END RSA PRIVATE KEY-----"
    assert Redactor().text(f"x {key} y") == f"x {REDACTED} y"


def test_trees_lose_texts_under_secret_names_and_keep_the_rest():
    tree = {
        "user": "me",
        "password": "p",
        "auth": {"kind": "basic", "n": 3, "raw": b"p"},
        "list": [("Bearer abcdefghij", 1)],
    }
    assert Redactor().tree(tree) == {
        "user": "me",
        "password": REDACTED,
        "auth": {"kind": REDACTED, "n": 3, "raw": REDACTED},
        "list": [(f"Bearer {REDACTED}", 1)],
    }
    assert tree["password"] == "p"


def test_a_cyclic_tree_comes_to_an_end():
    tree = {"a": 1}
    tree["self"] = tree
    assert Redactor().tree(tree)["self"]["self"]["a"] == 1


def test_the_environment_makes_its_secrets_known():
    redactor = Redactor()
    redactor.add_environment({"MY_API_KEY": "pa55word", "HOME": "/home/me"})
    assert redactor.text("pa55word in /home/me") == f"{REDACTED} in /home/me"


def test_the_hook_sees_what_the_rules_left():
    redactor = Redactor(["hunter2"], hook=lambda text: text.replace("Ada", "[name]"))
    assert redactor.tree(["Ada said hunter2"]) == [f"[name] said {REDACTED}"]


@pytest.mark.parametrize("text", [
    "a" * 300_000, "a." * 150_000, "=" * 300_000, "token=" * 50_000, 'token="' * 50_000, "://a:" * 60_000,
    "-----BEGIN " * 30_000, "bearer " * 50_000, "eyJaaaaaaaa." * 30_000, "\\" * 300_000, "token:'" * 50_000,
    "key" * 100_000, "key " * 75_000 + "=", "key." * 75_000 + ":",
], ids=lambda text: text[:8])  # fmt: skip
def test_no_text_makes_it_slow(text):
    start = time.process_time()
    Redactor(["hunter2"]).text(text)
    assert time.process_time() - start < 2


def test_the_directory_a_shell_is_in_is_no_password():
    redactor = Redactor()
    redactor.add_environment({"PWD": "/home/ann/flows", "OLDPWD": "/home/ann/notes", "DB_PWD": "a real password"})
    assert redactor.text("/home/ann/flows/a.py and /home/ann/notes") == "/home/ann/flows/a.py and /home/ann/notes"
    assert "a real password" not in redactor.text("it is a real password")


@dataclass
class Login:
    user: str
    password: str


class Settings(BaseModel):
    login: Login
    model_config = ConfigDict(extra="allow")


class Client(msgspec.Struct):
    api_key: str
    retries: int = 3


class Pair(NamedTuple):
    token: str
    text: str


@pytest.mark.parametrize(("value", "shown"), [
    (Login("ada", "hunter2"), {"user": "ada", "password": REDACTED}),
    ([Login("ada", "")], [{"user": "ada", "password": REDACTED}]),
    (Settings(login=Login("ada", "x"), access_token="y"), {"login": {"user": "ada", "password": REDACTED},
                                                           "access_token": REDACTED}),
    (Client("k"), {"api_key": REDACTED, "retries": 3}),
    (Pair("k", "t"), {"token": REDACTED, "text": "t"}),
], ids=["dataclass", "in a list", "model", "struct", "named tuple"])  # fmt: skip
def test_objects_with_fields_are_looked_into(value, shown):
    assert Redactor().tree(value) == shown


def test_objects_without_a_secret_stay_what_they_are():
    value = Settings(login=Login("ada", ""), note="nothing to hide")
    object.__setattr__(value.login, "password", 7)
    assert Redactor().tree([value])[0] is value


@dataclass
class Node:
    children: list[Node] = field(default_factory=list)
    siblings: list[Node] = field(default_factory=list)


def test_objects_that_know_each_other_are_looked_into_once():
    nodes = [Node() for _ in range(40)]
    for node in nodes:
        node.children, node.siblings = nodes, nodes
    assert Redactor().tree(nodes[0]) is nodes[0]


def test_a_text_that_was_harmless_is_cut_once_its_secret_is_known():
    redactor = Redactor()
    assert redactor.text("hello hunter2") == "hello hunter2"
    redactor.add("hunter2")
    assert redactor.text("hello hunter2") == f"hello {REDACTED}"


def test_a_hook_sees_every_text_each_time():
    seen = []
    redactor = Redactor(hook=lambda text: seen.append(text) or text)
    assert [redactor.text("same"), redactor.text("same"), seen] == ["same", "same", ["same", "same"]]
