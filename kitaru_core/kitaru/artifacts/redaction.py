"""Cutting secrets out of texts and trees before they are kept or shown.

Two things give a secret away: its value, when it was made known here, and the name it stands under. Redaction is for
stored inputs, logs, events and error texts. What a checkpoint returns is never touched, because replay needs it whole.
"""

from __future__ import annotations

import base64
import json
import os
import re
from functools import lru_cache
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["REDACTED", "Redactor", "is_secret_name", "redact", "shared_redactor"]

REDACTED: Final = "[redacted]"

_MIN_LENGTH: Final = 4
_MAX_DEPTH: Final = 200
_SHORT: Final = 64
_REMEMBERED: Final = 4096
_CONTAINERS: Final = frozenset({list, tuple, set, frozenset})
_NUMBERS: Final = frozenset({type(None), bool, int, float})
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Each of the words below has one of these in it.
_MARKS: Final = ("auth", "bearer", "cookie", "credential", "jwt", "key", "pass", "pwd", "secret", "token")
_SECRET_WORDS: Final = {
    *("apikey", "auth", "authorization", "bearer", "cookie", "credential", "credentials", "jwt", "passphrase"),
    *("passwd", "password", "passwords", "pwd", "secret", "secrets", "token"),
}
_HARMLESS_KEYS: Final = {
    *("a", "business", "by", "cache", "dedup", "dict", "digest", "foreign", "group", "hash", "idempotency", "index"),
    *("map", "object", "partition", "primary", "public", "sort", "stable", "the"),
}
# What such names say is about a secret, not the secret itself.
_HARMLESS_ENDINGS: Final = {
    *("budget", "count", "counts", "id", "ids", "length", "limit", "name", "names", "type", "types", "uri", "url"),
    *("source", "sources", "usage"),
}

_REST = r"[A-Za-z0-9_-]{16,}+"
# What each shape begins with, which is looked for first, and the shape. A pattern that begins with plain letters is
# searched for many times faster than one that begins with a word's boundary, so the boundary is looked at afterwards.
_SHAPES: Final = tuple(
    (mark, re.compile(rf"{mark}(?<=\b{mark}){rest}"))
    for mark, rest in (
        ("sk-", _REST),
        ("gh", rf"[pousr][_-]{_REST}"),
        ("xox", rf"[abprs][_-]{_REST}"),
        ("github_pat", rf"[_-]{_REST}"),
        ("glpat", rf"[_-]{_REST}"),
        ("hf", rf"[_-]{_REST}"),
        ("AKIA", r"[0-9A-Z]{16}\b"),
        ("ASIA", r"[0-9A-Z]{16}\b"),
        ("AIza", r"[0-9A-Za-z_-]{30,}+"),
        ("eyJ", r"[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+"),
    )
)
_KEY_MARK: Final = "-----BEGIN "
_KEY: Final = re.compile(
    rf"{_KEY_MARK}[A-Z ]{{0,40}}PRIVATE KEY-----[^-]*+(?:-----END [A-Z ]{{0,40}}PRIVATE KEY-----)?"
)
_HEADER: Final = re.compile(r"(?i)\b(bearer|basic)(\s{1,4})[A-Za-z0-9._~+/=-]{8,}+")
_URL_LOGIN: Final = re.compile(r"(://[^/\s:@]{0,256}+:)[^/\s@]{1,1024}+(?=@)")
# A name is tried once, at its start, and never given back: no text makes this slow.
_NAME_LENGTH: Final = 64
_NAME: Final = re.compile(r"[\w.-]*+")
_NAME_END: Final = re.compile(r"[\w.-]*+\Z")
_ASSIGNMENT: Final = re.compile(
    r"""(?<![\w.-])([\w.-]{1,64}+)(\\?["']?\s{0,4}[:=]\s{0,4})("[^"]*+"|'[^']*+'|[^\s,;&"'})\]]++)"""
)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Tell whether what stands under a name is probably a secret.

    Args:
        name: Name of a field, header, argument or environment variable, in any spelling.

    Returns:
        `True` for names such as `OPENAI_API_KEY`, `x-auth-token` or `dbPassword`; `False` for `max_tokens`,
        `cache_key` or `token_count`.
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or words[-1] in _HARMLESS_ENDINGS:
        return False
    if not _SECRET_WORDS.isdisjoint(words):
        return True
    return any(word == "key" and before not in _HARMLESS_KEYS for before, word in pairwise(words))


