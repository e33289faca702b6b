"""Secret stores that are right in everything but one thing."""

from __future__ import annotations

import time
from contextlib import suppress
from fnmatch import fnmatch

import msgspec
from judged import doubles

from kitaru.errors import KitaruError, KitaruNotFoundError, KitaruRuntimeError, KitaruUsageError
from kitaru.secrets.api import Secret
from kitaru.secrets.environment import EnvironmentSecretStore
from kitaru.secrets.local import LocalSecretStore

CANARY = "canary-4f1d2c-never-shown"
replace = msgspec.structs.replace


class Right:
    """A store that passes on everything it is asked."""

    fails = frozenset()

    def __init__(self, folder):
        self.folder = folder
        self.inner = LocalSecretStore(folder)

    def __getattr__(self, name):
        return getattr(self.inner, name)


def wrong(*ids):
    """Mark a double with the ids of the cases it must fail, and no others."""

    def mark(kind):
        kind.fails = frozenset(f"K-{number}" for number in ids)
        return kind

    return mark


@wrong("01", "02", "20")
class NeverEmpty(Right):
    def summaries(self):
        found = self.inner.summaries()
        if not found and not (self.folder / "secrets.db").exists():
            raise KitaruRuntimeError("there is no store yet")
        return found

    def read(self, name_or_id):
        if not (self.folder / "secrets.db").exists():
            raise KitaruRuntimeError("there is no store yet")
        return self.inner.read(name_or_id)


@wrong("02", "05", "18")
class MissesLoudly(Right):
    def read(self, name_or_id):
        found = self.inner.read(name_or_id)
        if found is None:
            raise KitaruNotFoundError("there is none")
        return found


class _ChangesSecrets(Right):
    def change(self, secret, asked):
        return secret

    def read(self, name_or_id):
        found = self.inner.read(name_or_id)
        return None if found is None else self.change(found, name_or_id)


@wrong("03")
class NamesItByWhatWasAsked(_ChangesSecrets):
    def change(self, secret, asked):
        return Secret(name=secret.id if asked == "prod" else secret.name, id=secret.id, values=secret.values)


@wrong("04", "15", "19")
class KnowsNamesOnly(Right):
    def read(self, name_or_id):
        return self.inner.read(name_or_id) if any(one.name == name_or_id for one in self.inner.summaries()) else None

    def update(self, name_or_id, values, *, unset):
        if all(one.name != name_or_id for one in self.inner.summaries()):
            raise KitaruNotFoundError("there is none")
        return self.inner.update(name_or_id, values, unset=unset)


@wrong("05")
class Guesses(Right):
    def read(self, name_or_id):
        names = [one.name for one in self.inner.summaries() if fnmatch(one.name, name_or_id)]
        return self.inner.read(names[0] if names else name_or_id)


@wrong("06", "09", "12")
class ForgetsKeys(Right):
    def summaries(self):
        return [replace(one, keys=()) for one in self.inner.summaries()]

    def create(self, name, values, *, private):
        return replace(self.inner.create(name, values, private=private), keys=())

    def update(self, name_or_id, values, *, unset):
        return replace(self.inner.update(name_or_id, values, unset=unset), keys=())

    def delete(self, name_or_id):
        return replace(self.inner.delete(name_or_id), keys=())


@wrong("07")
class ShowsItself(Right):
    def __repr__(self):
        return f"Store({[dict(self.inner.read(one.id).values) for one in self.inner.summaries()]})"


@wrong("09", "18")
class IsNeverPrivate(Right):
    def summaries(self):
        return [replace(one, private=not one.private) for one in self.inner.summaries()]


@wrong("10")
class ListsBackwards(Right):
    def summaries(self):
        return self.inner.summaries()[::-1]


@wrong("11")
class Replaces(Right):
    def create(self, name, values, *, private):
        with suppress(KitaruError):
            self.inner.delete(name)
        return self.inner.create(name, values, private=private)


@wrong("12", "21")
class ReplacesAll(Right):
    def update(self, name_or_id, values, *, unset):
        old = self.inner.read(name_or_id)
        if old is None or not values:
            return self.inner.update(name_or_id, values, unset=unset)
        return self.inner.update(name_or_id, values, unset=set(old.values) - set(values))


@wrong("13", "14")
class TakesNothingOut(Right):
    def update(self, name_or_id, values, *, unset):
        return self.inner.update(name_or_id, values, unset=())


