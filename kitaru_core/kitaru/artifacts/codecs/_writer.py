"""Writing a typed tree: every container or special value becomes an array that starts with its tag.

JSON scalars stand for themselves, a JSON object is always a dictionary with `str` keys, and an array is always
`[tag, ...]`. So nothing a user puts into a value can be taken for a tag.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter, OrderedDict, defaultdict, deque
from typing import TYPE_CHECKING, Any, Final

from kitaru.artifacts.codecs._errors import Unencodable
from kitaru.artifacts.codecs._json import Json, count_plain, encode_json, encode_json_sorted
from kitaru.artifacts.codecs._objects import writer_of
from kitaru.artifacts.codecs._registry import codec_for
from kitaru.artifacts.codecs._scalars import WRITERS, text_of, write_float, write_int

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kitaru.artifacts.api import TypeCodec
    from kitaru.artifacts.limits import Limits

__all__ = ["FACTORIES", "TreeWriter", "write_foreign", "write_typed"]

FACTORIES: Final[dict[str, type]] = {
    kind.__name__: kind for kind in (list, dict, set, tuple, str, int, float, bool, bytes)
}


def write_typed(value: object, limits: Limits, *, canonical: bool = False) -> bytes:
    """Encode any value that kitaru can store.

    Args:
        value: The value.
        limits: The bounds to keep.
        canonical: Write what is equal in the same way whatever the order of dictionaries, and leave out tracebacks.
            For digests only.

    Returns:
        The bytes of the format `typed/1`.

    Raises:
        Unencodable: It cannot be stored.
    """
    dump = encode_json_sorted if canonical else encode_json
    try:
        return dump(TreeWriter(limits, canonical=canonical).write(value))
    except UnicodeEncodeError:
        # Some text holds a lone surrogate. That is so rare that texts are only looked through now.
        return dump(TreeWriter(limits, canonical=canonical, careful=True).write(value))


def write_foreign(codec: TypeCodec, value: object) -> bytes:
    """Encode a value with the codec that claims its class.

    Args:
        codec: The codec.
        value: The value.

    Returns:
        Its bytes.

    Raises:
        Unencodable: The codec refuses this value.
    """
    try:
        return codec.encode(value)
    except (ValueError, TypeError) as error:
        reason = f"its codec {codec.name} refuses it: {error}"
        raise Unencodable(reason, type(value)) from error


class TreeWriter:
    """One walk over one value.

    Args:
        limits: The bounds to keep.
        canonical: Whether the result is for a digest.
        careful: Whether texts may hold lone surrogates.

    Attributes:
        canonical: Whether the result is for a digest.
    """

    def __init__(self, limits: Limits, *, canonical: bool = False, careful: bool = False) -> None:
        self.canonical = canonical
        self._careful = careful
        self._limits = limits
        self._left = limits.max_items
        self._depth_left = limits.max_depth
        self._open: set[int] = set()

    def write(self, value: object) -> object:
        """Return the JSON-ready form of `value`.

        Args:
            value: Json value.

        Returns:
            The form.

        Raises:
            Unencodable: It cannot be stored.
        """
        kind = type(value)
        self._left -= 1
        if value is None or kind is bool:
            return value
        if kind is str:
            return text_of(value) if self._careful else value  # type: ignore[arg-type] # exactly a str
        if kind is int:
            return write_int(value)  # type: ignore[arg-type] # exactly an int
        if kind is float:
            return write_float(value)  # type: ignore[arg-type] # exactly a float
        scalar = WRITERS.get(kind)
        if scalar is not None:
            return scalar(value)
        return self._write_container(value, kind)

    def fields(self, values: dict[str, Any], step: str = ".{}") -> dict[str, object]:
        """Write named values; a failing one is reported under its name.

        Args:
            values: The values by name.
            step: How a name looks in the path of an error.

        Returns:
            The written values by name.
        """
        written = {}
        for name, value in values.items():
            try:
                written[name] = self.write(value)
            except Unencodable as problem:
                problem.steps.append(step.format(name))
                raise
        return written

    def items(self, values: Iterable[object], step: str = "[{}]") -> list[object]:
        """Write values in order; a failing one is reported by its index.

        Args:
            values: The values.
            step: How an index looks in the path of an error.

        Returns:
            The written values.
        """
        written = []
        for index, value in enumerate(values):
            try:
                written.append(self.write(value))
            except Unencodable as problem:
                problem.steps.append(step.format(index))
                raise
        return written

    def _write_container(self, value: Json, kind: type) -> object:
        self._check_bounds(value, kind)
        marker = id(value)
        self._open.add(marker)
        self._depth_left -= 1
        try:
            builtin = _CONTAINERS.get(kind)
            if builtin is not None:
                return builtin(self, value)
            codec = codec_for(kind)
            if codec is not None:
                return ["codec", codec.name, b64encode(write_foreign(codec, value)).decode("ascii")]
            return writer_of(value, kind)(self, value)
        finally:
            self._open.discard(marker)
            self._depth_left += 1

    def _check_bounds(self, value: object, kind: type) -> None:
        if id(value) in self._open:
            reason = "it contains itself, directly or through other values. Store ids instead of the objects."
            raise Unencodable(reason, kind)
        if self._depth_left <= 0:
            reason = f"it is nested more than {self._limits.max_depth} levels deep. Flatten the value."
            raise Unencodable(reason, kind)
        if self._left < 0:
            reason = f"the whole holds more than {self._limits.max_items} values. Save it in parts."
            raise Unencodable(reason, kind)

    def _plain(self, value: Json) -> bool:
        if self._careful:
            return False
        count = count_plain(value, self._depth_left, self._left)
        if count < 0:
            return False
        self._left -= count
        return True

    def _list(self, value: list[object]) -> object:
        return ["json", value] if self._plain(value) else ["list", *self.items(value)]

    def _dict(self, value: dict[Any, object]) -> object:
        if self._named(value):
            return ["json", value] if self._plain(value) else self.fields(value, "[{!r}]")
        return ["dict", *self._pairs(value)]

    def _named(self, value: dict[Any, object]) -> bool:
        if any(type(key) is not str for key in value):
            return False
        return not self._careful or all(type(text_of(key)) is str for key in value)

    def _pairs(self, value: dict[Any, object]) -> list[object]:
        pairs = []
        for key, item in value.items():
            try:
                pairs.append((self.write(key), self.write(item)))
            except Unencodable as problem:
                problem.steps.append(f"[{key!r}]")
                raise
        if self.canonical:
            pairs.sort(key=encode_json_sorted)
        return [part for pair in pairs for part in pair]

    def _set(self, value: Iterable[object], tag: str) -> object:
        # The order of a set changes from one process to the next; equal sets shall have equal bytes.
        return [tag, *sorted(self.items(value, "{{{}}}"), key=encode_json_sorted)]

    def _tuple(self, value: tuple[object, ...]) -> object:
        return ["tuple", *self.items(value)]

    def _deque(self, value: deque[object]) -> object:
        return ["deque", value.maxlen, *self.items(value)]

    def _defaultdict(self, value: defaultdict[Any, object]) -> object:
        factory = value.default_factory
        name = None if factory is None else getattr(factory, "__name__", "")
        if name is not None and FACTORIES.get(name) is not factory:
            reason = f"its factory {factory!r} is code. Use a built-in type as the factory, or return dict(value)."
            raise Unencodable(reason, defaultdict)
        return ["defaultdict", name, *self._pairs(value)]


_CONTAINERS: Final[dict[type, Callable[[TreeWriter, Any], object]]] = {
    list: TreeWriter._list,  # noqa: SLF001 - the class's own table
    dict: TreeWriter._dict,  # noqa: SLF001
    tuple: TreeWriter._tuple,  # noqa: SLF001
    set: lambda writer, value: writer._set(value, "set"),  # noqa: SLF001
    frozenset: lambda writer, value: writer._set(value, "frozenset"),  # noqa: SLF001
    deque: TreeWriter._deque,  # noqa: SLF001
    OrderedDict: lambda writer, value: ["ordereddict", *writer._pairs(value)],  # noqa: SLF001
    Counter: lambda writer, value: ["counter", *writer._pairs(value)],  # noqa: SLF001
    defaultdict: TreeWriter._defaultdict,  # noqa: SLF001
}
