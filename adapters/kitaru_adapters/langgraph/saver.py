"""A checkpoint saver for LangGraph that keeps threads durably, once, and can copy, prune and delete them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from kitaru.errors import KitaruUsageError
from kitaru_adapters.langgraph.saver_late import LateWrites, TaskWrites
from kitaru_adapters.langgraph.saver_store import ThreadStore
from kitaru_adapters.langgraph.saver_values import ValueEncoder

if TYPE_CHECKING:
    import os
    import sqlite3

    from langchain_core.runnables import RunnableConfig

    from kitaru_adapters.langgraph.saver_store import Encoded, Row

__all__ = ["KitaruCheckpointSaver"]

_SELECT = "SELECT thread, ns, id, parent, type, body, meta_type, meta FROM checkpoints"


class KitaruCheckpointSaver(BaseCheckpointSaver[str]):
    """Keeps LangGraph's threads in one SQLite file, durable before each call returns.

    Every message of a conversation is stored once. Only types that are allowed by name are read back as objects; what
    would come back as plain data is refused when it is written. One saver serves synchronous and asynchronous graphs,
    on any number of threads and event loops.

    Args:
        path: The file; created if absent, with access for its owner only.
        types: Classes of your own that stand in graph states, beside those LangChain and LangGraph allow.
    """

    def __init__(self, path: str | os.PathLike[str], *, types: Collection[type] = ()) -> None:
        super().__init__(serde=JsonPlusSerializer(allowed_msgpack_modules=tuple(types) or None))
        self._store = ThreadStore(Path(path))
        self._encoder = ValueEncoder(self.serde)
        self._late = LateWrites()

    def __enter__(self) -> Self:
        """Return the saver; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def get_next_version(self, current: str | float | None, channel: None) -> str:  # noqa: ARG002 - the framework's word
        """Return the next version of a channel, different in every fork.

        Args:
            current: The present version.
            channel: Not used.

        Returns:
            A version that sorts after the present one.
        """
        number = int(str(current).split(".")[0]) + 1 if current is not None else 1
        return f"{number:020d}.{secrets.token_hex(8)}"

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint and the channel values that are new in it.

        Args:
            config: Names thread, namespace and parent.
            checkpoint: The checkpoint.
            metadata: Its metadata.
            new_versions: Channels whose values are new.

        Returns:
            The configuration that names the checkpoint.

        Raises:
            KitaruEncodingError: A value would come back as something else.
        """
        thread, ns, parent = _names(config)
        rest = {name: value for name, value in checkpoint.items() if name != "channel_values"}
        values = checkpoint["channel_values"]
        full = get_checkpoint_metadata(config, metadata)
        body, meta = self.serde.dumps_typed(rest), self.serde.dumps_typed(full)
        new = [channel for channel in new_versions if channel in values]
        encoded = {channel: self._encoder.encoded(values[channel], channel) for channel in new}
        with self._late.taken((thread, ns, parent)) as late, self._store.transaction() as db:
            for writes in late:
                self._add_writes(db, writes)
            for channel, version in new_versions.items():
                row = (thread, ns, channel, str(version), *self._added((thread, ns, channel), encoded.get(channel)))
                db.execute("INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?)", row)
            whole = (thread, ns, checkpoint["id"], parent, full.get("run_id"), *body, *meta)
            db.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", whole)
        return _config(thread, ns, checkpoint["id"])

    def _added(self, name: tuple[str, ...], encoded: Encoded | list[Encoded] | None) -> tuple[str, bytes | None]:
        if encoded is None:
            return "empty", None
        return "list" if isinstance(encoded, list) else "value", self._store.add(encoded, name)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, object]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote before its step is complete; together with the next checkpoint if that comes at once.

        Args:
            config: Names the checkpoint.
            writes: Channels and values.
            task_id: The task.
            task_path: Its path, by which writes are ordered.
        """
        place = _names(config)
        with self._late.coming(place):
            encoded = [(channel, self._encoder.encoded(value, channel)) for channel, value in writes]
            made = TaskWrites(place, (task_id, task_path), encoded)
            self._late.offer(made)
        if not self._late.are_stored(made):
            with self._store.transaction() as db:
                self._add_writes(db, made)

    def _add_writes(self, db: sqlite3.Connection, writes: TaskWrites) -> None:
        task_id, task_path = writes.task
        for index, (channel, value) in enumerate(writes.values):
            special = WRITES_IDX_MAP.get(channel)
            place = index if special is None else special
            row = (*writes.place, task_id, place, task_path, channel, self._store.add(value))
            how = "IGNORE" if special is None else "REPLACE"
            db.execute(f"INSERT OR {how} INTO writes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint: the one named, or the latest of the thread.

        Args:
            config: Names thread and namespace, and perhaps the checkpoint.

        Returns:
            The checkpoint with its pending writes, or `None`.
        """
        thread, ns, checkpoint = _names(config)
        where = f"{_SELECT} WHERE thread = ? AND ns = ?"
        if checkpoint:
            rows = self._store.rows(f"{where} AND id = ?", (thread, ns, checkpoint))
        else:
            rows = self._store.rows(f"{where} ORDER BY id DESC LIMIT 1", (thread, ns))
        return self._tuple(rows[0]) if rows else None

    def _tuple(self, row: Row) -> CheckpointTuple:
        thread, ns, identity, parent, kind, body, meta_type, meta = row
        checkpoint: Checkpoint = self.serde.loads_typed((kind, body))
        checkpoint["channel_values"] = self._values(thread, ns, checkpoint["channel_versions"])
        return CheckpointTuple(
            config=_config(thread, ns, identity),
            checkpoint=checkpoint,
            metadata=self.serde.loads_typed((meta_type, meta)),
            parent_config=_config(thread, ns, parent) if parent else None,
            pending_writes=self._writes(thread, ns, identity),
        )

    def _values(self, thread: str, ns: str, versions: ChannelVersions) -> dict[str, object]:
        found: dict[str, object] = {}
        sql = "SELECT kind, content FROM versions WHERE thread = ? AND ns = ? AND channel = ? AND version = ?"
        for channel, version in versions.items():
            for kind, content in self._store.rows(sql, (thread, ns, channel, str(version))):
                if kind != "empty":
                    found[channel] = self._read(content)
        return found

    def _writes(self, thread: str, ns: str, checkpoint: str) -> list[tuple[str, str, object]]:
        sql = "SELECT task, channel, part FROM writes WHERE thread = ? AND ns = ? AND checkpoint = ?"
        rows = self._store.rows(f"{sql} ORDER BY path, task, idx", (thread, ns, checkpoint))
        return [(str(task), str(channel), self._read(part)) for task, channel, part in rows]

    def _read(self, address: object) -> object:
        found = self._store.get(address)
        if isinstance(found, list):
            return [self.serde.loads_typed(item) for item in found]
        return self.serde.loads_typed(found)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, object] | None = None,  # noqa: A002 - the framework's word
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """List checkpoints, newest first.

        Args:
            config: Names a thread, perhaps a namespace and a checkpoint; `None` lists all threads.
            filter: Metadata that must be equal.
            before: Only checkpoints older than this one.
            limit: At most this many.

        Yields:
            The checkpoints.
        """
        named = (config or {}).get("configurable", {})
        wanted = {
            "thread = ?": named.get("thread_id"),
            "ns = ?": named.get("checkpoint_ns"),
            "id = ?": named.get("checkpoint_id"),
            "id < ?": get_checkpoint_id(before) if before else None,
        }
        given = {clause: value for clause, value in wanted.items() if value is not None}
        where = f" WHERE {' AND '.join(given)}" if given else ""
        rows = self._store.rows(f"{_SELECT}{where} ORDER BY id DESC", [*given.values()])
        left = len(rows) if limit is None else limit
        for row in rows:
            if left <= 0:
                return
            metadata = self.serde.loads_typed((row[6], row[7]))
            if all(metadata.get(key) == value for key, value in (filter or {}).items()):
                left -= 1
                yield self._tuple(row)

    def delete_thread(self, thread_id: str) -> None:
        """Delete a thread.

        Args:
            thread_id: The thread.
        """
        with self._store.transaction() as db:
            for table in ("checkpoints", "versions", "writes"):
                db.execute(f"DELETE FROM {table} WHERE thread = ?", (thread_id,))  # noqa: S608 - one of three names
            self._store.sweep()

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints that some runs made.

        Args:
            run_ids: The runs.
        """
        marks = ",".join("?" * len(run_ids))
        rows = self._store.rows(f"SELECT thread, ns, id FROM checkpoints WHERE run_id IN ({marks})", run_ids)  # noqa: S608
        self._delete(rows)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a thread with all of its checkpoints; values are shared, not copied.

        Args:
            source_thread_id: The thread.
            target_thread_id: Name of the copy.

        Raises:
            KitaruUsageError: Both are the same.
        """
        if source_thread_id == target_thread_id:
            msg = f"Thread {source_thread_id!r} cannot be copied onto itself; name another target."
            raise KitaruUsageError(msg)
        columns = {
            "checkpoints": "ns, id, parent, run_id, type, body, meta_type, meta",
            "versions": "ns, channel, version, kind, content",
            "writes": "ns, checkpoint, task, idx, path, channel, part",
        }
        with self._store.transaction() as db:
            for table, names in columns.items():
                sql = f"INSERT OR REPLACE INTO {table} SELECT ?, {names} FROM {table} WHERE thread = ?"  # noqa: S608
                db.execute(sql, (target_thread_id, source_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Make threads short.

        Args:
            thread_ids: The threads.
            strategy: `"keep_latest"` keeps the latest checkpoint of each namespace and what its delta channels are
                rebuilt from; `"delete"` keeps nothing.

        Raises:
            KitaruUsageError: The strategy is unknown.
        """
        if strategy not in {"keep_latest", "delete"}:
            msg = f"strategy={strategy!r} is not known; use 'keep_latest' or 'delete'."
            raise KitaruUsageError(msg)
        for thread in thread_ids:
            if strategy == "delete":
                self.delete_thread(thread)
                continue
            rows = self._store.rows("SELECT thread, ns, id FROM checkpoints WHERE thread = ?", (thread,))
            kept = {key for (ns,) in self._namespaces(thread) for key in self._needed(thread, ns)}
            self._delete([row for row in rows if (row[1], row[2]) not in kept])

    def _namespaces(self, thread: str) -> Sequence[Row]:
        return self._store.rows("SELECT DISTINCT ns FROM checkpoints WHERE thread = ?", (thread,))

    def _needed(self, thread: str, ns: str) -> Iterator[tuple[str, str]]:
        """Yield the latest checkpoint of a namespace and the ancestors its delta channels are rebuilt from."""
        found = self.get_tuple(_config(thread, ns, None))
        open_channels: set[str] | None = None
        while found is not None:
            yield ns, found.checkpoint["id"]
            if open_channels is None:
                open_channels = set(found.metadata.get("counters_since_delta_snapshot", ()))
            open_channels -= found.checkpoint["channel_values"].keys()
            if not open_channels or found.parent_config is None:
                return
            found = self.get_tuple(found.parent_config)

    def _delete(self, rows: Sequence[Row]) -> None:
        with self._store.transaction() as db:
            for row in rows:
                db.execute("DELETE FROM checkpoints WHERE thread = ? AND ns = ? AND id = ?", row)
                db.execute("DELETE FROM writes WHERE thread = ? AND ns = ? AND checkpoint = ?", row)
            for thread, ns in {(row[0], row[1]) for row in rows}:
                self._delete_unused_versions(thread, ns)
            self._store.sweep()

    def _delete_unused_versions(self, thread: str, ns: str) -> None:
        used: set[tuple[str, str]] = set()
        for kind, body in self._store.rows(
            "SELECT type, body FROM checkpoints WHERE thread = ? AND ns = ?", (thread, ns)
        ):
            versions = self.serde.loads_typed((kind, body))["channel_versions"]
            used.update((channel, str(version)) for channel, version in versions.items())
        every = self._store.rows("SELECT channel, version FROM versions WHERE thread = ? AND ns = ?", (thread, ns))
        for channel, version in every:
            if (channel, version) not in used:
                sql = "DELETE FROM versions WHERE thread = ? AND ns = ? AND channel = ? AND version = ?"
                self._store.rows(sql, (thread, ns, channel, version))

    # The asynchronous half: the same, on a thread, so that no event loop waits for a disk.

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint, as `put` does."""
        return await asyncio.to_thread(self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, object]], task_id: str, task_path: str = ""
    ) -> None:
        """Store a task's writes, as `put_writes` does."""
        await asyncio.to_thread(self.put_writes, config, writes, task_id, task_path)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint, as `get_tuple` does."""
        return await asyncio.to_thread(self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, object] | None = None,  # noqa: A002 - the framework's word
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """List checkpoints, as `list` does."""
        found = await asyncio.to_thread(lambda: [*self.list(config, filter=filter, before=before, limit=limit)])
        for each in found:
            yield each

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread, as `delete_thread` does."""
        await asyncio.to_thread(self.delete_thread, thread_id)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete runs, as `delete_for_runs` does."""
        await asyncio.to_thread(self.delete_for_runs, run_ids)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a thread, as `copy_thread` does."""
        await asyncio.to_thread(self.copy_thread, source_thread_id, target_thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Make threads short, as `prune` does."""
        await asyncio.to_thread(lambda: self.prune(thread_ids, strategy=strategy))


def _names(config: RunnableConfig) -> tuple[str, str, object]:
    named = config["configurable"]
    return str(named["thread_id"]), named.get("checkpoint_ns") or "", named.get("checkpoint_id")


def _config(thread: str, ns: str, checkpoint: str | None) -> RunnableConfig:
    named = {"thread_id": thread, "checkpoint_ns": ns}
    return {"configurable": {**named, "checkpoint_id": checkpoint} if checkpoint else named}