@wrong("14")
class LeavesAnEmptySecret(Right):
    def update(self, name_or_id, values, *, unset):
        try:
            return self.inner.update(name_or_id, values, unset=unset)
        except KitaruUsageError:
            return self.inner.update(name_or_id, {"EMPTY": "-"}, unset=unset)


@wrong("15")
class MakesANewOneOfIt(Right):
    def update(self, name_or_id, values, *, unset):
        old = self.inner.read(name_or_id)
        done = self.inner.update(name_or_id, values, unset=unset)
        if old is None or set(values) != {"API_KEY"} or values["API_KEY"] != "rotated":
            return done
        kept = self.inner.delete(name_or_id)
        return self.inner.create(kept.name, {**old.values, **values}, private=kept.private)


@wrong("16")
class HandsOutLiveValues(Right):
    def __init__(self, folder):
        super().__init__(folder)
        self.given = {}

    def create(self, name, values, *, private):
        self.given[name] = values
        return self.inner.create(name, values, private=private)

    def read(self, name_or_id):
        found = self.inner.read(name_or_id)
        given = self.given.get(name_or_id) if name_or_id == "other" else None
        return found if given is None else Secret(name=found.name, id=found.id, values=given)


@wrong("17")
class Trims(_ChangesSecrets):
    def change(self, secret, asked):
        values = {key: value.strip() for key, value in secret.values.items()}
        return Secret(name=secret.name, id=secret.id, values=values, private=secret.private)


@wrong("18", "19", "20")
class DeletesNothing(Right):
    def delete(self, name_or_id):
        return next(one for one in self.inner.summaries() if name_or_id in {one.name, one.id})


@wrong("19")
class DeletesByNameOnly(Right):
    def delete(self, name_or_id):
        if all(one.name != name_or_id for one in self.inner.summaries()):
            raise KitaruNotFoundError("there is none")
        return self.inner.delete(name_or_id)


@wrong("20")
class MakesWhatIsMissing(Right):
    def update(self, name_or_id, values, *, unset):
        if self.inner.read(name_or_id) is None:
            return self.inner.create(name_or_id, values, private=False)
        return self.inner.update(name_or_id, values, unset=unset)


@wrong("21")
class RacesItself(Right):
    def update(self, name_or_id, values, *, unset):
        old = self.inner.read(name_or_id)
        if old is None:
            return self.inner.update(name_or_id, values, unset=unset)
        time.sleep(0.02)
        others = {} if unset else dict(old.values)
        gone = set() if unset else set(self.inner.read(name_or_id).values) - set(others) - set(values)
        return self.inner.update(name_or_id, {**others, **values}, unset=gone or unset)


@wrong("22", "24")
class ReadsFromACache(Right):
    def __init__(self, folder):
        super().__init__(folder)
        self.cache = {}

    def forget(self):
        self.cache.clear()

    def read(self, name_or_id):
        if name_or_id not in self.cache:
            found = self.inner.read(name_or_id)
            if found is None:
                return None
            self.cache[name_or_id] = found
        return self.cache[name_or_id]

    def create(self, name, values, *, private):
        made = self.inner.create(name, values, private=private)
        self.read(name)
        return made

    def update(self, name_or_id, values, *, unset):
        self.forget()
        return self.inner.update(name_or_id, values, unset=unset)

    def delete(self, name_or_id):
        self.forget()
        return self.inner.delete(name_or_id)


@wrong("23")
class KeepsACopyInTheClear(Right):
    def create(self, name, values, *, private):
        made = self.inner.create(name, values, private=private)
        copy = self.folder / "copy.txt"
        copy.touch(mode=0o600)
        copy.write_text(repr(values))
        return made


@wrong("24")
class HidesDamage(Right):
    def __init__(self, folder):
        super().__init__(folder)
        self.last = {}

    def read(self, name_or_id):
        try:
            return self.inner.read(name_or_id)
        except KitaruError:
            return Secret(name="prod", id="1", values={"API_KEY": CANARY, "REGION": "north"})


WRITABLE = doubles(globals(), Right)


class RightToRead(EnvironmentSecretStore):
    """A store that can only be read, and says so."""

    fails = frozenset()


@wrong("08")
class IgnoresWrites(RightToRead):
    def create(self, name, values, *, private):
        pass


@wrong("08")
class ShowsWhatItRefuses(RightToRead):
    def update(self, name_or_id, values, *, unset=()):
        raise KitaruRuntimeError(f"cannot set {dict(values)}")


READ_ONLY = doubles(globals(), RightToRead)
DOUBLES = WRITABLE | READ_ONLY
