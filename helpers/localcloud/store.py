"""What the cloud remembers: documents by kind and name in one SQLite file.

There is one writer, the daemon's event loop. The promise is that an acknowledged change survives
the death of the process; it does not cover the loss of power.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
  kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter (
  kind TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log_entry (
  project TEXT NOT NULL, time INTEGER NOT NULL, insert_id TEXT NOT NULL, log TEXT NOT NULL,
  severity INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (project, time, insert_id, log)
);
"""

Document = dict[str, Any]
Named = list[tuple[str, Document]]
Position = tuple[int, str, str, str]


class LogEntry(NamedTuple):
    """One log entry. ``time`` is its timestamp in nanoseconds since 1970."""

    project: str
    time: int
    insert_id: str
    log: str
    severity: int
    body: Document

    @property
    def position(self) -> Position:
        """Its place among the entries of all projects."""
        return self.time, self.insert_id, self.log, self.project


@dataclass(frozen=True)
class Narrowed:
    """Which of a project's log entries to look at, as far as the store can tell them apart.

    ``since`` and ``until`` are inclusive, ``log`` has any case, ``severity`` is the lowest, and
    each of ``words`` is somewhere in the body. ``after`` is where an earlier reading ended.
    """

    since: int | None = None
    until: int | None = None
    log: str = ""
    severity: int = 0
    words: tuple[str, ...] = ()
    descending: bool = False
    after: Position | None = None


EVERYTHING = Narrowed()


def _column(time: int) -> int:
    """A time as SQLite can hold it: those before 1677 and after 2262 are at its ends."""
    return min(max(time, -(2**63)), 2**63 - 1)


class Store:
    """Documents, counters and log entries of one home."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._db = sqlite3.connect(path, isolation_level=None)
        path.chmod(0o600)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)
        self._depth = 0
        self._undone = 0
        self._watchers: dict[str, Callable[[], None]] = {}

    @property
    def version(self) -> tuple[int, int]:
        """Another one after every change: what was read at the same version is still so."""
        return self._db.total_changes, self._undone

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside happen together or not at all. May be nested."""
        if self._depth:
            yield
            return
        self._execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            self._undone += 1
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        finally:
            self._depth -= 1

    def _execute(self, sql: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Runs one statement. A full disk is the same OSError here as for every other file."""
        try:
            return self._db.execute(sql, values)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise

    def get(self, kind: str, name: str) -> Document | None:
        """One document, or None."""
        row = self._execute(
            "SELECT body FROM document WHERE kind = ? AND name = ?", (kind, name)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, name: str, body: Document) -> None:
        """Writes a document, in place of the one of that name if there is one."""
        self._execute(
            "INSERT OR REPLACE INTO document VALUES (?, ?, ?)",
            (kind, name, json.dumps(body, separators=(",", ":"))),
        )
        self._tell(kind)

    def delete(self, kind: str, name: str) -> bool:
        """Deletes a document and says whether there was one."""
        cursor = self._execute("DELETE FROM document WHERE kind = ? AND name = ?", (kind, name))
        self._tell(kind)
        return cursor.rowcount > 0

    def watch(self, kinds: Iterable[str], changed: Callable[[], None]) -> None:
        """Has a function called at every change of documents of some kinds.

        It must not look before the transaction that is under way has ended.
        """
        self._watchers |= dict.fromkeys(kinds, changed)

    def _tell(self, kind: str) -> None:
        if changed := self._watchers.get(kind):
            changed()

    def list(self, kind: str, prefix: str = "", *, after: str = "", limit: int = -1) -> Named:
        """Names and documents under a prefix in order of name, from beyond ``after``."""
        rows = self._execute(
            "SELECT name, body FROM document WHERE kind = ? AND name > ? AND name >= ?"
            " AND name < ? ORDER BY name LIMIT ?",
            (kind, after, prefix, prefix + "\U0010ffff", limit),
        )
        return [(name, json.loads(body)) for name, body in rows]

    def count_up(self, kind: str, name: str) -> int:
        """Adds one to a counter and returns it; the first answer is 1. Survives deletions."""
        row = self._execute(
            "INSERT INTO counter VALUES (?, ?, 1)"
            " ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
            (kind, name),
        ).fetchone()
        return int(row[0])

    def append_entries(self, entries: Iterable[LogEntry]) -> None:
        """Writes log entries; one with the time, id and log of an earlier one is the same entry."""
        sql = "INSERT OR IGNORE INTO log_entry VALUES (?, ?, ?, ?, ?, ?)"
        for entry in entries:
            project, time, insert_id, log, severity, body = entry
            text = json.dumps(body, separators=(",", ":"))
            self._execute(sql, (project, _column(time), insert_id, log, severity, text))

    def entries(
        self, project: str, which: Narrowed = EVERYTHING
    ) -> Generator[LogEntry, None, None]:
        """A project's log entries in order of time, read as they are asked for, in any thread."""
        order = "DESC" if which.descending else "ASC"
        conditions: dict[str, Sequence[object]] = {"project = ?": (project,)}
        if which.since is not None:
            conditions["time >= ?"] = (_column(which.since),)
        if which.until is not None:
            conditions["time <= ?"] = (_column(which.until),)
        if which.after is not None:
            sign = "<" if which.descending else ">"
            time, *rest = which.after
            conditions[f"(time, insert_id, log, project) {sign} (?, ?, ?, ?)"] = (
                _column(time),
                *rest,
            )
        if which.log:
            conditions["log = ? COLLATE NOCASE"] = (which.log,)
        if which.severity:
            conditions["severity >= ?"] = (which.severity,)
        if which.words:
            each = " AND ".join(["body LIKE ?"] * len(which.words))
            conditions[each] = [f"%{word}%" for word in which.words]
        sql = (
            f"SELECT * FROM log_entry WHERE {' AND '.join(conditions)}"
            f" ORDER BY time {order}, insert_id {order}, log {order}"
        )
        values = [value for given in conditions.values() for value in given]
        with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)) as reader:
            for owner, time, insert_id, log, severity, body in reader.execute(sql, values):
                yield LogEntry(owner, time, insert_id, log, severity, json.loads(body))

    def logs(self, project: str) -> Sequence[str]:
        """The names of the logs of a project that have entries, in order."""
        sql = "SELECT DISTINCT log FROM log_entry WHERE project = ? ORDER BY log"
        return [log for (log,) in self._execute(sql, (project,))]

    def delete_log(self, project: str, log: str) -> bool:
        """Deletes the entries of a log and says whether there was one."""
        sql = "DELETE FROM log_entry WHERE project = ? AND log = ?"
        return self._execute(sql, (project, log)).rowcount > 0

    def close(self) -> None:
        """Closes the file."""
        self._db.close()
