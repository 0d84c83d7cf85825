"""What the cloud remembers: documents by kind and name in one SQLite file.

There is one writer, the daemon's event loop. The promise is that an acknowledged change survives
the death of the process; it does not cover the loss of power.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
  kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter (
  kind TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entry (
  id INTEGER PRIMARY KEY, time REAL NOT NULL, project TEXT NOT NULL, log TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS entry_by_project ON entry (project, log, id);
"""

Document = dict[str, Any]
Named = list[tuple[str, Document]]
Entry = tuple[float, str, str, Document]
Numbered = list[tuple[int, Document]]


class Store:
    """Documents, counters and log entries of one home."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        path.chmod(0o600)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)
        self._depth = 0
        self._undone = 0

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

    def delete(self, kind: str, name: str) -> bool:
        """Deletes a document and says whether there was one."""
        cursor = self._execute("DELETE FROM document WHERE kind = ? AND name = ?", (kind, name))
        return cursor.rowcount > 0

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

    def append_entries(self, entries: Sequence[Entry]) -> None:
        """Writes log entries: time (seconds since 1970), project, log name, body."""
        sql = "INSERT INTO entry (time, project, log, body) VALUES (?, ?, ?, ?)"
        for when, project, log, body in entries:
            self._execute(sql, (when, project, log, json.dumps(body)))

    def entries(
        self, project: str, log: str = "", *, after: int = 0, limit: int = 1000
    ) -> Numbered:
        """Log entries of a project in the order they were written, with their row numbers."""
        rows = self._execute(
            "SELECT id, body FROM entry WHERE project = ? AND (? = '' OR log = ?) AND id > ?"
            " ORDER BY id LIMIT ?",
            (project, log, log, after, limit),
        )
        return [(number, json.loads(body)) for number, body in rows]

    def close(self) -> None:
        """Closes the file."""
        self._db.close()
