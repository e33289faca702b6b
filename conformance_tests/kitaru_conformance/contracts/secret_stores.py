"""The contract of secret stores: what `kitaru.secrets.api.SecretStore` promises, case by case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, Final

import pytest

from kitaru.errors import KitaruError, KitaruNotFoundError, KitaruRuntimeError, KitaruUsageError
from kitaru.secrets.api import Secret, SecretStore
from kitaru_conformance.contract import Contract, must_be_given
from kitaru_conformance.requirements import requirement

__all__ = ["CANARY", "SecretStoreContract", "StoreMaker"]

StoreMaker = Callable[[], SecretStore]

CANARY: Final = "canary-4f1d2c-never-shown"
"""The value that must not be seen anywhere."""

_VALUES: Final = {"API_KEY": CANARY, "REGION": "north"}
_STRANGE: Final = {"A": "ünï 漢字 🙂", "B": "line\nbreak\ttab", "C": " padded ", "D": "x" * 65_536, "E": "'\"\\;--"}


class SecretStoreContract(Contract):
    """What every secret store must do.

    A subclass gives the fixture `open`, which opens the same empty store each time it is called. A store that can only
    be read also gives `seeded`.
    """

    prefix: ClassVar[str] = "K"
    known_capabilities: ClassVar[Mapping[str, str]] = {
        "encrypted": "It keeps its values encrypted in files below the folder that the fixture `folder` gives.",
        "persistent": "Another opening sees what was written.",
        "read_only": "Nothing can be written through it.",
        "writable": "Secrets are created, updated and deleted through it.",
    }

    @pytest.fixture
    def open(self) -> StoreMaker:
        """Give a function that opens the store; the author of a store overrides this."""
        must_be_given("open", "a function that opens the store")

    @pytest.fixture
    def store(self, open: StoreMaker) -> SecretStore:  # noqa: A002 - the fixture's name
        """Give the empty store, open."""
        return open()

    @pytest.fixture
    def seeded(self, store: SecretStore) -> SecretStore:
        """Give the store with the secret `prod`, which has the values `API_KEY` (the canary) and `REGION`, `north`."""
        store.create("prod", _VALUES, private=False)
        return store

    @pytest.fixture
    def folder(self) -> Path:
        """Give the folder below which an encrypted store keeps its files."""
        must_be_given("folder", "the folder below which an encrypted store keeps its files")

    @requirement("K-01", level="loads")
    def test_an_empty_store_opens(self, store: SecretStore) -> None:
        """An empty store opens and lists nothing.

        If this fails: look at the card's `load` and at the `open` fixture.
        """
        assert store.summaries() == []

    @requirement("K-02")
    def test_a_missing_secret_is_none(self, store: SecretStore) -> None:
        """Reading a secret that is not there gives None.

        If this fails: repair K-01 first; only writing to a missing secret is an error.
        """
        assert store.read("prod") is None

    @requirement("K-03")
    def test_a_secret_is_read_by_name(self, seeded: SecretStore) -> None:
        """A secret is read by its name, with all its values.

        If this fails: repair K-02 first.
        """
        secret = seeded.read("prod")
        assert isinstance(secret, Secret)
        assert (secret.name, dict(secret.values)) == ("prod", _VALUES)

    @requirement("K-04")
    def test_a_secret_is_read_by_id(self, seeded: SecretStore) -> None:
        """A secret is read by the id that its summary shows, and is the same secret.

        If this fails: repair K-03 first.
        """
        (summary,) = seeded.summaries()
        by_id, by_name = seeded.read(summary.id), seeded.read("prod")
        assert by_id is not None
        assert by_name is not None
        assert (by_id.id, by_id.values) == (by_name.id, by_name.values) == (summary.id, _VALUES)

    @requirement("K-05")
    @pytest.mark.parametrize("name", ["pro", "prodx", "pro*", "%", ""])
    def test_a_name_is_never_guessed(self, seeded: SecretStore, name: str) -> None:
        """A name that is only alike finds nothing.

        If this fails: compare whole names; look for wildcards.
        """
        assert seeded.read(name) is None

    @requirement("K-06")
    def test_a_summary_shows_keys_and_no_values(self, seeded: SecretStore) -> None:
        """A summary shows the keys, sorted, and no value.

        If this fails: repair K-03 first.
        """
        (summary,) = seeded.summaries()
        assert (summary.keys, summary.has_missing_values) == (("API_KEY", "REGION"), False)
        assert CANARY not in repr(summary)

    @requirement("K-07")
    def test_no_value_is_ever_shown(self, seeded: SecretStore) -> None:
        """Neither the store nor its secrets show a value when they are printed.

        If this fails: look at `__repr__` and `__str__`, and at what a dataclass writes by itself.
        """
        shown = (seeded, seeded.read("prod"), seeded.summaries())
        assert CANARY not in "".join(f"{one!r}{one}" for one in shown)

    @requirement("K-08", needs={"read_only"})
    def test_a_store_that_is_only_read_says_so(self, seeded: SecretStore) -> None:
        """Writing to a store that can only be read raises KitaruRuntimeError, which shows no value.

        If this fails: refuse in `create`, `update` and `delete`; never ignore a value.
        """
        writes: tuple[Callable[[], object], ...] = (
            lambda: seeded.create("other", {"K": CANARY}, private=False),
            lambda: seeded.update("prod", {"K": CANARY}, unset=()),
            lambda: seeded.delete("prod"),
        )
        for write in writes:
            with pytest.raises(KitaruRuntimeError) as caught:
                write()
            assert CANARY not in str(caught.value)
        assert len(seeded.summaries()) == 1

    @requirement("K-09", needs={"writable"})
    def test_a_new_secret_is_summed_up(self, store: SecretStore) -> None:
        """Creating a secret returns the summary that the list shows from then on.

        If this fails: repair K-06 first.
        """
        made = store.create("prod", _VALUES, private=True)
        assert (made.name, made.keys, made.private) == ("prod", ("API_KEY", "REGION"), True)
        assert store.summaries() == [made]

    @requirement("K-10", needs={"writable"})
    def test_summaries_are_sorted_by_name(self, store: SecretStore) -> None:
        """Summaries are sorted by name, each with an id of its own.

        If this fails: repair K-09 first.
        """
        for name in ("b", "c", "a"):
            store.create(name, {"K": "v"}, private=False)
        assert [one.name for one in store.summaries()] == ["a", "b", "c"]
        assert len({one.id for one in store.summaries()}) == 3

    @requirement("K-11", needs={"writable"})
    def test_a_name_is_used_once(self, seeded: SecretStore) -> None:
        """Creating a secret whose name is taken raises KitaruRuntimeError, shows no value and changes nothing.

        If this fails: look for a unique index on the name.
        """
        with pytest.raises(KitaruRuntimeError) as caught:
            seeded.create("prod", {"K": CANARY + "2"}, private=False)
        assert CANARY not in str(caught.value)
        assert _values(seeded) == _VALUES

    @requirement("K-12", needs={"writable"})
    def test_an_update_adds_and_replaces(self, seeded: SecretStore) -> None:
        """An update adds and replaces values, and leaves the others.

        If this fails: repair K-03 first; merge with what is there.
        """
        updated = seeded.update("prod", {"REGION": "south", "ZONE": "1"}, unset=())
        assert updated.keys == ("API_KEY", "REGION", "ZONE")
        assert _values(seeded) == {"API_KEY": CANARY, "REGION": "south", "ZONE": "1"}

    @requirement("K-13", needs={"writable"})
    def test_an_update_takes_values_out(self, seeded: SecretStore) -> None:
        """An update takes out the keys it is told to.

        If this fails: repair K-12 first.
        """
        seeded.update("prod", {}, unset=["REGION", "never there"])
        assert _values(seeded) == {"API_KEY": CANARY}

    @requirement("K-14", needs={"writable"})
    def test_a_secret_keeps_a_value(self, seeded: SecretStore) -> None:
        """An update that would leave no value raises KitaruUsageError and changes nothing.

        If this fails: repair K-13 first; check before writing.
        """
        with pytest.raises(KitaruUsageError):
            seeded.update("prod", {}, unset=list(_VALUES))
        assert _values(seeded) == _VALUES

    @requirement("K-15", needs={"writable"})
    def test_rotation_keeps_the_secret_and_forgets_the_value(self, seeded: SecretStore) -> None:
        """After a value was replaced the secret has the same id and privacy, and the old value is read nowhere.

        If this fails: repair K-12 first; look for a version that is still handed out.
        """
        (before,) = seeded.summaries()
        seeded.update("prod", {"API_KEY": "rotated"}, unset=())
        (after,) = seeded.summaries()
        assert (after.id, after.private) == (before.id, before.private)
        for key in ("prod", before.id):
            secret = seeded.read(key)
            assert secret is not None
            assert secret.values["API_KEY"] == "rotated"

    @requirement("K-16", needs={"writable"})
    def test_a_secret_that_was_read_does_not_change(self, seeded: SecretStore) -> None:
        """A secret that was read keeps its values when the store changes, and the store when the caller's mapping does.

        If this fails: copy what comes in and what goes out.
        """
        given = {"K": "first"}
        seeded.create("other", given, private=False)
        given["K"] = "changed"
        held = seeded.read("other")
        seeded.update("other", {"K": "second"}, unset=())
        assert held is not None
        assert held.values == {"K": "first"}

    @requirement("K-17", needs={"writable"})
    def test_any_text_is_a_value(self, store: SecretStore) -> None:
        """A value may be any text, and comes back as it was.

        If this fails: look for trimming, quoting, and limits on length.
        """
        store.create("strange", _STRANGE, private=False)
        assert _values(store, "strange") == _STRANGE

    @requirement("K-18", needs={"writable"})
    def test_a_deleted_secret_is_gone(self, seeded: SecretStore) -> None:
        """A deleted secret is gone, by name and by id; deleting returns what it was, without values.

        If this fails: repair K-02 and K-09 first.
        """
        (before,) = seeded.summaries()
        assert seeded.delete("prod") == before
        assert (seeded.read("prod"), seeded.read(before.id), seeded.summaries()) == (None, None, [])

    @requirement("K-19", needs={"writable"})
    def test_a_secret_is_deleted_by_id(self, seeded: SecretStore) -> None:
        """A secret is updated and deleted by its id as well.

        If this fails: repair K-04 and K-18 first.
        """
        (before,) = seeded.summaries()
        seeded.update(before.id, {"ZONE": "1"}, unset=())
        seeded.delete(before.id)
        assert seeded.summaries() == []

    @requirement("K-20", needs={"writable"})
    def test_a_missing_secret_is_not_written(self, store: SecretStore) -> None:
        """Updating or deleting a secret that is not there raises KitaruNotFoundError and makes none.

        If this fails: repair K-12 first; an update never creates.
        """
        with pytest.raises(KitaruNotFoundError):
            store.update("prod", {"K": "v"}, unset=())
        with pytest.raises(KitaruNotFoundError):
            store.delete("prod")
        assert store.summaries() == []

    @requirement("K-21", needs={"writable"})
    def test_updates_at_once_lose_nothing(self, seeded: SecretStore) -> None:
        """Updates of one secret that come at the same time are all there afterwards.

        If this fails: repair K-12 first; reading and writing are one transaction.
        """
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda number: seeded.update("prod", {f"K{number}": "v"}, unset=()), range(12)))
        assert set(_values(seeded)) == {*_VALUES, *(f"K{number}" for number in range(12))}

    @requirement("K-22", needs={"writable", "persistent"})
    def test_another_opening_sees_what_was_written(self, seeded: SecretStore, open: StoreMaker) -> None:  # noqa: A002 - the fixture's name
        """What was written is seen by another opening, and what that one writes is seen here.

        If this fails: repair K-12 first; look for a cache in the process.
        """
        other = open()
        assert _values(other) == _VALUES
        other.update("prod", {"REGION": "west"}, unset=())
        assert _values(seeded)["REGION"] == "west"

    @requirement("K-23", needs={"encrypted"})
    def test_no_value_lies_about_in_the_clear(self, seeded: SecretStore, folder: Path) -> None:
        """No file holds a value in the clear, also after it was replaced and deleted, and all files are private.

        If this fails: encrypt before writing; give the mode when the file is made.
        """
        seeded.update("prod", {"API_KEY": CANARY + "-rotated"}, unset=())
        files = [one for one in folder.rglob("*") if one.is_file()]
        assert files
        assert not any(CANARY.encode() in one.read_bytes() for one in files)
        assert [one.stat().st_mode & 0o077 for one in files] == [0] * len(files)

    @requirement("K-24", needs={"encrypted"})
    def test_an_altered_file_gives_no_value(self, seeded: SecretStore, folder: Path) -> None:
        """A secret whose stored bytes were altered is an error and never another value.

        If this fails: seal values so that a change is noticed, and tie them to their secret's name.
        """
        largest = max((one for one in folder.rglob("*") if one.is_file()), key=lambda one: one.stat().st_size)
        data = bytearray(largest.read_bytes())
        used = [place for place in range(len(data) // 2, len(data)) if data[place]]
        for place in used:
            data[place] ^= 1
        largest.write_bytes(data)
        with pytest.raises(KitaruError) as caught:
            _read_all(seeded)
        assert CANARY not in str(caught.value)


def _values(store: SecretStore, name: str = "prod") -> dict[str, str]:
    secret = store.read(name)
    assert secret is not None
    return dict(secret.values)


def _read_all(store: SecretStore) -> None:
    secret = store.read("prod")
    if secret is None or dict(secret.values) != _VALUES:
        msg = "the secret is gone or has other values, and nothing said so"
        raise AssertionError(msg)
