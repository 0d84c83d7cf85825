"""The store: what is acknowledged is kept, and nothing half done is."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from helpers.localcloud.store import LogEntry, Narrowed, Store


def test_documents_come_back_in_order_and_page_by_page(tmp_path: Path) -> None:
    """Lists of the APIs are pages of this one."""
    store = Store(tmp_path / "db")
    for name in ("p/b", "p/a", "p/c", "q/a", "pp/a"):
        store.put("kind", name, {"name": name})
    assert [name for name, _ in store.list("kind", "p/")] == ["p/a", "p/b", "p/c"]
    assert [name for name, _ in store.list("kind", "p/", after="p/a", limit=1)] == ["p/b"]
    assert store.list("other", "p/") == []


def test_a_failed_transaction_changes_nothing(tmp_path: Path) -> None:
    """A refused request must leave no trace."""
    store = Store(tmp_path / "db")
    with pytest.raises(RuntimeError), store.transaction():
        store.put("kind", "a", {})
        with store.transaction():
            store.put("kind", "b", {})
        raise RuntimeError
    assert store.list("kind") == []


def test_counters_survive_and_never_repeat(tmp_path: Path) -> None:
    """A revision number that comes twice is a revision overwritten."""
    first = Store(tmp_path / "db")
    assert [first.count_up("revision", "a") for _ in range(3)] == [1, 2, 3]
    first.close()
    assert Store(tmp_path / "db").count_up("revision", "a") == 4


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """The daemon may die at any moment."""
    program = f"""
        from pathlib import Path
        from helpers.localcloud.store import LogEntry, Narrowed, Store
        store = Store(Path({str(tmp_path / "db")!r}))
        for number in range(10**9):
            store.put("kind", str(number), {{}})
            print(number, flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    acknowledged = [process.stdout.readline() for _ in range(200)]
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    store = Store(tmp_path / "db")
    # The very last line may have been cut by the kill.
    for line in acknowledged[:-1]:
        assert store.get("kind", line.strip()) == {}


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """It holds hashes of tokens and everybody's resources."""
    Store(tmp_path / "db").close()
    assert (tmp_path / "db").stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_an_error_that_loses_nothing(tmp_path: Path) -> None:
    """SQLite has a word of its own for it, which a caller would take for a defect of the cloud."""
    store = Store(tmp_path / "db")
    store.put("kind", "kept", {"a": 1})
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(OSError, match="No space left on device"), store.transaction():
        store.put("kind", "kept", {"a": 2})
        store.put("kind", "large", {"text": "x" * 1_000_000})
    assert store.list("kind") == [("kept", {"a": 1})]
    store.put("kind", "small", {})


def entry(time: int, text: str, log: str = "app", severity: int = 0, id_: str = "") -> LogEntry:
    return LogEntry("p", time, id_ or text, log, severity, {"textPayload": text})


def test_log_entries_come_in_order_of_time_and_go_on_where_they_ended(tmp_path: Path) -> None:
    """They are written as they arrive, which is another order."""
    store = Store(tmp_path / "db")
    store.append_entries([entry(3, "c"), entry(1, "a"), entry(2, "z", id_="1"), entry(2, "b")])
    store.append_entries([entry(3, "twice", id_="c")])
    ascending = [each.body["textPayload"] for each in store.entries("p")]
    assert ascending == ["a", "z", "b", "c"]
    for descending in (False, True):
        expected = [*reversed(ascending)] if descending else ascending
        first = next(store.entries("p", Narrowed(descending=descending)))
        which = Narrowed(descending=descending, after=first.position)
        assert [each.body["textPayload"] for each in store.entries("p", which)] == expected[1:]
    assert [*store.entries("q")] == []


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (Narrowed(since=2), "bc"),
        (Narrowed(until=2), "ab"),
        (Narrowed(log="APP"), "ac"),
        (Narrowed(severity=500), "c"),
        (Narrowed(words=("B",)), "b"),
        (Narrowed(words=("b", "no")), ""),
        (Narrowed(since=2, log="app", severity=100, words=("c",)), "c"),
    ],
)
def test_log_entries_are_narrowed_down(tmp_path: Path, which: Narrowed, found: str) -> None:
    """A filter looks at what is left over, one by one."""
    store = Store(tmp_path / "db")
    store.append_entries([entry(1, "a"), entry(2, "b", "other"), entry(3, "c", severity=500)])
    assert "".join(each.body["textPayload"] for each in store.entries("p", which)) == found
