"""The contract of codecs: what `kitaru.artifacts.api.PayloadCodec` promises, case by case."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import ClassVar

import pytest

from kitaru.artifacts.api import PayloadCodec, TypeCodec
from kitaru.errors import KitaruEncodingError
from kitaru_conformance.contract import Contract, must_be_given
from kitaru_conformance.requirements import requirement

__all__ = ["CodecContract", "CodecMaker"]

CodecMaker = Callable[[], PayloadCodec]


class _Touch:
    """What a careless reader would run: unpickled, it makes a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self._file,)


class CodecContract(Contract):
    """What every codec must do.

    A subclass gives the fixtures `make` and `samples`.
    """

    prefix: ClassVar[str] = "C"
    known_capabilities: ClassVar[Mapping[str, str]] = {
        "checked": "It notices that bytes were cut off or are not its own.",
        "classes": "It says which classes are its own (`handles`).",
        "released": "Earlier releases wrote bytes that it still reads; the fixture `released` gives some.",
    }

    @pytest.fixture
    def make(self) -> CodecMaker:
        """Give a function that makes the codec; the author of a codec overrides this."""
        must_be_given("make", "a function that makes the codec")

    @pytest.fixture
    def samples(self) -> Sequence[object]:
        """Give values that the codec stores: ordinary ones and the strangest; the author overrides this."""
        must_be_given("samples", "values that the codec stores")

    @pytest.fixture
    def foreign(self) -> Sequence[object]:
        """Give values that the codec must not store."""
        return [object(), lambda: None, pytest]

    @pytest.fixture
    def released(self) -> Sequence[tuple[bytes, object]]:
        """Give bytes that earlier releases wrote, each with the value it stands for."""
        must_be_given("released", "bytes that earlier releases wrote")

    def same(self, one: object, other: object) -> bool:
        """Tell whether two values are equal; for classes that have no `==` of their own."""
        return one == other

    @requirement("C-01", level="loads")
    def test_it_has_a_name_with_a_version(self, make: CodecMaker) -> None:
        """A codec has a name and a version, such as `acme.tensor/1`.

        If this fails: stored values are read by that name; give it one that will never mean anything else.
        """
        assert re.fullmatch(r"[a-z][a-z0-9_.-]*/[1-9][0-9]*", make().name)

    @requirement("C-02")
    def test_a_value_comes_back_equal(self, make: CodecMaker, samples: Sequence[object]) -> None:
        """Every sample comes back equal.

        If this fails: repair C-01 first; then look at `encode` and `decode` for that sample.
        """
        codec = make()
        for value in samples:
            assert self.same(codec.decode(codec.encode(value)), value)

    @requirement("C-03")
    def test_a_value_comes_back_with_its_class(self, make: CodecMaker, samples: Sequence[object]) -> None:
        """Every sample comes back with the very class it had.

        If this fails: repair C-02 first; a value that is equal may still be of another class.
        """
        codec = make()
        for value in samples:
            assert type(codec.decode(codec.encode(value))) is type(value)

    @requirement("C-04")
    def test_another_process_could_read_it(self, make: CodecMaker, samples: Sequence[object]) -> None:
        """A codec that was made anew reads what the first one wrote.

        If this fails: repair C-02 first; look for a table of live values that only the writer has.
        """
        for value in samples:
            assert self.same(make().decode(make().encode(value)), value)

    @requirement("C-05")
    def test_it_writes_bytes(self, make: CodecMaker, samples: Sequence[object]) -> None:
        """Encoding gives bytes.

        If this fails: return `bytes`, not a text, a view or a buffer that goes on changing.
        """
        assert {type(make().encode(value)) for value in samples} == {bytes}

    @requirement("C-06")
    def test_equal_values_make_equal_bytes(self, make: CodecMaker, samples: Sequence[object]) -> None:
        """The same value always makes the same bytes, so that equal contents are stored once.

        If this fails: look for times, addresses and counters in the bytes.
        """
        for value in samples:
            assert make().encode(value) == make().encode(value)

    @requirement("C-07")
    def test_a_second_journey_changes_nothing(self, make: CodecMaker, samples: Sequence[object]) -> None:
        """A value that was read is written again to the same bytes.

        If this fails: repair C-02 and C-06 first; look for a default that is filled in on reading.
        """
        codec = make()
        for value in samples:
            data = codec.encode(value)
            assert codec.encode(codec.decode(data)) == data

    @requirement("C-08")
    def test_writing_changes_no_value(self, make: CodecMaker, samples: Sequence[object]) -> None:
        """Encoding leaves the value as it was.

        If this fails: work on a copy.
        """
        for value in samples:
            before = deepcopy(value)
            make().encode(value)
            assert self.same(value, before)

    @requirement("C-09")
    def test_readers_share_nothing(self, make: CodecMaker, samples: Sequence[object]) -> None:
        """Reading twice gives two values; changing one does not change the other.

        If this fails: look for a cache of decoded values.
        """
        codec = make()
        for value in samples:
            data = codec.encode(value)
            if type(value).__hash__ is None:  # it can be changed
                assert codec.decode(data) is not codec.decode(data)

    @requirement("C-10")
    def test_a_foreign_value_is_refused(self, make: CodecMaker, foreign: Sequence[object]) -> None:
        """A value that the codec cannot store is refused with ValueError or TypeError.

        If this fails: check the class before writing; a `repr` is no way to store a value.
        """
        for value in foreign:
            with pytest.raises((ValueError, TypeError, KitaruEncodingError)):
                make().encode(value)

    @requirement("C-11")
    def test_data_is_never_code(self, make: CodecMaker, samples: Sequence[object], tmp_path: Path) -> None:
        """Nothing that is found in the bytes is run, whatever they are.

        If this fails: do not unpickle, evaluate or import what data names.
        """
        touched = tmp_path / "touched"
        call = f"__import__('pathlib').Path({str(touched)!r}).touch()"
        hostile = [
            pickle.dumps(_Touch(touched)),
            call.encode(),
            json.dumps({"py/reduce": [{"py/function": "pathlib.Path.touch"}, {"py/tuple": [str(touched)]}]}).encode(),
            f"!!python/object/apply:os.system ['touch {touched}']".encode(),
            f'["os:system", "touch {touched}"]'.encode(),
            *(make().encode(value) + call.encode() for value in samples),
        ]
        for data in hostile:
            with suppress(Exception):
                make().decode(data)
            assert not touched.exists()

    @requirement("C-12", needs={"checked"})
    def test_damaged_bytes_are_refused(self, make: CodecMaker, samples: Sequence[object]) -> None:
        """Bytes that were cut off, or are not the codec's own, are an error and no value.

        If this fails: write a length, a frame or a check sum.
        """
        codec = make()
        for value in samples:
            data = codec.encode(value)
            for damaged in (data[: len(data) // 2], b"\xff" + data):
                with pytest.raises(Exception):  # noqa: B017, PT011 - each codec has errors of its own
                    codec.decode(damaged)

    @requirement("C-13", needs={"released"})
    def test_bytes_of_earlier_releases_are_read(
        self, make: CodecMaker, released: Sequence[tuple[bytes, object]]
    ) -> None:
        """Bytes that an earlier release wrote under this name stand for the same values as ever.

        If this fails: put the reader back; a new format takes a new version in the name.
        """
        assert released
        for data, value in released:
            assert self.same(make().decode(data), value)

    @requirement("C-14", needs={"classes"})
    def test_it_knows_its_classes(self, make: CodecMaker, samples: Sequence[object], foreign: Sequence[object]) -> None:
        """A codec handles the classes of its samples, and no others.

        If this fails: compare the class exactly; a subclass may hold more than the codec writes.
        """
        codec = make()
        assert isinstance(codec, TypeCodec)
        assert all(codec.handles(type(value)) for value in samples)
        subclass = type("Sub", (type(samples[0]),), {})
        assert not any(codec.handles(kind) for kind in (subclass, *map(type, foreign)))
