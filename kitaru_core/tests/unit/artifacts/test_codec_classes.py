"""Classes of scripts, classes that changed, digests and codecs for foreign types."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

import pydantic
import pytest

from kitaru.artifacts.codecs import decode, digest, encode, readable, register_codec, roundtrip, unregister_codec
from kitaru.errors import KitaruDecodingError, KitaruEncodingError, KitaruUsageError

SCRIPT = """
import sys
from dataclasses import dataclass
from kitaru.artifacts.codecs import decode, digest, encode

@dataclass
class Order:
    number: int

if __name__ == "__main__":
    stored = encode(Order(7))
    assert decode(stored.codec, stored.data) == Order(7)
    sys.stdout.write(stored.data.decode() + "\\n" + digest(Order(7)))
"""
READER = """
import sys
import shop
from kitaru.artifacts.codecs import decode, digest
found = decode("typed/1", sys.argv[1].encode())
assert type(found) is shop.Order and found.number == 7, found
assert digest(found) == sys.argv[2]
"""


def run(*args: str, cwd) -> str:
    done = subprocess.run([sys.executable, *args], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("start", [["shop.py"], ["-m", "shop"]])
def test_a_class_of_the_script_is_found_by_a_process_that_imports_it(tmp_path, start):
    (tmp_path / "shop.py").write_text(SCRIPT)
    stored, fingerprint = run(*start, cwd=tmp_path).splitlines()
    assert "__main__(shop):Order" in stored
    run("-c", READER, stored, fingerprint, cwd=tmp_path)


def test_a_value_of_the_imported_module_is_found_by_the_script(tmp_path):
    (tmp_path / "shop.py").write_text(SCRIPT)
    stored = run("-c", "import shop; print(shop.encode(shop.Order(7)).data.decode())", cwd=tmp_path).strip()
    assert '"shop:Order"' in stored
    (tmp_path / "shop.py").write_text(
        SCRIPT.partition("if __name__")[0] + f"print(decode('typed/1', {stored!r}.encode()))"
    )
    assert run("shop.py", cwd=tmp_path).strip() == "Order(number=7)"


@dataclass
class Grown:
    name: str
    size: int = 3
    tags: list[str] = field(default_factory=list)


class Row(NamedTuple):
    name: str
    size: int = 3


class Model(pydantic.BaseModel):
    name: str
    tags: list[str] = pydantic.Field(default_factory=list)


@pytest.mark.parametrize(("tree", "value"), [
    (["dataclass", f"{__name__}:Grown", {"name": "n"}], Grown("n")),
    (["namedtuple", f"{__name__}:Row", {"name": "n"}], Row("n")),
    (["model", f"{__name__}:Model", {"name": "n"}, ["name"], None, None], Model(name="n")),
])  # fmt: skip
def test_a_field_that_a_class_has_gained_takes_its_default(tree, value):
    assert decode("typed/1", json.dumps(tree).encode()) == value


@pytest.mark.parametrize("tree", [
    ["dataclass", f"{__name__}:Grown", {"name": "n", "lost": 1}],
    ["namedtuple", f"{__name__}:Row", {"name": "n", "lost": 1}],
    ["model", f"{__name__}:Model", {"name": "n", "lost": 1}, ["name"], None, None],
    ["model", f"{__name__}:Model", {}, [], None, None],
])  # fmt: skip
def test_a_field_that_a_class_has_lost_is_an_error_that_shows_the_data(tree):
    with pytest.raises(KitaruDecodingError) as caught:
        decode("typed/1", json.dumps(tree).encode())
    assert caught.value.raw == tree[2]


class Kind(Enum):
    A = 1


@pytest.mark.parametrize(("one", "other"), [
    ({"a": 1, "b": [1]}, {"b": [1], "a": 1}), ({1: "x", 2: "y"}, {2: "y", 1: "x"}),
    ({"a": (1,), "b": 2}, {"b": 2, "a": (1,)}), ({"x", "y", "z"}, {"z", "y", "x"}), ([Kind.A], [Kind.A]),
    (Model(name="n"), Model(name="n")), ("\ud800", "\ud800"),
])  # fmt: skip
def test_equal_values_have_one_digest(one, other):
    assert digest(one) == digest(other)
    assert len(digest(one)) == 64


@pytest.mark.parametrize(("one", "other"), [
    ([1], (1,)), ([1], [1.0]), ([1], [True]), ("1", 1), (b"a", "a"), ({1: 1}, {"1": 1}), ([1, 2], [2, 1]),
    (None, "null"), (["list"], ["tuple"]), ({"a"}, frozenset({"a"})), (0.0, -0.0),
    (dt.time(1, fold=0), dt.time(1, fold=1)),
])  # fmt: skip
def test_values_that_differ_in_anything_have_different_digests(one, other):
    assert digest(one) != digest(other)


def test_sets_have_the_same_bytes_in_every_process(tmp_path, monkeypatch):
    found = set()
    for seed in ("1", "2", "3"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        script = "from kitaru.artifacts.codecs import encode; print(encode({'a', 'b', 'c', 'd', (1, 2)}).data)"
        found.add(run("-c", script, cwd=tmp_path))
    assert len(found) == 1


def test_an_unencodable_value_has_no_digest():
    assert digest([object()]) is None


class Matrix:
    def __init__(self, *cells: int) -> None:
        self.cells = cells


class MatrixCodec:
    name = "tests.matrix/1"

    def handles(self, kind):
        return kind is Matrix

    def encode(self, value):
        return bytes(value.cells)

    def decode(self, data):
        return Matrix(*data)


@pytest.fixture
def matrix_codec():
    codec = MatrixCodec()
    register_codec(codec)
    yield codec
    unregister_codec(codec.name)


def test_a_registered_codec_writes_its_class_alone_and_inside_other_values(matrix_codec):
    encoded, copy = roundtrip(Matrix(1, 2))
    assert (encoded.codec, encoded.data, copy.cells) == (matrix_codec.name, b"\x01\x02", (1, 2))
    assert roundtrip({"m": [Matrix(3)]})[1]["m"][0].cells == (3,)


def test_a_codec_that_refuses_a_value_is_reported_with_the_path(matrix_codec):
    assert matrix_codec.handles(Matrix)
    with pytest.raises(KitaruEncodingError, match=r"its codec tests.matrix/1 refuses it") as caught:
        encode([Matrix(999)])
    assert caught.value.path == "output[0]"


def test_bytes_of_a_codec_that_is_gone_are_refused_by_name(matrix_codec):
    encoded = encode([Matrix(1)])
    unregister_codec(matrix_codec.name)
    with pytest.raises(KitaruDecodingError, match=r"tests\.matrix/1"):
        decode(encoded.codec, encoded.data)
    assert readable(encoded.codec, encoded.data) == [{"codec": "tests.matrix/1", "base64": "AQ=="}]


@pytest.mark.parametrize("name", ["typed/1", "json/1", "Matrix/1", "matrix", "matrix/0", "m/1\n"])
def test_a_codec_needs_a_name_of_its_own_with_a_version(name):
    codec = MatrixCodec()
    codec.name = name
    with pytest.raises(KitaruUsageError):
        register_codec(codec)


def test_two_codecs_of_one_name_are_an_error_and_one_twice_is_not(matrix_codec):
    register_codec(matrix_codec)
    with pytest.raises(KitaruUsageError, match="Two codecs are called"):
        register_codec(MatrixCodec())


def test_readable_data_is_json_whatever_is_in_it(matrix_codec):
    assert matrix_codec
    value = {"when": dt.date(2026, 1, 2), "rows": [Row("n")], "kind": Kind.A, "error": ValueError("x"), "m": Matrix(1)}
    encoded = encode({**value, 5: {b"x"}, "big": 2**70, "nan": float("nan"), "model": Model(name="q")})
    shown = json.loads(json.dumps(readable(encoded.codec, encoded.data), allow_nan=False))
    assert (shown["when"], shown["rows"], shown["kind"]) == ("2026-01-02", [{"name": "n", "size": 3}], "A")
    assert (shown["error"]["exception"], shown["error"]["args"]) == ("builtins:ValueError", ["x"])
    assert (shown["5"], shown["big"], shown["nan"]) == ([{"base64": "eA=="}], 2**70, "nan")