_DIRECTORIES: Final = frozenset({"PWD", "OLDPWD"})
"""Variables in which a shell keeps where it is and was; no passwords, whatever the name says."""


_Seen = dict[tuple[int, bool], tuple[object, object]]
"""Objects that were looked into, by their identity and whether they stand under a secret name, with what is shown."""


class Redactor:
    """Knows secrets and cuts them out.

    Args:
        secrets: Values that are known to be secret.
        hook: Called with every text after the built-in rules; returns the text to keep.
    """

    def __init__(self, secrets: Iterable[str] = (), *, hook: Callable[[str], str] | None = None) -> None:
        self._lock = Lock()
        self._known: set[str] = set()
        self._forms: tuple[str, ...] = ()
        self._pattern: re.Pattern[str] | None = None
        self._hook = hook
        self._harmless: set[str] = set()
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Make values known as secret, also in the forms they take inside JSON, URLs and base64.

        Args:
            *secrets: The values. One shorter than four characters is ignored: cutting it out would shred every text.
        """
        forms = {form for secret in secrets if len(secret) >= _MIN_LENGTH for form in _forms(secret)}
        with self._lock:
            if forms <= self._known:
                return
            self._known |= forms
            # The longest first, or a secret that begins with another one would leave its tail behind.
            ordered = sorted(self._known, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, ordered)))
            self._forms = tuple(ordered)
            self._harmless = set()

    def add_environment(self, environment: Mapping[str, str]) -> None:
        """Make the values of all variables known whose names say that they are secret.

        Args:
            environment: Such as `os.environ`.
        """
        secret = (name for name in environment if name not in _DIRECTORIES and is_secret_name(name))
        self.add(*(environment[name] for name in secret))

    def text(self, text: str) -> str:
        """Return `text` without the secrets in it.

        Args:
            text: Any text: a log line, an error, a command line.

        Returns:
            The text, with `[redacted]` in place of each secret.
        """
        harmless = self._harmless
        if text in harmless:
            return text
        shown = self._shown(text)
        # Names and ids are said again and again.
        if len(text) <= _SHORT and shown == text and self._hook is None:
            if len(harmless) >= _REMEMBERED:
                harmless.clear()
            harmless.add(text)
        return shown

    def _shown(self, text: str) -> str:
        # Looking for what every match has in it is many times cheaper than trying the patterns.
        if self._pattern is not None and any(map(text.__contains__, self._forms)):
            text = self._pattern.sub(REDACTED, text)
        if _KEY_MARK in text:
            text = _KEY.sub(REDACTED, text)
        for mark, shape in _SHAPES:
            if mark in text:
                text = shape.sub(REDACTED, text)
        lowered = text.lower()
        if "bearer" in lowered or "basic" in lowered:
            text = _HEADER.sub(rf"\1\2{REDACTED}", text)
        if "://" in text:
            text = _URL_LOGIN.sub(rf"\1{REDACTED}", text)
        if ":" in text or "=" in text:
            text = _without_assignments(text)
        return text if self._hook is None else self._hook(text)

    def tree(self, value: object) -> object:
        """Return a copy of data without the secrets in it.

        Args:
            value: Any value. Containers, dataclasses, models, structs and named tuples are looked into.

        Returns:
            The copy. Texts and bytes under a secret name are gone whole, numbers under it stay. A dataclass and the
            like that holds a secret becomes a dictionary of its fields.
        """
        return self._tree(value, {}, secret=False, depth=_MAX_DEPTH)

    def _tree(self, value: object, seen: _Seen, *, secret: bool, depth: int) -> object:
        kind = type(value)
        if kind in _NUMBERS:
            return value
        # What is too deep to look through may not be shown either.
        if depth <= 0 or (secret and isinstance(value, str | bytes | bytearray)):
            return REDACTED
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                key: self._tree(
                    item, seen, secret=secret or (isinstance(key, str) and is_secret_name(key)), depth=depth - 1
                )
                for key, item in value.items()
            }
        if kind in _CONTAINERS:
            items = (self._tree(item, seen, secret=secret, depth=depth - 1) for item in cast("Iterable[object]", value))
            return kind(items)  # type: ignore[call-arg] # each of these takes an iterable
        return self._object(value, seen, secret=secret, depth=depth)

    def _object(self, value: object, seen: _Seen, *, secret: bool, depth: int) -> object:
        """Look into an object once, however many others lead to it: objects may know their parents."""
        place = id(value), secret
        if place not in seen:
            seen[place] = value, value
            fields = _fields(value)
            shown = self._tree(fields, seen, secret=secret, depth=depth) if fields else fields
            if shown != fields:
                seen[place] = value, shown
        return seen[place][1]


def _fields(value: object) -> dict[str, object]:
    """Return the fields of a dataclass, model, struct or named tuple; nothing for any other value."""
    kind = type(value)
    if hasattr(kind, "__pydantic_fields__"):
        return {**vars(value), **(getattr(value, "__pydantic_extra__", None) or {})}
    names: Iterable[str] = getattr(kind, "__dataclass_fields__", ()) or getattr(kind, "__struct_fields__", ())
    if not names and isinstance(value, tuple):
        names = getattr(kind, "_fields", ())
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _forms(secret: str) -> Iterable[str]:
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    data = secret.encode("utf-8", "surrogatepass")
    yield quote(data, safe="")
    yield quote_plus(data)
    yield base64.b64encode(data).decode("ascii").rstrip("=")
    yield base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _without_assignments(text: str) -> str:
    """Cut out what is assigned to secret names; only where a part of such a name stands is it looked for."""
    lowered = text.lower()
    if len(lowered) != len(text):  # places in the one are not places in the other
        return _ASSIGNMENT.sub(_redact_assignment, text)
    parts: list[str] = []
    done = end = 0
    for place in sorted(_places(lowered)):
        if place < end:
            continue
        start = place - len(_NAME_END.search(text, max(end, place - _NAME_LENGTH), place)[0])  # type: ignore[index]  # it matches everywhere
        end = _NAME.match(text, place).end()  # type: ignore[union-attr]  # a mark is part of a name
        found = _ASSIGNMENT.match(text, start)
        if found is not None:
            parts += (text[done:start], _redact_assignment(found))
            done = end = found.end()
    return "".join((*parts, text[done:])) if parts else text


def _places(lowered: str) -> Iterator[int]:
    for mark in _MARKS:
        place = lowered.find(mark)
        while place >= 0:
            yield place
            place = lowered.find(mark, place + 1)


def _redact_assignment(match: re.Match[str]) -> str:
    name, middle, value = match.groups()
    if not is_secret_name(name) or value.startswith("[redacted") or value.lower() in {"bearer", "basic"}:
        return match.group()
    quoted = value[0] if value[0] in "\"'" else ""
    return f"{name}{middle}{quoted}{REDACTED}{quoted}"


_shared = Redactor()
_environment_known = False


def shared_redactor() -> Redactor:
    """Return the redactor of this process; it knows the secrets of the environment and every secret that was read."""
    global _environment_known  # noqa: PLW0603 - the environment is looked at once, on first use
    if not _environment_known:
        _environment_known = True
        _shared.add_environment(os.environ)
    return _shared


def redact(value: object) -> object:
    """Return a copy of plain data, or a text, without the secrets this process knows.

    Args:
        value: A text, or plain data as `Redactor.tree` takes it.
    """
    return shared_redactor().tree(value)
