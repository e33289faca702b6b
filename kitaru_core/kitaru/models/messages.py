"""The messages of a call, checked and in one form, their texts untouched."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from kitaru.errors import KitaruUsageError
from kitaru.records.plain import JsonMapping, JsonObject

__all__ = ["check_limits", "normalise"]

Prompt = str | Sequence[JsonMapping]


def normalise(prompt: object, system: object = None) -> list[JsonObject]:
    """Return a prompt as a list of messages.

    Args:
        prompt: A text, or mappings with `role` and `content`; their other keys are kept.
        system: A text to put first, as the system's.

    Returns:
        The messages.

    Raises:
        KitaruUsageError: There is nothing to say, or an item is no message.
    """
    messages = _messages(prompt)
    if system is None:
        return messages
    if not isinstance(system, str) or not system.strip():
        msg = "llm(system=) must be a text that is not blank; leave it out when there is none."
        raise KitaruUsageError(msg)
    return [{"role": "system", "content": system}, *messages]


def check_limits(temperature: object, max_tokens: object) -> None:
    """Check the numbers a call may be given.

    Args:
        temperature: How freely to choose words.
        max_tokens: How much may be written.

    Raises:
        KitaruUsageError: One of them is no number, or cannot be.
    """
    if temperature is not None and (
        isinstance(temperature, bool) or not isinstance(temperature, int | float) or not _is_possible(temperature)
    ):
        msg = f"llm(temperature=) must be a number of at least 0, not {temperature!r}."
        raise KitaruUsageError(msg)
    if max_tokens is not None and (isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 1):
        msg = f"llm(max_tokens=) must be a whole number of at least 1, not {max_tokens!r}."
        raise KitaruUsageError(msg)


def _is_possible(temperature: float) -> bool:
    return math.isfinite(temperature) and temperature >= 0


def _messages(prompt: object) -> list[JsonObject]:
    if isinstance(prompt, str):
        if not prompt.strip():
            msg = "llm() was given a blank prompt; give it something to answer."
            raise KitaruUsageError(msg)
        return [{"role": "user", "content": prompt}]
    if not isinstance(prompt, list | tuple) or not prompt:
        msg = f"llm() takes a text or a list of messages that is not empty, not {_named(prompt)}."
        raise KitaruUsageError(msg)
    return [_message(item, place) for place, item in enumerate(prompt)]


def _message(item: object, place: int) -> JsonObject:
    if not isinstance(item, Mapping) or not all(isinstance(key, str) for key in item):
        msg = f"Message {place} of the prompt must be a mapping with `role` and `content`, not {_named(item)}."
        raise KitaruUsageError(msg)
    role = item.get("role")
    if not isinstance(role, str) or not role.strip():
        msg = f"Message {place} of the prompt has no `role`; give it one, such as 'user'."
        raise KitaruUsageError(msg)
    if "content" not in item:
        msg = f"Message {place} of the prompt has no `content`."
        raise KitaruUsageError(msg)
    return dict(item)


def _named(value: object) -> str:
    return "an empty list" if isinstance(value, list | tuple) and not value else f"a {type(value).__name__}"
