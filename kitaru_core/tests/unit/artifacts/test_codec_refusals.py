"""What cannot be stored is refused with its path, and bytes that nobody wrote are refused without harm."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import defaultdict
from dataclasses import dataclass
from io import BytesIO

import pydantic
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kitaru.artifacts.codecs import decode, digest, encode, readable
from kitaru.artifacts.limits import Limits, set_limits
from kitaru.errors import KitaruDecodingError, KitaruEncodingError, KitaruUsageError


@dataclass
class Holder:
    handle: object


@dataclass
class Finalised:
    path: str

    def __del__(self):
        finalised.append(self)


finalised: list[Finalised] = []


class Keys(pydantic.BaseModel):
    key: pydantic.SecretStr


class Text(str):
    __slots__ = ()


class Later:
    """What an asynchronous function gives before anybody awaits it."""

    def __await__(self):
        yield


@pytest.fixture
def limits():
    before = set_limits(Limits())
    yield lambda **bounds: set_limits(Limits(**bounds))
    set_limits(before)


@pytest.mark.parametrize(("value", "path", "name", "advice"), [
    ({"a": [1, 2, 3, {4: object()}]}, "output['a'][3][4]", "builtins.object", "register_codec"),
    ([Holder(threading.Lock())], "output[0].handle", "_thread.lock", "register_codec"),
    ((1, print), "output[1]", "builtins.builtin_function_or_method", "code, not data"),
    (Keys(key="x"), "output.key", "pydantic.types.SecretStr", "secret"),
    ([Text("a")], "output[0]", f"{__name__}.Text", "Return str"),
    ((each for each in ()), "output", "builtins.generator", "consumed only once"),
    (BytesIO(b"a"), "output", "_io.BytesIO", "what it holds"),
    (Later(), "output", f"{__name__}.Later", "await"),
    (defaultdict(lambda: 1), "output", "collections.defaultdict", "factory"),
    (int, "output", "builtins.type", "code, not data"),
])  # fmt: skip
def test_a_refusal_names_the_place_the_class_and_the_way_out(value, path, name, advice):
    with pytest.raises(KitaruEncodingError, match=advice) as caught:
        encode(value)
    assert (caught.value.path, caught.value.type_name) == (path, name)


def test_the_root_of_the_path_is_the_callers():
    with pytest.raises(KitaruEncodingError, match="Cannot store inputs\\[0\\]"):
        encode([object()], path="inputs")


def test_a_class_that_would_not_be_found_again_is_refused():
    @dataclass
    class Local:
        x: int = 1

    with pytest.raises(KitaruEncodingError, match="top level of a module"):
        encode(Local())


@pytest.mark.parametrize("make", [list, dict])
def test_a_cycle_is_refused(make):
    value = make()
    inner = [value]
    value.append(inner) if make is list else value.update(a=inner)
    with pytest.raises(KitaruEncodingError, match="contains itself"):
        encode(value)
    assert digest(value) is None


def nested(levels: int, wrap=lambda value: [value]) -> object:
    value: object = 1
    for _ in range(levels):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: (value,), lambda value: {1: value}, Holder])
def test_depth_is_limited_and_the_limit_itself_still_works(wrap):
    deepest = encode(nested(200, wrap))
    assert decode(deepest.codec, deepest.data) == nested(200, wrap)
    with pytest.raises(KitaruEncodingError, match="more than 200 levels"):
        encode(nested(201, wrap))


def from_the_middle_of(frames: int, work):
    return work() if frames == 0 else from_the_middle_of(frames - 1, work)


@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: (value,), Holder])
def test_how_deep_the_caller_stands_does_not_matter(wrap):
    value = nested(200, wrap)
    encoded = from_the_middle_of(700, lambda: encode(value))
    assert from_the_middle_of(700, lambda: decode(encoded.codec, encoded.data)) == value


def test_a_small_value_that_unfolds_without_end_is_refused(limits):
    limits(max_items=10_000)
    with pytest.raises(KitaruEncodingError, match="more than 10000 values"):
        encode(nested(100, lambda value: [value, value]))
    with pytest.raises(KitaruEncodingError, match="more than 10000 values"):
        encode(nested(100, lambda value: (value, value)))


@pytest.mark.parametrize("value", ["x" * 101, b"x" * 101, ["x" * 101], ("x" * 101,)])
def test_size_is_limited(limits, value):
    limits(max_bytes=100)
    with pytest.raises(KitaruEncodingError, match="more than the 100 allowed"):
        encode(value)


@pytest.mark.parametrize("bounds", [{"max_bytes": 0}, {"max_depth": 10_000}])
def test_senseless_limits_are_refused(bounds):
    with pytest.raises(KitaruUsageError):
        Limits(**bounds)


def typed(tree: object) -> bytes:
    return json.dumps(tree).encode()


@pytest.mark.parametrize("tree", [
    ["exec", "import os"], [], [None], [["list"]], [{}], ["int", "zz"], ["int"], ["int", 5], ["float", "1e5"],
    ["str", "!"], ["dict", 1], ["dict", ["list"], 1], ["set", ["list"]], ["datetime", "x", None, 0],
    ["tz", ["zone", "../../etc/passwd"]], ["tz", ["zone", "No/Where"]], ["path", "str", "x"],
    ["range", "0x0", "0x1", "0x0"], ["fraction", "0x1", "0x0"], ["enum", "os:system", "x"],
    ["enum", "re:RegexFlag", "__class__"], ["dataclass", "subprocess:Popen", {"args": "id"}],
    ["exception", "builtins:print", [], {}, None, None], ["exception", "builtins:ValueError", [], {}, 3, None],
    ["exception", "builtins:ExceptionGroup", [1, 2], {}, None, None], ["struct", f"{__name__}:Holder", {}],
    ["dataclass", f"{__name__}:Holder", {}], ["dataclass", f"{__name__}:Holder", {"handle": 1, "other": 2}],
    ["model", f"{__name__}:Keys", {}, [], None, None], ["codec", "nobody/1", ""], ["defaultdict", "eval"],
    ["model", ["generic", f"{__name__}:Keys", "os:system"], {}, [], None, None], ["deque", -1], ["json"],
    ["url", "builtins:str", "x"], ["namedtuple", "builtins:tuple", {}], ["flag", "re:RegexFlag", "x"],
])  # fmt: skip
def test_a_typed_tree_that_nobody_wrote_is_refused(tree):
    with pytest.raises(KitaruDecodingError):
        decode("typed/1", typed(tree))


@pytest.mark.parametrize(("codec", "data"), [
    ("json/1", b"{"), ("json/1", b""), ("json/1", b"[" * 100_000), ("typed/1", b"[" * 100_000), ("text/1", b"\xff"),
    ("nobody/1", b""), ("pickle", b"cos\nsystem\n(S'id'\ntR."), ("typed/2", b"1"),
])  # fmt: skip
def test_damaged_bytes_and_unknown_formats_are_refused(codec, data):
    with pytest.raises(KitaruDecodingError):
        decode(codec, data)


@pytest.mark.parametrize("module", ["this", "antigravity", "kitaru_not_there"])
def test_a_module_named_in_data_is_never_imported(module):
    with pytest.raises(KitaruDecodingError, match="not among the loaded modules"):
        decode("typed/1", typed(["enum", f"{module}:Zen", "X"]))
    assert module not in sys.modules


def test_no_module_hook_runs_while_a_class_is_looked_up(monkeypatch):
    asked = []
    monkeypatch.setattr(sys.modules[__name__], "__getattr__", asked.append, raising=False)
    with pytest.raises(KitaruDecodingError):
        decode("typed/1", typed(["enum", f"{__name__}:Missing", "X"]))
    assert asked == []


def test_a_missing_class_is_named_and_the_data_is_shown():
    tree = ["list", ["dataclass", "gone.away:Order", {"lines": ["tuple", 1, ["bytes", "eA=="]]}]]
    with pytest.raises(KitaruDecodingError, match=r"gone\.away:Order") as caught:
        decode("typed/1", typed(tree))
    assert caught.value.type_name == "gone.away:Order"
    assert caught.value.raw == [{"lines": [1, {"base64": "eA=="}]}]


def test_no_object_with_a_finaliser_is_made_from_data():
    with pytest.raises(KitaruEncodingError, match="__del__"):
        encode(Finalised("x"))
    finalised.clear()
    with pytest.raises(KitaruDecodingError):
        decode("typed/1", typed(["dataclass", f"{__name__}:Finalised", {"path": "/"}]))
    assert finalised == []


words = st.sampled_from([
    "json", "list", "dict", "tuple", "set", "int", "float", "str", "bytes", "datetime", "tz", "zone", "offset", "path",
    "enum", "flag", "struct", "namedtuple", "dataclass", "exception", "model", "generic", "url", "codec", "deque",
    "builtins:ValueError", "builtins:object", f"{__name__}:Holder", f"{__name__}:Keys", "re:RegexFlag", "handle", "0x1",
])  # fmt: skip
hostile = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | words | st.text(max_size=3),
    lambda below: st.lists(below, max_size=6) | st.dictionaries(words, below, max_size=3),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(hostile)
@example(["exception", "builtins:ValueError", ["list"], {"__class__": 1}, None, None])
def test_only_the_one_error_comes_out_of_hostile_trees(tree):
    data = typed(tree)
    for read in (decode, readable):
        try:
            read("typed/1", data)
        except KitaruDecodingError as error:
            assert str(error)  # noqa: PT017 - any outcome but another error is right


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["json/1", "typed/1", "text/1", "none", "bytes/1", "x/1"]), st.binary())
def test_only_the_one_error_comes_out_of_random_bytes(codec, data):
    try:
        decode(codec, data)
    except KitaruDecodingError as error:
        assert str(error)  # noqa: PT017 - as above


def test_the_codec_loads_neither_pydantic_nor_pickle():
    script = (
        "import sys; from kitaru.artifacts.codecs import roundtrip, digest; roundtrip({'a': (1, b'x')}); digest({1});"
        "print(sorted({'pydantic', 'pickle', 'dill', 'cloudpickle'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
